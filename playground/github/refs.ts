import { commitsBetween, diffFiles } from "./git-diff.ts";
import { entryAt, isAncestor, listRefs, readCommit, resolve } from "./git-repository.ts";
import type { Shape } from "./shapes/account.ts";
import { isPull, toWebhookPull } from "./shapes/pull.ts";
import { repositoryHtmlUrl } from "./shapes/urls.ts";
import { nowOf, type Account, type GitHub, type Repository } from "./state.ts";
import { emit, emitLater } from "./webhooks.ts";

const ZERO = "0".repeat(40);
/** git's well-known id of the empty tree, to diff a first commit against. */
const EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

export type RefMove = { readonly ref: string; readonly before: string | null; readonly after: string | null };

/**
 * What follows from a ref that has moved, whoever moved it: `push` to the app, and open pull requests whose head it is
 * are synchronised, or closed when it is gone.
 */
export function refMoved(github: GitHub, repository: Repository, move: RefMove, sender: Account): void {
  repository.pushedAt = nowOf(github);
  emitLater(github, async () => {
    emit(github, "push", repository, sender, await toPush(github, repository, move, sender));
  });
  if (!move.ref.startsWith("refs/heads/")) return;
  const branch = move.ref.slice("refs/heads/".length);
  for (const issue of repository.issues.values()) {
    if (!isPull(issue) || issue.state === "closed") continue;
    if (issue.pull.base === branch && move.after !== null) issue.pull.baseSha = move.after;
    if (issue.pull.head !== branch) continue;
    issue.updatedAt = nowOf(github);
    if (move.after === null) {
      issue.state = "closed";
      issue.closedAt = nowOf(github);
    } else issue.pull.headSha = move.after;
    const action = move.after === null ? "closed" : "synchronize";
    const ends = move.after === null ? {} : { before: move.before ?? ZERO, after: move.after };
    emitLater(github, async () => {
      const pull = await toWebhookPull(github, repository, issue);
      emit(github, "pull_request", repository, sender, { action, number: issue.number, pull_request: pull, ...ends });
    });
  }
}

/** Sends `push` for every ref that differs between two listings: what a `git push` did. */
export async function pushed(
  github: GitHub,
  repository: Repository,
  before: ReadonlyMap<string, string>,
  sender: Account,
): Promise<void> {
  const after = new Map((await listRefs(repository.git)).map(({ ref, sha }) => [ref, sha]));
  for (const ref of new Set([...before.keys(), ...after.keys()])) {
    const move = { ref, before: before.get(ref) ?? null, after: after.get(ref) ?? null };
    if (move.before !== move.after) refMoved(github, repository, move, sender);
  }
}

async function toPush(github: GitHub, repository: Repository, { ref, before, after }: RefMove, sender: Account): Promise<Shape> {
  const html = repositoryHtmlUrl(github, repository);
  const person = { name: sender.login, email: `${String(sender.id)}+${sender.login}@users.noreply.github.com` };
  // A new branch tells only what no other branch has; the default branch's tip stands for those here.
  const known =
    before ??
    (ref === `refs/heads/${repository.defaultBranch}`
      ? null
      : ((await resolve(repository.git, repository.defaultBranch)) ?? null));
  const shas = after === null ? [] : await commitsBetween(repository.git, known, after);
  const commits = await Promise.all(shas.slice(-20).map((sha) => toPushCommit(html, repository, sha)));
  const head = after === null ? null : (commits.at(-1) ?? (await toPushCommit(html, repository, after)));
  return {
    ref,
    before: before ?? ZERO,
    after: after ?? ZERO,
    created: before === null,
    deleted: after === null,
    forced: before !== null && after !== null && !(await isAncestor(repository.git, before, after)),
    base_ref: null,
    compare: `${html}/compare/${(before ?? ZERO).slice(0, 12)}...${(after ?? ZERO).slice(0, 12)}`,
    commits,
    head_commit: head,
    pusher: person,
  };
}

async function toPushCommit(html: string, repository: Repository, sha: string): Promise<Shape> {
  const commit = await readCommit(repository.git, sha);
  const files = await diffFiles(repository.git, commit.parents[0] ?? EMPTY_TREE, sha);
  const paths = (...kinds: readonly string[]): string[] =>
    files.filter(({ status }) => kinds.includes(status)).map(({ path }) => path);
  return {
    id: sha,
    tree_id: commit.tree,
    distinct: true,
    message: commit.message,
    timestamp: commit.committer.date,
    url: `${html}/commit/${sha}`,
    author: { ...commit.author, username: commit.author.name },
    committer: { ...commit.committer, username: commit.committer.name },
    added: paths("added", "renamed"),
    modified: paths("modified", "changed"),
    removed: [...paths("removed"), ...files.flatMap(({ previousPath }) => (previousPath === undefined ? [] : [previousPath]))],
  };
}

export const WORKFLOWS = ".github/workflows";

/**
 * Whether an App without the `workflows` permission may point a branch at a commit: its workflow files must be those
 * of some branch already there. Source: Mergifyio/mergify#5055, wildfly/wildfly.org#549.
 */
export async function workflowsUnchanged(repository: Repository, sha: string): Promise<boolean> {
  const wanted = (await entryAt(repository.git, sha, WORKFLOWS))?.sha;
  if (wanted === undefined) return true;
  for (const { sha: tip } of await listRefs(repository.git, "refs/heads/")) {
    if ((await entryAt(repository.git, tip, WORKFLOWS))?.sha === wanted) return true;
  }
  return false;
}
