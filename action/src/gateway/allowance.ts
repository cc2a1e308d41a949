import { NO_USAGE, type Price, type Usage } from "#core/wire/contract.ts";
import { costOf } from "#core/wire/cost.ts";
import { combine } from "./usage.ts";
import type { Metered, ModelCall } from "./wires/wire.ts";

/**
 * The attempt's money, kept by the gateway. Before a call its worst case is reserved, so that calls in parallel
 * (sub-agents) can't overshoot together; afterwards the reservation gives way to what was really used.
 */
export type Allowance = {
  readonly budgetMicroUsd: number;
  readonly price: Price;
  usage: Usage;
  reserved: Usage;
  calls: number;
  estimated: boolean;
};

export function makeAllowance(budgetMicroUsd: number, price: Price): Allowance {
  return { budgetMicroUsd, price, usage: NO_USAGE, reserved: NO_USAGE, calls: 0, estimated: false };
}

/** A call could ask for 128,000 output tokens; the gateway must reserve them all, so a small budget buys small answers. */
const MAX_OUTPUT_TOKENS = 32_000;
const MIN_OUTPUT_TOKENS = 4_000;
/** Of the budget, the share that one call's output may reserve. */
const OUTPUT_SHARE = 4;

/** Output tokens a call may ask for, so that one call reserves no more than a quarter of the budget. Pure. */
export function maxOutputTokens({ microUsd, price }: { readonly microUsd: number; readonly price: Price }): number {
  if (price.output === 0) return MAX_OUTPUT_TOKENS;
  const affordable = Math.floor((microUsd * 1_000_000) / price.output / OUTPUT_SHARE);
  return Math.min(MAX_OUTPUT_TOKENS, Math.max(MIN_OUTPUT_TOKENS, affordable));
}

/** The most one call may use: its input at the dearest price it can be billed at, all of `maxTokens` as output. Pure. */
export function worstCase(call: Pick<ModelCall, "inputTokens" | "maxTokens" | "longCache">, price: Price): Usage {
  const kinds = [
    { kind: "inputTokens", price: price.input },
    { kind: "cacheWriteTokens", price: price.cacheWrite },
    ...(call.longCache ? [{ kind: "cacheWrite1hTokens", price: price.cacheWrite1h } as const] : []),
  ] as const;
  const dearest = kinds.reduce((a, b) => (b.price > a.price ? b : a));
  return { ...NO_USAGE, [dearest.kind]: call.inputTokens, outputTokens: call.maxTokens };
}

/** Reserves the worst case of one call. False, and nothing reserved, when it doesn't fit beside what is used and reserved. */
export function reserve(allowance: Allowance, worst: Usage): boolean {
  const reserved = combine(allowance.reserved, worst, add);
  if (costOf(combine(allowance.usage, reserved, add), allowance.price) > allowance.budgetMicroUsd) return false;
  allowance.reserved = reserved;
  return true;
}

/**
 * Replaces a reservation by what the call used: `nothing` when the provider never had the request, or refused it;
 * `unknown` when it did and no figures came back: it may bill all of it, so all of it is charged.
 */
export function settle(allowance: Allowance, worst: Usage, used: Metered | "nothing" | "unknown"): void {
  allowance.reserved = combine(allowance.reserved, worst, (a, b) => a - b);
  if (used === "nothing") return;
  const { usage, estimated } = used === "unknown" ? { usage: worst, estimated: true } : used;
  allowance.usage = combine(allowance.usage, usage, add);
  allowance.estimated ||= estimated;
}

function add(a: number, b: number): number {
  return a + b;
}
