import { TIERS, type Price, type Size, type Tier } from "../wire/contract.ts";
import { MicroUsd } from "../wire/units.ts";
import {
  afterCost,
  afterFailure,
  beliefOf,
  chanceOf,
  costRatio,
  passes,
  WITH_CHECKS,
  type Belief,
  type Checking,
} from "./belief.ts";
import { isAtLeast } from "./floors.ts";
import type { Route } from "./route.ts";
import { TIER_SKILL } from "./score.ts";

/** A route that may be taken, with what is known of it. Costs are what one run on an issue of this size is expected to come to. */
export type RouteOption = {
  readonly route: Route;
  readonly price: Price;
  /** In logits, as `Belief` has it. */
  readonly skill: number;
  /** Of its model, at list price. */
  readonly model: MicroUsd;
  /** Of its runner's minutes. */
  readonly runner: MicroUsd;
};

/** The routes that a task may take, one attempt each, and what it may spend: frozen when it is planned. */
export type Ladder = {
  readonly options: readonly RouteOption[];
  readonly checking: Checking;
  /** What a verified result may be expected to cost, at most. */
  readonly worth: MicroUsd;
  /** How many attempts there may be. */
  readonly attempts: number;
  /** What the models of all attempts together may cost. */
  readonly budget: MicroUsd;
};

/**
 * An attempt that brought nothing verified. `model`: what its runs' models cost at list price. `passed`: its checks did, and
 * another tier was asked for: that says nothing of how hard the issue is.
 */
export type Tried = { readonly route: Route; readonly model: MicroUsd; readonly passed?: boolean };

/** A route with what is expected of it. Shares between 0 and 1. */
export type Prospect = {
  readonly option: RouteOption;
  /** That its result is right. */
  readonly chance: number;
  /** That its checks pass, were it as skilled as its tier is before anything is known (`Score.expected`). */
  readonly expected: number;
  /** Of model and runner. */
  readonly cost: MicroUsd;
  /** What its model may cost: reserved before it starts. */
  readonly cap: MicroUsd;
};

/**
 * `attempts`, `budget`: their cap is reached; `top`: no other route is left; `hopeless`: one is, and isn't expected to be worth
 * what it costs. `next`: what going on would be; at the top, the last route once more.
 */
export type Stop = { readonly stop: "attempts" | "budget" | "top" | "hopeless"; readonly next: Prospect | null };

export type Choice = { readonly go: Prospect } | Stop;

/**
 * Which route next: of all orders in which those left could be tried, each only after the one before has failed, the one with
 * the best expected value is begun: the worth of what will be verified, less what the runs cost. What failed, and how long it
 * took, makes the issue harder in our belief, so that a route is worth less the more has been tried. Never a lower tier than the
 * last one, no route twice, and of one tier in the order of `options`. Pure.
 *
 * `anyhow`: a person has asked for it, so the best is begun whatever it is worth. `at`: in this tier, if no other was tried.
 * `from`: in this tier or a higher one.
 */
export function chooseRoute(
  ladder: Ladder,
  { size, confidence }: { readonly size: Size; readonly confidence: number },
  tried: readonly Tried[],
  { anyhow = false, at, from }: { readonly anyhow?: boolean; readonly at?: Tier; readonly from?: Tier } = {},
): Choice {
  const prior = beliefOf(size, confidence);
  const belief = tried.reduce((before, attempt) => learn(before, prior, ladder, attempt), prior);
  const spent = tried.reduce((sum, { model }) => sum + model, 0);
  const state = { belief, prior, ladder, left: ladder.budget - spent, attempts: ladder.attempts - tried.length };
  const byValue = remaining(ladder.options, tried)
    .filter(({ route }) => at === undefined || tried.length > 0 || route.tier === at)
    .filter(({ route }) => from === undefined || isAtLeast(route.tier, from))
    .map((option) => ({ prospect: prospectOf(option, tried, state), value: valueOf(option, tried, state) }))
    .toSorted((one, other) => other.value - one.value);
  const [best] = byValue;
  if (best === undefined) {
    const last = ladder.options.findLast((option) => tried.some((attempt) => isSame(attempt.route, option.route)));
    return { stop: "top", next: last === undefined ? null : prospectOf(last, tried, state) };
  }
  const next = best.prospect;
  if (state.attempts <= 0) return { stop: "attempts", next };
  const fitting = byValue.find(({ prospect }) => prospect.option.model <= prospect.cap);
  if (fitting === undefined) return { stop: "budget", next };
  return fitting.value > 0 || anyhow ? { go: fitting.prospect } : { stop: "hopeless", next: fitting.prospect };
}

type State = {
  readonly belief: Belief;
  /** Of the size alone: what the options' costs are meant for. */
  readonly prior: Belief;
  readonly ladder: Ladder;
  readonly left: number;
  readonly attempts: number;
};

function learn(belief: Belief, prior: Belief, { options, checking }: Ladder, { route, model, passed }: Tried): Belief {
  const option = options.find((each) => isSame(each.route, route));
  if (option === undefined || passed === true) return belief;
  const failed = afterFailure(belief, option.skill, checking);
  return model > 0 && option.model > 0 ? afterCost(failed, model / option.model, prior) : failed;
}

function isSame(one: Route, other: Route): boolean {
  return one.harness === other.harness && one.model === other.model && one.effort === other.effort;
}

/** Of each tier that is no lower than the last one, the first that was not tried. */
function remaining(options: readonly RouteOption[], tried: readonly Pick<Tried, "route">[]): readonly RouteOption[] {
  const reached = Math.max(0, ...tried.map(({ route }) => TIERS.indexOf(route.tier)));
  const left = options.filter(({ route }) => !tried.some((attempt) => isSame(attempt.route, route)));
  return TIERS.slice(reached).flatMap((tier) => left.find(({ route }) => route.tier === tier) ?? []);
}

function costOf({ model, runner }: RouteOption, { belief, prior }: State): number {
  return (model + runner) * costRatio(belief, prior);
}

/** In micro-dollars, of beginning with this one and going on as is best then. */
function valueOf(option: RouteOption, tried: readonly Pick<Tried, "route">[], state: State): number {
  const { belief, ladder, left, attempts } = state;
  const { checking, worth } = ladder;
  const right = chanceOf(belief, option.skill);
  const passed = passes(belief, option.skill, checking);
  const value = right * (1 - checking.falseAlarm) * worth - costOf(option, state);
  if (attempts <= 1 || passed >= 1) return value;
  const then: State = {
    ...state,
    belief: afterFailure(belief, option.skill, checking),
    left: left - option.model,
    attempts: attempts - 1,
  };
  const before = [...tried, option];
  const follow = remaining(ladder.options, before).filter(({ model }) => model <= then.left);
  return value + (1 - passed) * Math.max(0, ...follow.map((next) => valueOf(next, before, then)));
}

/** Half of what is left where another route could follow, so that it has something; else all. */
function prospectOf(option: RouteOption, tried: readonly Tried[], state: State): Prospect {
  const { belief, ladder, left, attempts } = state;
  const follows = attempts > 1 && remaining(ladder.options, [...tried, option]).length > 0;
  return {
    option,
    chance: chanceOf(belief, option.skill),
    // Where no check runs in the job, the repository's CI has the last word.
    expected: passes(belief, TIER_SKILL[option.route.tier], ladder.checking.noticed === 0 ? WITH_CHECKS : ladder.checking),
    cost: MicroUsd(Math.round(costOf(option, state))),
    cap: MicroUsd(Math.max(0, Math.floor(follows ? left / 2 : left))),
  };
}
