import { judgeBehind, type BaseUpdate, type Behind } from "#core/plan/base-update.ts";
import type { Plan } from "#core/plan/plan.ts";
import type { Brief } from "#core/request/brief.ts";
import { EFFECTS } from "#core/task/effects.ts";
import { mergeMessage } from "#core/task/pull-request.ts";
import { err, ok } from "#core/wire/result.ts";
import type { Answer, GitHub } from "#ports/github.ts";
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
  { github, runtime }: Pick<Deps, "github" | "runtime">,
  { id, brief, tries }: Pick<ClaimedTask, "id" | "brief" | "tries">,
  { base, ci }: Pick<Plan, "base" | "ci">,
): Answer<Updated> {
  const { follows, issue } = brief;
  if (follows === undefined || tries > MAX_TRIES) return ok(undefined);
  const behind = await github.readBehind(brief, issue.number);
  // Two that have nothing in common, or a base that is gone: nothing to bring in.
  if (!behind.ok) return behind.error.reason === "github-refused" ? ok(undefined) : behind;
  const { branch, commit } = behind.value;
  const judged = judgeBehind(behind.value, follows.why);
  if (judged === "leave") return findMerge(github, brief, base, behind.value);
  if (judged === "workflows") return ok(notMerged(base, branch, judged));
  const merged = await github.mergeBase(brief, base.branch, { commit, message: mergeMessage(brief, branch, ci) });
  if (!merged.ok)
    return merged.error.reason === "github-unavailable"
      ? merged
      : ok(notMerged(base, branch, merged.error.status === 409 ? "conflicts" : "refused"));
  if (merged.value === undefined) return err(notYet(EFFECTS.mergeBase, "the branch has the base by now").failed);
  runtime.log.info({ task: id, branch, merge: merged.value.commit }, "the base was merged in");
  return ok({ base: { ...base, ...merged.value }, baseUpdate: { branch, merge: merged.value.commit } });
}

function notMerged(base: Plan["base"], branch: string, why: Extract<BaseUpdate, { why: unknown }>["why"]): Updated {
  return { base, baseUpdate: { reason: "base-not-merged", branch, why } };
}

/** The merge of a try before this one, whose answer was lost, or whose plan was made anew. */
async function findMerge(github: GitHub, { follows, ...place }: Brief, base: Plan["base"], { branch }: Behind): Answer<Updated> {
  if (base.commit === follows?.head) return ok(undefined);
  const stands = await github.readCommit(place, base.commit);
  if (!stands.ok) return stands;
  const [onto, ...others] = stands.value.parents;
  return ok(onto === follows?.head && others.length === 1 ? { base, baseUpdate: { branch, merge: base.commit } } : undefined);
}
