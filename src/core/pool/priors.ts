import type { Price, Size } from "../wire/contract.ts";
import { MINUTE_MS } from "../wire/units.ts";
import type { Prior } from "./estimator.ts";

/**
 * What a run costs before anything is known here. Medians of Claude Opus 4.5 at $5 a million input tokens, by how long people
 * said the issue takes: under 15 minutes $0.41, up to an hour $0.68, up to four $1.31; the logarithm spreads by 0.6 in each.
 * Source: the SWE-bench leaderboard's runs through mini-SWE-agent (SWE-bench/swe-bench.github.io at f1176b65, 2025-12-10), 275
 * issues. Tokens are taken to be what that money buys of input, since none are told. `xs` and `xl` are half of `s` and twice `l`, and the minutes are guesses; both soon give way to what is seen.
 */
const REFERENCE_INPUT = 5_000_000;
const MEDIAN: Record<Size, number> = { xs: 205_000, s: 410_000, m: 680_000, l: 1_310_000, xl: 2_620_000 };
const MINUTES: Record<Size, number> = { xs: 5, s: 8, m: 15, l: 30, xl: 45 };
const SIGMA = 0.6;

export function priorOf(size: Size, price: Price): Prior {
  const tokens = (MEDIAN[size] * 1_000_000) / REFERENCE_INPUT;
  return { median: (tokens * price.input) / 1_000_000, sigma: SIGMA, ms: MINUTES[size] * MINUTE_MS, tokens };
}
