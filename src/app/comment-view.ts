import { drawnOf } from "#core/pool/ledger.ts";
import { LEASE } from "#core/pool/lease.ts";
import type { CommentView, LeaseView, TaskView } from "#core/task/comment.ts";
import { STOPPABLE } from "#core/task/happening.ts";
import { LIVE_LEASE_STATES } from "#core/task/lifecycle.ts";
import type { Progress } from "#core/task/so-far.ts";
import type { ClaimedComment } from "#ports/comments.ts";
import type { LeaseRow, TaskRow } from "#ports/store.ts";
import { isGivingWay } from "./stopped.ts";

/** What the store knows of an issue's task → what its one comment shows. Pure. */
export function toView(
  { notice }: Pick<ClaimedComment, "notice">,
  task: TaskRow | undefined,
  leases: readonly LeaseRow[],
  queue: Pick<TaskView, "pausedBy" | "expected">,
): CommentView {
  return { notice, task: task === undefined ? null : toTaskView(task, leases, queue) };
}

/** Of the last run, while it works and was heard of. */
function progressOf(leases: readonly LeaseRow[]): Progress | null {
  const last = leases.at(-1);
  if (last === undefined || last.beat === null || last.deadlineInMs === null) return null;
  const { phase, modelCalls } = last.beat;
  return { phase, steps: modelCalls, spent: last.used, billed: last.billed, ms: LEASE.termMs - last.deadlineInMs };
}

function movedBy(lease: LeaseRow, isLast: boolean): LeaseView["movedBy"] {
  // What works still is told of as at work.
  if (isGivingWay(lease) && lease.attempt.verdict === null && !LIVE_LEASE_STATES.includes(lease.state)) return "gave-way";
  return !isLast && lease.report?.kind === "ran" ? lease.report.ending.kind : null;
}

function toTaskView(task: TaskRow, leases: readonly LeaseRow[], queue: Pick<TaskView, "pausedBy" | "expected">): TaskView {
  return {
    ...queue,
    ending: task.cancel !== null && STOPPABLE.includes(task.state),
    reminded: task.reminded,
    isFollowUp: task.brief.follows !== undefined,
    task: task.id,
    state: task.state,
    failure: task.failure,
    waiting: task.waiting,
    progress: progressOf(leases),
    plan: task.plan,
    pullRequest: task.pullRequest,
    invited: task.invited,
    ciChecks: task.ciChecks,
    leases: leases.map((lease, at) => {
      const { attempt, report } = lease;
      // The attempt's judgement belongs to the lease it ended with.
      const last = leases[at + 1]?.attempt.id !== attempt.id;
      return {
        attempt: attempt.number,
        route: attempt.route,
        credential: lease.credential,
        runUrl: lease.runUrl,
        verdict: last ? attempt.verdict : null,
        why: last ? attempt.why : null,
        movedBy: movedBy(lease, last),
        checks: report?.kind === "ran" ? report.checks : null,
        verification: report?.kind === "ran" ? report.verification : [],
        modelCost: lease.costs.model,
        drawn: drawnOf(lease),
        runnerCost: lease.costs.runner,
        sandbox: report?.kind === "ran" ? report.sandbox : null,
      };
    }),
  };
}
