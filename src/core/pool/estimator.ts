import { MINUTE_MS } from "../wire/units.ts";

/**
 * What a job will use, from what jobs like it did. Costs of agent runs are skewed, so their logarithms are averaged: a
 * repository's own are drawn towards the owner's, and these towards a prior, the more strongly the fewer there are.
 */
export type Estimate = {
  /** Micro-dollars at list price: expected, and what nine of ten stay below. */
  readonly mean: number;
  readonly p90: number;
  readonly ms: number;
  readonly tokensPerMinute: number;
};

/**
 * Sums over settled leases of one kind: of the logarithm of the cost in micro-dollars, of its square, of milliseconds, and of the
 * tokens that a provider's limit by the minute counts: input, but what is read from the cache.
 */
export type Seen = {
  readonly n: number;
  readonly log: number;
  readonly squares: number;
  readonly ms: number;
  readonly tokens: number;
};

export const NOTHING_SEEN: Seen = { n: 0, log: 0, squares: 0, ms: 0, tokens: 0 };

/** `median` in micro-dollars; `sigma`: the spread of its logarithm. */
export type Prior = { readonly median: number; readonly sigma: number; readonly ms: number; readonly tokens: number };

/** The weight of an older lease after each new one: about the last hundred count, since models and prices change. */
const FADE = 0.99;
/** As many leases as what they are drawn towards weighs. */
const PULL = 8;
/** The 90th percentile of the normal distribution. */
const Z90 = 1.2816;

export function see(seen: Seen, lease: { readonly cost: number; readonly ms: number; readonly tokens: number }): Seen {
  const log = Math.log(Math.max(1, lease.cost));
  return {
    n: seen.n * FADE + 1,
    log: seen.log * FADE + log,
    squares: seen.squares * FADE + log * log,
    ms: seen.ms * FADE + lease.ms,
    tokens: seen.tokens * FADE + lease.tokens,
  };
}

/** From the nearest kind outwards: the repository's, the owner's; then the prior. */
export function estimateOf(levels: readonly Seen[], prior: Prior): Estimate {
  let [mu, variance] = [Math.log(Math.max(1, prior.median)), prior.sigma ** 2];
  let { ms, tokens } = prior;
  for (const { n, log, squares, ms: spans, tokens: counted } of levels.toReversed()) {
    const mean = (log + PULL * mu) / (n + PULL);
    // About the new mean: the leases' own spread, and the outer level's with its distance from it.
    variance = (squares - 2 * mean * log + n * mean ** 2 + PULL * (variance + (mu - mean) ** 2)) / (n + PULL);
    ms = (spans + PULL * ms) / (n + PULL);
    tokens = (counted + PULL * tokens) / (n + PULL);
    mu = mean;
  }
  const sigma = Math.sqrt(Math.max(0, variance));
  const mean = Math.exp(mu + variance / 2);
  // Of a spread wider than e^2.5 the mean lies beyond the percentile.
  return {
    mean,
    p90: Math.max(mean, Math.exp(mu + Z90 * sigma)),
    ms,
    tokensPerMinute: (tokens * MINUTE_MS) / Math.max(ms, MINUTE_MS),
  };
}
