import type { MicroUsd } from "../wire/units.ts";
import type { TaskId } from "../wire/ids.ts";

/** One pull request under one route. `cost`: what it has come to, once it has ended. */
export type FundedRun = {
  readonly task: TaskId;
  readonly pull: number;
  readonly phase: "waits" | "goesOn" | "ended";
  readonly cost: MicroUsd;
  /** Its tests passed without any work: no run of this pull request can tell anything. */
  readonly provesNothing: boolean;
};

export type Funding = {
  readonly start: readonly TaskId[];
  /** Never to be started. */
  readonly leave: readonly { readonly task: TaskId; readonly why: "budget" | "proves-nothing" }[];
};

/**
 * Which runs may start now: as many, in order, as fit the trial's budget beside what the ended ones have cost and the most that those
 * under way may cost. Once nothing is under way and the next doesn't fit, none ever will. Pure.
 */
export function fund(runs: readonly FundedRun[], atMost: MicroUsd, budget: MicroUsd): Funding {
  const useless = new Set(runs.filter(({ provesNothing }) => provesNothing).map(({ pull }) => pull));
  const waiting = runs.filter(({ phase }) => phase === "waits");
  const worth = waiting.filter(({ pull }) => !useless.has(pull));
  const underWay = runs.filter(({ phase }) => phase === "goesOn").length;
  const committed = runs.reduce((sum, { phase, cost }) => sum + (phase === "ended" ? cost : 0), underWay * atMost);
  const fitting = Math.max(0, Math.floor((budget - committed) / atMost));
  const start = worth.slice(0, fitting);
  const isOver = underWay === 0 && start.length === 0;
  return {
    start: start.map(({ task }) => task),
    leave: [
      ...waiting.filter(({ pull }) => useless.has(pull)).map(({ task }) => ({ task, why: "proves-nothing" as const })),
      ...(isOver ? worth.map(({ task }) => ({ task, why: "budget" as const })) : []),
    ],
  };
}
