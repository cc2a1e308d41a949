import type { Change } from "#core/wire/contract.ts";
import type { Plan } from "#core/plan/plan.ts";
import { carriedOver } from "#core/task/carried-over.ts";
import type { LeaseRow, Store } from "#ports/store.ts";

/** The runs of this lease's attempt that have reported, oldest first. */
export async function reportedRuns(store: Store, { task, attempt }: LeaseRow): Promise<readonly LeaseRow[]> {
  const leases = await store.readLeases(task);
  return leases.filter((each) => each.attempt.id === attempt.id && each.state === "settled");
}

/** What this lease's attempt began with: what the last run of the attempts before it left to it. */
export async function begunWith(store: Store, { task, attempt }: LeaseRow, plan: Plan): Promise<readonly Change[]> {
  const leases = await store.readLeases(task);
  const last = leases.findLast((each) => each.attempt.number < attempt.number && each.state === "settled");
  return last === undefined ? [] : carriedOver(await store.readChanges(last.id), plan, last.attempt.route.tier);
}
