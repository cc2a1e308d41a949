import type { GatewayFacts } from "#action/gateway/gateway.ts";
import type { Ending, EndingKind } from "#core/wire/contract.ts";
import type { Signal } from "#core/wire/observation.ts";

/** Of a run that was ended from outside before it came to an end of its own. */
export const STOPPED = "The job was stopped from outside.";

/** What the provider's last refusal means for a run, by what the gateway made of it. */
const BY_SIGNAL = {
  quota: "quotaExhausted",
  throttle: "rateLimited",
  overload: "overloaded",
  auth: "authFailed",
  billing: "billing",
} as const satisfies Record<Exclude<Signal["kind"], "unknown">, EndingKind>;

/** Endings that a provider's refusal brings about. */
const OF_PROVIDER: ReadonlySet<EndingKind> = new Set([...Object.values(BY_SIGNAL), "modelNotFound", "providerError"]);

/**
 * An ending as reported. What a harness prints can be forged by what it runs, and some endings cool a credential down: so of
 * a provider's refusals the gateway's word counts, which saw them. Its own refusals are known to it alone.
 */
export function confirmEnding(ending: Ending, facts: GatewayFacts): Ending {
  if (ending.kind === "completed" || ending.kind === "turnLimit") return ending;
  if (facts.refusedForBudget) return { ...ending, kind: "budgetExhausted" };
  if (facts.refusedForRepeating) return { ...ending, kind: "repeating" };
  if (facts.refusedForTime) return { ...ending, kind: "timedOut" };
  if (!OF_PROVIDER.has(ending.kind)) return ending;
  const { lastError, observation } = facts;
  const kind = (lastError !== null && observation?.signal?.kind) || "unknown";
  if (kind !== "unknown") return { ...ending, kind: BY_SIGNAL[kind] };
  // The sandbox can provoke a 400 whenever it likes, so one proves nothing.
  const isOfModel = lastError?.status === 404 || (lastError?.status === 403 && ending.kind === "modelNotFound");
  return { ...ending, kind: isOfModel ? "modelNotFound" : "providerError" };
}
