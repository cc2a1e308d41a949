import { LISTING_LAG_MS } from "#core/task/effects.ts";
import type { Failure } from "#core/wire/failure.ts";
import { MINUTE_MS } from "#core/wire/units.ts";
import type { ClaimedTask, LeaseRow } from "#ports/store.ts";
import type { Deps, Next } from "./deps.ts";
import { reconcile } from "./reconcile.ts";

/** How soon GitHub is asked what has become of a run that was cancelled: a job has about five minutes to end. */
const LOOK_AGAIN_MS = MINUTE_MS;

/**
 * A task that is to end as cancelled, in whatever state that found it: its lease is taken back and its run cancelled; one that
 * works may still report what it used.
 */
export async function cancel(deps: Deps, task: ClaimedTask, lease: LeaseRow | undefined, failure: Failure): Promise<Next> {
  const patch = { failure };
  const { state } = task;
  if (lease !== undefined && (state === "dispatching" || state === "awaiting")) {
    // Taken back first: a run that claims at this very moment keeps both, and the task is at work.
    if (lease.state !== "withdrawn" && !(await deps.store.withdrawLease(lease.id))) return { restMs: LISTING_LAG_MS };
    const failed = await stopRun(deps, task, lease);
    return failed ?? { go: "cancel", patch, lease: { lease: lease.id, lose: true, verdict: CANCELLED } };
  }
  if (lease !== undefined && state === "running") {
    if (lease.note?.why !== "cancelled") {
      await deps.store.noteLease(lease.id, { why: "cancelled" });
      return (await stopRun(deps, task, lease)) ?? { restMs: LOOK_AGAIN_MS };
    }
    // Whether it is heard of or not: what GitHub says of its run decides.
    const next = await reconcile(deps, task, { ...lease, runEnded: true });
    return "go" in next && next.go === "lose" ? { ...next, go: "cancel", patch } : next;
  }
  // No run works on it: what an attempt has left open ends with it.
  const isOpen = lease?.attempt.verdict === null;
  return { go: "cancel", patch, ...(isOpen ? { lease: { lease: lease.id, verdict: CANCELLED } } : {}) };
}

const CANCELLED = { verdict: "refused", why: { why: "cancelled" } } as const;

/** What GitHub did not do, where that is worth another try. */
export async function stopRun({ github }: Deps, { brief, plan }: ClaimedTask, lease: LeaseRow): Promise<Next | undefined> {
  if (plan === null) return undefined;
  const { repository, workflow } = plan.runner;
  const runner = await github.readRunner(brief.installation, repository);
  if (!runner.ok) return runner.error.reason === "github-unavailable" ? { failed: runner.error } : undefined;
  if (runner.value === undefined) return undefined;
  const found = lease.run === null ? await github.findRun(brief.installation, runner.value, workflow, lease.id) : undefined;
  if (found?.ok === false) return found.error.reason === "github-unavailable" ? { failed: found.error } : undefined;
  const run = lease.run ?? found?.value?.id;
  if (run === undefined) return undefined;
  const cancelled = await github.cancelRun(brief.installation, runner.value, run);
  return !cancelled.ok && cancelled.error.reason === "github-unavailable" ? { failed: cancelled.error } : undefined;
}
