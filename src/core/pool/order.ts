import type { CredentialName, TaskId } from "../wire/ids.ts";
import type { EpochMs } from "../wire/units.ts";
import { passAt, type TeamState } from "./fairness.ts";
import { never, windowsOf, type Kept, type Pool } from "./refusal.ts";
import { roomAt } from "./room.ts";
import type { PoolSnapshot, QueuedTask } from "./snapshot.ts";

/** The fair order: interrupted tasks first, then teams by how far they are behind, each team's by age. */
export function orderOf({ now, queue, teams }: Pick<PoolSnapshot, "now" | "queue" | "teams">): readonly QueuedTask[] {
  const waiting = new Set(queue.map(({ team }) => team));
  const clock = Math.min(...teams.filter(({ name, weight }) => waiting.has(name) && weight > 0).map(({ pass }) => pass));
  const pass = new Map(teams.map((team) => [team.name, passOf(team, clock, now)]));
  const passOfTask = ({ team }: QueuedTask) => pass.get(team) ?? 0;
  return queue.toSorted(
    (a, b) =>
      Number(b.movedFrom.length > 0) - Number(a.movedFrom.length > 0) ||
      passOfTask(a) - passOfTask(b) ||
      a.queuedAt - a.priorityMs - (b.queuedAt - b.priorityMs) ||
      compare(a.task, b.task),
  );
}

function passOf(team: TeamState, clock: number, now: EpochMs): number {
  return team.weight > 0 ? passAt(team, Number.isFinite(clock) ? clock : team.pass, now) : Number.MAX_SAFE_INTEGER;
}

/**
 * For the tasks that were passed over longest: one credential each, the first that will have room for it. Of the credentials one
 * in ten is kept at most: with one for every such task, a queue grown long kept all of them free, each for a task that
 * another would have served sooner. Until that instant others may use it (EASY backfilling): what a window loses before its
 * reset is nobody's afterwards.
 */
export function keepFree(pool: Pool): {
  readonly tasks: ReadonlySet<TaskId>;
  readonly credentials: ReadonlyMap<CredentialName, Kept>;
} {
  const { now, credentials } = pool.snapshot;
  const { queue, room } = pool.constants;
  const kept = new Map<CredentialName, Kept>();
  const tasks = new Set<TaskId>();
  const atMost = Math.max(1, Math.floor(credentials.length * queue.keptAtMost));
  const since = ({ passedOverAt }: QueuedTask) => passedOverAt ?? now;
  const patient = pool.queue.filter((task) => now - since(task) >= queue.patienceMs).toSorted((a, b) => since(a) - since(b));
  for (const task of patient) {
    if (kept.size >= atMost) break;
    const able = credentials
      .filter((credential) => !kept.has(credential.name) && never(task, credential) === null)
      .map((credential) => ({ credential, at: roomAt(task, windowsOf(credential, pool), credential.keepForOwner, now, room) }))
      .flatMap(({ credential, at }) => (at === null ? [] : [{ credential, at }]))
      .toSorted((a, b) => a.at - b.at || compare(a.credential.name, b.credential.name));
    const first = able[0];
    if (first === undefined) continue;
    kept.set(first.credential.name, { task: task.task, at: first.at });
    tasks.add(task.task);
  }
  return { tasks, credentials: kept };
}

export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
