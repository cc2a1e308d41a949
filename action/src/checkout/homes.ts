import { randomBytes } from "node:crypto";
import { chmod, lstat, mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { blocked, type Blocked, whyFailed } from "#action/runner/failure.ts";
import { run } from "#action/runner/process.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { MINUTE_MS } from "#core/wire/units.ts";
import { removeTree, SYSTEM_PATH, type Workspace } from "#action/runner/workspace.ts";

/**
 * What stands at HOME, TMPDIR and the checkout's place. The harness works in what set-up left, and keeps its own between its
 * rounds, with its session. The checks, before the work and after it, run in a copy of what set-up left, with nothing of the
 * harness's but the change that would be published: in its HOME or its checkout, a `script-shell=/bin/true` that it writes into
 * an ignored `.npmrc` lets every `npm test` pass, and so does a program put into `node_modules/.bin`.
 *
 * The paths are the same in every phase, because what set-up installs has them written into it (a virtual environment,
 * npm's prefix, Cargo's and Go's records). Copies, not set-up's own made read-only: npm, Cargo, Go, Gradle and pip all
 * write beside what they only want to read. 1 GB in 50,000 files took 2.1 to 4.3 s (2 noisy
 * cores, ext4, 2026-11-25).
 */
const OWN = ["home", "tmp", "repo"] as const;
type Own = (typeof OWN)[number];
const COPY_MS = 5 * MINUTE_MS;

/**
 * After set-up. Effects: its HOME, and a copy of its checkout, are put away where nothing sandboxed reaches them; a copy of HOME
 * stands in its place. Errors: setupFailed.
 */
export async function keepSetUp(workspace: Workspace, until: number): Promise<Result<void, Blocked>> {
  await move(workspace.home, ofSetUp(workspace, "home"));
  await drop(workspace, "tmp");
  const kept = await copy(workspace, workspace.repo, ofSetUp(workspace, "repo"), until);
  const seeded = await seed(workspace, ["home"], until);
  return kept.ok ? seeded : kept;
}

/**
 * Empties folders of HOME that a harness takes for its user's: whatever set-up has run (a package's install script, say) could
 * have left it hooks, servers, another address or instructions there, and no flag shuts those out. A link on the way to one
 * goes as well, and nothing behind it. Errors: setupFailed.
 */
export async function emptyOf(workspace: Workspace, names: readonly string[]): Promise<Result<void, Blocked>> {
  for (const name of names) {
    let at = workspace.home;
    for (const part of name.split("/")) {
      await chmod(at, 0o700);
      at = join(at, part);
      const found = await lstat(at).catch(() => undefined);
      if (found?.isDirectory() !== true || at === join(workspace.home, name)) break;
    }
    await removeTree(at);
    if ((await lstat(at).catch(() => undefined)) !== undefined)
      return err(blocked("setupFailed", `What set-up left in \`~/${name}\` can't be removed.`));
  }
  return ok(undefined);
}

/** Does work in what set-up left. Effects: the harness's own HOME, TMPDIR and checkout stand again afterwards. Errors: setupFailed. */
export async function whereSetUpEnded<T>(
  workspace: Workspace,
  until: number,
  work: () => Promise<T>,
): Promise<Result<T, Blocked>> {
  const aside = (name: Own): string => join(workspace.hidden, `harness-${name}`);
  for (const name of OWN) await move(workspace[name], aside(name));
  const seeded = await seed(workspace, ["home", "repo"], until);
  const done = seeded.ok ? ok(await work()) : seeded;
  for (const name of OWN) {
    await drop(workspace, name);
    await move(aside(name), workspace[name]);
  }
  return done;
}

function ofSetUp(workspace: Workspace, name: "home" | "repo"): string {
  return join(workspace.hidden, `set-up-${name}`);
}

async function seed(workspace: Workspace, names: readonly ("home" | "repo")[], until: number): Promise<Result<void, Blocked>> {
  await mkdir(workspace.tmp, { mode: 0o700 });
  for (const name of names) {
    const copied = await copy(workspace, ofSetUp(workspace, name), workspace[name], until);
    if (copied.ok) continue;
    for (const missing of names) await mkdir(workspace[missing], { recursive: true });
    return copied;
  }
  return ok(undefined);
}

async function copy(workspace: Workspace, from: string, to: string, until: number): Promise<Result<void, Blocked>> {
  const copied = await run({
    file: "cp",
    args: ["-a", "--reflink=auto", "--", from, to],
    cwd: workspace.hidden,
    env: { PATH: SYSTEM_PATH, LC_ALL: "C.UTF-8" },
    until: Math.min(until, performance.now() + COPY_MS),
  });
  if (copied.exitCode === 0) return ok(undefined);
  return err(blocked("setupFailed", `What set-up left can't be copied: ${whyFailed(copied)}.`));
}

/** A folder can be moved elsewhere only by who may write to it, and sandboxed code can forbid that. */
async function move(from: string, to: string): Promise<void> {
  await chmod(from, 0o700);
  await rename(from, to);
}

/** Moved before it is removed, so that what can't be removed is not in the way. */
async function drop(workspace: Workspace, name: Own): Promise<void> {
  const gone = join(workspace.hidden, `gone-${randomBytes(6).toString("hex")}`);
  await move(workspace[name], gone);
  await removeTree(gone);
}
