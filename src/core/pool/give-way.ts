import type { LeaseId } from "../wire/ids.ts";
import { MicroUsd } from "../wire/units.ts";
import type { CredentialState, PoolSnapshot, QueuedTask, StandbyRun, Upstream } from "./decision.ts";
import type { KeptFree } from "./kept-free.ts";
import { index, refusal, type Pool } from "./why-not.ts";
import { allowanceKey, subjectId } from "./windows.ts";

/**
 * The runs on standby that are to give way so that this task fits somewhere: as few as will do, the youngest first. None where
 * that would not help, or where those that are stopped already suffice.
 */
export function whoGivesWay(task: QueuedTask, pool: Pool, keptFree: KeptFree, told: ReadonlySet<LeaseId>): readonly LeaseId[] {
  const { snapshot, constants } = pool;
  const runs = snapshot.onStandby ?? [];
  const gone = runs.filter(({ lease, stopping }) => stopping || told.has(lease));
  const others = runs.filter((run) => !gone.includes(run));
  if (others.length === 0) return [];
  const fits = (without: readonly StandbyRun[]): boolean => {
    const left = index(withoutRuns(snapshot, without), constants);
    return left.snapshot.credentials.some(
      (credential) => refusal(task, credential, left, keptFree.credentials.get(credential.name)) === null,
    );
  };
  if (fits(gone) || !fits(runs)) return [];
  let stopped = others;
  for (const run of others) {
    const fewer = stopped.filter((each) => each !== run);
    if (fits([...gone, ...fewer])) stopped = fewer;
  }
  return stopped.map(({ lease }) => lease);
}

/** The pool once these runs have ended. */
function withoutRuns(snapshot: PoolSnapshot, runs: readonly StandbyRun[]): PoolSnapshot {
  const of = (upstream: string | null, window: string): number => {
    const theirs = upstream === null ? runs : runs.filter((run) => run.upstream === upstream);
    return theirs.reduce((sum, { holds }) => sum + (holds.find((hold) => hold.window === window)?.amount ?? 0), 0);
  };
  const credentials = snapshot.credentials.map((credential): CredentialState => {
    const ended = credential.budgets.length > 0 ? 0 : runs.filter(({ upstream }) => upstream === credential.upstream).length;
    return { ...credential, live: Math.max(0, credential.live - ended) };
  });
  const upstreams = snapshot.upstreams.map((upstream): Upstream => {
    const windows = upstream.windows.map((window) => ({
      ...window,
      held: Math.max(0, window.held - of(upstream.id, `window:${allowanceKey(window)}`)),
    }));
    return { ...upstream, windows };
  });
  const budgets = snapshot.budgets.map((budget) => ({
    ...budget,
    held: MicroUsd(Math.max(0, budget.held - of(null, `usd:${subjectId(budget.subject)}`))),
  }));
  return {
    ...snapshot,
    credentials,
    upstreams,
    budgets,
    unclaimed: Math.max(0, snapshot.unclaimed - runs.filter(({ offered }) => offered).length),
  };
}
