import { execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** A bare repository on disk. */
export type GitRepository = { readonly dir: string };

export type TreeEntry = {
  readonly path: string;
  readonly mode: string;
  readonly type: string;
  readonly sha: string;
  readonly size?: number;
};
export type TreeChange = { readonly path: string; readonly mode: string; readonly sha: string | null };
export type Identity = { readonly name: string; readonly email: string; readonly date: string };
export type Commit = {
  readonly sha: string;
  readonly tree: string;
  readonly parents: readonly string[];
  readonly author: Identity;
  readonly committer: Identity;
  readonly message: string;
};

const run = promisify(execFile);

/** Nobody's configuration but ours: a developer's hooks, signing or templates must not change what is emulated. */
const ENVIRONMENT = {
  PATH: process.env["PATH"] ?? "",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_TERMINAL_PROMPT: "0",
  LC_ALL: "C",
};

export async function git(
  repository: GitRepository,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const key = isFixed(args) ? [repository.dir, ...args].join("\0") : undefined;
  const known = key === undefined ? undefined : remembered.get(key);
  if (known !== undefined) return known;
  const { stdout } = await run("git", ["--git-dir", repository.dir, ...args], {
    env: { ...ENVIRONMENT, ...env },
    maxBuffer: 256 * 1024 * 1024,
  });
  if (key !== undefined && stdout.length <= MAX_REMEMBERED) remembered.set(key, stdout);
  return stdout;
}

/** Answers about objects by their full ids, which stay true: a process for each was most of what an act on GitHub took. */
const remembered = new Map<string, string>();
const MAX_REMEMBERED = 64 * 1024;
const READS: ReadonlySet<string> = new Set(["rev-parse", "diff-tree", "log", "rev-list", "merge-base", "ls-tree"]);

function isFixed(args: readonly string[]): boolean {
  const before = args.includes("--") ? args.slice(0, args.indexOf("--")) : args;
  const [command = "", ...revisions] = before.filter((word) => !word.startsWith("-"));
  return (
    READS.has(command) && revisions.every((word) => /^\^?[0-9a-f]{40}(?:\^\{\w+\}|:.*)?$/.test(word)) && revisions.length > 0
  );
}

async function gitInput(
  repository: GitRepository,
  args: readonly string[],
  input: string | Buffer,
  env: Readonly<Record<string, string>> = {},
): Promise<Buffer> {
  const child = spawn("git", ["--git-dir", repository.dir, ...args], { env: { ...ENVIRONMENT, ...env } });
  const out: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
  // A git that ends early closes its input; the exit code below says so better than EPIPE does.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  if (code !== 0) throw new Error(`git ${args[0] ?? ""} exited ${String(code)}: ${Buffer.concat(errors).toString()}`);
  return Buffer.concat(out);
}

export async function makeGitRepository(dir: string, defaultBranch: string): Promise<GitRepository> {
  await mkdir(dir, { recursive: true });
  const repository = { dir };
  await git(repository, ["init", "--bare", "--quiet", `--initial-branch=${defaultBranch}`]);
  // GitHub lets a client fetch any object id it may read, and filter; pushes are authorised before git sees them.
  const settings = ["http.receivepack", "uploadpack.allowAnySHA1InWant", "uploadpack.allowFilter"];
  for (const setting of settings) await git(repository, ["config", setting, "true"]);
  return repository;
}

/** Copies HEAD of a local repository, with its history, as `branch`. */
export async function importHead(repository: GitRepository, from: string, branch: string): Promise<void> {
  await git(repository, ["fetch", "--quiet", from, `+HEAD:refs/heads/${branch}`]);
}

/** The object a revision names, peeled to `type`; undefined when there is none. */
export async function resolve(repository: GitRepository, revision: string, type = "commit"): Promise<string | undefined> {
  if (revision.startsWith("-")) return undefined;
  try {
    return (await git(repository, ["rev-parse", "--verify", "--quiet", "--end-of-options", `${revision}^{${type}}`])).trim();
  } catch {
    return undefined;
  }
}

export async function objectType(repository: GitRepository, sha: string): Promise<string | undefined> {
  if (!/^[0-9a-f]{40}$/.test(sha)) return undefined;
  const text = (await gitInput(repository, ["cat-file", "--batch-check=%(objecttype)"], `${sha}\n`)).toString().trim();
  return text.endsWith("missing") ? undefined : text;
}

/** Types of many objects in one process; undefined for those that are missing. */
export async function objectTypes(repository: GitRepository, shas: readonly string[]): Promise<ReadonlyMap<string, string>> {
  if (shas.length === 0) return new Map();
  const text = (
    await gitInput(repository, ["cat-file", "--batch-check=%(objectname) %(objecttype)"], `${shas.join("\n")}\n`)
  ).toString();
  const lines = text
    .trim()
    .split("\n")
    .map((line) => line.split(" "));
  return new Map(lines.flatMap(([sha = "", type = ""]) => (type === "missing" || type === "" ? [] : [[sha, type] as const])));
}

export async function readBlob(repository: GitRepository, sha: string): Promise<Buffer> {
  return gitInput(repository, ["cat-file", "blob", sha], "");
}

export async function writeBlob(repository: GitRepository, content: Buffer | string): Promise<string> {
  return (await gitInput(repository, ["hash-object", "-w", "--stdin"], content)).toString().trim();
}

export async function readTree(repository: GitRepository, tree: string, recursive: boolean): Promise<TreeEntry[]> {
  const text = await git(repository, ["ls-tree", "-z", "-l", ...(recursive ? ["-r", "-t"] : []), tree]);
  return text
    .split("\0")
    .filter((line) => line !== "")
    .map((line) => {
      const [facts = "", path = ""] = split(line, "\t");
      const [mode = "", type = "", sha = "", size = "-"] = facts.split(/ +/);
      return { path, mode, type, sha, ...(size === "-" ? {} : { size: Number(size) }) };
    });
}

/** One entry by path, or undefined. */
export async function entryAt(repository: GitRepository, treeish: string, path: string): Promise<TreeEntry | undefined> {
  const text = await git(repository, ["--literal-pathspecs", "ls-tree", "-z", "-l", treeish, "--", path]);
  const [facts, name] = split(text.replace(/\0$/, ""), "\t");
  if (facts === undefined || name !== path) return undefined;
  const [mode = "", type = "", sha = "", size = "-"] = facts.split(/ +/);
  return { path, mode, type, sha, ...(size === "-" ? {} : { size: Number(size) }) };
}

/** A tree made of another one and changes to it, through a throw-away index so that nested paths need no recursion here. */
export async function writeTree(repository: GitRepository, base: string | null, changes: readonly TreeChange[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "emulated-github-"));
  try {
    const env = { GIT_INDEX_FILE: join(folder, "index") };
    await git(repository, ["read-tree", base ?? "--empty"], env);
    const zero = "0".repeat(40);
    const lines: string[] = [];
    for (const { path, mode, sha } of changes) {
      if (mode !== "040000") lines.push(sha === null ? `0 ${zero}\t${path}\0` : `${mode} ${sha}\t${path}\0`);
      else {
        // A folder is what is in it: what was there goes, what the new tree holds comes.
        const inside =
          base === null ? [] : (await readTree(repository, base, true)).filter((entry) => entry.path.startsWith(`${path}/`));
        for (const entry of inside) if (entry.type !== "tree") lines.push(`0 ${zero}\t${entry.path}\0`);
        const added = sha === null ? [] : await readTree(repository, sha, true);
        for (const entry of added) if (entry.type !== "tree") lines.push(`${entry.mode} ${entry.sha}\t${path}/${entry.path}\0`);
      }
    }
    await gitInput(repository, ["update-index", "-z", "--index-info"], lines.join(""), env);
    return (await git(repository, ["write-tree", "--missing-ok"], env)).trim();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export async function writeCommit(repository: GitRepository, commit: Omit<Commit, "sha">): Promise<string> {
  const line = (who: Identity): string => `${who.name} <${who.email}> ${String(Math.floor(Date.parse(who.date) / 1000))} +0000`;
  const text = [
    `tree ${commit.tree}`,
    ...commit.parents.map((parent) => `parent ${parent}`),
    `author ${line(commit.author)}`,
    `committer ${line(commit.committer)}`,
    "",
    commit.message,
  ].join("\n");
  return (await gitInput(repository, ["hash-object", "-t", "commit", "-w", "--stdin"], text)).toString().trim();
}

export async function readCommit(repository: GitRepository, sha: string): Promise<Commit> {
  const format = "%H%x00%T%x00%P%x00%an%x00%ae%x00%at%x00%cn%x00%ce%x00%ct%x00%B";
  const text = await git(repository, ["log", "-1", `--format=${format}`, sha]);
  const [id = "", tree = "", parents = "", an = "", ae = "", at = "0", cn = "", ce = "", ct = "0", ...message] = text.split("\0");
  const date = (seconds: string): string => new Date(Number(seconds) * 1000).toISOString().replace(".000Z", "Z");
  return {
    sha: id,
    tree,
    parents: parents === "" ? [] : parents.split(" "),
    author: { name: an, email: ae, date: date(at) },
    committer: { name: cn, email: ce, date: date(ct) },
    message: message.join("\0").replace(/\n+$/, ""),
  };
}

export type Ref = { readonly ref: string; readonly sha: string };

export async function listRefs(repository: GitRepository, prefix = "refs/"): Promise<Ref[]> {
  const text = await git(repository, ["for-each-ref", "--format=%(objectname) %(refname)", prefix]);
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => ({ sha: line.slice(0, 40), ref: line.slice(41) }));
}

/** Compare-and-set: `before` null means the ref must not exist, `after` null deletes it. False when git refused. */
export async function moveRef(
  repository: GitRepository,
  ref: string,
  before: string | null,
  after: string | null,
): Promise<boolean> {
  const zero = "0".repeat(40);
  const args = after === null ? ["update-ref", "-d", ref, before ?? zero] : ["update-ref", ref, after, before ?? zero];
  return git(repository, args).then(
    () => true,
    () => false,
  );
}

export async function isAncestor(repository: GitRepository, ancestor: string, of: string): Promise<boolean> {
  return git(repository, ["merge-base", "--is-ancestor", ancestor, of]).then(
    () => true,
    () => false,
  );
}

function split(text: string, separator: string): [string | undefined, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [undefined, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
