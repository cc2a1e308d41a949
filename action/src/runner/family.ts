import { readdir, readFile } from "node:fs/promises";
import { totalmem } from "node:os";

export type Relative = { readonly pid: number; readonly start: string };

/** All processes below one, from /proc. The start time guards against a pid used again meanwhile. */
export async function descendants(root: number): Promise<Relative[]> {
  const parents = new Map<number, number>();
  const starts = new Map<number, string>();
  for (const name of await readdir("/proc").catch(() => [])) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readStat(Number(name));
    if (stat === undefined) continue;
    parents.set(Number(name), stat.parent);
    starts.set(Number(name), stat.start);
  }
  const isBelow = (pid: number): boolean => {
    for (let at = parents.get(pid), hops = 0; at !== undefined && at > 1 && hops < 1_000; at = parents.get(at), hops += 1)
      if (at === root) return true;
    return false;
  };
  return [...parents.keys()].filter(isBelow).map((pid) => ({ pid, start: starts.get(pid) ?? "" }));
}

/** All processes of a user, by their real uid. Also those that hide from their files' owner by not being dumpable. */
export async function ownedBy(uid: number): Promise<number[]> {
  const pids = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name));
  const statuses = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/status`, "utf8").catch(() => "")));
  return pids.filter((_, at) => new RegExp(`^Uid:\\t${uid}\\t`, "m").test(statuses[at] ?? "")).map(Number);
}

export async function isSame(relative: Relative): Promise<boolean> {
  return (await readStat(relative.pid))?.start === relative.start;
}

/** `pid (name) state ppid … starttime`: the name may hold spaces and parentheses, so fields count from the last ")". */
async function readStat(pid: number): Promise<{ parent: number; start: string } | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return fields.length < 20 ? undefined : { parent: Number(fields[1]), start: fields[19] ?? "" };
}

/** What a process and all below it may use together. */
export type Most = { readonly processes: number; readonly bytes: number };

/** Of this machine's memory, or of its control group's, what the repository's code may fill before it is ended. */
export function spareMemory(): number {
  // 0, or more than there is, where nothing is set.
  const constrained = process.constrainedMemory();
  return 0.75 * Math.min(totalmem(), constrained === 0 ? Infinity : constrained);
}

/**
 * Whether processes use more together than they may. Control groups would do this better and sooner; an unprivileged
 * job on a hosted runner has none to set. Memory is each one's own: pages of programs and libraries, which all share, don't count.
 */
export async function outgrows(family: readonly number[], most: Most): Promise<boolean> {
  if (family.length > most.processes) return true;
  const sizes = await Promise.all(family.map(readOwnBytes));
  return sizes.reduce((sum, size) => sum + size, 0) > most.bytes;
}

async function readOwnBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return Number(/^RssAnon:\s*(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}
