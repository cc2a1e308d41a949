import { setTimeout as sleep } from "node:timers/promises";
import { HOUR_MS, SECOND_MS } from "#core/wire/units.ts";
import { isWorthSaying } from "#core/task/comment.ts";
import { isTerminal } from "#core/task/lifecycle.ts";
import { unreachable } from "#core/wire/result.ts";
import type { GitHubFailure } from "#ports/github.ts";
import type { AttemptRow, ClaimedTask } from "#ports/store.ts";
import { admit } from "./admit.ts";
import type { Deps } from "./deps.ts";
import { dispatch } from "./dispatch.ts";
import { plan } from "./plan.ts";
import { judgeOutcome } from "./judge.ts";
import { branch, commit, open } from "./publish.ts";
import { reconcile } from "./reconcile.ts";
import { say, type Said } from "./say.ts";
import { trigger } from "./trigger.ts";

/** How many rows one process works on at once. */
const LANES = 8;
/** How often an idle lane looks, for rows that became due by time or by another process. */
const POLL_MS = SECOND_MS;
/** After this many tries of one action a person is asked. With the back-off below that is a quarter of an hour. */
const MAX_TRIES = 10;
/** GitHub's own trouble is waited out, paid work in hand, for about a day at the longest back-off of ten minutes. */
const MAX_TRIES_UNAVAILABLE = 150;

export type Worker = AsyncDisposable & {
  /** There may be work: look now instead of at the next poll. */
  wake(): void;
};

/** Works off deliveries and tasks until disposed; disposing waits for the actions under way. */
export function startWorker(deps: Deps): Worker {
  const stopping = new AbortController();
  let pulse = new AbortController();
  const lanes = Array.from({ length: LANES }, () => run());

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const { signal } = pulse;
      const worked = await workOnce(deps).catch((error: unknown) => {
        deps.runtime.log.error({ err: error }, "the worker could not reach its store");
        return false;
      });
      if (worked) wake();
      else await sleep(POLL_MS, undefined, { signal: AbortSignal.any([signal, stopping.signal]) }).catch(() => undefined);
    }
  }

  function wake(): void {
    const before = pulse;
    pulse = new AbortController();
    before.abort();
  }

  return {
    wake,
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await Promise.all(lanes);
    },
  };
}

/** One due row, if there is one: a delivery first, for it may open a task. False when nothing was due. */
export async function workOnce(deps: Deps): Promise<boolean> {
  const delivery = await deps.store.claimDelivery();
  if (delivery !== undefined) {
    try {
      await deps.store.finishDelivery(delivery, await trigger(deps, delivery));
    } catch (error) {
      deps.runtime.log.error({ err: error, delivery: delivery.id, tries: delivery.tries }, "a delivery could not be worked off");
      await deps.store.postponeDelivery(delivery, backOffMs(delivery.tries));
    }
    return true;
  }
  const task = await deps.store.claimTask();
  if (task === undefined) return false;
  try {
    await workOn(deps, task);
  } catch (error) {
    // A defect: the row is tried again later, and given to a person when that doesn't help.
    deps.runtime.log.error({ err: error, task: task.id, state: task.state, tries: task.tries }, "a step failed");
    await giveBack(deps, task, error instanceof Error ? error.message : "unknown error");
  }
  return true;
}

/** The comment first where it has something to say, then the step: one outside effect a claim. */
async function workOn(deps: Deps, task: ClaimedTask): Promise<void> {
  const said = isWorthSaying(task.state) ? await say(deps, task) : undefined;
  const next = said ?? (await step(deps, task));
  if (next === "done") return;
  if ("go" in next) {
    const moved = await deps.store.advance(task, next.go, next.patch, next.attempt);
    deps.runtime.log.info({ task: task.id, from: task.state, event: next.go, moved }, "task stepped");
  } else if ("waitMs" in next) await deps.store.postpone(task, next.waitMs);
  else if ("restMs" in next) await deps.store.rest(task, next.restMs);
  else await retry(deps, task, next.failed);
}

async function step(deps: Deps, task: ClaimedTask): Promise<Said> {
  switch (task.state) {
    case "planning":
      return plan(deps, task);
    case "queued":
      return admit(deps, task);
    case "dispatching":
      return dispatch(deps, task, await latestAttempt(deps, task));
    case "awaiting":
    case "running":
      return reconcile(deps, task, await latestAttempt(deps, task));
    case "judging":
      return judgeOutcome(deps, task, await latestAttempt(deps, task));
    case "committing":
      return commit(deps, task, await latestAttempt(deps, task));
    case "branching":
      return branch(deps, task);
    case "opening":
      return open(deps, task, await latestAttempt(deps, task));
    case "solved":
    case "unsolved":
    case "refused":
    case "stuck":
      return { restMs: null };
    default:
      return unreachable(task.state);
  }
}

async function latestAttempt(deps: Deps, task: ClaimedTask): Promise<AttemptRow> {
  const attempt = (await deps.store.readAttempts(task.id)).at(-1);
  if (attempt === undefined) throw new Error(`task ${task.id} is ${task.state} without an attempt`);
  return attempt;
}

async function retry(deps: Deps, task: ClaimedTask, failure: GitHubFailure): Promise<void> {
  const { route, message } = failure;
  deps.runtime.log.warn(
    { task: task.id, state: task.state, tries: task.tries, route, reason: failure.reason, message },
    "GitHub did not do it",
  );
  if (failure.reason === "github-refused" && !isTerminal(task.state)) {
    const { status } = failure;
    await stick(deps, task, { reason: "github-refused", route, status, message });
  } else if (failure.reason === "github-unavailable" && task.tries < MAX_TRIES_UNAVAILABLE) {
    await deps.store.postpone(task, Math.min(failure.retryAfterMs ?? backOffMs(task.tries), HOUR_MS));
  } else {
    await giveBack(deps, task, `${route}: ${message}`);
  }
}

async function giveBack(deps: Deps, task: ClaimedTask, last: string): Promise<void> {
  if (task.tries < MAX_TRIES) await deps.store.postpone(task, backOffMs(task.tries));
  else if (isTerminal(task.state)) await deps.store.rest(task, null);
  else await stick(deps, task, { reason: "tries-used-up", step: task.state, tries: task.tries, last: last.slice(0, 300) });
}

/** A task that can't go on gives its lease back and says why. */
async function stick(deps: Deps, task: ClaimedTask, failure: NonNullable<ClaimedTask["failure"]>): Promise<void> {
  const attempt = (await deps.store.readAttempts(task.id)).at(-1);
  const live = attempt?.state === "offered" || attempt?.state === "held";
  await deps.store.advance(task, "stick", { failure }, live ? { attempt: attempt.id, lose: true } : undefined);
}

/** 2, 4, 8 … seconds, at most ten minutes. */
function backOffMs(tries: number): number {
  return Math.min(600, 2 ** tries) * SECOND_MS;
}
