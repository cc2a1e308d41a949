import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { FaultEffect } from "./faults.ts";
import type { Account, Seat } from "./limits.ts";
import type { Usage } from "#core/wire/contract.ts";
import type { Reply, ServerSentEvent, Wire } from "./wire.ts";

/** What is learned of a request by answering it. */
type Answered = { usage: Usage | undefined; status: number };

type Answering = { readonly id: string; readonly account: Account | undefined; readonly now: Date };

/** The ways to answer one request in its format. `answered` is written as the answer goes out. */
export function makeAnswer(wire: Wire, response: ServerResponse, answered: Answered, { id, account, now }: Answering) {
  const requestId = `req_${id}`;
  const usual = wire.headers(requestId, account, now);

  function send(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
    answered.status = status;
    response.writeHead(status, { ...usual, "content-type": "application/json", ...headers });
    response.end(JSON.stringify(body));
  }

  async function reply(whole: Reply, stream: boolean, effect: FaultEffect | undefined, usage: Usage): Promise<void> {
    if (stream) return sendStream(whole.events, effect, usage);
    if (effect?.kind === "hang") return;
    if (effect?.kind === "slow") await sleep(effect.pauseMs);
    // Another fault in the middle of an answer that is no stream is an answer that never arrives.
    else if (effect !== undefined) return void response.destroy();
    answered.usage = usage;
    send(200, whole.json);
  }

  async function sendStream(events: readonly ServerSentEvent[], effect: FaultEffect | undefined, usage: Usage): Promise<void> {
    answered.status = 200;
    response.writeHead(200, { ...usual, "content-type": "text/event-stream", "cache-control": "no-cache" });
    const begun = effect !== undefined && "afterEvents" in effect ? events.slice(0, effect.afterEvents).map(format).join("") : "";
    if (effect?.kind === "hang") response.write(begun);
    else if (effect?.kind === "cut") response.write(begun, () => response.destroy());
    else if (effect?.kind === "errorEvent") {
      response.end(begun + format(wire.errorEvent(effect.type, effect.message, effect.afterEvents)));
    } else {
      for (const event of events) {
        if (effect?.kind === "slow") await sleep(effect.pauseMs);
        if (response.destroyed) return;
        response.write(format(event));
      }
      answered.usage = usage;
      response.end();
    }
  }

  return {
    json: (status: number, body: unknown) => send(status, body),
    fail: (status: number, message: string) => send(status, wire.errorBody(status, message, requestId)),
    usedUp: (seat: Seat) => send(429, wire.usedUp(seat, now, requestId)),
    refuse(effect: FaultEffect & { kind: "status" }) {
      const body = effect.body ?? wire.errorBody(effect.status, effect.message ?? "a fault of the script", requestId);
      send(effect.status, body, effect.headers);
    },
    reply,
  };
}

function format({ event, data }: ServerSentEvent): string {
  return `${event === undefined ? "" : `event: ${event}\n`}data: ${data}\n\n`;
}
