import type { Ended } from "#action/runner/process.ts";
import type { Ending, EndingKind } from "#core/wire/contract.ts";
import { parseRecord } from "#core/wire/json.ts";
import { cut, cutFront } from "#core/wire/text.ts";

/** What a run of a harness has left behind. */
export type Left = Pick<Ended, "stdout" | "stderr" | "exitCode" | "killed"> & {
  readonly signal?: Ended["signal"];
  /** Codex's own file of the session, where it kept one: the only place in which it tells its limits. */
  readonly rollout?: string;
};

/** What a harness says of its run, by its own words: whether the work tree changed is not asked here. */
export type Reading = {
  readonly ending: EndingKind;
  /** What it, or its provider, said of a failure; null where nothing was said. */
  readonly detail: string | null;
  /** The same attempt would make sense later, or with another credential. */
  readonly retryable: boolean;
  /** Another credential would not have met it. */
  readonly credentialFault: boolean;
  /** Of a limit: epoch seconds. null: not told as a time that a machine can read. */
  readonly resetsAt: number | null;
  /** As last told. Utilization is a fraction, which may exceed 1. */
  readonly windows: readonly Window[];
  readonly usage: Tokens;
  /** Dollars, by the harness's own prices. */
  readonly costUsd: number | null;
  readonly turns: number | null;
  readonly sessionId: string | null;
  /** Of a completed run. */
  readonly finalMessage: string | null;
};

export type Window = { readonly name: string; readonly utilization: number | null; readonly resetsAt: number | null };

/** Input is what was not cached; output holds the reasoning. null: the stream doesn't say, which is not 0. */
export type Tokens = {
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  readonly cacheReadTokens: number | null;
  readonly cacheWriteTokens: number | null;
  readonly reasoningTokens: number | null;
};

export const NO_TOKENS: Tokens = {
  inputTokens: null,
  outputTokens: null,
  cacheReadTokens: null,
  cacheWriteTokens: null,
  reasoningTokens: null,
};

/** Whether the same would make sense again, and whose fault it was. */
const FATE: Record<EndingKind, { readonly retryable: boolean; readonly credentialFault: boolean }> = {
  completed: { retryable: false, credentialFault: false },
  turnLimit: { retryable: false, credentialFault: false },
  budgetExhausted: { retryable: false, credentialFault: false },
  repeating: { retryable: false, credentialFault: false },
  rateLimited: { retryable: true, credentialFault: true },
  quotaExhausted: { retryable: true, credentialFault: true },
  overloaded: { retryable: true, credentialFault: false },
  authFailed: { retryable: true, credentialFault: true },
  billing: { retryable: true, credentialFault: true },
  modelNotFound: { retryable: false, credentialFault: false },
  timedOut: { retryable: true, credentialFault: false },
  crashed: { retryable: true, credentialFault: false },
  providerError: { retryable: true, credentialFault: false },
};

/** Not the work's: another credential may go on with it. Pure. */
export function isCredentialFault(kind: EndingKind): boolean {
  return FATE[kind].credentialFault;
}

type Told = Omit<Reading, "retryable" | "credentialFault" | "detail" | "finalMessage" | "resetsAt"> & {
  /** What was said, of a failure or as the last message. */
  readonly said: string;
  readonly resetsAt?: number | null;
  /** The request itself was at fault: the same one would fail again. */
  readonly isBadRequest?: boolean;
};

/** The parts of a reading that follow from its ending. */
export function toReading({ said, resetsAt = null, isBadRequest = false, ...told }: Told): Reading {
  const { ending } = told;
  const fate = FATE[ending];
  const isLimit = ending === "rateLimited" || ending === "quotaExhausted";
  return {
    ...told,
    ...fate,
    retryable: fate.retryable && !isBadRequest,
    detail: ending === "completed" ? null : cut(said, 2_000) || null,
    resetsAt: isLimit ? resetsAt : null,
    finalMessage: ending === "completed" ? cut(said, 20_000) : null,
  };
}

/**
 * A run that left no last event: ended by us, or by itself. One that never began to speak has refused to start, and would
 * again; one that was killed by another, or fell silent in the middle, may do better.
 */
export function unfinished({ killed, signal, stderr }: Left, sessionId: string | null, windows: readonly Window[] = []): Reading {
  const told = { usage: NO_TOKENS, costUsd: null, turns: null, sessionId, windows };
  if (killed) return toReading({ ...told, ending: "timedOut", said: "" });
  const hadBegun = sessionId !== null || (signal ?? null) !== null;
  return { ...toReading({ ...told, ending: "crashed", said: cutFront(stderr.trim(), 2_000) }), retryable: hadBegun };
}

/** The contract's part of it. */
export function toEnding({ ending, detail, turns, finalMessage }: Reading): Ending {
  return { kind: ending, detail, turns, finalMessage };
}

/** The lines of a stream that are JSON objects and hold one of these words: a stream can be megabytes of others. */
export function* eventsOf(stdout: Buffer | string, words: readonly string[]): Generator<Record<string, unknown>> {
  for (const line of stdout.toString("utf8").split("\n")) {
    if (!words.some((word) => line.includes(word))) continue;
    const event = parseRecord(line);
    if (event !== undefined) yield event;
  }
}

/** A count as it was printed; null where there is none. */
export function countOf(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? Math.max(0, Math.trunc(value)) : null;
}

export function sumOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0);
}

/** What a provider's refusal was: its HTTP status where it is known, its words for it, its message. */
export type Refusal = { readonly status: number | null; readonly words: readonly string[]; readonly message: string };

const USED_UP = /usage_limit_reached|insufficient_quota|hit your .*limit|quota exceeded|exceeded your current quota/i;
const UNPAID = /insufficient_credits|billing|credit balance is too low/i;
const NO_MODEL = /model_not_found|\bmodel\b.*(?:not (?:exist|available|supported|found)|access)/i;
const OVERLOADED = /overloaded|at capacity|high demand/i;
const THROTTLED = /rate_limit|rate limit|too many requests/i;
const REFUSED_KEY = /invalid_api_key|unauthorized|authentication/i;
const BAD_REQUEST = /context_length|context window|maximum context|too long|invalid_request/i;

/** What an OpenAI-shaped refusal means for the run. Pure. */
export function kindOfRefusal({ status, words, message }: Refusal): { ending: EndingKind; isBadRequest: boolean } {
  const said = [...words, message].join("\n");
  const of = (ending: EndingKind) => ({ ending, isBadRequest: false });
  if (USED_UP.test(said)) return of("quotaExhausted");
  if (status === 402 || UNPAID.test(words.join("\n")) || /credit balance is too low/i.test(message)) return of("billing");
  if (status === 429) return of("rateLimited");
  if (status === 401 || (status === 403 && !NO_MODEL.test(said))) return of("authFailed");
  if (status === 404 || ((status === null || status === 400 || status === 403) && NO_MODEL.test(said)))
    return of("modelNotFound");
  if (status === 529 || status === 503 || OVERLOADED.test(said)) return of("overloaded");
  if (status === null && THROTTLED.test(said)) return of("rateLimited");
  if (status === null && REFUSED_KEY.test(words.join("\n"))) return of("authFailed");
  const isBadRequest = status === null ? BAD_REQUEST.test(said) : status >= 400 && status < 500 && status !== 408;
  return { ending: "providerError", isBadRequest };
}
