import { judgeBehind, type BaseUpdate } from "#core/plan/base-update.ts";
import type { Plan } from "#core/plan/plan.ts";
import { EFFECTS } from "#core/task/effects.ts";
import { mergeMessage } from "#core/task/pull-request.ts";
import { err, ok } from "#core/wire/result.ts";
import type { Answer } from "#ports/github.ts";
import type { ClaimedTask } from "#ports/store.ts";
import type { Deps } from "./deps.ts";
import { notYet } from "./not-yet.ts";

/** After so many tries in vain a follow-up goes by the head as it stands. */
const MAX_TRIES = 5;

type Updated = Pick<Plan, "base" | "baseUpdate"> | undefined;

/**
 * Before a follow-up begins, its base is merged in, where that is something to it: by GitHub and on top of whatever stands there, so that
 * people's commits stay; and by a commit of the App's own that CI passes by where it is held back. Only what was looked at comes in:
 * the base at one commit. Where the app may not, or the two conflict, the comment asks a person. undefined: nothing is new.
 */
export async function updateFromBase(
  { github, store, runtime }: Pick<Deps, "github" | "store" | "runtime">,
  task: ClaimedTask,
  { base, ci, baseUpdate }: Pick<Plan, "base" | "ci" | "baseUpdate">,
): Answer<Updated> {
  const { id, brief, tries } = task;
  const { follows, issue } = brief;
  // Once is enough: by a try before this one, or for a plan that is made anew.
  if (follows === undefined || baseUpdate !== undefined || tries > MAX_TRIES) return ok(undefined);
  const behind = await github.readBehind(brief, issue.number);
  // Two that have nothing in common, or a base that is gone: nothing to bring in.
  if (!behind.ok) return behind.error.reason === "github-refused" ? ok(undefined) : behind;
  const { branch, commit: tip } = behind.value;
  const judged = judgeBehind(behind.value, follows.why);
  if (judged === "leave") return ok(undefined);
  if (judged === "workflows") return ok(notMerged(base, branch, judged));
  const begun = { branch, onto: base.commit, tip, merge: null };
  if (!(await store.beginBaseMerge(task, begun))) return err(notYet(EFFECTS.mergeBase, "the task is another's by now").failed);
  const merged = await github.mergeBase(brief, base.branch, { commit: tip, message: mergeMessage(brief, branch, ci) });
  if (!merged.ok)
    return merged.error.reason === "github-unavailable"
      ? merged
      : ok(notMerged(base, branch, merged.error.status === 409 ? "conflicts" : "refused"));
  if (merged.value === undefined) return err(notYet(EFFECTS.mergeBase, "the branch has the base by now").failed);
  const { commit: merge, tree } = merged.value;
  await store.keepBaseMerge(id, { ...begun, merge });
  runtime.log.info({ task: id, branch, merge }, "the base was merged in");
  return ok({ base: { ...base, commit: merge, tree }, baseUpdate: { branch, merge } });
}

function notMerged(base: Plan["base"], branch: string, why: Extract<BaseUpdate, { why: unknown }>["why"]): Updated {
  return { base, baseUpdate: { reason: "base-not-merged", branch, why } };
}
