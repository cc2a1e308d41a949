import { beliefOf, chanceOf, costRatio } from "#core/plan/belief.ts";
import { TIER_SKILL } from "#core/plan/score.ts";
import type { Issue } from "./data.ts";
import type { Pair } from "./models.ts";
import type { Sized } from "./sizing.ts";

/**
 * What the router believes before anything is tried that the frontier adds for each dollar: no pair's figures are known to it yet,
 * so that this orders the issues and no more.
 */
export function gainByDollar({ size, confidence, points }: Sized): number {
  const belief = beliefOf(size, confidence);
  const gain = chanceOf(belief, TIER_SKILL.frontier) - chanceOf(belief, TIER_SKILL.light);
  // Of one size, the smaller first: cheaper to try.
  return gain / costRatio(belief, beliefOf("m", 0)) - points * 1e-6;
}

/**
 * Points above the line from all-light to all-frontier, the mean over all budgets between: the issues go to the frontier in the
 * order of their scores, those that are level mixed. `weights`: how often each issue counts.
 */
export function gainOverMix(
  { light, frontier }: Pair,
  issues: readonly Issue[],
  scores: readonly number[],
  weights: readonly number[],
): number {
  const groups = Map.groupBy(
    issues.map(({ id }, at) => {
      const [cheap, dear] = [light.runs.get(id), frontier.runs.get(id)];
      const weight = weights[at] ?? 0;
      return {
        score: scores[at] ?? 0,
        resolved: weight * (Number(dear?.resolved) - Number(cheap?.resolved)),
        usd: weight * ((dear?.usd ?? 0) - (cheap?.usd ?? 0)),
        weight,
      };
    }),
    ({ score }) => score,
  );
  const steps = [...groups]
    .toSorted(([one], [other]) => other - one)
    .map(([, of]) => ({
      resolved: of.reduce((sum, { resolved }) => sum + resolved, 0),
      usd: of.reduce((sum, { usd }) => sum + usd, 0),
    }));
  const all = steps.reduce((sum, step) => ({ resolved: sum.resolved + step.resolved, usd: sum.usd + step.usd }), {
    resolved: 0,
    usd: 0,
  });
  const count = weights.reduce((sum, weight) => sum + weight, 0);
  let [resolved, usd, area] = [0, 0, 0];
  for (const step of steps) {
    area += (resolved + step.resolved / 2) * step.usd;
    resolved += step.resolved;
    usd += step.usd;
  }
  return (100 * (area / usd - all.resolved / 2)) / count;
}
