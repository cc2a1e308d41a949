import type { Price, Usage } from "./contract.ts";
import { MicroUsd } from "./units.ts";

/**
 * What tokens cost under one price row: summed exactly, rounded up once. The app prices an attempt with it and the
 * gateway its budget, so that both always agree.
 */
export function costOf(usage: Usage, price: Price): MicroUsd {
  const micro =
    BigInt(usage.inputTokens) * BigInt(price.input) +
    BigInt(usage.outputTokens) * BigInt(price.output) +
    BigInt(usage.cacheReadTokens) * BigInt(price.cacheRead) +
    BigInt(usage.cacheWriteTokens) * BigInt(price.cacheWrite) +
    BigInt(usage.cacheWrite1hTokens) * BigInt(price.cacheWrite1h);
  return MicroUsd(Number((micro + 999_999n) / 1_000_000n));
}
