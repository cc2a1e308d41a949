import type { PoolSnapshot, QueuedTask } from "./pick.ts";
import { ROOM } from "./room.ts";
import { never } from "./why-not.ts";
import { counts, subjectId } from "./windows.ts";

/**
 * Why waiting is in vain: nothing in the pool may serve the task, or what it reserves is more than a whole budget or window.
 * undefined: there is hope, or it can't be known. A size that is still being learned is no reason.
 */
export function hopeless(task: QueuedTask, snapshot: PoolSnapshot): "nobody-serves" | "too-large" | undefined {
  const able = snapshot.credentials.filter((credential) => never(task, credential) === null);
  if (able.length === 0) return "nobody-serves";
  const isTooSmall = (subject: string, amount: number) =>
    snapshot.budgets.some((budget) => subjectId(budget.subject) === subject && budget.capacity < amount);
  const fits = able.some((credential) => {
    const billed = credential.budgets.length > 0;
    if (credential.budgets.some((subject) => isTooSmall(subject, task.cap))) return false;
    if (task.budgets.some((subject) => isTooSmall(subject, (billed ? task.cap : 0) + task.runner))) return false;
    const windows = snapshot.upstreams.find(({ id }) => id === credential.upstream)?.windows ?? [];
    return windows.every(
      ({ name, model, capacity }) =>
        name === "tokens-minute" ||
        !counts({ model }, task.model) ||
        capacity === null ||
        task.estimate.p90 <= capacity.value * (1 + capacity.error) * (1 - credential.keepForOwner - ROOM.margin),
    );
  });
  return fits ? undefined : "too-large";
}
