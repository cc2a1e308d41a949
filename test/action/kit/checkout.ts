import { execFileSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Change } from "#core/wire/contract.ts";
import { ok } from "#core/wire/result.ts";
import { readChanges } from "../../../action/src/checkout/changes.ts";
import type { Git } from "../../../action/src/checkout/git.ts";
import { findProgram } from "../../../action/src/runner/inputs.ts";
import { carryOver, takeSnapshot, type Tree } from "../../../action/src/checkout/snapshot.ts";
import { makeWorkspace, type Workspace } from "../../../action/src/runner/workspace.ts";
import { testSurroundings } from "./tool-cache.ts";

type Files = Readonly<Record<string, string>>;
export type Checkout = AsyncDisposable & {
  readonly repo: string;
  readonly workspace: Workspace;
  snapshot(): Promise<Tree>;
  carry(before: Tree, after: Tree, onto?: Tree): Promise<Tree>;
  /** The work tree as it is now, or a tree of it, compared with base. */
  read(limits?: { maxFiles: number; maxBytes: number }, tree?: Tree): ReturnType<typeof readChanges>;
};

/** A real repository with one commit, as the fetch leaves it. */
export async function checkOut(files: Files, prepare?: (repo: string) => Promise<void>): Promise<Checkout> {
  const workspace: Workspace = await makeWorkspace(testSurroundings().temp);
  const { repo } = workspace;
  const git = (...args: string[]): string =>
    execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "core.autocrlf=false", ...args], {
      cwd: repo,
      encoding: "utf8",
    }).trim();
  git("init", "-q");
  for (const [path, text] of Object.entries(files)) await put(repo, path, text);
  await prepare?.(repo);
  git("add", "-A");
  git("commit", "-qm", "base", "--allow-empty");
  const base = git("rev-parse", "HEAD");
  const { path } = testSurroundings();
  const its: Git = { program: (await findProgram(path, "git")) ?? "", workTree: repo, home: workspace.hidden, path };
  return {
    repo,
    workspace,
    snapshot: async () => {
      const taken = await takeSnapshot(its, workspace, base);
      if (!taken.ok) throw new Error(taken.error.detail);
      return taken.value;
    },
    async carry(before, after, onto = base) {
      const carried = await carryOver(its, workspace, { before, after, onto });
      if (!carried.ok) throw new Error(carried.error.detail);
      return carried.value;
    },
    async read(limits = { maxFiles: 100, maxBytes: 1_000_000 }, tree) {
      const taken = tree === undefined ? await takeSnapshot(its, workspace, base) : ok(tree);
      return taken.ok ? readChanges(its, workspace, { base, tree: taken.value }, limits) : taken;
    },
    [Symbol.asyncDispose]: () => workspace[Symbol.asyncDispose](),
  };
}

export async function put(repo: string, path: string, text: string | Buffer): Promise<void> {
  await mkdir(dirname(join(repo, path)), { recursive: true });
  await writeFile(join(repo, path), text);
}

export async function changesOf(checkout: Checkout, tree?: Tree): Promise<Change[]> {
  const read = await checkout.read(undefined, tree);
  if (!read.ok) throw new Error(read.error.detail);
  return read.value;
}

export function toText(change: Change | undefined): string {
  return change === undefined || change.status === "deleted" ? "" : Buffer.from(change.content, "base64").toString("utf8");
}
