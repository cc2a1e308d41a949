import { LISTING_LAG_MS } from "#core/task/effects.ts";
import { threadAnswer } from "#core/task/follow-up.ts";
import { ok, type Result } from "#core/wire/result.ts";
import type { GitHubFailure } from "#ports/github.ts";
import type { ClaimedTask } from "#ports/store.ts";
import type { Deps } from "./deps.ts";

/**
 * Each thread that a follow-up was told gets one answer in its place, once the commit is on the branch. What is resolved or gone by
 * now needs none, and where GitHub takes none (a locked conversation) the work stands without. A try before this one may have
 * answered some of them: they are looked for first.
 */
export async function answerThreads(
  { github, runtime }: Deps,
  { id, brief, plan, commit }: ClaimedTask,
): Promise<Result<void, GitHubFailure>> {
  const told = plan?.told?.threads ?? [];
  if (told.length === 0 || commit === null) return ok(undefined);
  const { number } = brief.issue;
  const open = await github.findUnanswered(brief, number, id);
  if (!open.ok) return open.error.reason === "github-refused" ? ok(undefined) : open;
  for (const thread of told.filter((each) => open.value.includes(each.id))) {
    const made = await github.answerThread(brief, number, thread.id, threadAnswer(id, commit));
    if (made.ok) continue;
    if (made.error.reason === "github-unavailable") return { ok: false, error: afterLag(made.error) };
    runtime.log.info({ task: id, status: made.error.status }, "a review thread takes no answer");
  }
  return ok(undefined);
}

/** Room for the next may come before the one just made can be found. */
function afterLag(failure: Extract<GitHubFailure, { reason: "github-unavailable" }>): GitHubFailure {
  const { retryAfterMs } = failure;
  return retryAfterMs === null ? failure : { ...failure, retryAfterMs: Math.max(retryAfterMs, LISTING_LAG_MS) };
}
