import type { Size } from "../wire/contract.ts";

/**
 * How hard an issue may be: a weight for each of `DIFFICULTIES`, together 1. Difficulty and skill are in logits, as ratings of
 * chess players are: a route solves an issue that is as hard as it is skilled in one of two tries (Rasch's model, 1960).
 */
export type Belief = readonly number[];

/** Beyond six logits nothing changes: 0.25 % there. */
const DIFFICULTIES: readonly number[] = Array.from({ length: 25 }, (_, at) => (at - 12) / 2);

/**
 * How far issues of one owner lie apart, as a standard deviation: of a route that solves six of ten, one that is harder by this
 * is solved in two of ten. A size takes little of it away, since even people's own labels tell little.
 */
const SPREAD = 2;
/** How hard a size is on the average, were it certain. Assumed: half of an issue's spread from `s` to `l`. */
const SHIFT: Record<Size, number> = { xs: -1, s: -0.5, m: 0, l: 0.75, xl: 2 };

/**
 * What checks see. `noticed`: of wrong results, the share that they fail on; `falseAlarm`: of right ones. Not known for any
 * repository; the evaluation (`npm run bench:routing`) holds this middle against better checks and worse.
 */
export type Checking = { readonly noticed: number; readonly falseAlarm: number };
export const WITH_CHECKS: Checking = { noticed: 0.5, falseAlarm: 0.05 };
/** Whatever comes out is taken for right. */
export const NO_CHECKS: Checking = { noticed: 0, falseAlarm: 0 };
/** Nothing came out. */
const SURELY: Checking = { noticed: 1, falseAlarm: 0 };

/** An issue that is harder by one logit costs this much more, as a logarithm: a third more. Assumed; failed runs are the long ones. */
const COST_BY_DIFFICULTY = 0.3;
const COSTS: readonly number[] = DIFFICULTIES.map((difficulty) => Math.exp(COST_BY_DIFFICULTY * difficulty));
/** How the logarithm of a run's cost spreads on issues that are equally hard, as the estimates' prior has it (core/pool/priors.ts). */
const COST_SPREAD = 0.6;

/** A run that is dearer or cheaper than a factor of e says that our estimate was wrong, and no more of the issue. Assumed. */
const MOST_TOLD = 1;

export function beliefOf(size: Size, confidence: number): Belief {
  const mean = SHIFT[size] * confidence;
  const spread = SPREAD - confidence / 2;
  return normalized(DIFFICULTIES.map((difficulty) => Math.exp(-((difficulty - mean) ** 2) / (2 * spread ** 2))));
}

/** The share of issues of this belief that a route of this skill solves. */
export function chanceOf(belief: Belief, skill: number): number {
  return weigh(belief, solvesOf(skill));
}

/** The share on which checks see nothing wrong: a little more or less than are solved. */
export function passes(belief: Belief, skill: number, checking: Checking): number {
  return Math.max(0, 1 - weigh(belief, failsOf(skill, checking)));
}

/** How many times as dear a run is as it would be under `before`. */
export function costRatio(belief: Belief, before: Belief): number {
  return meanCost(belief) / meanCost(before);
}

/** After an attempt of this skill on which the checks failed; without checks, one that brought nothing. */
export function afterFailure(belief: Belief, skill: number, checking: Checking): Belief {
  const seen = checking.noticed === 0 ? SURELY : checking;
  const fails = failsOf(skill, seen);
  return normalized(belief.map((weight, at) => weight * (fails[at] ?? 0)));
}

/** After a run whose cost was this many times what was expected under `before`: a long one speaks for a hard issue, however it ended. */
export function afterCost(belief: Belief, ratio: number, before: Belief): Belief {
  // What is expected is a mean, half a variance above what is usual at a difficulty of 0.
  const told = Math.max(-MOST_TOLD, Math.min(MOST_TOLD, Math.log(ratio)));
  const log = told + COST_SPREAD ** 2 / 2 + Math.log(meanCost(before));
  return normalized(
    belief.map((weight, at) => {
      const off = log - COST_BY_DIFFICULTY * (DIFFICULTIES[at] ?? 0);
      return weight * Math.exp(-(off ** 2) / (2 * COST_SPREAD ** 2));
    }),
  );
}

function meanCost(belief: Belief): number {
  return weigh(belief, COSTS);
}

function solvesOf(skill: number): readonly number[] {
  return DIFFICULTIES.map((difficulty) => 1 / (1 + Math.exp(difficulty - skill)));
}

function failsOf(skill: number, { noticed, falseAlarm }: Checking): readonly number[] {
  return solvesOf(skill).map((solved) => solved * falseAlarm + (1 - solved) * noticed);
}

/** The mean of a figure that each difficulty has. */
function weigh(belief: Belief, figures: readonly number[]): number {
  return belief.reduce((total, weight, at) => total + weight * (figures[at] ?? 0), 0);
}

function normalized(weights: readonly number[]): Belief {
  const total = weights.reduce((all, weight) => all + weight, 0);
  return weights.map((weight) => weight / total);
}
