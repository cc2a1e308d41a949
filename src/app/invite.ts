import { CODE_OWNERS_FILES } from "#core/plan/signals/code-owners.ts";
import type { Reviewers } from "#core/plan/plan.ts";
import { codeReviewers, toInvite, type Invited } from "#core/task/reviewers.ts";
import { ok, type Result } from "#core/wire/result.ts";
import type { GitHubFailure } from "#ports/github.ts";
import type { ClaimedTask, LeaseRow } from "#ports/store.ts";
import { answerThreads } from "./answer-threads.ts";
import type { Deps, Next } from "./deps.ts";

/** The work is there for all to see: after so many tries in vain it is left to people to find. */
const MAX_TRIES = 5;

/** inviting → solved: those are asked for a review whom the settings name, or who own the changed files. Asked twice is asked once. */
export async function invite(deps: Deps, task: ClaimedTask, lease: LeaseRow): Promise<Next> {
  const isLast = task.tries >= MAX_TRIES;
  if (task.brief.follows !== undefined) {
    // Who reviews it was asked when it was opened.
    const answered = await answerThreads(deps, task);
    return answered.ok || isLast ? { go: "invite" } : { failed: answered.error };
  }
  const found = await findReviewers(deps, task, lease);
  if (!found.ok && found.error.reason === "github-unavailable" && !isLast) return { failed: found.error };
  const reviewers = found.ok ? toInvite(found.value, task.brief.requester) : { people: [], teams: [] };
  const invited = await inviteAll(deps, task, reviewers);
  if (invited.ok) return { go: "invite", patch: { invited: invited.value } };
  return isLast
    ? { go: "invite", patch: { invited: { asked: [], leftOut: namesOf(task, reviewers) } } }
    : { failed: invited.error };
}

async function findReviewers(
  { github, store }: Deps,
  { brief, plan, pullRequest }: ClaimedTask,
  lease: LeaseRow,
): Promise<Result<Reviewers, GitHubFailure>> {
  const nobody: Reviewers = { people: [], teams: [] };
  if (plan === null || pullRequest === null) return ok(nobody);
  if (plan.reviewers !== undefined) return ok(plan.reviewers);
  // Others it asks by itself.
  if (!pullRequest.draft) return ok(nobody);
  const { commit, tree } = plan.base;
  // Known since the plan, as a rule: no call.
  const listed = await github.readTree(brief, tree);
  if (listed.ok && !listed.value.isCut && !listed.value.files.some(({ path }) => CODE_OWNERS_FILES.some((file) => file === path)))
    return ok(nobody);
  const around = await github.readAround(brief, brief.issue.number, commit);
  if (!around.ok) return around;
  const changes = await store.readChanges(lease.id);
  return ok(
    codeReviewers(
      around.value.codeOwners ?? "",
      changes.map(({ path }) => path),
      brief.owner,
    ),
  );
}

/** One who can't be asked spoils the whole request (422), so each is then asked alone. */
async function inviteAll(
  { github }: Deps,
  task: ClaimedTask,
  { people, teams }: Reviewers,
): Promise<Result<Invited, GitHubFailure>> {
  const { brief, pullRequest } = task;
  const each: Reviewers[] = [
    ...people.map((login) => ({ people: [login], teams: [] })),
    ...teams.map((team) => ({ people: [], teams: [team] })),
  ];
  if (each.length === 0 || pullRequest === null) return ok({ asked: [], leftOut: [] });
  const all = await github.requestReview(brief, pullRequest.number, { people, teams });
  if (all.ok) return ok({ asked: namesOf(task, { people, teams }), leftOut: [] });
  if (all.error.reason === "github-unavailable") return all;
  if (each.length === 1) return ok({ asked: [], leftOut: namesOf(task, { people, teams }) });
  const asked: string[] = [];
  const leftOut: string[] = [];
  for (const one of each) {
    const done = await github.requestReview(brief, pullRequest.number, one);
    if (!done.ok && done.error.reason === "github-unavailable") return done;
    (done.ok ? asked : leftOut).push(...namesOf(task, one));
  }
  return ok({ asked, leftOut });
}

function namesOf({ brief }: Pick<ClaimedTask, "brief">, { people, teams }: Reviewers): string[] {
  return [...people, ...teams.map((team) => `${brief.owner.login}/${team}`)];
}
