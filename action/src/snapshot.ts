import { lstat, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { ok, type Result } from "#core/wire/result.ts";
import { MINUTE_MS } from "#core/wire/units.ts";
import { hasRealFolder, holdBackAttributes, putBackAttributes } from "./attributes.ts";
import { type Blocked, lastLine, unreadable } from "./failure.ts";
import { type Git, type GitCall, runGit, splitNul } from "./git.ts";
import type { Ended } from "./process.ts";
import type { Workspace } from "./workspace.ts";

/** A git tree's id. Its objects are in the checkout's `.git`, which nothing in the sandbox can write to. */
export type Tree = string;

/**
 * The work tree as `git add` would store it, under base's attributes. In an index of our own, so that `.git` stays as it
 * was fetched. Runs outside the sandbox on files the sandbox wrote: see git.ts.
 * Errors: changesUnreadable, naming the path.
 */
export async function takeSnapshot(git: Git, workspace: Workspace, base: string): Promise<Result<Tree, Blocked>> {
  const call = callWithIndex(git, workspace);
  const started = await call(["read-tree", base]);
  if (started.exitCode !== 0) return unreadable(`git could not read ${base}.`);
  const tracked = await call(["ls-files", "-z", "--cached"]);
  const paths = new Set(splitNul(tracked.stdout).map((it) => it.toString("utf8")));
  await removePlaceholders(workspace.repo, paths);
  for (const folder of await findNestedGit(workspace.repo)) {
    // An ignored one (a package manager's own clone) is never added, so git never looks into it.
    const ignored = await call(["check-ignore", "--quiet", "--", `./${folder}`]);
    if (ignored.exitCode !== 0)
      return unreadable(`\`${folder}\` holds a git repository of its own. Nothing of this change was kept.`);
  }

  const heldBack = await holdBackAttributes(workspace.repo, workspace.hidden, base, call);
  const added = await call(["add", "--all", "--", "."]);
  await putBackAttributes(workspace.repo, heldBack, call);
  if (added.exitCode !== 0) return unreadable(`git could not add the change: ${lastLine(added.stderr)}`);
  return writeTree(call);
}

/**
 * The tree `onto` with the difference between two snapshots: what the harness did between them, and nothing that stood in
 * the work tree before (by-products of set-up and verification). A path in that difference is taken as it is in `after`.
 * Errors: changesUnreadable.
 */
export async function carryOver(
  git: Git,
  workspace: Workspace,
  trees: { readonly before: Tree; readonly after: Tree; readonly onto: Tree },
): Promise<Result<Tree, Blocked>> {
  const call = callWithIndex(git, workspace);
  const started = await call(["read-tree", trees.onto]);
  if (started.exitCode !== 0) return unreadable(`git could not read ${trees.onto}.`);
  const compared = await call(["diff-tree", "-r", "--raw", "-z", "--no-renames", "--abbrev=40", "--ignore-submodules=none", trees.before, trees.after]); // prettier-ignore
  if (compared.exitCode !== 0) return unreadable(`git could not compare the change: ${lastLine(compared.stderr)}`);
  const gone: Buffer[] = [];
  const there: Buffer[] = [];
  for (const { fields, path } of splitRaw(compared.stdout)) {
    const [, mode = "", , blob = ""] = fields;
    // `mode SP id TAB path`; mode 0 removes (git-update-index, "USING --INDEX-INFO").
    const line = Buffer.concat([Buffer.from(`${Number(mode) === 0 ? "0" : mode} ${blob}\t`), path, Buffer.of(0)]);
    (Number(mode) === 0 ? gone : there).push(line);
  }
  // What goes, goes first: a file may stand where a folder was. `--replace` for a folder that only set-up removed.
  const updated = await call(["update-index", "--add", "--replace", "-z", "--index-info"], {
    input: Buffer.concat([...gone, ...there]),
  });
  if (updated.exitCode !== 0) return unreadable(`git could not take the change: ${lastLine(updated.stderr)}`);
  return writeTree(call);
}

export type IndexCall = (args: readonly string[], more?: Partial<GitCall>) => Promise<Ended>;

/** Git with the Action's own index. */
export function callWithIndex(git: Git, workspace: Workspace): IndexCall {
  const env = { GIT_INDEX_FILE: join(workspace.hidden, "index") };
  return (args, more = {}) =>
    runGit(git, { ...more, args, env, until: performance.now() + 2 * MINUTE_MS, keepBytes: 256 * 1024 * 1024 });
}

/** `:oldmode newmode oldid newid status NUL path NUL` (git-diff-index, "Raw output format"). */
export function splitRaw(output: Buffer): { readonly fields: readonly string[]; readonly path: Buffer }[] {
  const parts = splitNul(output);
  const entries: { fields: string[]; path: Buffer }[] = [];
  for (let at = 0; at + 1 < parts.length; at += 2)
    entries.push({ fields: parts[at]?.toString("latin1").split(" ") ?? [], path: parts[at + 1] ?? Buffer.alloc(0) });
  return entries;
}

async function writeTree(call: IndexCall): Promise<Result<Tree, Blocked>> {
  const written = await call(["write-tree"]);
  if (written.exitCode !== 0) return unreadable(`git could not store the change: ${lastLine(written.stderr)}`);
  return ok(written.stdout.toString("latin1").trim());
}

/**
 * Mount points that srt leaves behind when it is killed before it can remove them: empty files and folders under names
 * it protects (notes/runner-sandbox.md T5). Only where base has nothing of the name.
 */
const PLACEHOLDERS = [
  ".bashrc", ".bash_profile", ".zshrc", ".zprofile", ".profile", ".gitconfig", ".gitmodules", ".ripgreprc", ".mcp.json",
  ".vscode", ".idea", ".github", ".claude", ".claude/commands", ".claude/agents", ".claude/settings.json", ".claude/settings.local.json",
]; // prettier-ignore

async function removePlaceholders(repo: string, tracked: ReadonlySet<string>): Promise<void> {
  for (const name of PLACEHOLDERS) {
    if (!(await hasRealFolder(repo, name))) continue;
    const found = await lstat(join(repo, name)).catch(() => undefined);
    if (found?.isFile() && found.size === 0 && !tracked.has(name)) await rm(join(repo, name), { force: true });
  }
}

/** Folders below the checkout that have an entry `.git`, as paths relative to it. Links are not followed. */
async function findNestedGit(repo: string): Promise<string[]> {
  const found: string[] = [];
  async function look(folder: string): Promise<void> {
    for (const entry of await readdir(join(repo, folder), { withFileTypes: true }).catch(() => [])) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.name.toLowerCase() === ".git") {
        if (folder !== "") found.push(folder);
      } else if (entry.isDirectory()) await look(path);
    }
  }
  await look("");
  return found;
}
