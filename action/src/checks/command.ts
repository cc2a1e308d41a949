import { type Most, spareMemory } from "#action/runner/family.ts";
import type { Ended } from "#action/runner/process.ts";
import type { Workspace } from "#action/runner/workspace.ts";
import type { Sandbox } from "#action/sandbox/sandbox.ts";

/** A command of the repository's: set-up's, or a check. */
export type Place = { readonly sandbox: Sandbox; readonly workspace: Workspace };

/**
 * Processes and threads of a command at one time: a build of a large workspace has hundreds. The kernel refuses more at once,
 * but not to root, whose processes are counted twice a second like everyone's memory. `ulimit -v` and `-d` bound no memory
 * here: a sanitizer's shadow (`go test -race`) is terabytes of address space that is never filled.
 */
const MAX_PROCESSES = 4_096;

export function bounded(line: string): { readonly line: string; readonly most: Most } {
  const most = { processes: MAX_PROCESSES, bytes: spareMemory() };
  return { line: `ulimit -u ${String(MAX_PROCESSES)} 2>/dev/null\n${line}`, most };
}

/** What was printed, with paths as its readers know them: where this job keeps its folders tells them nothing. */
export function toLog(ended: Ended, { repo, home }: Workspace): string {
  const text = `${ended.stdout.toString("utf8")}\n${ended.stderr}`.trim();
  return text.replaceAll(`file://${repo}`, ".").replaceAll(repo, ".").replaceAll(home, "~");
}
