import { createHash } from "node:crypto";
import { TIERS, type Size, type Tier } from "../wire/contract.ts";
import { beliefOf, chanceOf } from "./belief.ts";
import { ENOUGH } from "./figures.ts";
import type { RouteOption } from "./ladder.ts";
import type { Score } from "./score.ts";

export type Preferring = {
  /** The policy's `routing.prefer` and `routing.explore`. */
  readonly prefer: "configuration" | "scoreboard";
  readonly explore: number;
  readonly estimate: { readonly size: Size; readonly confidence: number };
  /** Of what is left to chance: the same gives the same. */
  readonly seed: string;
};

/** That of a tier another route stands first than the configuration has it. */
export type Moved = {
  readonly tier: Tier;
  readonly why: "scoreboard" | "explored";
  readonly first: string;
  readonly instead: string;
};

export type Preferred = { readonly options: readonly RouteOption[]; readonly moved: readonly Moved[] };

/** Only where a failure costs little. */
const EXPLORED: readonly Size[] = ["xs", "s"];

/**
 * By how much a route must be cheaper for each verified result than the one that the configuration has first. Assumed: over a smaller
 * difference, which so few attempts can't tell, routes would change places from day to day.
 */
const MARGIN = 0.1;

/**
 * The options with those of each tier in the order in which they are to be tried; tiers stay where they are. By configuration: as they
 * come. By scoreboard, of a tier the one goes first that is expected to cost least for each verified result, where the owner has tried it ten
 * times and it is cheaper by a tenth than the one that would be first; what both are expected to do is drawn towards what their tier does (`skillOf`),
 * so that one lucky run moves nothing. Then, on small issues and as often as `explore` says, another one goes first instead, so that
 * there is something to compare. `scores`: of all the owner's repositories. Pure.
 */
export function preferred(options: readonly RouteOption[], scores: readonly Score[], how: Preferring): Preferred {
  const tiers = TIERS.map((tier) => order(tier, options.filter(({ route }) => route.tier === tier), scores, how)); // prettier-ignore
  return { options: tiers.flatMap((tier) => tier.options), moved: tiers.flatMap(({ moved }) => moved) };
}

function order(tier: Tier, options: readonly RouteOption[], scores: readonly Score[], how: Preferring): Preferred {
  const [configured] = options;
  if (configured === undefined || options.length === 1) return { options, moved: [] };
  const best = how.prefer === "scoreboard" ? cheapest(configured, options, scores, how) : configured;
  const others = options.filter((option) => option !== best);
  const explored = chosenToExplore(others, how);
  const first = explored ?? best;
  if (first === configured) return { options, moved: [] };
  return {
    options: [first, ...options.filter((option) => option !== first)],
    moved: [
      {
        tier,
        why: explored === undefined ? "scoreboard" : "explored",
        first: first.route.model,
        instead: (explored === undefined ? configured : best).route.model,
      },
    ],
  };
}

/** What can take the place of `configured`, or itself. */
function cheapest(
  configured: RouteOption,
  options: readonly RouteOption[],
  scores: readonly Score[],
  { estimate }: Preferring,
): RouteOption {
  const belief = beliefOf(estimate.size, estimate.confidence);
  const price = ({ model, runner, skill }: RouteOption) => (model + runner) / chanceOf(belief, skill);
  const known = options.filter(({ route }) => {
    const score = scores.find(({ harness, model }) => harness === route.harness && model === route.model);
    return (score?.tried ?? 0) >= ENOUGH;
  });
  const [best = configured] = known.toSorted((one, other) => price(one) - price(other));
  return price(best) <= (1 - MARGIN) * price(configured) ? best : configured;
}

/** One of `others` for a share of all seeds, the same for the same seed. */
function chosenToExplore(others: readonly RouteOption[], { explore, estimate, seed }: Preferring): RouteOption | undefined {
  if (!EXPLORED.includes(estimate.size)) return undefined;
  const drawn = createHash("sha256").update(seed).digest().readUInt32BE(0) / 2 ** 32;
  return drawn < explore ? others[Math.floor((drawn / explore) * others.length)] : undefined;
}
