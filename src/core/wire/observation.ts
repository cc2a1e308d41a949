import { z } from "zod";
import { DAY_MS } from "./units.ts";

/**
 * What a job has seen of its credential's limits: in the provider's answers, and what its harness prints of them. The
 * words of the contract; `limits.ts` reads the windows, `signal.ts` the refusals, `observe.ts` is where both meet.
 */

/** A provider's windows, by what they count. `week-model` counts one model's use, or one family's. */
export const WINDOWS = ["five-hour", "week", "week-model", "tokens-minute"] as const;

/** No limit read here lasts longer than a calendar month. */
export const MAX_SPAN_MS = 32 * DAY_MS;
/** Overage goes past 1, by a little. */
export const MAX_SHARE = 10;
export const MAX_TOKENS_A_MINUTE = 1_000_000_000_000;
const MAX_READINGS = 12;

const span = z.number().int().min(0).max(MAX_SPAN_MS);
export const ModelName = z.string().regex(/^[\x21-\x7e]{1,200}$/);

/** One window as the provider reported it. */
export const WindowReading = z.strictObject({
  window: z.enum(WINDOWS),
  /** The one model it counts; null: all that the credential may use. */
  model: ModelName.nullable(),
  /** What is used: a fraction, which may exceed 1. null: not told, which is neither 0 nor 1. */
  share: z.number().min(0).max(MAX_SHARE).nullable(),
  /** Of `tokens-minute`: tokens a minute. Others publish none. */
  limit: z.number().int().min(0).max(MAX_TOKENS_A_MINUTE).nullable(),
  /** From the observation until it begins anew; 0: over by now. */
  resetsInMs: span.nullable(),
  /** The provider refuses on its account. */
  rejected: z.boolean(),
});
export type WindowReading = z.infer<typeof WindowReading>;

/**
 * What a failed answer means for the credential. `quota`: an allotment is used up and comes back by itself; with a `scope`,
 * for that model alone. `throttle`: too fast for now. `auth`: not accepted, as far as one answer can tell. `unknown`: a
 * failure that says nothing of the credential.
 */
export const Signal = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("quota"),
    window: z.enum([...WINDOWS, "unknown"]),
    scope: ModelName.nullable(),
    resetsInMs: span.nullable(),
  }),
  z.strictObject({ kind: z.literal("throttle"), retryAfterMs: span.nullable() }),
  z.strictObject({ kind: z.literal("overload") }),
  z.strictObject({ kind: z.literal("auth") }),
  z.strictObject({ kind: z.literal("billing") }),
  z.strictObject({ kind: z.literal("unknown") }),
]);
export type Signal = z.infer<typeof Signal>;

/**
 * Whose limits an answer spoke of: the id of the organisation that its keys share. It names no person and opens nothing, so
 * it is sent as it is. Null on a seat: the members of a team have one organisation, and each their own windows.
 */
export const Upstream = z.string().regex(/^[A-Za-z0-9-]{1,64}$/);

export const Observation = z.strictObject({
  readings: z.array(WindowReading).max(MAX_READINGS),
  /** Of the last answer; null where it was a good one. */
  signal: Signal.nullable(),
  upstream: Upstream.nullable(),
  /** Milliseconds from the observation until this was written. The spans above count from the observation. */
  ageMs: z.number().int().min(0).max(MAX_SPAN_MS),
});
export type Observation = z.infer<typeof Observation>;

/** What one answer or one line says. */
export type Observed = Pick<Observation, "readings" | "signal" | "upstream">;

/** `five-hour`, `week-model:claude-fable-5-1`: unique within what one credential sees. */
export function readingKey({ window, model }: Pick<WindowReading, "window" | "model">): string {
  return model === null ? window : `${window}:${model}`;
}
