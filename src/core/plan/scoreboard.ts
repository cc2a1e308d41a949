import type { EndingKind, Size } from "../wire/contract.ts";
import type { TaskId } from "../wire/ids.ts";
import { DAY_MS, type MicroUsd } from "../wire/units.ts";
import { endOf, type Fate } from "./fate.ts";
import { count, figure, groups, mean, median, sum, type Figure } from "./figures.ts";
import type { Route } from "./route.ts";

/** How far back scores and reports look. Models change under their names, and so do repositories. */
export const SCORE_MS = 180 * DAY_MS;

/** How a harness may end that says nothing of it or its model: its credential's limit or fault, or its provider's. */
export const NO_FAULT_ENDINGS = [
  "rateLimited",
  "quotaExhausted",
  "overloaded",
  "authFailed",
  "billing",
  "modelNotFound",
  "providerError",
] as const satisfies readonly EndingKind[];

/** One ended attempt as the owner's ledger has it. */
export type Attempted = {
  readonly task: TaskId;
  /** By the name it had last. */
  readonly repository: string;
  readonly size: Size;
  /** What a verified result was held to be worth; null where its plan didn't say; nothing in a trial. */
  readonly worth: MicroUsd | null;
  readonly route: Pick<Route, "tier" | "harness" | "model">;
  /** What its plan expected; null where it didn't say. */
  readonly chance: number | null;
  /** Whether it says something of its route, and whether its result was found good by a check (`Score`). */
  readonly tried: boolean;
  readonly verified: boolean;
  /** Model at list price, whoever paid, and runner minutes. */
  readonly cost: MicroUsd;
  /** Of the attempt that opened one. `followUps`: what its follow-ups cost, which say nothing of how hard the issue is. */
  readonly pull: { readonly fate: Fate | null; readonly reverted: boolean; readonly followUps: MicroUsd } | null;
};

/** Counts are of attempts, then of pull requests. Money in micro-dollars, times in milliseconds. */
export type Tally = {
  readonly attempts: number;
  readonly tried: number;
  readonly verified: number;
  readonly pulls: number;
  readonly merged: number;
  readonly closed: number;
  readonly reverted: number;
  readonly cost: number;
  /** All that was spent, on what failed and on follow-ups too, for each pull request that was merged. */
  readonly costPerMerged: Figure;
  /** The mean number of commits on which a person asked for changes. */
  readonly roundsPerMerged: Figure;
  /** The median from its opening on. */
  readonly msToMerge: Figure;
};

export type RouteTally = Tally & Pick<Route, "harness" | "model"> & { readonly repository: string };

/** How each harness and model has done in each repository. Pure. */
export function scoreboard(attempts: readonly Attempted[]): readonly RouteTally[] {
  return groups(attempts, ({ repository, route }) => `${repository} ${route.harness} ${route.model}`).flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { repository, route } = first;
    return [{ repository, harness: route.harness, model: route.model, ...tally(group) }];
  });
}

export function tally(attempts: readonly Attempted[]): Tally {
  const pulls = attempts.flatMap(({ pull }) => (pull === null ? [] : [pull]));
  const fates = pulls.flatMap(({ fate }) => (fate === null ? [] : [fate]));
  const merged = fates.filter((fate) => endOf(fate) === "merged");
  const cost = sum(attempts, (attempt) => attempt.cost) + sum(pulls, ({ followUps }) => followUps);
  const times = merged.map(({ merged: by, openedAt }) => (by?.at ?? openedAt) - openedAt);
  return {
    attempts: attempts.length,
    tried: count(attempts, ({ tried }) => tried),
    verified: count(attempts, ({ verified }) => verified),
    pulls: pulls.length,
    merged: merged.length,
    closed: count(fates, (fate) => endOf(fate) === "closed"),
    reverted: count(pulls, ({ reverted }) => reverted),
    cost,
    costPerMerged: figure(merged.length, () => cost / merged.length),
    roundsPerMerged: figure(merged.length, () => mean(merged, ({ rounds }) => rounds.length)),
    msToMerge: figure(merged.length, () => median(times)),
  };
}
