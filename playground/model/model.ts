import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { listen } from "../runner/listen.ts";
import { makeAnswer } from "./answer.ts";
import { anthropicWire } from "./anthropic.ts";
import { makeFaults, type Fault } from "./faults.ts";
import { type Limits, makeLimits } from "./limits.ts";
import { openAiChatWire } from "./openai-chat.ts";
import { openAiResponsesWire } from "./openai-responses.ts";
import { turnOf, type Script, type Turn } from "./script.ts";
import type { Usage } from "#core/wire/contract.ts";
import { AUXILIARY_USAGE, usageOfTurn } from "./usage.ts";
import type { Conversation, Wire, WireRequest } from "./wire.ts";

/** Add a provider's format here. */
const WIRES: readonly Wire[] = [openAiResponsesWire, openAiChatWire, anthropicWire];

export type ModelOptions = {
  /** One script for all, or chosen by model and prompt. */
  readonly script: Script | ((conversation: Conversation) => Script);
  readonly faults?: readonly Fault[];
  /** The keys that are good; with none given, any key is. */
  readonly key?: string | readonly string[];
  /** Told of each turn of a script, in words. */
  readonly onTurn?: (said: string) => void;
  /** Waited before each answer. */
  readonly latencyMs?: number;
};

/** A request as served, in order of arrival. */
export type ModelRequest = {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly key: string | undefined;
  readonly model: string | undefined;
  /** Undefined for what is not a turn of a script: aux requests, counts, refusals of the key. */
  readonly turn: number | undefined;
  /** What a whole answer charged; undefined when there was none, or it was cut. */
  usage: Usage | undefined;
  /** 0 until answered. */
  status: number;
};

export type Model = AsyncDisposable & {
  readonly url: string;
  requests(): readonly ModelRequest[];
  /** Adds a fault from now on. */
  fault(fault: Fault): void;
  /** From now on no script gets its answer to this turn (counted from 0) or a later one, until the function that is returned is called. */
  hold(turn: number): () => void;
  /**
   * What the account of a key allows from now on: an API key's limits, or a seat's windows, with a refusal as soon as one of
   * them is used up. Set anew, it counts anew.
   */
  setLimits(key: string, limits: Limits): void;
};

const AUXILIARY_TURN: Turn = { say: "Small fix", tool: undefined };

/** Starts a model on loopback that follows a script. It keeps no conversation: the turn is read from each request. */
export async function startModel(options: ModelOptions): Promise<Model> {
  const requests: ModelRequest[] = [];
  const faults = makeFaults(options.faults ?? []);
  const limits = makeLimits();
  let held: { readonly from: number; readonly until: Promise<void> } | undefined;
  const keys = options.key === undefined ? undefined : [options.key].flat();

  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await readRequest(incoming);
    const found = WIRES.map((wire) => ({ wire, asked: wire.ask(request) })).find(({ asked }) => asked !== undefined);
    const wire = found?.wire ?? anthropicWire;
    const asked = found?.asked;
    const key = wire.keyOf(request);
    const conversation = asked?.kind === "conversation" ? asked.conversation : undefined;
    const scripted = conversation?.hasTools === true;
    const record: ModelRequest = {
      method: request.method,
      path: incoming.url ?? "/",
      headers: request.headers,
      body: request.body,
      key,
      model: conversation?.model,
      turn: scripted ? conversation?.turn : undefined,
      usage: undefined,
      status: 0,
    };
    requests.push(record);
    const id = randomBytes(12).toString("hex");
    if (options.latencyMs !== undefined) await sleep(options.latencyMs);
    if (held !== undefined && (record.turn ?? -1) >= held.from) await held.until;
    const known = keys === undefined || (key !== undefined && keys.includes(key));
    const account = known ? limits.read(key) : undefined;
    const now = new Date();
    const answer = makeAnswer(wire, response, record, { id, account, now });

    // Probes that the CLIs send before anything else, without a key.
    if (request.method === "HEAD" || request.path === "/api/hello") return answer.json(200, { message: "hello" });
    if (!known) return answer.fail(401, wire.wrongKey);
    if (asked === undefined) return answer.fail(404, `${request.method} ${request.path}`);
    if (asked.kind === "plain") return answer.json(asked.status, asked.body);
    if (asked.kind === "wrong") return answer.fail(400, asked.message);

    const { conversation: talk } = asked;
    const effect = faults.next({ key, model: talk.model });
    if (effect?.kind === "hang" && effect.afterEvents === undefined) return;
    if (effect?.kind === "status") return answer.refuse(effect);
    if (account?.seat?.rejects !== undefined) return answer.usedUp(account.seat);
    limits.count(key);
    const script = typeof options.script === "function" ? options.script(talk) : options.script;
    const turn = scripted ? turnOf(script, talk.turn) : AUXILIARY_TURN;
    const usage = scripted ? usageOfTurn(talk.turn) : AUXILIARY_USAGE;
    if (scripted) options.onTurn?.(describeTurn(turn));
    const reply = wire.reply(request, turn, { id, usage, now });
    if (!reply.ok) return answer.fail(400, reply.error);
    await answer.reply(reply.value, talk.stream, effect, usage);
  }

  const server = createServer((incoming, response) => {
    serve(incoming, response).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : new Error(String(error)));
    });
  });
  const listening = await listen(server);
  return {
    url: listening.url,
    requests: () => requests,
    fault: faults.add,
    hold(turn) {
      const { promise, resolve } = Promise.withResolvers<void>();
      held = { from: turn, until: promise };
      return () => {
        held = undefined;
        resolve();
      };
    },
    setLimits: limits.set,
    [Symbol.asyncDispose]: listening.close,
  };
}

function describeTurn({ tool }: Turn): string {
  if (tool === undefined) return "says it is done";
  return tool.kind === "run" ? `runs ${tool.command.split("\n", 1)[0] ?? ""}` : `${tool.kind}s ${tool.path}`;
}

async function readRequest(incoming: IncomingMessage): Promise<WireRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString("utf8");
  const headers = Object.entries(incoming.headers).map(([name, value]) => [name, String(value)] as const);
  return {
    method: incoming.method ?? "GET",
    path: new URL(incoming.url ?? "/", "http://model").pathname,
    headers: Object.fromEntries(headers),
    body: parseJson(text),
  };
}

/** Undefined when it is not JSON: the wire formats then say what they miss. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
