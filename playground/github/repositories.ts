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
  type TreeChange,
} from "./git-repository.ts";
import { refMoved } from "./refs.ts";
import { cloneUrl } from "./shapes/urls.ts";
import { accountOf, findRepository, fullName, iso, nextId, nowOf, type Account, type GitHub, type Repository } from "./state.ts";
import { emit } from "./webhooks.ts";

/** What GitHub allows in names of owners and repositories; also what keeps them inside `dataDir`. */
const NAME = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$/;

export async function createRepository(github: GitHub, wanted: NewRepository): Promise<CreatedRepository> {
  const owner = accountOf(github, wanted.owner);
  if (owner === undefined) throw new Error(`no owner ${wanted.owner}: create it first`);
  if (!NAME.test(wanted.name) || !NAME.test(owner.login))
    throw new Error(`${wanted.owner}/${wanted.name} is not a name GitHub allows`);
  if (findRepository(github, wanted.owner, wanted.name) !== undefined) throw new Error(`${wanted.owner}/${wanted.name} exists`);
  const defaultBranch = wanted.defaultBranch ?? "main";
  const git = await makeGitRepository(join(github.options.dataDir, owner.login, `${wanted.name}.git`), defaultBranch);
  const now = nowOf(github);
  const repository: Repository = {
    id: nextId(github),
    name: wanted.name,
    owner,
    private: wanted.private,
    defaultBranch,
    createdAt: now,
    pushedAt: now,
    git,
    lastNumber: 0,
    issues: new Map(),
    comments: new Map(),
    labels: new Map(),
    roles: new Map(),
    protectedBranches: new Set(),
    environments: new Map(),
    workflows: new Map(),
    runs: new Map(),
    artifacts: new Map(),
    checkSuites: new Map(),
    signedCommits: new Set(),
  };
  github.repositories.set(repository.id, repository);
  emit(github, "repository", repository, owner, { action: "created" });
  if (wanted.fromGit !== undefined) await importHead(git, wanted.fromGit, defaultBranch);
  if (wanted.files !== undefined) await commitFiles(github, repository, defaultBranch, wanted.files, "Initial commit", owner);
  return { id: repository.id, fullName: fullName(repository), cloneUrl: cloneUrl(github, repository), gitDir: git.dir };
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
  const tree = await writeTree(repository.git, parent ?? null, changes);
  const who = {
    name: author.login,
    email: `${String(author.id)}+${author.login}@users.noreply.github.com`,
    date: iso(nowOf(github)),
  };
  const commit = { tree, parents: parent === undefined ? [] : [parent], author: who, committer: who, message };
  const sha = await writeCommit(repository.git, commit);
  if (!(await moveRef(repository.git, ref, before ?? null, sha)))
    throw new Error(`${fullName(repository)} ${branch} moved meanwhile`);
  refMoved(github, repository, { ref, before: before ?? null, after: sha }, author);
  return sha;
}
