import { TrialId } from "#core/wire/ids.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { markOf, tableOf, type RouteRow, type TrialOffer, type TrialRun } from "#core/trial/report.ts";
import type { TrialState } from "#core/trial/lifecycle.ts";
import type { Store } from "#ports/store.ts";
import type { StoredRun } from "#ports/trial.ts";

/** A trial as it stands: `agent-pool trial ID --json`. Money is in micro-dollars, at list price. */
export type TrialReport = {
  readonly trial: TrialId;
  readonly repository: string;
  readonly state: TrialState;
  /** Nothing of it is under way, and nothing will be. */
  readonly over: boolean;
  readonly failure: string | null;
  readonly offer: TrialOffer | null;
  readonly runs: readonly TrialRun[];
  readonly table: readonly RouteRow[];
};

export async function reportTrial(store: Store, id: string): Promise<Result<TrialReport, string>> {
  const found = await store.readTrial(TrialId(id));
  if (found === undefined) return err(`there is no trial ${id}`);
  const { id: trial, repository, routes, state, failure, offer } = found.trial;
  const runs = found.runs.map(toRun);
  const isOpen = state === "choosing" || state === "offered" || state === "running";
  const over = !isOpen && !runs.some(({ mark }) => mark === "waits" || mark === "goesOn");
  return ok({ trial, repository, state, over, failure, offer, runs, table: tableOf(routes, runs) });
}

function toRun({ task, pull, route, model, runner, ms, ...facts }: StoredRun): TrialRun {
  return { task, pull, route, mark: markOf(facts), model, runner, ms };
}
