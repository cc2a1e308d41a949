import type { CredentialName, TaskId } from "../wire/ids.ts";
import { LEASE } from "./lease.ts";
import type { CredentialState, QueuedTask } from "./decision.ts";
import { roomAt } from "./room.ts";
import { keptFrom, never, restsOf, tightestBudget, windowsOf, type KeptFor, type Pool } from "./why-not.ts";

export type KeptFree = {
  readonly tasks: ReadonlySet<TaskId>;
  readonly credentials: ReadonlyMap<CredentialName, KeptFor>;
};

/**
 * For the tasks that were passed over longest: one credential each, the one that has room for it first. Of the credentials one
 * in ten at most: with one for every such task, a queue grown long kept all of them free, each for a task that another would
 * have served sooner (bench/pool). And only where that is soon: what is started now would be over before a later reset, and a
 * budget isn't mended by waiting for a credential.
 */
export function keepFree(queue: readonly QueuedTask[], pool: Pool): KeptFree {
  const { now, credentials } = pool.snapshot;
  const { patienceMs, keptAtMost } = pool.constants.queue;
  const kept = new Map<CredentialName, KeptFor>();
  const tasks = new Set<TaskId>();
  const atMost = Math.max(1, Math.floor(credentials.length * keptAtMost));
  const since = ({ passedOverAt }: QueuedTask) => passedOverAt ?? now;
  const patient = queue
    .filter((task) => task.standby !== true && now - since(task) >= patienceMs)
    .toSorted((a, b) => since(a) - since(b));
  for (const task of patient) {
    if (kept.size >= atMost) break;
    let first: { readonly name: CredentialName; readonly at: number } | undefined;
    for (const credential of credentials) {
      const { name } = credential;
      if (
        kept.has(name) ||
        credential.quarantined ||
        never(task, credential) !== null ||
        tightestBudget(task, credential, pool) !== undefined
      )
        continue;
      const at = freeAt(task, credential, pool);
      if (at === null || at - now > LEASE.termMs) continue;
      if (first === undefined || at < first.at || (at === first.at && name < first.name)) first = { name, at };
    }
    if (first === undefined) continue;
    kept.set(first.name, { task: task.task, at: first.at });
    tasks.add(task.task);
  }
  return { tasks, credentials: kept };
}

/** When a credential could serve a task, once those that run on it now have ended. null: never. */
function freeAt(task: QueuedTask, credential: CredentialState, pool: Pool): number | null {
  const idle = windowsOf(credential, pool).map((window) => ({ ...window, held: 0 }));
  const room = roomAt(task, idle, keptFrom(task, credential), pool.snapshot.now, pool.constants.room);
  return room === null ? null : restsOf(task, credential).reduce((at, { until }) => Math.max(at, until), room);
}
