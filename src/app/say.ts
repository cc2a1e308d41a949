import { drawnOf } from "#core/pool/ledger.ts";
import { renderComment, type CommentView, type TaskView } from "#core/task/comment.ts";
import { EFFECTS } from "#core/task/effects.ts";
import { STOPPABLE } from "#core/task/happening.ts";
import { ok, type Result } from "#core/wire/result.ts";
import type { GitHubFailure } from "#ports/github.ts";
import type { ClaimedComment, LeaseRow, TaskRow } from "#ports/store.ts";
import type { Deps, Worked } from "./deps.ts";

/** Brings an issue's one comment up to date: created once, edited after. */
export async function say(deps: Deps, comment: ClaimedComment): Promise<Worked> {
  const { store, runtime } = deps;
  const task = comment.task === null ? undefined : await store.readTask(comment.task);
  const leases = task === undefined ? [] : await store.readLeases(task.id);
  const pausedBy = task?.state === "queued" ? await store.readPause(comment.place.owner.id) : null;
  const body = renderComment(toView(comment, task, leases, pausedBy));
  const hash = runtime.hash(body);
  if (comment.refused || comment.written?.hash === hash) {
    return { restMs: null };
  }
  const written = await write(deps, comment, body);
  if (written === "lost") return "done";
  if (written.ok) {
    await store.recordComment(comment, { id: written.value, hash }, task?.state ?? null);
    return "done";
  }
  const { error } = written;
  if (error.reason === "github-unavailable") return { failed: error };
  // The App isn't installed there any more: nothing is known of the comment.
  if (![EFFECTS.createComment, EFFECTS.updateComment].some((route) => route === error.route)) return { restMs: null };
  // An edited comment that is gone (404, 410) is made anew; elsewhere a refusal stays one, and the work goes on without.
  const gone = comment.written !== null && [404, 410].includes(error.status);
  runtime.log.warn({ task: comment.task, status: error.status, gone }, "GitHub refused the comment");
  await store.recordComment(comment, gone ? "gone" : "refused", null);
  return "done";
}

/** The comment's id, once it says `body`; `lost`: somebody else has this row by now. */
async function write(
  { store, github }: Deps,
  comment: ClaimedComment,
  body: string,
): Promise<Result<number, GitHubFailure> | "lost"> {
  const { place, issue } = comment;
  let id = comment.written?.id;
  if (id === undefined && comment.begun) {
    const found = await github.findComment(place, issue);
    if (!found.ok) return found;
    id = found.value;
  }
  if (id === undefined) {
    if (!(await store.beginComment(comment))) return "lost";
    return github.createComment(place, issue, body);
  }
  const edited = await github.updateComment(place, id, body);
  return edited.ok ? ok(id) : edited;
}

export function toView(
  { notice }: Pick<ClaimedComment, "notice">,
  task: TaskRow | undefined,
  leases: readonly LeaseRow[],
  pausedBy: string | null = null,
): CommentView {
  return { notice, task: task === undefined ? null : toTaskView(task, leases, pausedBy) };
}

function toTaskView(task: TaskRow, leases: readonly LeaseRow[], pausedBy: string | null): TaskView {
  return {
    pausedBy,
    ending: task.cancel !== null && STOPPABLE.includes(task.state),
    reminded: task.reminded,
    task: task.id,
    state: task.state,
    failure: task.failure,
    waiting: task.waiting,
    plan: task.plan,
    pullRequest: task.pullRequest,
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
        movedBy: !last && report?.kind === "ran" ? report.ending.kind : null,
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
