import { commitMessage, pullRequestBody, pullRequestTitle, wantsDraft, type Finished } from "#core/task/pull-request.ts";
import { MicroUsd } from "#core/wire/units.ts";
import { drawnOf } from "#core/pool/ledger.ts";
import type { Run } from "#core/task/provenance.ts";
import { EFFECTS } from "#core/task/effects.ts";
import { branchName } from "#core/task/markers.ts";
import type { GitHubFailure } from "#ports/github.ts";
import type { ClaimedTask, LeaseRow } from "#ports/store.ts";
import type { Deps, Next } from "./deps.ts";
import { notYet } from "./not-yet.ts";

/** committing → branching. A commit made twice is only an object nobody sees: nothing to look for first. */
export async function commit(deps: Deps, task: ClaimedTask, lease: LeaseRow): Promise<Next> {
  const { plan, finished } = await finish(deps, task, lease);
  const made = await deps.github.createCommit(task.brief, {
    message: commitMessage(finished),
    parent: plan.base.commit,
    baseTree: plan.base.tree,
    changes: finished.changes,
  });
  return made.ok ? { go: "commit", patch: { commit: made.value } } : { failed: made.error };
}

/** branching → opening. */
export async function branch(deps: Deps, task: ClaimedTask): Promise<Next> {
  const { brief, commit: sha } = task;
  if (sha === null) throw new Error(`task ${task.id} has no commit to branch at`);
  if (brief.follows !== undefined) return moveOn(deps, task, brief.follows.branch, sha);
  const name = branchName(brief.issue.number, task.id);
  if (task.tries > 1) {
    const found = await deps.github.findBranch(brief, name);
    if (!found.ok) return { failed: found.error };
    if (found.value === sha) return { go: "branch" };
  }
  const made = await deps.github.createBranch(brief, name, sha);
  if (made.ok) return { go: "branch" };
  // 422 "Reference already exists" is how GitHub tells of a try whose answer was lost.
  const there = made.error.reason === "github-refused" ? await deps.github.findBranch(brief, name) : undefined;
  if (there?.ok === true && there.value === sha) return { go: "branch" };
  return explainRefusal(deps, task, made.error);
}

/**
 * The branch goes on to the commit, never by force: where it stands elsewhere by now, that is somebody's, and what was done
 * didn't have it.
 */
async function moveOn(deps: Deps, { brief, tries }: ClaimedTask, name: string, sha: string): Promise<Next> {
  if (tries > 1) {
    const found = await deps.github.findBranch(brief, name);
    if (!found.ok) return { failed: found.error };
    if (found.value === sha) return { go: "branch" };
  }
  const moved = await deps.github.updateBranch(brief, name, sha);
  if (moved.ok) return { go: "branch" };
  const isElsewhere = moved.error.reason === "github-refused" && moved.error.status === 422;
  return isElsewhere ? { go: "stick", patch: { failure: { reason: "branch-moved", branch: name } } } : { failed: moved.error };
}

/**
 * GitHub refuses an App without `workflows` a branch whose workflow files are those of no other: where they have changed
 * since the plan, nothing made on the old base can be published any more. It is not put onto the new one by itself, since
 * nobody has checked it there; a new attempt is a person's to pay for. Source: wildfly.org#549, spin#1226, mergify#5055.
 */
async function explainRefusal(deps: Deps, { brief, plan }: ClaimedTask, refusal: GitHubFailure): Promise<Next> {
  if (plan === null || refusal.reason !== "github-refused" || refusal.status !== 403) return { failed: refusal };
  const setUp = await deps.github.readSetUp(brief);
  if (!setUp.ok) return { failed: setUp.error };
  if (setUp.value.base?.commit === plan.base.commit) return { failed: refusal };
  return { go: "stick", patch: { failure: { reason: "base-moved", branch: plan.base.branch, message: refusal.message } } };
}

/** opening → inviting. */
export async function open(deps: Deps, task: ClaimedTask, lease: LeaseRow): Promise<Next> {
  const { github, store } = deps;
  const { brief } = task;
  // It is open already: from now on this commit is known as one of its own.
  if (brief.follows !== undefined) return { go: "open", patch: { pullRequest: { number: brief.issue.number, draft: false } } };
  const { plan, finished } = await finish(deps, task, lease);
  const head = branchName(brief.issue.number, task.id);
  if (task.tries > 1) {
    const found = await github.findPullRequest(brief, head);
    if (!found.ok) return { failed: found.error };
    if (found.value !== undefined) return { go: "open", patch: { pullRequest: found.value } };
  }
  const isKnown = await store.isDraftless(brief.owner.id, brief.repository.id);
  const pull = { title: pullRequestTitle(brief), body: pullRequestBody(finished), head, base: plan.base.branch };
  const asPlain = {
    ...pull,
    title: `[draft] ${pull.title}`,
    body: pullRequestBody({ ...finished, isDraftless: true }),
    draft: false,
  };
  const draft = wantsDraft(finished);
  let opened = await github.openPullRequest(brief, draft && isKnown ? asPlain : { ...pull, draft });
  if (draft && !isKnown && !opened.ok && isDraftRefused(opened.error)) {
    await store.recordDraftless(brief.owner.id, brief.repository.id);
    opened = await github.openPullRequest(brief, asPlain);
  }
  if (opened.ok) return { go: "open", patch: { pullRequest: opened.value } };
  const there = opened.error.reason === "github-refused" ? await github.findPullRequest(brief, head) : undefined;
  if (there?.ok === true && there.value !== undefined) return { go: "open", patch: { pullRequest: there.value } };
  const restored = there?.ok === true ? await restoreBranch(deps, task, head) : undefined;
  return restored ?? { failed: opened.error };
}

/**
 * Somebody deleted the branch before its pull request was open. Like a comment of ours it is made anew, from the commit that is still
 * there; the next try opens the pull request, which whoever doesn't want it can close. undefined: it is there.
 */
async function restoreBranch(deps: Deps, task: ClaimedTask, name: string): Promise<Next | undefined> {
  const { brief, commit: sha } = task;
  const found = await deps.github.findBranch(brief, name);
  if (!found.ok || found.value !== undefined || sha === null) return undefined;
  deps.runtime.log.warn({ task: task.id }, "the branch was deleted before its pull request was open; it is made anew");
  const made = await deps.github.createBranch(brief, name, sha);
  return made.ok ? notYet(EFFECTS.openPullRequest, "its branch is made anew") : explainRefusal(deps, task, made.error);
}

/** Private repositories of some plans have no drafts, and no call tells. Source: OpenHands#6560, SWE-agent#179. */
function isDraftRefused(error: GitHubFailure): boolean {
  return error.reason === "github-refused" && /draft pull requests are not supported/i.test(error.message);
}

async function finish(
  deps: Deps,
  task: ClaimedTask,
  lease: LeaseRow,
): Promise<{ readonly plan: Finished["plan"]; readonly finished: Finished }> {
  const { plan, brief } = task;
  const { report } = lease;
  if (plan === null || report?.kind !== "ran") throw new Error(`task ${task.id} is published without a result`);
  const runs = await deps.store.readLeases(task.id);
  const finished: Finished = {
    brief,
    plan,
    runs: runs.filter(({ costs }) => costs.model !== null).map(toRun),
    finalMessage: report.ending.finalMessage,
    checks: report.checks,
    verification: report.verification,
    changes: await deps.store.readChanges(lease.id),
    isDraftless: false,
  };
  return { plan, finished };
}

function toRun(lease: LeaseRow): Run {
  const { attempt, credential, report, costs } = lease;
  return {
    attempt: attempt.number,
    route: attempt.route,
    credential,
    usage: report?.usage ?? null,
    ms: report?.ms ?? null,
    cost: { model: costs.model ?? MicroUsd(0), runner: costs.runner ?? MicroUsd(0) },
    drawn: drawnOf(lease),
  };
}
