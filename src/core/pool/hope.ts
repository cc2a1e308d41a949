import type { QueuedTask } from "./decision.ts";
import { isSure } from "./room.ts";
import { isOnStandby, keptFrom, never, windowsOf, type Pool } from "./why-not.ts";
import { counts } from "./windows.ts";

/**
 * Why waiting is in vain: nothing in the pool may serve the task, or what it reserves is more than a whole budget or window.
 * undefined: there is hope, or it can't be known. A size that is still being learned is no reason, nor a key that was refused:
 * a person replaces it.
 */
export function hopeless(task: QueuedTask, pool: Pool): "nobody-serves" | "no-seat" | "too-large" | undefined {
  const able = pool.snapshot.credentials.filter((credential) => never(task, credential) === null);
  if (able.length === 0) return isOnStandby(task) ? "no-seat" : "nobody-serves";
  const isTooSmall = (subject: string, amount: number) =>
    pool.budgets.get(subject)?.some((budget) => budget.capacity < amount) === true;
  const fits = able.some((credential) => {
    const billed = credential.budgets.length > 0;
    if (credential.budgets.some((subject) => isTooSmall(subject, task.cap))) return false;
    if (task.budgets.some((subject) => isTooSmall(subject, (billed ? task.cap : 0) + task.runner))) return false;
    return windowsOf(credential, pool).every(
      ({ name, model, capacity }) =>
        name === "tokens-minute" ||
        !counts({ model }, task.model) ||
        capacity === null ||
        !isSure(capacity, pool.constants.room) ||
        task.estimate.p90 <=
          capacity.value * (1 + capacity.error) * (1 - keptFrom(task, credential) - pool.constants.room.margin),
    );
  });
  return fits ? undefined : "too-large";
}
