import type { EndingKind } from "../wire/contract.ts";
import type { TaskId } from "../wire/ids.ts";
import type { MicroUsd } from "../wire/units.ts";
import { median, sum } from "../plan/figures.ts";
import type { Route } from "../plan/route.ts";
import { NO_FAULT_ENDINGS } from "../plan/scoreboard.ts";
import { isTerminal, type TaskState, type Verdict } from "../task/lifecycle.ts";
import type { JudgedReason } from "../task/judge.ts";
import type { LeftOut } from "./choice.ts";

/** What a trial would do, before it is begun. Money is at list price, runners included. */
export type TrialOffer = {
  readonly routes: readonly {
    /** As it was asked for. */
    readonly word: string;
    readonly route: Route;
    /** Of all its runs together. */
    readonly expected: MicroUsd;
  }[];
  readonly pulls: readonly { readonly pull: number; readonly issue: number; readonly title: string }[];
  readonly leftOut: readonly { readonly pull: number; readonly why: LeftOut }[];
  /** The most that one run may cost, `model` of it on the model, with so many moves to another credential. */
  readonly atMost: { readonly run: MicroUsd; readonly model: MicroUsd; readonly moves: number };
  readonly budget: MicroUsd;
};

/** How one pull request stands under one route. `failed`: its tests were not passed; `unjudged`: for a reason that is not the route's. */
export const MARKS = ["waits", "goesOn", "resolved", "failed", "provesNothing", "unjudged", "notRun"] as const;
export type Mark = (typeof MARKS)[number];

export type TrialRun = {
  readonly task: TaskId;
  readonly pull: number;
  readonly route: string;
  readonly mark: Mark;
  /** At list price, in micro-dollars. */
  readonly model: MicroUsd;
  readonly runner: MicroUsd;
  /** Of its jobs, by their own clocks. */
  readonly ms: number;
};

/** What the store knows of a run. `begun`: it has had a lease. */
export type RunFacts = {
  readonly state: TaskState;
  readonly begun: boolean;
  readonly verdict: Verdict | null;
  readonly why: JudgedReason | null;
};

const NO_FAULTS: readonly EndingKind[] = NO_FAULT_ENDINGS;
/** What says of the work itself that it doesn't do. */
const THE_ROUTES: readonly JudgedReason["why"][] = ["no-change", "checks-failed", "guards"];

/** A run's mark. Pure. */
export function markOf({ state, begun, verdict, why }: RunFacts): Mark {
  if (!isTerminal(state)) return begun ? "goesOn" : "waits";
  if (state === "solved") return "resolved";
  if (verdict === null || (verdict === "refused" && why === null)) return "notRun";
  if (why?.why === "blocked") return why.reason === "nothingToProve" ? "provesNothing" : "unjudged";
  if (why?.why === "ending") return NO_FAULTS.includes(why.ending) ? "unjudged" : "failed";
  return why !== null && THE_ROUTES.includes(why.why) ? "failed" : "unjudged";
}

/** One route's figures, over the pull requests whose tests prove something. */
export type RouteRow = {
  readonly route: string;
  readonly resolved: number;
  /** That were judged: resolved or failed. */
  readonly judged: number;
  readonly unjudged: number;
  /** Of the judged runs, in micro-dollars at list price. */
  readonly model: number;
  readonly runner: number;
  /** null where nothing was resolved. */
  readonly perResolved: number | null;
  /** null where nothing was judged. */
  readonly medianMs: number | null;
};

/** The trial's table, in the order of its routes. Pure. */
export function tableOf(routes: readonly string[], runs: readonly TrialRun[]): readonly RouteRow[] {
  const useless = new Set(runs.filter(({ mark }) => mark === "provesNothing").map(({ pull }) => pull));
  return routes.map((route) => {
    const counted = runs.filter((run) => run.route === route && !useless.has(run.pull));
    const judged = counted.filter(({ mark }) => mark === "resolved" || mark === "failed");
    const resolved = judged.filter(({ mark }) => mark === "resolved").length;
    const model = sum(judged, (run) => run.model);
    const runner = sum(judged, (run) => run.runner);
    return {
      route,
      resolved,
      judged: judged.length,
      unjudged: counted.filter(({ mark }) => mark === "unjudged").length,
      model,
      runner,
      perResolved: resolved === 0 ? null : Math.round((model + runner) / resolved),
      medianMs: judged.length === 0 ? null : Math.round(median(judged.map(({ ms }) => ms))),
    };
  });
}
