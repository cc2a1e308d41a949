import { TIERS, type Size, type Tier } from "../wire/contract.ts";
import { count, ENOUGH, figure, groups, mean, sum, type Figure } from "./figures.ts";
import type { Attempted } from "./scoreboard.ts";

/**
 * What a policy comes to for each task. `estimated`: it was not done; what it would have come to is taken from attempts on issues of
 * the same size. `cost`, `regret` in micro-dollars a task; `regret`: how much more it would have been worth than what was done.
 */
export type Alternative = {
  readonly policy: "done" | "always-light" | "always-frontier" | "cascade";
  readonly estimated: boolean;
  readonly verified: Figure;
  readonly cost: Figure;
  readonly regret: Figure;
};

/** What one try comes to: the share that is verified, and what it costs. */
type Try = { readonly verified: number; readonly cost: number };

/**
 * What was done, against one tier for all tasks and against the plain cascade: each task from light upwards until one is verified.
 * `tried`: an owner's attempts that say something of their routes, each task's in their order. Pure.
 */
export function alternativesTo(tried: readonly Attempted[]): readonly Alternative[] {
  const all = groups(tried, ({ task }) => task);
  // Of a trial each route has its turn: that tells of routes, and nothing of how they are chosen.
  const tasks = all.filter(([first]) => first?.worth !== 0);
  const firsts = tasks.flatMap(([first]) => first ?? []);
  const worths = firsts.flatMap(({ worth }) => worth ?? []);
  const worth = mean(worths, (each) => each);
  const rates = ratesOf(all);
  const done = averageOf(
    tasks.map((attempts) => ({
      verified: Number(attempts.some(({ verified }) => verified)),
      cost: sum(attempts, ({ cost }) => cost),
    })),
  );

  function compare(policy: Alternative["policy"], come: Try, of: number): Alternative {
    return {
      policy,
      estimated: policy !== "done",
      verified: figure(of, () => come.verified),
      cost: figure(of, () => come.cost),
      regret: figure(Math.min(of, worths.length), () => worth * (come.verified - done.verified) - (come.cost - done.cost)),
    };
  }
  /** `fewest`: of so many of its tiers enough must be known. */
  function estimate(policy: Alternative["policy"], tiers: readonly Tier[], fewest: number): Alternative {
    const known = tiers.filter((tier) => rates.of(tier) >= ENOUGH);
    const bySize = new Map(
      [...new Set(firsts.map(({ size }) => size))].map((size) => [
        size,
        cascade(known.map((tier, at) => rates.rate(tier, size, at > 0))),
      ]),
    );
    const would = averageOf(firsts.flatMap(({ size }) => bySize.get(size) ?? []));
    const of = known.length < fewest ? Math.min(...tiers.map(rates.of)) : Math.min(tasks.length, ...known.map(rates.of));
    return compare(policy, would, of);
  }
  return [
    compare("done", done, tasks.length),
    estimate("always-light", ["light"], 1),
    estimate("always-frontier", ["frontier"], 1),
    estimate("cascade", TIERS, 2),
  ];
}

/** One tier after another until one is verified. */
function cascade(steps: readonly Try[]): Try {
  let unverified = 1;
  let cost = 0;
  for (const step of steps) {
    cost += unverified * step.cost;
    unverified *= 1 - step.verified;
  }
  return { verified: 1 - unverified, cost };
}

/** How many tries what is known more broadly counts for, beside those that are just alike. */
const WEIGHT = 5;

/**
 * What a try of a tier comes to on an issue of a size, first or after another has failed on it: such tries, drawn towards those of all
 * sizes, and these towards all of the tier's. Failures go together, for an issue that one tier fails on is a hard one: where none of a
 * tier's tries came after a failure that is not seen, and the cascade looks better than it is.
 */
function ratesOf(tasks: readonly (readonly Attempted[])[]) {
  const tries = tasks.flatMap((attempts) => attempts.map((attempt, at) => ({ ...attempt, after: at > 0 })));
  return {
    of: (tier: Tier): number => count(tries, ({ route }) => route.tier === tier),
    rate(tier: Tier, size: Size, after: boolean): Try {
      const all = tries.filter(({ route }) => route.tier === tier);
      const alike = all.filter((each) => each.after === after);
      return [alike, alike.filter((each) => each.size === size)].reduce<Try>(
        (broader, level) => ({
          verified: (count(level, ({ verified }) => verified) + WEIGHT * broader.verified) / (level.length + WEIGHT),
          cost: (sum(level, ({ cost }) => cost) + WEIGHT * broader.cost) / (level.length + WEIGHT),
        }),
        averageOf(all.map(({ verified, cost }) => ({ verified: Number(verified), cost }))),
      );
    },
  };
}

function averageOf(tries: readonly Try[]): Try {
  return { verified: mean(tries, ({ verified }) => verified), cost: mean(tries, ({ cost }) => cost) };
}
