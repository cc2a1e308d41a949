import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";

/** What became of webhook deliveries on their way. */
export type Told = { duplicated: number; lost: number; late: number };

export type Relay = AsyncDisposable & { readonly url: string; readonly told: Told };

/** How many in a hundred deliveries are sent twice, never arrive, or arrive after later ones. */
const DOUBLED = 0.1;
const LOST = 0.05;
const LATE = 0.2;
const LATE_MS = 3_000;

/**
 * Stands before the app's replicas as a load balancer does, and does to webhooks what the internet does. A job's request goes to
 * whichever replica answers. `replicas`: those that are alive, by address.
 */
export async function startRelay(replicas: () => readonly string[], random: () => number): Promise<Relay> {
  const told: Told = { duplicated: 0, lost: 0, late: 0 };

  async function pass(request: IncomingMessage, body: Buffer): Promise<{ status: number; body: Buffer }> {
    const alive = replicas();
    const to = alive[Math.floor(random() * alive.length)];
    if (to === undefined) return { status: 503, body: Buffer.from("{}") };
    const headers: [string, string][] = Object.entries(request.headers).flatMap(([name, value]) =>
      typeof value === "string" && !["host", "connection", "content-length"].includes(name) ? [[name, value]] : [],
    );
    const method = request.method ?? "GET";
    try {
      const answer = await fetch(`${to}${request.url ?? "/"}`, { method, headers, ...(method === "GET" ? {} : { body }) });
      return { status: answer.status, body: Buffer.from(await answer.arrayBuffer()) };
    } catch {
      // It was killed meanwhile.
      return { status: 502, body: Buffer.from("{}") };
    }
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const reply = (got: { status: number; body: Buffer }) => {
      response.writeHead(got.status, { "content-type": "application/json" }).end(got.body);
    };
    if (request.url?.startsWith("/api/github/webhooks") !== true) return reply(await pass(request, body));
    const fate = random();
    if (fate < LOST) {
      told.lost += 1;
      return reply({ status: 502, body: Buffer.from("{}") });
    }
    if (fate < LOST + LATE) {
      told.late += 1;
      await sleep(random() * LATE_MS);
    }
    reply(await pass(request, body));
    if (fate > 1 - DOUBLED) {
      told.duplicated += 1;
      await pass(request, body);
    }
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    told,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
