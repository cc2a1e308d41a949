import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import type { Change } from "#core/wire/contract.ts";
import type { Script } from "./model/script.ts";

const run = promisify(execFile);

/** Git without the user's or system's configuration: the same everywhere. */
export async function git(cwd: string, ...args: readonly string[]): Promise<string> {
  const env = { PATH: process.env["PATH"], HOME: cwd, GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null", LANG: "C.UTF-8" };
  const { stdout } = await run("git", [...args], { cwd, env, maxBuffer: 64 * 1024 * 1024 });
  return stdout.trimEnd();
}

/**
 * The tree that the work should have led to, made without any of our code in between: a clone of its own, the same
 * change applied, and `git write-tree`. A scripted change is applied by hand; of a live one, the reported content.
 */
export async function expectedTree(
  gitDir: string,
  base: string,
  change: { script: Script } | { changes: readonly Change[] },
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "agent-pool-independent-"));
  try {
    await git(folder, "clone", "--quiet", "--no-checkout", gitDir, "clone");
    const clone = join(folder, "clone");
    await git(clone, "checkout", "--quiet", "--detach", base);
    if ("script" in change) await applyScript(clone, change.script);
    else applyChanges(clone, change.changes);
    await git(clone, "add", "--all");
    return await git(clone, "write-tree");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function applyScript(clone: string, script: Script): Promise<void> {
  for (const step of script) {
    if ("write" in step) write(clone, step.write.path, step.write.content);
    else if ("run" in step) {
      // A failing command is part of the script (a test that fails first): what it leaves in the tree counts.
      await run("bash", ["-c", step.run], { cwd: clone, env: { PATH: process.env["PATH"], HOME: dirname(clone) } }).catch(
        () => undefined,
      );
    }
  }
}

function applyChanges(clone: string, changes: readonly Change[]): void {
  for (const change of changes) {
    if (change.status === "deleted") rmSync(join(clone, change.path));
    else write(clone, change.path, Buffer.from(change.content, "base64"), change.mode === "100755" ? 0o755 : 0o644);
  }
}

function write(clone: string, path: string, content: string | Buffer, mode = 0o644): void {
  mkdirSync(dirname(join(clone, path)), { recursive: true });
  writeFileSync(join(clone, path), content, { mode });
}
