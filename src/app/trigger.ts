import { TaskId, type DeliveryId, type OwnerId } from "#core/wire/ids.ts";
import type { Failure } from "#core/wire/failure.ts";
import { ok, unreachable, type Result } from "#core/wire/result.ts";
import { teamsOfRoles } from "#core/request/standing.ts";
import type { Brief } from "#core/request/brief.ts";
import { parseCommand } from "#core/request/command.ts";
import { mayWrite } from "#core/request/role.ts";
import { checksOf } from "#core/task/checks.ts";
import { judgeCiChecks } from "#core/task/ci-checks.ts";
import { LISTING_LAG_MS } from "#core/task/effects.ts";
import type { Delivery, DeliveryEvent } from "#ports/delivery.ts";
import type { GitHub, GitHubFailure } from "#ports/github.ts";
import type { Claimed } from "#ports/store.ts";
import type { Deps, Triggered, Worked } from "./deps.ts";
import { lendOrUnlend } from "./lend.ts";
import { readPolicy } from "./policy.ts";
import { readRequester, readStanding } from "./who-may.ts";

/** A recorded delivery → its task, or news of one that is there: of its run, its commit's CI or its pull request. */
export async function trigger(deps: Deps, delivery: Claimed<Delivery>): Promise<Worked> {
  const triggered = await follow(deps, delivery);
  if (!("note" in triggered)) return triggered;
  await deps.store.finishDelivery(delivery, triggered.note);
  return "done";
}

async function follow(deps: Deps, delivery: Claimed<Delivery>): Promise<Triggered> {
  const { event } = delivery;
  switch (event.kind) {
    case "request":
      return request(deps, delivery.id, event);
    case "run-ended": {
      const lease = await deps.store.readLease(event.lease);
      if (lease === undefined || lease.owner !== delivery.owner) return { note: "not a run of ours" };
      if (lease.run !== null && lease.run !== event.run) return { note: "not the run that holds the lease" };
      if (lease.state !== "offered" && lease.state !== "held") return { note: "its lease has ended" };
      await deps.store.hearRunEnded(lease.id);
      return { note: "its task was woken" };
    }
    case "ci-ended":
      return hearCiChecks(deps, delivery.owner, event);
    case "pull-news": {
      const heard = await deps.store.hearPull(delivery.owner, event);
      // GitHub has told of it before our own answer to its opening was written.
      if (heard === "opening") return { restMs: LISTING_LAG_MS };
      return { note: heard === "kept" ? "what came of its pull request was kept" : "not a pull request of ours" };
    }
    case "reverts":
      await deps.store.hearReverts(delivery.owner, event.repository, event.reverted);
      return { note: "what it takes back was kept" };
    default:
      return unreachable(event);
  }
}

/**
 * One suite of CI has ended on a commit; what counts is how all of it stands now. A quick one ends before the pull request
 * is open, so the task's state is not asked: what is kept is said with it.
 */
async function hearCiChecks(
  { store, github }: Deps,
  owner: OwnerId,
  { installation, repository, commit }: Extract<DeliveryEvent, { kind: "ci-ended" }>,
): Promise<Triggered> {
  const task = await store.findByCommit(owner, repository, commit);
  if (task?.plan == null) return { note: "not a commit of ours" };
  const report = (await store.readLeases(task.id)).at(-1)?.report;
  if (report?.kind !== "ran" || checksOf(task.plan.commands.verify, report.checks).source !== "ci")
    return { note: "its checks ran in the job" };
  const runs = await github.readCheckRuns({ ...task.brief, installation }, commit);
  if (!runs.ok) return { failed: runs.error };
  const checks = judgeCiChecks(runs.value);
  if (checks === undefined) return { note: "nothing is known of its CI yet" };
  await store.hearCiChecks(task.id, checks);
  return { note: "how its CI ended was kept" };
}

/**
 * Who may not start work gets one answer, on an issue where the app has said nothing yet, and takes nobody's place; who may,
 * gets a task, or learns that there is one already.
 */
async function request(
  deps: Deps,
  delivery: DeliveryId,
  { brief }: Extract<DeliveryEvent, { kind: "request" }>,
): Promise<Triggered> {
  const { store, github, runtime } = deps;
  // Which models there are makes no difference to the commands that start nothing.
  const command = parseCommand(brief.comment ?? "", []);
  if (command?.ok === true && command.value.kind !== "run") return lendOrUnlend(deps, command.value, brief, delivery);
  const may = await mayAsk(github, brief);
  if (!may.ok) return { failed: may.error };
  if (may.value !== undefined) {
    await store.notice(brief, may.value, true);
    return { note: "the actor may not start work" };
  }
  const opened = await store.openTask(TaskId(runtime.newId()), brief, delivery);
  // `known`: we were killed between opening it and writing this down.
  if (opened !== "busy") return { note: "a task was opened" };
  // GitHub sends two events for an issue opened with its label; only who has written a command waits for an answer.
  if (brief.comment !== null) await store.notice(brief, { reason: "task-under-way", login: brief.requester.login }, false);
  return { note: "the issue has a task already" };
}

/**
 * Whether a request is worth a task, whose plan decides. Who may write is let through without a further call; for anybody else the
 * policy is read, since its roles may name them. undefined = is.
 */
async function mayAsk(github: GitHub, brief: Brief): Promise<Result<Failure | undefined, GitHubFailure>> {
  const role = await readRequester(github, brief);
  if (!role.ok) return role;
  if (mayWrite(role.value)) return ok(undefined);
  const { login } = brief.requester;
  const stranger: Failure = { reason: "actor-may-not-start", login, role: role.value?.name ?? "none" };
  if (role.value === undefined) return ok(stranger);
  const setUp = await github.readSetUp(brief);
  if (!setUp.ok) return setUp;
  const read = readPolicy(brief.owner, setUp.value.policy);
  // What is wrong with a policy is for those it may concern.
  if (!read.ok || read.value.policy.roles === undefined) return ok(stranger);
  const { policy } = read.value;
  const standing = await readStanding(github, brief, policy, role.value, teamsOfRoles(policy));
  if (!standing.ok) return standing.error.reason === "github-refused" ? ok(standing.error) : standing;
  return ok(standing.value.start ? undefined : standing.value.why);
}
