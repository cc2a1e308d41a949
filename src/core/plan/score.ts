import type { Harness, Tier } from "../wire/contract.ts";

/**
 * What attempts with one harness and model came to. `expected`: how many would have been verified had the route been as skilled
 * as its tier is before anything is known, each judged by what was believed of its issue: a route that gets the hard ones isn't
 * rated lower for them.
 */
export type Score = {
  readonly harness: Harness;
  readonly model: string;
  readonly tried: number;
  readonly verified: number;
  readonly expected: number;
};

/**
 * A tier's skill before anything is known, half a logit apart. Vendors' own figures lie about as far: on SWE-bench Verified Claude
 * Haiku 4.5 73.3 %, Sonnet 4.5 77.2 %, Opus 4.5 80.9 % (Anthropic, 2025); on Terminal-Bench 2.0 Haiku 4.5 41 %, Sonnet 4.6 59 %,
 * Opus 4.6 65 %. All lower than these, since what people ask for is less well said.
 */
export const TIER_SKILL: Record<Tier, number> = { light: 0.5, standard: 1, frontier: 1.5 };

/**
 * By how much a logit of skill changes the share that checks pass: what they notice less what they fail falsely on (`WITH_CHECKS`,
 * 0.45), times what a logit changes of the share that is right, of issues as far apart as `beliefOf` has them (0.14).
 */
const SLOPE = 0.063;
/** How far routes of one tier lie apart, and those of one repository from the owner's, as a variance in logits. Assumed. */
const VARIANCE = 1;
/** No more than this: beyond it the slope is another. */
const FURTHEST = 3;

/**
 * A route's skill in logits, from the nearest level outwards (the repository's, the owner's, which has the repository's in it), each
 * drawn towards the next: the most likely one under a normal prior, by one step of Newton's.
 */
export function skillOf(tier: Tier, levels: readonly (Score | undefined)[]): number {
  let skill = TIER_SKILL[tier];
  for (const [at, score] of [...levels.entries()].toReversed()) {
    const { tried, verified, expected } = without(score, levels[at - 1]);
    if (tried === 0) continue;
    const share = Math.min(0.95, Math.max(0.05, expected / tried));
    const spread = share * (1 - share);
    const surplus = verified - expected - (skill - TIER_SKILL[tier]) * SLOPE * tried;
    const step = (surplus * SLOPE) / spread / ((tried * SLOPE ** 2) / spread + 1 / VARIANCE);
    skill = Math.max(TIER_SKILL[tier] - FURTHEST, Math.min(TIER_SKILL[tier] + FURTHEST, skill + step));
  }
  return skill;
}

/** What was tried elsewhere: nothing is counted twice. */
function without(outer: Score | undefined, inner: Score | undefined): Pick<Score, "tried" | "verified" | "expected"> {
  const left = (figure: "tried" | "verified" | "expected") => (outer?.[figure] ?? 0) - (inner?.[figure] ?? 0);
  return { tried: left("tried"), verified: left("verified"), expected: left("expected") };
}
