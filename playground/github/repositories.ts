import { existsSync } from "node:fs";
import { join } from "node:path";
import type { CreatedRepository, NewRepository } from "./emulated-github.ts";
import {
  importHead,
  makeGitRepository,
  moveRef,
  readTree,
  resolve,
  writeBlob,
  writeCommit,
  writeTree,
  type Identity,
  type TreeChange,
} from "./git-repository.ts";
import { refMoved } from "./refs.ts";
import { identityOf } from "./shapes/git.ts";
import { cloneUrl } from "./shapes/urls.ts";
import { accountOf, findRepository, fullName, nextId, nowOf, type Account, type GitHub, type Repository } from "./state.ts";
import { emit } from "./webhooks.ts";

/** What GitHub allows in names of owners and repositories; also what keeps them inside `dataDir`. */
const NAME = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$/;

export function isRepositoryName(name: string): boolean {
  return NAME.test(name);
}

export async function createRepository(github: GitHub, wanted: NewRepository): Promise<CreatedRepository> {
  const owner = accountOf(github, wanted.owner);
  if (owner === undefined) throw new Error(`no owner ${wanted.owner}: create it first`);
  if (!NAME.test(wanted.name) || !NAME.test(owner.login))
    throw new Error(`${wanted.owner}/${wanted.name} is not a name GitHub allows`);
  if (findRepository(github, wanted.owner, wanted.name) !== undefined) throw new Error(`${wanted.owner}/${wanted.name} exists`);
  const repository = await makeRepository(github, owner, wanted, owner);
  const { git, defaultBranch } = repository;
  if (wanted.fromGit !== undefined) await importHead(git, wanted.fromGit, defaultBranch);
  if (wanted.files !== undefined) await commitFiles(github, repository, defaultBranch, wanted.files, "Initial commit", owner);
  return { id: repository.id, fullName: fullName(repository), cloneUrl: cloneUrl(github, repository), gitDir: git.dir };
}

/** An empty one; sends `repository.created`. */
export async function makeRepository(
  github: GitHub,
  owner: Account,
  wanted: Pick<NewRepository, "name" | "private" | "defaultBranch"> & { readonly description?: string | null },
  sender: Account,
): Promise<Repository> {
  const defaultBranch = wanted.defaultBranch ?? "main";
  const id = nextId(github);
  const git = await makeGitRepository(freeFolder(github, owner, wanted.name, id), defaultBranch);
  const now = nowOf(github);
  const repository: Repository = {
    id,
    name: wanted.name,
    owner,
    private: wanted.private,
    archived: false,
    description: wanted.description ?? null,
    defaultBranch,
    createdAt: now,
    pushedAt: now,
    git,
    lastNumber: 0,
    issues: new Map(),
    comments: new Map(),
    labels: new Map(),
    roles: new Map(),
    protections: new Map(),
    branchRules: new Map(),
    environments: new Map(),
    secrets: new Map(),
    actions: { enabled: true, allowed: "all", selected: { githubOwned: false, verified: false, patterns: [] } },
    workflows: new Map(),
    runs: new Map(),
    artifacts: new Map(),
    refusedRuns: null,
    checkSuites: new Map(),
    signedCommits: new Set(),
  };
  github.repositories.set(repository.id, repository);
  emit(github, "repository", repository, sender, { action: "created" });
  return repository;
}

/** One that is deleted leaves its folder behind, which webhooks under way still read. */
function freeFolder({ options }: GitHub, owner: Account, name: string, id: number): string {
  const folder = join(options.dataDir, owner.login, `${name}.git`);
  return existsSync(folder) ? join(options.dataDir, owner.login, `${name}.${String(id)}.git`) : folder;
}

export function deleteRepository(github: GitHub, repository: Repository, sender: Account): void {
  github.repositories.delete(repository.id);
  const waiting = github.runQueue.splice(0);
  github.runQueue.push(...waiting.filter((run) => run.repository !== repository));
  emit(github, "repository", repository, sender, { action: "deleted" });
}

/** A person's commit on top of a branch, made where it doesn't exist. `null` deletes. Sends `push`. */
export async function commitFiles(
  github: GitHub,
  repository: Repository,
  branch: string,
  files: Readonly<Record<string, string | null>>,
  message: string,
  author: Account,
): Promise<string> {
  const ref = `refs/heads/${branch}`;
  const before = await resolve(repository.git, ref);
  const parent = before ?? (await resolve(repository.git, `refs/heads/${repository.defaultBranch}`));
  const modes = new Map(
    parent === undefined ? [] : (await readTree(repository.git, parent, true)).map((entry) => [entry.path, entry.mode]),
  );
  const changes = await Promise.all(
    Object.entries(files).map(async ([path, content]): Promise<TreeChange> => {
      const mode = modes.get(path) ?? (content?.startsWith("#!") === true ? "100755" : "100644");
      return { path, mode, sha: content === null ? null : await writeBlob(repository.git, content) };
    }),
  );
  const who = identityOf(author, nowOf(github));
  const commit = { ref, before, parent, changes, message, author: who, committer: who };
  const sha = await commitChanges(github, repository, commit, author);
  if (sha === undefined) throw new Error(`${fullName(repository)} ${branch} moved meanwhile`);
  return sha;
}

/** A commit on a branch's tip; undefined where the branch has moved meanwhile. Sends `push`. */
export async function commitChanges(
  github: GitHub,
  repository: Repository,
  what: {
    readonly ref: string;
    readonly before: string | undefined;
    readonly parent: string | undefined;
    readonly changes: readonly TreeChange[];
    readonly message: string;
    readonly author: Identity;
    readonly committer: Identity;
  },
  sender: Account,
): Promise<string | undefined> {
  const { ref, before = null, parent, changes, message, author, committer } = what;
  const tree = await writeTree(repository.git, parent ?? null, changes);
  const sha = await writeCommit(repository.git, {
    tree,
    parents: parent === undefined ? [] : [parent],
    author,
    committer,
    message,
  });
  if (!(await moveRef(repository.git, ref, before, sha))) return undefined;
  refMoved(github, repository, { ref, before, after: sha }, sender);
  return sha;
}
