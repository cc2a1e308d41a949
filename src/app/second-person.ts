import { judgeSecondPerson, SECOND_PERSON, secondPersonWords } from "#core/task/second-person.ts";
import { CONFIG_FILE } from "#core/config/policy.ts";
import { ok } from "#core/wire/result.ts";
import type { CheckOutput } from "#ports/checks.ts";
import type { Answer } from "#ports/github.ts";
import type { ClaimedReview } from "#ports/reviews.ts";
import type { TaskRow } from "#ports/store.ts";
import type { Deps, Worked } from "./deps.ts";

/**
 * Brings the check run on a pull request's head up to date: all of it is read from GitHub anew, so that no order and no loss
 * of events matters, and one worker at a time has the row, so that an older reading never overwrites a newer one.
 */
export async function lookForSecondPerson(deps: Deps, review: ClaimedReview): Promise<Worked> {
  const { store, github, runtime } = deps;
  const task = await store.readTask(review.task);
  if (task?.pullRequest == null) return { restMs: null };
  const pull = await github.readReviews(task.brief, task.pullRequest.number);
  if (!pull.ok) return { failed: pull.error };
  if (pull.value === undefined) return { restMs: null };
  const { written } = review;
  const { requester, approval } = task.brief;
  const { owner, repository } = task.brief;
  const followers = await store.readFollowers({ owner: owner.id, repository: repository.id, pull: task.pullRequest.number });
  const commanded = approval === undefined ? [requester.id] : [requester.id, approval.id];
  const judged = judgeSecondPerson(pull.value, {
    setting: task.plan?.secondPerson,
    said: written !== null,
    own: [...commanded, ...followers, ...review.pushedBy],
  });
  if (judged.is === "none") return { restMs: null };
  const { head } = pull.value;
  const says = judged.is === "found" ? judged.is : judged.why;
  if (written?.commit === head && written.says === says) return { restMs: null };
  const run = await write(deps, review, task, head, secondPersonWords(judged));
  if (!run.ok) return { failed: run.error };
  await store.recordReview(review, { commit: head, run: run.value, says });
  runtime.log.info({ task: task.id, says }, "the second person's check was written");
  return "done";
}

/** The head's check run, once it says so: made once for each head, changed after. */
async function write(
  { github }: Deps,
  { written, tries }: ClaimedReview,
  { brief }: TaskRow,
  commit: string,
  output: CheckOutput,
): Answer<number> {
  // A try before this one may have made it, and its answer was lost.
  const found =
    tries > 1 && written?.commit !== commit ? await github.findOwnCheckRun(brief, commit, SECOND_PERSON) : ok(undefined);
  if (!found.ok) return found;
  const run = written?.commit === commit ? written.run : found.value;
  if (run === undefined)
    return github.createCheckRun(brief, { ...output, name: SECOND_PERSON, commit, path: CONFIG_FILE, annotations: [] });
  const changed = await github.updateCheckRun(brief, run, output);
  return changed.ok ? ok(run) : changed;
}
