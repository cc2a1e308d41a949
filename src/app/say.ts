import { renderComment, type TaskView } from "#core/task/comment.ts";
import { approach, LISTING_LAG_MS } from "#core/task/effects.ts";
import { ok, type Result } from "#core/wire/result.ts";
import type { GitHubFailure } from "#ports/github.ts";
import type { ClaimedTask, AttemptRow, TaskRow } from "#ports/store.ts";
import type { Deps, Next } from "./deps.ts";

/** Tries of the first comment before the dispatch stops waiting for it. */
const PATIENCE = 4;

/** `done`: this claim has had its one effect or grant, and its row is released already. */
export type Said = Next | "done";

/**
 * Brings the task's one comment up to date: created once, edited after. undefined when it says already what there is to
 * say, or when GitHub refuses comments there (a locked issue): the work goes on without.
 */
export async function say(deps: Deps, task: ClaimedTask): Promise<Said | undefined> {
  if (task.commentRefused) return undefined;
  const body = renderComment(toView(task, await deps.store.readAttempts(task.id)));
  // The marker's line is left out: an outsider's tenth label is refused in the same words, and costs GitHub no tenth edit.
  const hash = deps.runtime.hash(body.slice(body.indexOf("\n")));
  if (task.comment?.hash === hash) return undefined;
  const written = await write(deps, task, body);
  if ("waitMs" in written) return written;
  if (!written.ok) {
    // Comments may be limited for long while dispatches are not: after some tries the work goes on unannounced.
    if (written.error.reason === "github-unavailable" && task.state === "dispatching" && task.tries > PATIENCE) return undefined;
    if (written.error.reason === "github-unavailable") return { failed: written.error };
    // An edited comment that is gone (404, 410) is made anew; elsewhere a refusal stays one.
    const gone = task.comment !== null && [404, 410].includes(written.error.status);
    deps.runtime.log.warn({ task: task.id, status: written.error.status, gone }, "GitHub refused the comment");
    await deps.store.recordComment(task, gone ? "gone" : "refused");
    return "done";
  }
  await deps.store.recordComment(task, { id: written.value, hash });
  return "done";
}

/** The comment's id, once it says `body`. */
async function write(deps: Deps, task: ClaimedTask, body: string): Promise<Result<number, GitHubFailure> | { waitMs: number }> {
  const { github } = deps;
  const issue = task.brief.issue.number;
  const how = approach(task.tries);
  let id = task.comment?.id;
  if (id === undefined && how !== "act") {
    const found = await github.findComment(task.brief, issue, task.id);
    if (!found.ok) return found;
    id = found.value;
    if (id === undefined && how === "look-then-wait") return { waitMs: LISTING_LAG_MS };
  }
  if (id === undefined) return github.createComment(task.brief, issue, body);
  const edited = await github.updateComment(task.brief, id, body);
  return edited.ok ? ok(id) : edited;
}

export function toView(task: TaskRow, attempts: readonly AttemptRow[]): TaskView {
  return {
    task: task.id,
    state: task.state,
    failure: task.failure,
    plan: task.plan,
    pullRequest: task.pullRequest,
    attempts: attempts.map((attempt) => ({
      number: attempt.number,
      credential: attempt.credential,
      runUrl: attempt.runUrl,
      verdict: attempt.verdict,
      why: attempt.why,
      verification: attempt.outcome?.kind === "ran" ? attempt.outcome.verification : [],
      modelCost: attempt.costs.model,
      runnerCost: attempt.costs.runner,
      sandbox: attempt.outcome?.kind === "ran" ? attempt.outcome.sandbox : null,
    })),
  };
}
