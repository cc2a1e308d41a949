import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { type Blocked, whyFailed, unreadable } from "#action/runner/failure.ts";
import type { Ended } from "#action/runner/process.ts";
import { ok, type Result } from "#core/wire/result.ts";
import { MINUTE_MS } from "#core/wire/units.ts";
import { type Git, type GitCall, runGit, splitNul } from "./git.ts";
import type { Workspace } from "#action/runner/workspace.ts";

export type IndexCall = (args: readonly string[], more?: Partial<GitCall>) => Promise<Ended>;

/** Room for the list of some two million files. */
const MAX_OUTPUT_BYTES = 256 * 1024 * 1024;

/** Git with the Action's own index. */
export function callWithIndex(git: Git, workspace: Workspace): IndexCall {
  const env = { GIT_INDEX_FILE: join(workspace.hidden, "index") };
  return async (args, more = {}) => {
    const ended = await runGit(git, {
      ...more,
      args,
      env,
      until: performance.now() + 2 * MINUTE_MS,
      keepBytes: MAX_OUTPUT_BYTES,
    });
    // Of more, only the end was kept: what is missing must not look like what isn't there.
    return ended.stdout.length < MAX_OUTPUT_BYTES ? ended : { ...ended, exitCode: 128, stderr: "its answer is too long" };
  };
}

/** A path as an index or a tree has it. */
export type Entry = { readonly mode: string; readonly id: string; readonly path: Buffer };

/** All that a tree holds, folders opened. Errors: changesUnreadable. */
export async function listTree(call: IndexCall, tree: string): Promise<Result<Entry[], Blocked>> {
  const listed = await call(["ls-tree", "-r", "-z", tree]);
  if (listed.exitCode !== 0) return unreadable(`git could not list ${tree}: ${whyFailed(listed)}`);
  // `mode SP type SP id TAB path` (git-ls-tree, "Output format").
  return ok(
    splitNul(listed.stdout).map((line) => {
      const tab = line.indexOf("\t");
      const [mode = "", , id = ""] = line.subarray(0, tab).toString("latin1").split(" ");
      return { mode, id, path: line.subarray(tab + 1) };
    }),
  );
}

/** Puts paths into the index, or out of it where the mode is 0. Reads nothing of the work tree. Errors: changesUnreadable. */
export async function updateIndex(call: IndexCall, entries: readonly Entry[]): Promise<Result<void, Blocked>> {
  if (entries.length === 0) return ok(undefined);
  const isGone = (entry: Entry): boolean => Number(entry.mode) === 0;
  // `mode SP id TAB path`; mode 0 removes (git-update-index, "USING --INDEX-INFO"). What goes, goes first: a file may
  // stand where a folder was.
  const lines = [...entries.filter(isGone), ...entries.filter((it) => !isGone(it))].map((it) =>
    Buffer.concat([Buffer.from(`${isGone(it) ? "0" : it.mode} ${it.id}\t`), it.path, Buffer.of(0)]),
  );
  // `--replace` for a folder that only set-up removed.
  const updated = await call(["update-index", "--add", "--replace", "-z", "--index-info"], { input: Buffer.concat(lines) });
  return updated.exitCode === 0 ? ok(undefined) : unreadable(`git could not take the change: ${whyFailed(updated)}`);
}

/** An id for `updateIndex` to remove a path by. */
export const NO_ID = "0".repeat(40);

/** Those of the paths that `git add` would not leave out as ignored. Errors: changesUnreadable. */
export async function withoutIgnored(call: IndexCall, paths: readonly Buffer[]): Promise<Result<Buffer[], Blocked>> {
  if (paths.length === 0) return ok([]);
  // `./`, so that no name is taken for pathspec magic.
  const input = Buffer.concat(paths.flatMap((it) => [Buffer.from("./"), it, Buffer.of(0)]));
  const asked = await call(["check-ignore", "-z", "--stdin"], { input });
  // 1: none is ignored (git-check-ignore, "EXIT STATUS").
  if (asked.exitCode !== 0 && asked.exitCode !== 1) return unreadable(`git could not tell what is ignored: ${whyFailed(asked)}`);
  const ignored = new Set(splitNul(asked.stdout).map((it) => it.subarray(2).toString("latin1")));
  return ok(paths.filter((it) => !ignored.has(it.toString("latin1"))));
}
