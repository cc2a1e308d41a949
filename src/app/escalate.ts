import { MicroUsd } from "#core/wire/units.ts";
import { sum } from "#core/plan/figures.ts";
import { chooseRoute, type Prospect, type Stop, type Tried } from "#core/plan/ladder.ts";
import type { Plan } from "#core/plan/plan.ts";
import { afterEnding } from "#core/task/escalate.ts";
import type { Judgement } from "#core/task/judge.ts";
import type { ClaimedTask, LeaseRow } from "#ports/store.ts";
import type { Deps, Next } from "./deps.ts";

type Unverified = Exclude<Judgement, { verdict: "solved" }>;

/**
 * judging → queued, for the next attempt on the route with the best value of those left; or the end, with what going on would
 * cost. Both caps hold before it starts: the attempts are counted, and of the dollars only what is left may be spent.
 */
export async function afterUnverified(
  { store, runtime }: Deps,
  task: ClaimedTask,
  lease: LeaseRow,
  { verdict, why }: Unverified,
): Promise<Next> {
  const judged = { lease: { lease: lease.id, verdict: { verdict, why } } };
  const { plan } = task;
  if (plan?.ladder === undefined || afterEnding(why) === "stop") return { go: "reject", ...judged };
  const leases = await store.readLeases(task.id);
  const tried = triedOf(leases, why);
  const floor = why.why === "below-floor" ? { from: why.floor.tier, anyhow: true } : {};
  const choice = chooseRoute(plan.ladder, plan, tried, floor);
  if ("stop" in choice) {
    const failure = toFailure(choice, leases, tried.length, plan.ladder.worth);
    return { go: "reject", patch: { failure }, ...judged };
  }
  const { route } = choice.go.option;
  runtime.log.info({ task: task.id, verdict, tier: route.tier, model: route.model }, "task goes on with another route");
  return { go: "escalate", patch: { plan: planNext(plan, choice.go, tried.length + 1) }, ...judged };
}

/** Each attempt so far, the one that is judged just now included. */
function triedOf(leases: readonly LeaseRow[], why: Unverified["why"]): readonly Tried[] {
  return [...Map.groupBy(leases, ({ attempt }) => attempt.number).values()].flatMap((runs): Tried[] => {
    const [first] = runs;
    if (first === undefined) return [];
    const { route } = first.attempt;
    const passed = (first.attempt.why ?? why).why === "below-floor";
    return [{ route, model: MicroUsd(sum(runs, ({ costs }) => costs.listed ?? 0)), passed }];
  });
}

function planNext(plan: Plan, { option, chance, expected, cost, cap }: Prospect, attempt: number): Plan {
  const { route, price } = option;
  const { tier, model } = route;
  const routeReasons = [...plan.routeReasons, { fact: "escalated", attempt, tier, model, chance, cost } as const];
  return { ...plan, route, routeReasons, price, chance, expected, budget: cap };
}

function toFailure({ stop, next }: Stop, leases: readonly LeaseRow[], attempts: number, worth: MicroUsd) {
  return {
    reason: "attempts-ended",
    stop,
    attempts,
    cost: MicroUsd(sum(leases, ({ costs }) => (costs.model ?? 0) + (costs.runner ?? 0))),
    worth,
    next: next === null ? null : { model: next.option.route.model, chance: next.chance, cost: next.cost },
  } as const;
}
