import { lstat, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import type { Change, Claim } from "#core/wire/contract.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { MINUTE_MS } from "#core/wire/units.ts";
import { hasRealFolder, type HeldBack, holdBackAttributes, putBackAttributes } from "./attributes.ts";
import { blocked, type Blocked } from "./failure.ts";
import { type Git, type GitCall, runGit, splitNul } from "./git.ts";
import type { Ended } from "./process.ts";
import type { Workspace } from "./workspace.ts";

/**
 * What `git add` would store of the work tree, compared with base: under base's attributes, in an index of our own, so
 * that `.git` stays as it was fetched. Runs outside the sandbox on files the sandbox wrote: see git.ts.
 * Errors: changesUnreadable, naming the path or the counts.
 */
export async function readChanges(
  git: Git,
  workspace: Workspace,
  base: string,
  limits: Claim["limits"],
): Promise<Result<Change[], Blocked>> {
  const index = join(workspace.hidden, "index");
  const call = (args: readonly string[], more: Partial<GitCall> = {}): Promise<Ended> =>
    runGit(git, {
      ...more,
      args,
      env: { GIT_INDEX_FILE: index },
      until: performance.now() + 2 * MINUTE_MS,
      keepBytes: 256 * 1024 * 1024,
    });

  const started = await call(["read-tree", base]);
  if (started.exitCode !== 0) return unreadable(`git could not read ${base}.`);
  const tracked = await call(["ls-files", "-z", "--cached"]);
  const paths = new Set(splitNul(tracked.stdout).map((it) => it.toString("utf8")));
  await removePlaceholders(workspace.repo, paths);
  const nested = await findNestedGit(workspace.repo);
  for (const folder of nested) {
    // An ignored one (a package manager's own clone) is never added, so git never looks into it.
    const ignored = await call(["check-ignore", "--quiet", "--", `./${folder}`]);
    if (ignored.exitCode !== 0)
      return unreadable(`\`${folder}\` holds a git repository of its own. Nothing of this change was kept.`);
  }

  const heldBack = await holdBackAttributes(workspace.repo, base, call);
  const added = await call(["add", "--all", "--", "."]);
  if (added.exitCode !== 0) return unreadable(`git could not add the change: ${lastLine(added.stderr)}`);
  await putBackAttributes(heldBack, call);

  const entries = await diff(call, base);
  if (!entries.ok) return entries;
  const filtered = await filteredPath(call, base, entries.value, heldBack);
  if (filtered !== undefined)
    return unreadable(
      `\`${filtered}\` has a \`filter\` attribute (Git LFS, for one). Such a file can't be changed here: only a checkout with that filter could store it.`,
    );
  return readContents(call, entries.value, limits);
}

type Call = (args: readonly string[], more?: Partial<GitCall>) => Promise<Ended>;
type Entry = {
  readonly path: string;
  readonly status: "added" | "modified" | "deleted";
  readonly mode: string;
  readonly blob: string;
};

const MODES = ["100644", "100755", "120000", "160000"] as const;

/** `:oldmode newmode oldid newid status NUL path NUL` (git-diff-index, "Raw output format"). */
async function diff(call: Call, base: string): Promise<Result<Entry[], Blocked>> {
  const raw = await call([
    "diff-index",
    "--cached",
    "--raw",
    "-z",
    "--no-renames",
    "--abbrev=40",
    "--ignore-submodules=none",
    base,
  ]);
  if (raw.exitCode !== 0) return unreadable(`git could not compare the change: ${lastLine(raw.stderr)}`);
  const parts = splitNul(raw.stdout);
  const entries: Entry[] = [];
  for (let at = 0; at + 1 < parts.length; at += 2) {
    const fields = parts[at]?.toString("latin1").split(" ") ?? [];
    const path = decodePath(parts[at + 1] ?? Buffer.alloc(0));
    if (path === undefined) return unreadable("A changed path is not UTF-8 or longer than 4,096 characters.");
    const [, mode = "", , blob = "", letter = ""] = fields;
    entries.push({ path, mode, blob, status: letter === "D" ? "deleted" : letter === "A" ? "added" : "modified" });
  }
  return ok(entries);
}

async function readContents(call: Call, entries: readonly Entry[], limits: Claim["limits"]): Promise<Result<Change[], Blocked>> {
  if (entries.length > limits.maxFiles)
    return unreadable(
      `The change has ${entries.length} files; at most ${limits.maxFiles} are allowed. Ignore what is generated, or split the issue.`,
    );
  const kept = entries.filter((it) => it.status !== "deleted" && it.mode !== "160000");
  const ids = `${kept.map((it) => it.blob).join("\n")}\n`;
  const sizes =
    kept.length === 0
      ? []
      : (await call(["cat-file", "--batch-check=%(objectsize)"], { input: ids })).stdout
          .toString("latin1")
          .trim()
          .split("\n")
          .map(Number);
  const bytes = sizes.reduce((sum, it) => sum + it, 0);
  if (!(bytes <= limits.maxBytes))
    return unreadable(
      `The change has ${bytes} bytes in ${entries.length} files; at most ${limits.maxBytes} bytes are allowed. Ignore what is generated, or split the issue.`,
    );

  const changes: Change[] = [];
  for (const { path, status, mode, blob } of entries) {
    const known = MODES.find((it) => it === mode);
    if (status === "deleted") changes.push({ status, path });
    else if (known === undefined) return unreadable(`\`${path}\` has the unknown mode ${mode}.`);
    else if (known === "160000") changes.push({ status, path, mode: known, blob, content: "" });
    else {
      const shown = await call(["cat-file", "blob", blob]);
      if (shown.exitCode !== 0) return unreadable(`git could not read \`${path}\`.`);
      changes.push({ status, path, mode: known, blob, content: shown.stdout.toString("base64") });
    }
  }
  return ok(changes);
}

/** The first changed path that base's attributes give a filter. A deletion needs none. */
async function filteredPath(
  call: Call,
  base: string,
  entries: readonly Entry[],
  heldBack: readonly HeldBack[],
): Promise<string | undefined> {
  const paths = entries
    .filter((it) => it.status !== "deleted" && !heldBack.some((held) => held.path === it.path))
    .map((it) => it.path);
  if (paths.length === 0) return undefined;
  // `--cached` reads attributes from the index: it must be base's while it is asked.
  await call(["read-tree", base]);
  const shown = await call(["check-attr", "--cached", "-z", "--stdin", "filter"], { input: `${paths.join("\0")}\0` });
  const parts = splitNul(shown.stdout).map((it) => it.toString("utf8"));
  for (let at = 0; at + 2 < parts.length; at += 3) {
    if (!["unspecified", "unset", "set"].includes(parts[at + 2] ?? "")) return parts[at];
  }
  return shown.exitCode === 0 ? undefined : paths[0];
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

function decodePath(bytes: Buffer): string | undefined {
  try {
    const path = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return path.length > 0 && path.length <= 4_096 ? path : undefined;
  } catch {
    return undefined;
  }
}

function unreadable(detail: string): Result<never, Blocked> {
  return err(blocked("changesUnreadable", detail.slice(0, 2_000)));
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1)?.slice(0, 300) ?? "";
}
