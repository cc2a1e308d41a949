import { readFileSync, readdirSync } from "node:fs";

/** Kills a process, its group and its descendants. Effects: SIGKILL. Elsewhere than on Linux only the group is known. */
export function killTree(root: number): void {
  const parents = new Map(processIds().map((pid) => [pid, parentOf(pid)]));
  const doomed = new Set([root]);
  for (let grew = true; grew;) {
    grew = false;
    for (const [pid, parent] of parents) {
      if (parent === undefined || !doomed.has(parent) || doomed.has(pid)) continue;
      doomed.add(pid);
      grew = true;
    }
  }
  for (const pid of [-root, ...doomed]) kill(pid);
}

/**
 * Kills what a job left behind, found by the marker in its environment, as GitHub's runner does after the last step
 * ("Cleaning up orphan processes").
 */
export function killTracked(trackingId: string): number {
  const marker = `RUNNER_TRACKING_ID=${trackingId}`;
  const orphans = processIds().filter((pid) => read(`/proc/${pid}/environ`).split("\0").includes(marker));
  for (const pid of orphans) kill(pid);
  return orphans.length;
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Already gone.
  }
}

function processIds(): number[] {
  try {
    return readdirSync("/proc").map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}

/** The fourth field of /proc/PID/stat; the second is the command in brackets and may hold anything. */
function parentOf(pid: number): number | undefined {
  const stat = read(`/proc/${pid}/stat`);
  const parent = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1];
  return parent === undefined ? undefined : Number(parent);
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
