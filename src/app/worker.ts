import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "#core/wire/units.ts";
import { LIVE_LEASE_STATES } from "#core/task/lifecycle.ts";
import { ASKING } from "#core/task/asking.ts";
import { LISTING_LAG_MS } from "#core/task/effects.ts";
import { STOPPABLE } from "#core/task/happening.ts";
import type { Failure } from "#core/wire/failure.ts";
import { unreachable } from "#core/wire/result.ts";
import type { ClaimedComment } from "#ports/comments.ts";
import type { Delivery } from "#ports/delivery.ts";
import type { GitHubFailure } from "#ports/github.ts";
import type { ClaimedReceipts } from "#ports/receipts.ts";
import type { ClaimedReview } from "#ports/reviews.ts";
import type { ClaimedSweep } from "#ports/sweep.ts";
import type { ClaimedTrial } from "#ports/trial.ts";
import type { Claimed, ClaimedAdmission, ClaimedTask, Held, LeaseRow, Store } from "#ports/store.ts";
import { admit } from "./admit.ts";
import { cancel } from "./cancel.ts";
import type { Deps, Next, Worked } from "./deps.ts";
import { dispatch } from "./dispatch.ts";
import { giveWay } from "./give-way.ts";
import { isGivingWay } from "./stopped.ts";
import { invite } from "./invite.ts";
import { plan } from "./plan.ts";
import { planTrial } from "./plan-trial.ts";
import { judgeOutcome } from "./judge.ts";
import { branch, commit, open } from "./publish.ts";
import { reconcile } from "./reconcile.ts";
import { writeReceipts } from "./receipts.ts";
import { say } from "./say.ts";
import { lookForSecondPerson } from "./second-person.ts";
import { whyGivenUp, workOnTrial } from "./trial.ts";
import { sweep } from "./sweep.ts";
import { trigger } from "./trigger.ts";

/** How many rows one process works on at once. */
const LANES = 8;
/** How often the store is looked into for rows that became due by time or by another process. */
const POLL_MS = SECOND_MS;
/**
 * Lanes begin nothing while a webhook waits for its answer, nor so soon after one: the next of a burst comes at once, GitHub waits ten seconds
 * for an answer, and an action's statements would stand before it, on an embedded store's one thread most of all.
 */
const QUIET_MS = 50;
/** The longest that a lane lets webhooks go first, so that a stream of them without an end holds no work up. */
const GIVE_WAY_MS = 2 * SECOND_MS;
/** How often the claim of a row is renewed that takes long: a commit of many large files. */
const RENEW_MS = 30 * SECOND_MS;
/** After this many tries of one action a person is asked. With the back-off below that is half an hour. */
const MAX_TRIES = 10;
/** GitHub's own trouble is waited out, paid work in hand, for about a day at the longest back-off of ten minutes. */
const MAX_TRIES_UNAVAILABLE = 150;

export type Worker = AsyncDisposable & {
  /** There may be work: look now instead of at the next poll. */
  wake(): void;
  /** What is under way for a webhook goes first. */
  giveWay(webhook: Promise<unknown>): void;
};

/** Works off the eight queues until disposed; disposing waits for the actions under way. */
export function startWorker(deps: Deps): Worker {
  let stopping = false;
  /** Lanes that found nothing to do, the one that has rested longest first. */
  const resting = new Set<() => void>();
  let wakes = 0;
  let webhooks = 0;
  let lastWebhookAt = Number.NEGATIVE_INFINITY;
  const lanes = Array.from({ length: LANES }, (_, lane) => run(lane));

  async function run(lane: number): Promise<void> {
    for (;;) {
      await untilQuiet();
      if (stopping) return;
      const before = wakes;
      const worked = await workOnce(deps, lane, wake).catch((error: unknown) => {
        deps.runtime.log.error({ err: error }, "the worker could not reach its store");
        return false;
      });
      if (!worked && before === wakes && !stopping) await rest(lane);
    }
  }

  async function untilQuiet(): Promise<void> {
    const until = performance.now() + GIVE_WAY_MS;
    for (;;) {
      // What came while the thread was busy is read first: else it would be as quiet as can be.
      await setImmediate();
      const now = performance.now();
      const isQuiet = webhooks === 0 && now - lastWebhookAt >= QUIET_MS;
      if (isQuiet || now >= until || stopping) return;
      await sleep(QUIET_MS);
    }
  }

  function rest(lane: number): Promise<void> {
    return new Promise((resolve) => {
      const getUp = (): void => {
        clearTimeout(poll);
        resting.delete(getUp);
        resolve();
      };
      // One lane polls for all, the others wait for what it finds.
      const poll = lane === 0 ? setTimeout(getUp, POLL_MS) : undefined;
      resting.add(getUp);
    });
  }

  /** One lane looks, and has another one look where it finds something: all of them would ask the store forty times for nothing. */
  function wake(): void {
    wakes += 1;
    const [first] = resting;
    first?.();
  }

  return {
    wake,
    giveWay(webhook) {
      const answered = (): void => {
        webhooks -= 1;
        lastWebhookAt = performance.now();
      };
      webhooks += 1;
      webhook.then(answered, answered);
    },
    async [Symbol.asyncDispose]() {
      stopping = true;
      for (const getUp of resting) getUp();
      await Promise.all(lanes);
    },
  };
}

/** One due row of any queue; `claimed` is told of it before it is worked on. Lanes begin at different queues, so that none starves behind a long one. */
export async function workOnce(deps: Deps, lane = 0, claimed: () => void = () => {}): Promise<boolean> {
  for (let at = 0; at < QUEUES.length; at += 1) {
    const work = QUEUES[(lane + at) % QUEUES.length];
    if (work !== undefined && (await work(deps, claimed))) return true;
  }
  return false;
}

type Queue<Row extends Held> = {
  readonly claim: (store: Store) => Promise<Row | undefined>;
  readonly work: (deps: Deps, row: Row) => Promise<Worked>;
  /** What becomes of a row whose action is tried no more. */
  readonly giveUp: (deps: Deps, row: Row, failure: Failure) => Promise<void>;
};

const QUEUES = [
  queue<Claimed<Delivery>>({
    claim: (store) => store.claimDelivery(),
    work: trigger,
    giveUp: ({ store }, delivery) => store.finishDelivery(delivery, "given up"),
  }),
  queue<ClaimedAdmission>({
    claim: (store) => store.claimAdmission(),
    work: admit,
    // Its tasks still wait: looked at again, seldom.
    giveUp: ({ store }, admission) => store.rest(admission, HOUR_MS),
  }),
  queue<ClaimedTask>({ claim: (store) => store.claimTask(), work: workOnTask, giveUp: stick }),
  queue<ClaimedComment>({
    claim: (store) => store.claimComment(),
    work: say,
    // Until there is something else to say.
    giveUp: ({ store }, comment) => store.rest(comment, null),
  }),
  queue<ClaimedReview>({
    claim: (store) => store.claimReview(),
    work: lookForSecondPerson,
    // Until GitHub tells of it again.
    giveUp: ({ store }, review) => store.rest(review, null),
  }),
  queue<ClaimedTrial>({
    claim: (store) => store.claimTrial(),
    work: workOnTrial,
    giveUp: ({ store }, trial, failure) =>
      trial.state === "choosing" ? store.failTrial(trial, whyGivenUp(failure)) : store.rest(trial, HOUR_MS),
  }),
  queue<ClaimedSweep>({
    claim: (store) => store.claimSweep(),
    work: sweep,
    giveUp: ({ store }, row) => store.rest(row, HOUR_MS),
  }),
  queue<ClaimedReceipts>({
    claim: (store) => store.claimReceipts(),
    work: writeReceipts,
    giveUp: ({ store }, row) => store.rest(row, DAY_MS),
  }),
];

/** Works on one due row, if there is one, and has it tried again later where that may help. */
function queue<Row extends Held>({ claim, work, giveUp }: Queue<Row>): (deps: Deps, claimed: () => void) => Promise<boolean> {
  return async (deps, claimed) => {
    const { store, runtime } = deps;
    const row = await claim(store);
    if (row === undefined) return false;
    claimed();
    const about = { queue: row.queue, row: row.key, tries: row.tries };
    const renewing = setInterval(() => {
      store.renew(row).catch((error: unknown) => runtime.log.warn({ err: error, ...about }, "a claim was not renewed"));
    }, RENEW_MS);
    const again = async (failure: GitHubFailure | undefined, last: string): Promise<void> => {
      const waitMs = retryInMs(row.tries, failure);
      if (waitMs !== undefined) await store.postpone(row, waitMs);
      else if (failure?.reason === "github-refused") await giveUp(deps, row, failure);
      else await giveUp(deps, row, { reason: "tries-used-up", step: row.queue, tries: row.tries, last });
    };
    try {
      // Each try ended with its process: what kills one needn't kill all the next.
      const worked = row.tries > MAX_TRIES_UNAVAILABLE ? undefined : await work(deps, row);
      if (worked === undefined) await again(undefined, "the app ended while it worked on it");
      else if (worked === "done") return true;
      else if ("restMs" in worked) await store.rest(row, worked.restMs);
      else if (isUnmade(worked.failed)) await store.rest(row, worked.failed.retryAfterMs);
      else {
        const { route, reason, message } = worked.failed;
        runtime.log.warn({ ...about, route, reason, message }, "GitHub did not do it");
        await again(worked.failed, `${route}: ${message}`);
      }
    } catch (error) {
      // A defect: the row is tried again later, and given up when that doesn't help.
      runtime.log.error({ err: error, ...about }, "an action failed");
      await again(undefined, error instanceof Error ? error.message.slice(0, 300) : "unknown error");
    } finally {
      clearInterval(renewing);
    }
    return true;
  };
}

/**
 * Its own budget had no room: no try, however often that comes. What a try before it may have done has been looked for in vain,
 * or its step wouldn't have come as far as the call.
 */
function isUnmade(failure: GitHubFailure): failure is GitHubFailure & { readonly retryAfterMs: number } {
  return failure.reason === "github-unavailable" && failure.made === false && failure.retryAfterMs !== null;
}

async function workOnTask(deps: Deps, task: ClaimedTask): Promise<Worked> {
  const next = await step(deps, task);
  if (!("go" in next)) return next;
  const moved = await deps.store.advance(task, next.go, next.patch, next.lease);
  deps.runtime.log.info({ task: task.id, from: task.state, event: next.go, moved }, "task stepped");
  return "done";
}

async function step(deps: Deps, task: ClaimedTask): Promise<Next> {
  // What a branch was made for is there for all to see: that ends as it would have.
  if (task.cancel !== null && STOPPABLE.includes(task.state))
    return cancel(deps, task, (await deps.store.readLeases(task.id)).at(-1), task.cancel);
  switch (task.state) {
    case "planning":
      return task.trial === null ? plan(deps, task) : planTrial(deps, task, task.trial);
    case "asking":
      return task.reminded
        ? { go: "refuse", patch: { failure: { reason: "not-approved", days: ASKING.days } } }
        : { go: "remind", patch: { dueInMs: ASKING.days * DAY_MS - ASKING.remindMs } };
    case "dispatching":
    case "awaiting":
    case "running": {
      const lease = await latestLease(deps, task);
      if (task.state !== "running" && isGivingWay(lease)) return giveWay(deps, task, lease);
      return task.state === "dispatching" ? dispatch(deps, task, lease) : reconcile(deps, task, lease);
    }
    case "judging":
      return judgeOutcome(deps, task, await latestLease(deps, task));
    case "committing":
      return commit(deps, task, await latestLease(deps, task));
    case "branching":
      return branch(deps, task);
    case "opening":
      return open(deps, task, await latestLease(deps, task));
    case "inviting":
      return invite(deps, task, await latestLease(deps, task));
    // Its owner's admission moves it on.
    case "queued":
    case "solved":
    case "unsolved":
    case "refused":
    case "stuck":
    case "cancelled":
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
async function stick(deps: Deps, task: ClaimedTask, why: Failure): Promise<void> {
  const failure = why.reason === "tries-used-up" ? { ...why, step: task.state } : why;
  const lease = (await deps.store.readLeases(task.id)).at(-1);
  const patch =
    lease?.attempt.verdict === null
      ? { lease: lease.id, verdict: { verdict: "lost" as const, why: null }, ...(isLive(lease) ? { lose: true as const } : {}) }
      : undefined;
  await deps.store.advance(task, "stick", { failure }, patch);
}

function isLive(lease: LeaseRow): boolean {
  return LIVE_LEASE_STATES.includes(lease.state);
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
