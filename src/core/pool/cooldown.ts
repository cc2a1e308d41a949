import type { Ending, EndingKind } from "../wire/contract.ts";
import { unreachable } from "../wire/result.ts";
import type { Observation, Signal } from "../wire/observation.ts";
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../wire/units.ts";

/** What a job's end means for its credential: a rest, of one model or of all, or a doubt about its key. */
export type Fault = { readonly kind: "rest"; readonly model: string | null; readonly ms: number } | { readonly kind: "refused" };

/** Where a limit names no end. The next look shows whether it is over. */
const UNTOLD_MS = 30 * MINUTE_MS;
/** A throttle is over within its minute; one that isn't is met again. */
const THROTTLE_MS = 2 * MINUTE_MS;
/** Added to a limit's end, which is told in seconds and kept by another's clock. */
const AFTER_RESET_MS = 30 * SECOND_MS;
/** An account without money waits for a person. */
const BILLING_MS = HOUR_MS;

/**
 * A run that a limit or a refused key has ended. Exhausted is not revoked, and overload is nobody's fault. What the provider
 * said decides; where the gateway saw none of it, how the harness ended. null: the credential is as good as before.
 */
export function faultOf({
  ending,
  observation,
}: {
  readonly ending: Pick<Ending, "kind">;
  readonly observation: Pick<Observation, "signal"> | null;
}): Fault | null {
  const told = ENDED[ending.kind];
  // A signal of a call that was tried again, and of a run that went on, is history.
  if (told === undefined) return null;
  const signal = observation?.signal ?? told;
  return faultOfSignal(signal.kind === "unknown" || signal.kind === "overload" ? told : signal);
}

const ENDED: Partial<Record<EndingKind, Signal>> = {
  quotaExhausted: { kind: "quota", window: "unknown", scope: null, resetsInMs: null },
  rateLimited: { kind: "throttle", retryAfterMs: null },
  authFailed: { kind: "auth" },
  billing: { kind: "billing" },
};

function faultOfSignal(signal: Signal): Fault | null {
  switch (signal.kind) {
    case "quota":
      return { kind: "rest", model: signal.scope, ms: (signal.resetsInMs ?? UNTOLD_MS) + AFTER_RESET_MS };
    case "throttle":
      return { kind: "rest", model: null, ms: Math.max(signal.retryAfterMs ?? 0, THROTTLE_MS) };
    case "billing":
      return { kind: "rest", model: null, ms: BILLING_MS };
    case "auth":
      return { kind: "refused" };
    case "overload":
    case "unknown":
      return null;
    default:
      return unreachable(signal);
  }
}
