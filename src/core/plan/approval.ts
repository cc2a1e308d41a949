import type { Policy } from "../config/policy.ts";
import type { MayStart, Standing } from "../request/standing.ts";
import type { Failure } from "../wire/failure.ts";

/**
 * What a person who may decide can let pass: the request waits for `/agent approve` instead of being refused. Whatever isn't
 * here is wrong with the set-up or with the request itself, and no approval mends it.
 */
export const ASKS = {
  "too-big": "its size",
  "not-worth-it": "its expected cost",
  "tier-not-allowed": "the tier that was asked for",
  "below-floor": "the tier that it needs",
  "tasks-used-up": "how many tasks there have been today",
  "edited-lately": "its text",
  "approval-of-an-operator": "its size or its expected cost",
} as const satisfies Partial<Record<Failure["reason"], string>>;

export function asksApproval(failure: Failure): boolean {
  return Object.hasOwn(ASKS, failure.reason);
}

/** Whether a person decides about requests: operators do where the policy has `roles`, else who may start work. Pure. */
export function mayDecide(policy: Policy, standing: Standing): standing is MayStart {
  return standing.start && (policy.roles === undefined || standing.operator);
}
