import type { ServerResponse } from "node:http";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { type Dispatcher } from "undici";
import { parseRecord, record, textOf } from "#core/wire/json.ts";
import type { Signal } from "#core/wire/observation.ts";
import { cut } from "#core/wire/text.ts";
import { type Answered, call, readHead, type Refused } from "./call.ts";
import type { Credential } from "./credential.ts";
import type { Meter } from "./meter.ts";
import type { Observer } from "./observer.ts";

/** The gateway's other side: calls of the provider, tried again where that makes sense, and the way back of their answers. */

/** The CLI's own limit for a call is 600 s; the gateway waits no shorter, so that the CLI decides. */
const HEADERS_TIMEOUT_MS = 600_000;
const IDLE_TIMEOUT_MS = 300_000;

const DROPPED_RESPONSE_HEADERS = new Set([
  "connection", "keep-alive", "transfer-encoding", "trailer", "upgrade", "content-length", "content-encoding", "set-cookie",
  "retry-after", "x-should-retry",
]); // prettier-ignore

/** What the provider last refused, as the gateway saw it. */
export type ProviderError = { readonly status: number; readonly type: string; readonly message: string };

/** What this side needs of the gateway, and what it keeps there. */
export type Upstream = {
  readonly dispatcher: Dispatcher;
  readonly observer: Observer;
  readonly deadline: number;
  readonly stopping: AbortSignal;
  /** Of the last call, when it failed. */
  lastError: ProviderError | null;
  /** The refusal that no further call would change: each gets it again, from here. */
  refusal: Refused | undefined;
};

export type Sending = {
  answer(): Promise<Answered>;
  /** The provider may have the request. */
  begun(): boolean;
  /** Nobody waits for the answer any more. */
  readonly gone: AbortSignal;
};

type ToSend = {
  readonly place: ReturnType<Credential["place"]>;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
};

/** Ends with the client: a call nobody waits for any more is aborted. */
export function send(to: Upstream, response: ServerResponse, { place, headers, body }: ToSend): Sending {
  const aborter = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) aborter.abort();
  });
  const { signal: gone } = aborter;
  let begun = false;
  return {
    begun: () => begun,
    gone,
    answer() {
      begun = false;
      return call(to.dispatcher, {
        ...place, method: "POST", headers, body, gone, onBegun: () => void (begun = true),
        headersTimeout: HEADERS_TIMEOUT_MS, bodyTimeout: IDLE_TIMEOUT_MS,
      }); // prettier-ignore
    },
  };
}

/**
 * Waits between the tries of one call that was refused for now. Here rather than in the CLIs, of which one would try eleven
 * times in three minutes, one thirty times, and one wait for an hour (opencode 1.18, Codex 0.169 and Claude Code 2.1, measured).
 */
const PAUSES_MS: readonly number[] = [1_000, 4_000];
const LONGEST_PAUSE_MS = 30_000;

/** The provider's answer: a good one with its body still to come, or its refusal, once another try makes no sense. Throws where there was none. */
export async function answerOf(state: Upstream, sending: Sending): Promise<Answered | Refused> {
  for (let tries = 0; ; tries += 1) {
    const answered = await sending.answer();
    const { statusCode: status, headers } = answered;
    if (status < 400) {
      // It may stream for minutes: what its headers tell is known by the next heartbeat.
      state.observer.saw({ status, headers, body: "" });
      return answered;
    }
    const said = await readHead(answered);
    const signal = state.observer.saw({ status, headers, body: said });
    state.lastError = toError(status, said);
    const refused = { status, headers, said };
    if (isForGood(signal)) state.refusal = refused;
    const pauseMs = pauseAfter(tries, status, signal);
    if (pauseMs === undefined || performance.now() + pauseMs > state.deadline) return refused;
    const over = AbortSignal.any([sending.gone, state.stopping]);
    await sleep(pauseMs, undefined, { signal: over }).catch(() => {});
    if (over.aborted) return refused;
  }
}

/** Nothing that this attempt could still do would change it. */
function isForGood(signal: Signal | null): boolean {
  return signal !== null && ["quota", "auth", "billing"].includes(signal.kind);
}

function pauseAfter(tries: number, status: number, signal: Signal | null): number | undefined {
  const pause = PAUSES_MS[tries];
  const passes = signal?.kind === "throttle" || signal?.kind === "overload" || status >= 500;
  if (pause === undefined || !passes) return undefined;
  const told = signal?.kind === "throttle" ? (signal.retryAfterMs ?? 0) : 0;
  return told > LONGEST_PAUSE_MS ? undefined : Math.max(pause, told);
}

export function toError(status: number, body: string): ProviderError {
  const error = record(parseRecord(body)?.["error"]);
  return { status, type: cut(textOf(error?.["type"]), 100), message: cut(textOf(error?.["message"]), 500) };
}

/** Passes a good answer on as it arrives. */
export async function relay(response: ServerResponse, upstream: Answered, meter: Meter | undefined): Promise<void> {
  const { "content-length": length } = upstream.headers;
  response.writeHead(upstream.statusCode, {
    ...passedOn(upstream.headers),
    ...(length !== undefined && { "content-length": length }),
  });
  let begun = false;
  const ended = upstream.read((chunk) => {
    begun = true;
    meter?.read(chunk);
    if (response.write(chunk)) return;
    upstream.pause();
    response.once("drain", () => upstream.resume());
  });
  // What is here by now takes the headers with it, in one write. A stream's headers wait for nothing else.
  if (!begun) response.flushHeaders();
  await ended;
  response.end();
}

export function passedOn(from: Answered["headers"]): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(from)) {
    if (value !== undefined && !DROPPED_RESPONSE_HEADERS.has(name)) headers[name] = value;
  }
  return headers;
}
