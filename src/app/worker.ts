import { setTimeout as sleep } from "node:timers/promises";
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "#core/wire/units.ts";
import { LISTING_LAG_MS } from "#core/task/effects.ts";
import type { Failure } from "#core/wire/failure.ts";
import { unreachable } from "#core/wire/result.ts";
import type { GitHubFailure } from "#ports/github.ts";
import type { ClaimedTask, LeaseRow } from "#ports/store.ts";
import { admit } from "./admit.ts";
import type { Deps, Next } from "./deps.ts";
import { dispatch } from "./dispatch.ts";
import { plan } from "./plan.ts";
import { judgeOutcome } from "./judge.ts";
import { branch, commit, open } from "./publish.ts";
import { reconcile } from "./reconcile.ts";
import { say } from "./say.ts";
import { trigger } from "./trigger.ts";

/** How many rows one process works on at once. */
const LANES = 8;
/** How often the store is looked into for rows that became due by time or by another process. */
const POLL_MS = SECOND_MS;
/** After this many tries of one action a person is asked. With the back-off below that is half an hour. */
const MAX_TRIES = 10;
/** GitHub's own trouble is waited out, paid work in hand, for about a day at the longest back-off of ten minutes. */
const MAX_TRIES_UNAVAILABLE = 150;

export type Worker = AsyncDisposable & {
  /** There may be work: look now instead of at the next poll. */
  wake(): void;
};

/** Works off the four queues until disposed; disposing waits for the actions under way. */
export function startWorker(deps: Deps): Worker {
  const stopping = new AbortController();
  let pulse = new AbortController();
  const lanes = Array.from({ length: LANES }, (_, lane) => run(lane));

  async function run(lane: number): Promise<void> {
    while (!stopping.signal.aborted) {
      const { signal } = pulse;
      const worked = await workOnce(deps, lane).catch((error: unknown) => {
        deps.runtime.log.error({ err: error }, "the worker could not reach its store");
        return false;
      });
      if (worked) wake();
      // One lane polls for all, the others wait for what it finds.
      else
        await sleep(lane === 0 ? POLL_MS : HOUR_MS, undefined, { signal: AbortSignal.any([signal, stopping.signal]) }).catch(
          () => undefined,
        );
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

/** A queue: works on one due row, if there is one. */
const QUEUES: readonly ((deps: Deps) => Promise<boolean>)[] = [workOnDelivery, workOnAdmission, workOnTask, workOnComment];

/** One due row of any queue. Lanes begin at different ones, so that no queue starves behind a long one. */
export async function workOnce(deps: Deps, lane = 0): Promise<boolean> {
  for (let at = 0; at < QUEUES.length; at += 1) {
    const work = QUEUES[(lane + at) % QUEUES.length];
    if (work !== undefined && (await work(deps))) return true;
  }
  return false;
}

async function workOnDelivery(deps: Deps): Promise<boolean> {
  const delivery = await deps.store.claimDelivery();
  if (delivery === undefined) return false;
  const again = async (failure: GitHubFailure | undefined): Promise<void> => {
    const waitMs = retryInMs(delivery.tries, failure);
    if (waitMs === undefined) await deps.store.finishDelivery(delivery, "given up");
    else await deps.store.postponeDelivery(delivery, waitMs);
  };
  try {
    const triggered = await trigger(deps, delivery);
    if ("note" in triggered) await deps.store.finishDelivery(delivery, triggered.note);
    else await again(told(deps, { delivery: delivery.id, tries: delivery.tries }, triggered.failed));
  } catch (error) {
    deps.runtime.log.error({ err: error, delivery: delivery.id, tries: delivery.tries }, "a delivery could not be worked off");
    await again(undefined);
  }
  return true;
}

async function workOnAdmission(deps: Deps): Promise<boolean> {
  const admission = await deps.store.claimAdmission();
  if (admission === undefined) return false;
  try {
    const done = await admit(deps, admission);
    if ("restMs" in done) await deps.store.restAdmission(admission, done.restMs);
    else {
      const failure = told(deps, { owner: admission.owner, tries: admission.tries }, done.failed);
      await deps.store.postponeAdmission(admission, retryInMs(admission.tries, failure) ?? HOUR_MS);
    }
  } catch (error) {
    deps.runtime.log.error({ err: error, owner: admission.owner, tries: admission.tries }, "an admission failed");
    await deps.store.postponeAdmission(admission, backOffMs(admission.tries));
  }
  return true;
}

async function workOnComment(deps: Deps): Promise<boolean> {
  const comment = await deps.store.claimComment();
  if (comment === undefined) return false;
  const again = async (failure: GitHubFailure | undefined): Promise<void> => {
    const waitMs = retryInMs(comment.tries, failure);
    if (waitMs === undefined) await deps.store.restComment(comment);
    else await deps.store.postponeComment(comment, waitMs);
  };
  try {
    const said = await say(deps, comment);
    if (said === "said") return true;
    await again(told(deps, { task: comment.task, tries: comment.tries }, said.failed));
  } catch (error) {
    deps.runtime.log.error({ err: error, task: comment.task, tries: comment.tries }, "a comment could not be written");
    await again(undefined);
  }
  return true;
}

async function workOnTask(deps: Deps): Promise<boolean> {
  const task = await deps.store.claimTask();
  if (task === undefined) return false;
  const again = async (failure: GitHubFailure | undefined, last: string): Promise<void> => {
    const waitMs = retryInMs(task.tries, failure);
    if (waitMs !== undefined) await deps.store.postpone(task, waitMs);
    else
      await stick(
        deps,
        task,
        failure?.reason === "github-refused" ? failure : { reason: "tries-used-up", step: task.state, tries: task.tries, last },
      );
  };
  try {
    const next = await step(deps, task);
    if ("go" in next) {
      const moved = await deps.store.advance(task, next.go, next.patch, next.lease);
      deps.runtime.log.info({ task: task.id, from: task.state, event: next.go, moved }, "task stepped");
    } else if ("restMs" in next) await deps.store.rest(task, next.restMs);
    else {
      const failure = told(deps, { task: task.id, state: task.state, tries: task.tries }, next.failed);
      await again(failure, `${failure.route}: ${failure.message}`);
    }
  } catch (error) {
    // A defect: the row is tried again later, and given to a person when that doesn't help.
    deps.runtime.log.error({ err: error, task: task.id, state: task.state, tries: task.tries }, "a step failed");
    await again(undefined, error instanceof Error ? error.message.slice(0, 300) : "unknown error");
  }
  return true;
}

async function step(deps: Deps, task: ClaimedTask): Promise<Next> {
  switch (task.state) {
    case "planning":
      return plan(deps, task);
    case "dispatching":
      return dispatch(deps, task, await latestLease(deps, task));
    case "awaiting":
    case "running":
      return reconcile(deps, task, await latestLease(deps, task));
    case "judging":
      return judgeOutcome(deps, task, await latestLease(deps, task));
    case "committing":
      return commit(deps, task, await latestLease(deps, task));
    case "branching":
      return branch(deps, task);
    case "opening":
      return open(deps, task, await latestLease(deps, task));
    // Its owner's admission moves it on.
    case "queued":
    case "solved":
    case "unsolved":
    case "refused":
    case "stuck":
      return { restMs: null };
    default:
      return unreachable(task.state);
  }
}

async function latestLease(deps: Deps, task: ClaimedTask): Promise<LeaseRow> {
  const lease = (await deps.store.readLeases(task.id)).at(-1);
  if (lease === undefined) throw new Error(`task ${task.id} is ${task.state} without a lease`);
  return lease;
}

/** A task that can't go on gives its lease back and says why. */
async function stick(deps: Deps, task: ClaimedTask, failure: Failure): Promise<void> {
  const lease = (await deps.store.readLeases(task.id)).at(-1);
  const patch =
    lease?.attempt.verdict === null
      ? { lease: lease.id, verdict: { verdict: "lost" as const, why: null }, ...(isLive(lease) ? { lose: true as const } : {}) }
      : undefined;
  await deps.store.advance(task, "stick", { failure }, patch);
}

function isLive(lease: LeaseRow): boolean {
  return lease.state === "offered" || lease.state === "held";
}

function told(deps: Deps, about: object, failure: GitHubFailure): GitHubFailure {
  const { route, reason, message } = failure;
  deps.runtime.log.warn({ ...about, route, reason, message }, "GitHub did not do it");
  return failure;
}

/** When an action is worth another try; undefined when it isn't. Without a failure of GitHub's it was a defect of ours. */
function retryInMs(tries: number, failure: GitHubFailure | undefined): number | undefined {
  if (failure?.reason === "github-refused") return undefined;
  if (tries >= (failure === undefined ? MAX_TRIES : MAX_TRIES_UNAVAILABLE)) return undefined;
  const waitMs = Math.ceil(failure?.retryAfterMs ?? backOffMs(tries));
  return Math.min(Math.max(waitMs, LISTING_LAG_MS), HOUR_MS);
}

/** 5, 10, 20 … seconds, at most ten minutes. */
function backOffMs(tries: number): number {
  return Math.min(2 ** (tries - 1) * LISTING_LAG_MS, 10 * MINUTE_MS);
}
