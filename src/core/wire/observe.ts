import { record } from "./json.ts";
import { hasKeyHeaders, type Headers, parseHttpDate, readCodexHeaders, readCodexLimits, readMinute, readRateLimitInfo, readUnified } from "./limits.ts"; // prettier-ignore
import { ModelName, type Observed, Upstream } from "./observation.ts";
import { readSignal } from "./signal.ts";
import type { EpochMs } from "./units.ts";

/** One answer of a provider. */
export type ProviderAnswer = {
  readonly status: number;
  /** As they came; names in any case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Of a failed answer, its first few kilobytes; not read otherwise. */
  readonly body: string;
  /** The model that was asked. */
  readonly model: string;
  /** By the caller's clock; counts only where the answer has no `date`. */
  readonly now: EpochMs;
};

/** A header's value longer than this is none of a limit's. */
const MAX_VALUE_CHARS = 200;

/** What an answer says of its credential's limits. Total: nothing that comes back makes it throw, or say what the contract doesn't hold. Pure. */
export function observeAnswer(answer: ProviderAnswer): Observed {
  const header = toHeaders(answer.headers);
  const now = parseHttpDate(header("date")) ?? answer.now;
  // An answer that has no status is no good answer.
  const failed = !(answer.status < 400);
  const seen = { model: toModel(answer.model), now, refused: answer.status === 429 };
  const seat = readUnified(header, seen);
  const minute = readMinute(header, seen);
  const readings = [...(seat?.readings ?? []), ...readCodexHeaders(header, seen), ...(minute === undefined ? [] : [minute])];
  const upstream = seat === undefined && hasKeyHeaders(header) ? header("anthropic-organization-id") : "";
  return {
    readings,
    signal: failed
      ? readSignal({ status: answer.status, header, body: answer.body, now, rejection: seat?.rejection ?? null, readings })
      : null,
    upstream: Upstream.safeParse(upstream).success ? upstream : null,
  };
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
