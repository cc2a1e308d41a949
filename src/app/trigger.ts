import { TaskId } from "#core/wire/ids.ts";
import { unreachable } from "#core/wire/result.ts";
import type { ClaimedDelivery } from "#ports/store.ts";
import type { Deps } from "./deps.ts";

/** A recorded delivery → its task, or a look at the task whose run has ended. The answer is kept with the delivery. */
export async function trigger(deps: Deps, delivery: ClaimedDelivery): Promise<string> {
  const { event } = delivery;
  switch (event.kind) {
    case "request": {
      const opened = await deps.store.openTask(TaskId(deps.runtime.newId()), event.brief);
      return opened ? "a task was opened" : "the issue has a task already";
    }
    case "run-ended": {
      const attempt = await deps.store.readAttempt(event.attempt);
      if (attempt === undefined || attempt.owner !== delivery.owner) return "not a run of ours";
      if (attempt.state !== "offered" && attempt.state !== "held") return "its attempt has ended";
      await deps.store.wake(attempt.task);
      return "its task was woken";
    }
    default:
      return unreachable(event);
  }
}
