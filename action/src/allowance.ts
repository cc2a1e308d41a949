import { NO_USAGE, type Price, type Usage } from "#core/wire/contract.ts";
import { costOf } from "#core/wire/cost.ts";
import { addUsage, CHARS_PER_TOKEN, type Metered } from "./meter.ts";

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

/** Input tokens a body of this size can hold at most, at 3 bytes a token. A tokenizer here would be another dependency to trust. */
export function estimateInput(bodyBytes: number): number {
  return Math.ceil(bodyBytes / CHARS_PER_TOKEN);
}

/** The most one call may use: every input token at the dearer of the input and cache-write prices, all of `maxTokens` as output. */
export function worstCase(inputTokens: number, maxTokens: number, price: Price): Usage {
  const asWrite = price.cacheWrite > price.input;
  return {
    inputTokens: asWrite ? 0 : inputTokens,
    cacheWriteTokens: asWrite ? inputTokens : 0,
    cacheReadTokens: 0,
    outputTokens: maxTokens,
  };
}

/** Reserves the worst case of one call. False, and nothing reserved, when it doesn't fit beside what is used and reserved. */
export function reserve(allowance: Allowance, worst: Usage): boolean {
  const together = addUsage(addUsage(allowance.usage, allowance.reserved), worst);
  if (costOf(together, allowance.price) > allowance.budgetMicroUsd) return false;
  allowance.reserved = addUsage(allowance.reserved, worst);
  return true;
}

/** Replaces a reservation by what the call used; `undefined` when it never reached the provider or was refused there. */
export function settle(allowance: Allowance, worst: Usage, used: Metered | undefined): void {
  allowance.reserved = {
    inputTokens: allowance.reserved.inputTokens - worst.inputTokens,
    outputTokens: allowance.reserved.outputTokens - worst.outputTokens,
    cacheReadTokens: allowance.reserved.cacheReadTokens - worst.cacheReadTokens,
    cacheWriteTokens: allowance.reserved.cacheWriteTokens - worst.cacheWriteTokens,
  };
  if (used === undefined) return;
  allowance.usage = addUsage(allowance.usage, used.usage);
  allowance.estimated ||= used.estimated;
}
