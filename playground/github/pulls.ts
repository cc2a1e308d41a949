import { git, listRefs, moveRef, readCommit, resolve, writeCommit } from "./git-repository.ts";
import { makeIssue } from "./issues.ts";
import { refMoved } from "./refs.ts";
import { toUser } from "./shapes/account.ts";
import { toWebhookTeam } from "./shapes/organization.ts";
import { identityOf } from "./shapes/git.ts";
import { isPull, toPullSimple, toWebhookPull, type PullIssue } from "./shapes/pull.ts";
import { toReview } from "./shapes/review.ts";
import { toWebhookRepository } from "./shapes/repository.ts";
import {
  fullName,
  nextId,
  nowOf,
  type Account,
  type GitHub,
  type Pull,
  type Repository,
  type Review,
  type Team,
} from "./state.ts";
import { emit, emitLater } from "./webhooks.ts";

/** What people and the app do to pull requests. Each changes the state and sends what GitHub would send. */

/** As it is when this is called. Of two acts in a row each waits for the one before. */
async function tell(github: GitHub, repository: Repository, issue: PullIssue, action: string, sender: Account): Promise<void> {
  const pull = await toWebhookPull(github, repository, issue);
  emit(github, "pull_request", repository, sender, { action, number: issue.number, pull_request: pull });
}

export function emitPull(github: GitHub, repository: Repository, issue: PullIssue, action: string, sender: Account): void {
  emitLater(github, () => tell(github, repository, issue, action, sender));
}

export function openPull(
  github: GitHub,
  repository: Repository,
  user: Account,
  {
    title,
    body,
    ...pull
  }: { readonly title: string; readonly body: string | null } & Omit<
    Pull,
    "id" | "merged" | "requested" | "requestedTeams" | "reviews" | "threads"
  >,
): PullIssue {
  const fresh = { ...pull, id: nextId(github), merged: null, requested: [], requestedTeams: [], reviews: [], threads: [] };
  const issue = makeIssue(github, repository, user, title, body, fresh);
  if (!isPull(issue)) throw new Error("made no pull request");
  emitPull(github, repository, issue, "opened", user);
  return issue;
}

export async function setPullState(
  github: GitHub,
  repository: Repository,
  issue: PullIssue,
  state: "open" | "closed",
  sender: Account,
): Promise<void> {
  const at = nowOf(github);
  Object.assign(issue, { state, closedAt: state === "closed" ? at : null, updatedAt: at });
  await tell(github, repository, issue, state === "closed" ? "closed" : "reopened", sender);
}

export async function markReady(github: GitHub, repository: Repository, issue: PullIssue, sender: Account): Promise<void> {
  issue.pull.draft = false;
  issue.updatedAt = nowOf(github);
  await tell(github, repository, issue, "ready_for_review", sender);
}

/** Once for each who is not asked yet. */
export function requestReview(
  github: GitHub,
  repository: Repository,
  issue: PullIssue,
  reviewer: Account | Team,
  sender: Account,
): void {
  const { requested, requestedTeams } = issue.pull;
  const isTeam = "slug" in reviewer;
  if (isTeam ? requestedTeams.includes(reviewer) : requested.includes(reviewer)) return;
  if (isTeam) requestedTeams.push(reviewer);
  else requested.push(reviewer);
  issue.updatedAt = nowOf(github);
  emitLater(github, async () => {
    const pull = await toWebhookPull(github, repository, issue);
    const whom = isTeam
      ? { requested_team: toWebhookTeam(github, repository.owner, reviewer) }
      : { requested_reviewer: toUser(github, reviewer) };
    emit(github, "pull_request", repository, sender, {
      action: "review_requested",
      number: issue.number,
      pull_request: pull,
      ...whom,
    });
  });
}

/** `threads`: each begins one, on a line of a file. */
export type NewReview = {
  readonly state: "approved" | "changes_requested" | "commented";
  readonly body: string;
  readonly threads?: readonly { readonly path: string; readonly line: number; readonly body: string }[];
};

export function reviewPull(
  github: GitHub,
  repository: Repository,
  issue: PullIssue,
  user: Account,
  { state, body, threads = [] }: NewReview,
): void {
  for (const { path, line, body: said } of threads) {
    const comment = { id: nextId(github), user, body: said, at: nowOf(github), editedAt: null };
    issue.pull.threads.push({ path, line, resolved: false, comments: [comment] });
  }
  const review: Review = { id: nextId(github), user, state, body, at: nowOf(github), commit: issue.pull.headSha };
  issue.pull.reviews.push(review);
  tellReview(github, repository, issue, review, { action: "submitted", sender: user });
}

/** A person's last review counts no more. */
export function dismissReview(github: GitHub, repository: Repository, issue: PullIssue, of: Account, sender: Account): void {
  const review = issue.pull.reviews.findLast(({ user, state }) => user.id === of.id && state !== "commented");
  if (review === undefined) throw new Error(`${of.login} has reviewed nothing there`);
  review.state = "dismissed";
  tellReview(github, repository, issue, review, { action: "dismissed", sender });
}

function tellReview(
  github: GitHub,
  repository: Repository,
  issue: PullIssue,
  review: Review,
  { action, sender }: { readonly action: "submitted" | "dismissed"; readonly sender: Account },
): void {
  emit(github, "pull_request_review", repository, sender, {
    action,
    review: toReview(github, repository, issue, review),
    pull_request: toPullSimple(github, repository, issue, toWebhookRepository(github, repository)),
  });
}

export type Merge = {
  readonly method: "merge" | "squash";
  readonly title?: string | undefined;
  readonly message?: string | undefined;
};

/** `conflict`: the two sides don't go together; `moved`: the base has moved meanwhile. */
export async function mergePull(
  github: GitHub,
  repository: Repository,
  issue: PullIssue,
  by: Account,
  { method, title, message }: Merge,
): Promise<{ readonly sha: string } | "conflict" | "moved"> {
  const { head, headSha, base } = issue.pull;
  const ref = `refs/heads/${base}`;
  const tip = await resolve(repository.git, ref);
  const tree = tip === undefined ? undefined : await mergedTree(repository, tip, headSha);
  if (tip === undefined || tree === undefined) return "conflict";
  const isMerge = method === "merge";
  const number = String(issue.number);
  const subject =
    title ?? (isMerge ? `Merge pull request #${number} from ${repository.owner.login}/${head}` : `${issue.title} (#${number})`);
  const rest = message ?? (isMerge ? issue.title : "");
  const who = identityOf(by, nowOf(github));
  const sha = await writeCommit(repository.git, {
    tree,
    parents: isMerge ? [tip, headSha] : [tip],
    author: who,
    committer: who,
    message: rest === "" ? subject : `${subject}\n\n${rest}`,
  });
  if (!(await moveRef(repository.git, ref, tip, sha))) return "moved";
  const at = nowOf(github);
  Object.assign(issue, { state: "closed", closedAt: at, updatedAt: at });
  issue.pull.merged = { at, by, sha };
  emitPull(github, repository, issue, "closed", by);
  refMoved(github, repository, { ref, before: tip, after: sha }, by);
  return { sha };
}

/**
 * What GitHub's Revert button does: a branch `revert-12-…` with a commit that takes the merge back, and a pull request whose body
 * names the one that it reverts. Source: docs, "Reverting a pull request"; the
 * texts as public repositories have them, 2026-11.
 */
export async function revertPull(github: GitHub, repository: Repository, issue: PullIssue, by: Account): Promise<PullIssue> {
  const { merged, base, head } = issue.pull;
  const name = `${fullName(repository)}#${String(issue.number)}`;
  if (merged === null) throw new Error(`${name} was not merged`);
  const [tip] = await listRefs(repository.git, `refs/heads/${base}`);
  const [before] = (await readCommit(repository.git, merged.sha)).parents;
  if (tip === undefined || before === undefined) throw new Error(`${name} has nothing to go back to`);
  const who = identityOf(by, nowOf(github));
  // A commit on the merge that undoes it, merged into the tip: what came since stays. git 2.39 takes no merge base of one's own.
  const { tree } = await readCommit(repository.git, before);
  const undone = await writeCommit(repository.git, { tree, parents: [merged.sha], author: who, committer: who, message: "undo" });
  const reverted = await mergedTree(repository, tip.sha, undone);
  if (reverted === undefined) throw new Error(`${name} can't be reverted: it conflicts with what came since`);
  const title = `Revert "${issue.title}"`;
  const message = `${title}\n\nThis reverts commit ${merged.sha}.`;
  const sha = await writeCommit(repository.git, { tree: reverted, parents: [tip.sha], author: who, committer: who, message });
  const branch = `revert-${String(issue.number)}-${head}`;
  const ref = `refs/heads/${branch}`;
  if (!(await moveRef(repository.git, ref, null, sha))) throw new Error(`${branch} is there already`);
  refMoved(github, repository, { ref, before: null, after: sha }, by);
  return openPull(github, repository, by, {
    title,
    body: `Reverts ${name}`,
    head: branch,
    base,
    headSha: sha,
    baseSha: tip.sha,
    draft: false,
  });
}

/** undefined where the two conflict. */
export function mergedTree(repository: Repository, one: string, other: string): Promise<string | undefined> {
  return git(repository.git, ["merge-tree", "--write-tree", one, other]).then(
    (text) => text.trim(),
    () => undefined,
  );
}
