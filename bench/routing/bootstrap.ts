import { randomOf } from "../pool/random.ts";

export type Interval = { readonly low: number; readonly high: number };

const RESAMPLES = 1_000;

/**
 * The middle 95 % of a figure over samples drawn from the issues with replacement: `figure` is given how often each issue is in
 * the sample. The same data gives the same interval.
 */
export function bootstrap(issues: number, figure: (weights: readonly number[]) => number): Interval {
  const random = randomOf(1, "bootstrap");
  const figures = Array.from({ length: RESAMPLES }, () => {
    const weights = Array.from({ length: issues }, () => 0);
    for (let drawn = 0; drawn < issues; drawn += 1) {
      const at = Math.floor(random.float() * issues);
      weights[at] = (weights[at] ?? 0) + 1;
    }
    return figure(weights);
  }).toSorted((one, other) => one - other);
  const at = (share: number) => figures[Math.round(share * (RESAMPLES - 1))] ?? Number.NaN;
  return { low: at(0.025), high: at(0.975) };
}
