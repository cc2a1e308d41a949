import type { Price, Provider } from "../wire/contract.ts";

/**
 * What each model costs. Prices change several times a quarter, so each row has its source and the day it took
 * effect. A model that isn't here can't be routed to: an unknown price is never free.
 *
 * Units: micro-dollars per million tokens, i.e. dollars per million × 1,000,000.
 */
export type ModelRow = {
  readonly model: string;
  readonly provider: Provider;
  readonly price: Price;
  readonly effective: string;
  readonly source: string;
};

/** An hour in the cache costs twice the input price. Source: Anthropic's price list ("1h cache writes"), 2026-09-01. */
const CACHE_1H = 2;

function perMillion(input: number, output: number, cacheWrite: number, cacheRead: number): Price {
  const micro = (usd: number) => Math.round(usd * 1_000_000);
  return {
    input: micro(input),
    output: micro(output),
    cacheWrite: micro(cacheWrite),
    cacheWrite1h: micro(CACHE_1H * input),
    cacheRead: micro(cacheRead),
  };
}

export const CATALOG: readonly ModelRow[] = [
  {
    model: "claude-haiku-5-5",
    provider: "anthropic",
    // Prompts over 100,000 tokens cost five times as much; the higher tariff is what a budget must bear.
    price: perMillion(0.5, 2.5, 0.625, 0.05),
    effective: "2026-10-07",
    source: "Anthropic's price list, long-prompt tariff",
  },
  {
    model: "claude-sonnet-5-5",
    provider: "anthropic",
    price: perMillion(2, 10, 2.5, 0.1),
    effective: "2026-10-07",
    source: "PromptFuel v1.0.23",
  },
  {
    model: "claude-opus-5-5",
    provider: "anthropic",
    price: perMillion(4, 20, 5, 0.2),
    effective: "2026-09-22",
    source: "PromptFuel v1.0.21; Anthropic's lineup page agrees",
  },
];

export function findModel(model: string): ModelRow | undefined {
  return CATALOG.find((row) => row.model === model);
}
