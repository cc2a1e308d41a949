import { parseRecord, record, textOf } from "./json.ts";
import { hasKeyHeaders, type Headers, parseHttpDate, readCodexHeaders, readCodexLimits, readMinute, readRateLimitInfo, readUnified } from "./limits.ts"; // prettier-ignore
import { ModelName, type Observed, Upstream } from "./observation.ts";
import { readSignal } from "./signal.ts";
import type { EpochMs } from "./units.ts";

/** One answer of a provider. */
export type ProviderAnswer = {
  readonly status: number;
  /** As they came; names in any case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Of a failed answer, its first few kilobytes; of a stream that broke off, its `error` event; empty otherwise. */
  readonly body: string;
  /** The model that was asked. */
  readonly model: string;
  /** By the caller's clock; counts only where the answer has no `date`. */
  readonly now: EpochMs;
};

/** The names of all headers by which a good answer tells of limits. OpenAI's answers to API keys have none of them, nor has a proxy's. */
const OF_LIMITS = /^(?:anthropic-ratelimit-|x-codex-)/i;

/** A header's value longer than this is none of a limit's. */
const MAX_VALUE_CHARS = 200;

/** What an answer says of its credential's limits. Total: nothing that comes back makes it throw, or say what the contract doesn't hold. Pure. */
export function observeAnswer(answer: ProviderAnswer): Observed {
  if (answer.status < 400 && answer.body === "" && !Object.keys(answer.headers).some((name) => OF_LIMITS.test(name)))
    return NOTHING_OBSERVED;
  const header = toHeaders(answer.headers);
  const now = parseHttpDate(header("date")) ?? answer.now;
  const status = statusOf(answer);
  const seen = { model: toModel(answer.model), now, refused: status === 429 };
  const seat = readUnified(header, seen);
  const minute = readMinute(header, seen);
  const readings = [...(seat?.readings ?? []), ...readCodexHeaders(header, seen), ...(minute === undefined ? [] : [minute])];
  const upstream = seat === undefined && hasKeyHeaders(header) ? header("anthropic-organization-id") : "";
  return {
    readings,
    // An answer that has no status is no good answer.
    signal: status < 400 ? null : readSignal({ status, header, body: answer.body, now, rejection: seat?.rejection ?? null, readings }), // prettier-ignore
    // A schema that refuses makes an error first, which took longer than all else here.
    upstream: upstream !== "" && Upstream.safeParse(upstream).success ? upstream : null,
  };
}

/** What goes with each type of error (docs "Errors"): a stream that broke off had begun with 200. */
const STATUS_OF: Readonly<Record<string, number>> = {
  invalid_request_error: 400, authentication_error: 401, billing_error: 402, permission_error: 403, rate_limit_error: 429, overloaded_error: 529,
}; // prettier-ignore

function statusOf({ status, body }: ProviderAnswer): number {
  if (!(status < 400) || body === "") return status;
  const error = record(parseRecord(body)?.["error"]);
  return error === undefined ? status : (STATUS_OF[textOf(error["type"])] ?? 500);
}

export const NOTHING_OBSERVED: Observed = { readings: [], signal: null, upstream: null };

/**
 * What a line says that a harness printed or kept: Claude Code's `rate_limit_event` in its stream, Codex's `token_count` in a
 * session file. Only an event of its own counts: the same words inside a message or a tool's output are a text within
 * another event. Pure.
 */
export function observeEvent(event: Record<string, unknown>, seen: { readonly model: string; readonly now: EpochMs }): Observed {
  const model = toModel(seen.model);
  const info = event["type"] === "rate_limit_event" ? record(event["rate_limit_info"]) : undefined;
  if (info !== undefined) {
    const { readings, rejection } = readRateLimitInfo(info, { model, now: seen.now });
    // Beyond its window a seat may go on at a price.
    if (rejection === null || info["isUsingOverage"] === true) return { ...NOTHING_OBSERVED, readings: [...readings] };
    const { window = "unknown", model: scope, resetsInMs } = rejection;
    return { ...NOTHING_OBSERVED, readings: [...readings], signal: { kind: "quota", window, scope, resetsInMs } };
  }
  const payload = event["type"] === "event_msg" ? record(event["payload"]) : undefined;
  const limits = payload?.["type"] === "token_count" ? record(payload["rate_limits"]) : undefined;
  if (limits === undefined) return NOTHING_OBSERVED;
  const refused = typeof limits["rate_limit_reached_type"] === "string";
  return { ...NOTHING_OBSERVED, readings: readCodexLimits(limits, { model, now: seen.now, refused }) };
}

function toModel(model: string): string | null {
  return ModelName.safeParse(model).success ? model : null;
}

function toHeaders(given: ProviderAnswer["headers"]): Headers {
  const values = new Map<string, string>();
  for (const [name, value] of Object.entries(given)) {
    const text = typeof value === "string" ? value : value?.[0];
    if (typeof text === "string" && text.length <= MAX_VALUE_CHARS) values.set(name.toLowerCase(), text.trim());
  }
  return (name) => values.get(name) ?? "";
}
