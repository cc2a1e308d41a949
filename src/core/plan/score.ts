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

/** What a tier's skill weighs against what was seen: as much as some thirteen attempts of which half are verified. */
const PULL = 3;
/** No more than from one of two to one of twenty. */
const FURTHEST = 3;

/**
 * A route's skill in logits, from the nearest level outwards (the repository's, the owner's, which has the repository's in it), each
 * drawn towards the next.
 *
 * A surplus moves it as it would the logit of the share that passes, which is several times less than it could say of skill: half of what
 * fails isn't noticed. How much is noticed isn't known, though, and a whole step took good checks for bad routes: in `npm run bench:routing`
 * it lost two points where checks notice 80 %.
 */
export function skillOf(tier: Tier, levels: readonly (Score | undefined)[]): number {
  let skill = TIER_SKILL[tier];
  for (const [at, score] of [...levels.entries()].toReversed()) {
    const { tried, verified, expected } = without(score, levels[at - 1]);
    if (tried === 0) continue;
    const gain = expected * (1 - expected / tried);
    const surplus = verified - expected - (skill - TIER_SKILL[tier]) * gain;
    skill += Math.max(-FURTHEST, Math.min(FURTHEST, surplus / (gain + PULL)));
  }
  return skill;
}

/** What was tried elsewhere: nothing is counted twice. */
function without(outer: Score | undefined, inner: Score | undefined): Pick<Score, "tried" | "verified" | "expected"> {
  const left = (figure: "tried" | "verified" | "expected") => (outer?.[figure] ?? 0) - (inner?.[figure] ?? 0);
  return { tried: left("tried"), verified: left("verified"), expected: left("expected") };
}
