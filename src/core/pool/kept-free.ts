import type { CredentialName, TaskId } from "../wire/ids.ts";
import { LEASE } from "./lease.ts";
import type { CredentialState, QueuedTask } from "./pick.ts";
import { roomAt } from "./room.ts";
import { never, restsOf, tightestBudget, windowsOf, type Pool } from "./why-not.ts";

/** After this long passed over by others, the first credential that will soon have room is kept free for a task. */
export const PATIENCE_MS = 30 * 60_000;

export type KeptFree = {
  readonly tasks: ReadonlySet<TaskId>;
  readonly credentials: ReadonlyMap<CredentialName, TaskId>;
};

/**
 * For tasks that were passed over for too long, in their order: one credential each, the one that has room for it first. Only
 * where that is soon: what is started now would be over before a later reset, and a budget isn't mended by waiting for a
 * credential.
 */
export function keepFree(queue: readonly QueuedTask[], pool: Pool): KeptFree {
  const { now, credentials } = pool.snapshot;
  const kept = new Map<CredentialName, TaskId>();
  const tasks = new Set<TaskId>();
  for (const task of queue) {
    if (task.passedOverAt === null || now - task.passedOverAt < PATIENCE_MS) continue;
    let first: { readonly name: CredentialName; readonly at: number } | undefined;
    for (const credential of credentials) {
      const { name } = credential;
      if (kept.has(name) || never(task, credential) !== null || tightestBudget(task, credential, pool) !== undefined) continue;
      const at = freeAt(task, credential, pool);
      if (at === null || at - now > LEASE.termMs) continue;
      if (first === undefined || at < first.at || (at === first.at && name < first.name)) first = { name, at };
    }
    if (first === undefined) continue;
    kept.set(first.name, task.task);
    tasks.add(task.task);
  }
  return { tasks, credentials: kept };
}

/** When a credential could serve a task, once those that run on it now have ended. null: never. */
function freeAt(task: QueuedTask, credential: CredentialState, pool: Pool): number | null {
  const idle = windowsOf(credential, pool).map((window) => ({ ...window, held: 0 }));
  const room = roomAt(task, idle, credential.keepForOwner, pool.snapshot.now);
  return room === null ? null : restsOf(task, credential).reduce((at, { until }) => Math.max(at, until), room);
}
