import { lstat, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Blocked, whyFailed, unreadable } from "#action/runner/failure.ts";
import { ok, type Result } from "#core/wire/result.ts";
import { holdBackAttributes, putBackAttributes } from "./attributes.ts";
import { callWithIndex, type IndexCall, listTree, updateIndex } from "./git-index.ts";
import { type Git, splitNul } from "./git.ts";
import { putBackGitlinks, refuseRepositories, takeOutGitlinks } from "./nested.ts";
import { hasRealFolder, walk } from "./walk.ts";
import type { Workspace } from "#action/runner/workspace.ts";

/** A git tree's id. Its objects are in the checkout's `.git`, which nothing in the sandbox can write to. */
export type Tree = string;

/**
 * The work tree as `git add` would store it, under base's attributes. In an index of our own, so that `.git` stays as it
 * was fetched. Runs outside the sandbox on files the sandbox wrote: see git.ts and nested.ts. (Inside, git would need an
 * index and an object folder that it may write to, and git outside would then have to believe both.)
 * Errors: changesUnreadable, naming the path.
 */
export async function takeSnapshot(git: Git, workspace: Workspace, base: string): Promise<Result<Tree, Blocked>> {
  const { repo } = workspace;
  const call = callWithIndex(git, workspace);
  const started = await call(["read-tree", base]);
  if (started.exitCode !== 0) return unreadable(`git could not read ${base}.`);
  const tracked = await listTree(call, base);
  if (!tracked.ok) return tracked;
  await removePlaceholders(repo, new Set(tracked.value.map((it) => it.path.toString("utf8"))));
  const found = await walk(repo);
  if (!found.ok) return found;
  const links = await takeOutGitlinks(call, repo, tracked.value);
  if (!links.ok) return links;
  const refused = await refuseRepositories(call, found.value.repositories);
  if (!refused.ok) return refused;

  const toHoldBack = { found: found.value.attributes, tracked: tracked.value, aside: workspace.hidden };
  const heldBack = await holdBackAttributes(call, repo, toHoldBack);
  if (!heldBack.ok) return heldBack;
  const added = await call(["add", "--all", "--", "."]);
  const putBack = await putBackAttributes(call, repo, heldBack.value);
  if (added.exitCode !== 0) return unreadable(`git could not add the change: ${whyFailed(added)}`);
  if (!putBack.ok) return putBack;
  const linked = await putBackGitlinks(call, links.value);
  return linked.ok ? writeTree(call) : linked;
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
  if (compared.exitCode !== 0) return unreadable(`git could not compare the change: ${whyFailed(compared)}`);
  const updated = await updateIndex(
    call,
    splitRaw(compared.stdout).map(({ fields: [, mode = "", , id = ""], path }) => ({ mode, id, path })),
  );
  return updated.ok ? writeTree(call) : updated;
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
  if (written.exitCode !== 0) return unreadable(`git could not store the change: ${whyFailed(written)}`);
  return ok(written.stdout.toString("latin1").trim());
}

/**
 * Mount points that srt leaves behind when it is killed before it can remove them: empty files and folders under names
 * it protects. Only where base has nothing of the name.
 */
const PLACEHOLDERS = [
  ".bashrc", ".bash_profile", ".zshrc", ".zprofile", ".profile", ".gitconfig", ".gitmodules", ".ripgreprc", ".mcp.json",
  ".vscode", ".idea", ".github", ".claude", ".claude/commands", ".claude/agents", ".claude/settings.json", ".claude/settings.local.json",
]; // prettier-ignore

async function removePlaceholders(repo: string, tracked: ReadonlySet<string>): Promise<void> {
  for (const name of PLACEHOLDERS) {
    if (!(await hasRealFolder(repo, Buffer.from(name)))) continue;
    const found = await lstat(join(repo, name)).catch(() => undefined);
    if (found?.isFile() && found.size === 0 && !tracked.has(name)) await rm(join(repo, name), { force: true });
  }
}
