import type { Failure } from "#core/wire/failure.ts";
import { unreachable } from "#core/wire/result.ts";
import { checksOf } from "#core/task/checks.ts";
import { judgeCiChecks } from "#core/task/ci-checks.ts";
import { LISTING_LAG_MS } from "#core/task/effects.ts";
import type { Delivery, DeliveryEvent } from "#ports/delivery.ts";
import type { Claimed } from "#ports/store.ts";
import { checkConfiguration } from "./check-config.ts";
import { follow } from "./commands.ts";
import type { Deps, Triggered, Worked } from "./deps.ts";
import { followChecks } from "./follow-checks.ts";
import { followReview } from "./follow-review.ts";
import { followOnPull } from "./pull-commands.ts";
import { whyTooLate } from "./late.ts";
import { request } from "./request.ts";

/** A recorded delivery → its task, or news of one that is there: of its run, its commit's CI or its pull request. */
export async function trigger(deps: Deps, delivery: Claimed<Delivery>): Promise<Worked> {
  const triggered = await hear(deps, delivery);
  if (!("note" in triggered)) return triggered;
  const { note, followed } = triggered;
  if (followed !== undefined) await react(deps, delivery, followed);
  await deps.store.finishDelivery(delivery, note);
  return "done";
}

/** A command is seen to be heard. Without that it is followed all the same. */
async function react({ github, runtime }: Deps, { event }: Delivery, followed: boolean): Promise<void> {
  if (event.kind !== "request" || event.comment === undefined) return;
  const reacted = await github.react(event.brief, event.comment, followed ? "+1" : "confused");
  if (!reacted.ok) runtime.log.warn({ comment: event.comment, failure: reacted.error }, "a command got no reaction");
}

async function hear(deps: Deps, delivery: Claimed<Delivery>): Promise<Triggered> {
  const { event } = delivery;
  const tooLate = await whyTooLate(deps, delivery);
  if (!tooLate.ok) return { failed: tooLate.error };
  if (tooLate.value !== undefined) return { note: tooLate.value };
  switch (event.kind) {
    case "request":
      if (event.pull !== undefined) return followOnPull(deps, event.brief, event.pull.askedAt, delivery.id);
      return follow(deps, event.brief, delivery.id);
    case "unlabeled":
      return request(deps, { happening: "cancel", asked: "taking the label off", brief: event.brief, delivery: delivery.id });
    case "stopped":
      return stop(deps, delivery, event);
    case "renamed":
      await deps.store.renameRepository(delivery.owner, event.repository, event.name);
      return { note: "the repository's name was kept" };
    case "run-ended": {
      const lease = await deps.store.readLease(event.lease);
      if (lease === undefined || lease.owner !== delivery.owner) return { note: "not a run of ours" };
      if (lease.run !== null && lease.run !== event.run) return { note: "not the run that holds the lease" };
      // Of one that has reported, too, the end is news while its report is judged (stopped.ts).
      const isJudged = lease.state === "settled" && (await deps.store.readTask(lease.task))?.state === "judging";
      if (lease.state !== "offered" && lease.state !== "held" && !isJudged) return { note: "its lease has ended" };
      await deps.store.hearRunEnded(lease.id);
      return { note: "its task was woken" };
    }
    case "ci-ended":
      return hearCiChecks(deps, delivery, event);
    case "pull-news": {
      const heard = await deps.store.hearPull(delivery.owner, event);
      // GitHub has told of it before our own answer to its opening was written.
      if (heard === "opening") return { restMs: LISTING_LAG_MS };
      if (heard === "unknown") return { note: "not a pull request of ours" };
      // Told late, it may be open again.
      if (heard !== "open") await endFollowUp(deps, delivery, event);
      if (event.review !== undefined) return followReview(deps, delivery, event.number, event.repository, event.review);
      return { note: "what came of its pull request was kept" };
    }
    case "config-changed":
      return checkConfiguration(deps, delivery, event);
    case "reverts":
      await deps.store.hearReverts(delivery.owner, event.repository, event.reverted);
      return { note: "what it takes back was kept" };
    default:
      return unreachable(event);
  }
}

/** Nothing goes on with a pull request that is closed. */
async function endFollowUp(
  { store }: Deps,
  { id, owner }: Delivery,
  { repository, number, news, by }: Extract<DeliveryEvent, { kind: "pull-news" }>,
): Promise<void> {
  if (news.what !== "merged" && news.what !== "closed") return;
  await store.stopTasks({ owner, repository, issue: number }, { reason: "cancelled", why: "pull-closed", login: by ?? null }, id);
}

/** Nothing is wanted of these any more, whoever asked for it. */
async function stop(
  { store }: Deps,
  { id, owner }: Delivery,
  { repositories, issue, why, login }: Extract<DeliveryEvent, { kind: "stopped" }>,
): Promise<Triggered> {
  const failure: Failure = { reason: "cancelled", why, login };
  const reaches = repositories === null ? [{ owner }] : repositories.map((repository) => ({ owner, repository }));
  let stopped = 0;
  for (const each of reaches) {
    const reach = issue === null ? each : { ...each, issue };
    await store.dropRequests(reach, id);
    stopped += await store.stopTasks(reach, failure, id);
  }
  return { note: `${String(stopped)} tasks end` };
}

/**
 * One suite of CI has ended on a commit; what counts is how all of it stands now. A quick one ends before the pull request
 * is open, so the task's state is not asked: what is kept is said with it.
 */
async function hearCiChecks(
  deps: Deps,
  delivery: Delivery,
  event: Extract<DeliveryEvent, { kind: "ci-ended" }>,
): Promise<Triggered> {
  const { store, github } = deps;
  const { installation, repository, commit } = event;
  const task = await store.findByCommit(delivery.owner, repository, commit);
  if (task?.plan == null) return { note: "not a commit of ours" };
  const report = (await store.readLeases(task.id)).at(-1)?.report;
  if (report?.kind !== "ran" || checksOf(task.plan.commands.verify, report.checks).source !== "ci")
    return (await followChecks(deps, delivery, task, event)) ?? { note: "its checks ran in the job" };
  const runs = await github.readCheckRuns({ ...task.brief, installation }, commit);
  if (!runs.ok) return { failed: runs.error };
  const checks = judgeCiChecks(runs.value);
  if (checks === undefined) return { note: "nothing is known of its CI yet" };
  await store.hearCiChecks(task.id, checks);
  return (await followChecks(deps, delivery, task, event, runs.value)) ?? { note: "how its CI ended was kept" };
}
