import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import type { Script } from "./model/script.ts";

const run = promisify(execFile);

/** Git without the user's or system's configuration: the same everywhere. */
export async function git(cwd: string, ...args: readonly string[]): Promise<string> {
  const env = { PATH: process.env["PATH"], HOME: cwd, GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null", LANG: "C.UTF-8" };
  const { stdout } = await run("git", ["-c", "core.quotePath=false", ...args], { cwd, env, maxBuffer: 64 * 1024 * 1024 });
  return stdout.trimEnd();
}

/** A scripted change is applied by hand; a live one as the patch that leads to a commit. */
export type AppliedChange = { readonly script: Script; readonly sandboxed: boolean } | { readonly patchTo: string };

/**
 * The tree that the work should have led to, made without any of our code in between: a clone of its own, the same
 * change applied, and `git write-tree`.
 */
export async function expectedTree(gitDir: string, base: string, change: AppliedChange): Promise<string> {
  return inClone(gitDir, base, change, (clone) => git(clone, "write-tree"));
}

/** What tells a tree from the expected one, path by path; empty where they are one tree. */
export async function compareTrees(gitDir: string, base: string, change: AppliedChange, tree: string): Promise<string[]> {
  return inClone(gitDir, base, change, async (clone) => {
    const wanted = await git(clone, "write-tree");
    if (wanted === tree) return [];
    const differences = await git(clone, "diff", "--name-status", "--no-renames", wanted, tree);
    const told: Readonly<Record<string, string>> = { A: "only in the pull request", D: "only in the independent clone" };
    const paths = differences.split("\n").map((line) => {
      const [status = "", path = ""] = line.split("\t");
      return `${told[status] ?? "not the same in both"}: ${path}`;
    });
    return [
      `the pull request's tree is ${tree}, an independent clone gives ${wanted}`,
      ...paths,
      "a file that a `run` step writes each time anew, as compiled code, belongs into .gitignore",
    ];
  });
}

async function inClone<T>(gitDir: string, base: string, change: AppliedChange, look: (clone: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "agent-pool-independent-"));
  try {
    // `--shared` lets it read the pull request's objects, which no branch of a clone might have.
    await git(folder, "clone", "--quiet", "--shared", "--no-checkout", gitDir, "clone");
    const clone = join(folder, "clone");
    await git(clone, "checkout", "--quiet", "--detach", base);
    if ("script" in change) await applyScript(clone, change);
    else await applyPatch(gitDir, clone, base, change.patchTo);
    await git(clone, "add", "--all");
    return await look(clone);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function applyScript(clone: string, { script, sandboxed }: Extract<AppliedChange, { script: Script }>): Promise<void> {
  const env = { PATH: process.env["PATH"], HOME: "/tmp", LANG: "C.UTF-8", CI: "true" };
  for (const step of script) {
    if ("write" in step) write(clone, step.write.path, step.write.content);
    else if ("run" in step) {
      // Where the harness is caged these are too: they may write here and nowhere else, and reach no network.
      const cage = ["--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"];
      const [file, args] = sandboxed
        ? ["bwrap", [...cage, "--tmpfs", "/tmp", "--bind", clone, clone, "--chdir", clone, "bash", "-c", step.run]]
        : ["bash", ["-c", step.run]];
      // A failing command is part of the script (a test that fails first): what it leaves in the tree counts.
      await run(file, args, { cwd: clone, env }).catch(() => undefined);
    }
  }
}

async function applyPatch(gitDir: string, clone: string, base: string, head: string): Promise<void> {
  const patch = join(dirname(clone), "patch");
  await git(gitDir, "diff", "--binary", "--full-index", "--no-renames", `--output=${patch}`, base, head);
  await git(clone, "apply", "--whitespace=nowarn", patch);
}

function write(clone: string, path: string, content: string): void {
  mkdirSync(dirname(join(clone, path)), { recursive: true });
  writeFileSync(join(clone, path), content);
}
