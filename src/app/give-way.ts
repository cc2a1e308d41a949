import { LISTING_LAG_MS } from "#core/task/effects.ts";
import type { ClaimedTask, LeaseRow } from "#ports/store.ts";
import { stopRun } from "./cancel.ts";
import type { Deps, Next } from "./deps.ts";

/**
 * dispatching or awaiting → queued: no runner has taken what is to give way, so its offer is taken back and its run cancelled. One
 * that works is told with its heartbeat, and reports what it has.
 */
export async function giveWay(deps: Deps, task: ClaimedTask, lease: LeaseRow): Promise<Next> {
  if (lease.state !== "withdrawn" && !(await deps.store.withdrawLease(lease.id))) return { restMs: LISTING_LAG_MS };
  return (await stopRun(deps, task, lease)) ?? { go: "expire", lease: { lease: lease.id, lose: true } };
}
