import { MINUTE_MS } from "#core/wire/units.ts";
import { pick } from "#core/pool/pick.ts";
import type { ClaimedTask } from "#ports/store.ts";
import type { Deps } from "./deps.ts";
import { say, type Said } from "./say.ts";

/** How soon a waiting task looks again when nothing wakes it: a month may have turned, a budget been raised. */
const LOOK_AGAIN_MS = 5 * MINUTE_MS;

/**
 * queued → dispatching: grants of this owner's pool until none fits, which may be to other tasks than this one. A task
 * that must wait says so in its comment, and is woken when a lease ends.
 */
export async function admit(deps: Deps, task: ClaimedTask): Promise<Said> {
  for (;;) {
    const decision = await deps.store.admit(task.brief.owner.id, pick);
    if (decision.kind === "wait") break;
    deps.runtime.log.info({ task: decision.task, credential: decision.credential }, "lease offered");
    if (decision.task === task.id) return { restMs: 0 };
  }
  return (await say(deps, task)) ?? { restMs: LOOK_AGAIN_MS };
}
