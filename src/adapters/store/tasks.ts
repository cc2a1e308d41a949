import { sql, type Kysely, type Selectable } from "kysely";
import { TaskId, TrialId, type ActorId, DeliveryId, type LeaseId, type OwnerId, type RepositoryId } from "#core/wire/ids.ts";
import type { EpochMs } from "#core/wire/units.ts";
import type { Failure } from "#core/wire/failure.ts";
import type { Brief } from "#core/request/brief.ts";
import { isWorthSaying } from "#core/task/comment.ts";
import type { CiChecks } from "#core/task/ci-checks.ts";
import {
  ATTEMPT_TRANSITIONS,
  isTerminal,
  stepTask,
  TASK_TRANSITIONS,
  TERMINAL_TASK_STATES,
  type TaskEvent,
} from "#core/task/lifecycle.ts";
import type { ClaimedTask, LeasePatch, Opened, TaskPatch, TaskRow } from "#ports/store.ts";
import { showTask, wakeComments } from "./comments.ts";
import { dropChanges, patchLease } from "./leases.ts";
import { NOW } from "./migrations.ts";
import { lockPool } from "./lock.ts";
import { claimDue, dueAfter, wakeAdmission, wakeTrials, woken } from "./queue.ts";
import { watchReview } from "./reviews.ts";
import type { Schema } from "./schema.ts";

/** As the index on it has it. */
const REQUESTER = sql<string>`(brief #>> '{requester,id}')`;

export async function openTask(db: Kysely<Schema>, task: TaskId, brief: Brief, delivery: DeliveryId): Promise<Opened> {
  return db.transaction().execute((tx) => insertTask(tx, task, brief, delivery));
}

export async function insertTask(tx: Kysely<Schema>, task: TaskId, brief: Brief, delivery: DeliveryId): Promise<Opened> {
  const { follows } = brief;
  const inserted = await tx
    .insertInto("tasks")
    .values({
      id: task,
      delivery_id: delivery,
      owner_id: brief.owner.id,
      repository_id: brief.repository.id,
      issue_number: brief.issue.number,
      state: "planning",
      brief: JSON.stringify(brief),
      due_at: NOW,
      ...(follows === undefined ? {} : { follows: follows.task, followed_head: follows.head, follow_why: follows.why }),
    })
    // Of the issue's live task, or of this delivery's own.
    .onConflict((conflict) => conflict.doNothing())
    .returning("id")
    .executeTakeFirst();
  if (inserted === undefined) {
    const own = await tx.selectFrom("tasks").select("id").where("delivery_id", "=", delivery).executeTakeFirst();
    return own === undefined ? "busy" : "known";
  }
  await showTask(tx, task, brief);
  return "opened";
}

export async function claimTask(db: Kysely<Schema>): Promise<ClaimedTask | undefined> {
  const row = await claimDue(db, "tasks");
  return row === undefined ? undefined : { ...toTask(row), ...row.held };
}

export async function readTask(db: Kysely<Schema>, task: TaskId): Promise<TaskRow | undefined> {
  const row = await db.selectFrom("tasks").selectAll().where("id", "=", task).executeTakeFirst();
  return row === undefined ? undefined : toTask(row);
}

export async function findByCommit(
  db: Kysely<Schema>,
  owner: OwnerId,
  repository: RepositoryId,
  commit: string,
): Promise<TaskRow | undefined> {
  const row = await db
    .selectFrom("tasks")
    .selectAll()
    .where("owner_id", "=", owner)
    .where("repository_id", "=", repository)
    .where((is) =>
      is.or([
        is("commit_sha", "=", commit),
        is("ci_commit_sha", "=", commit),
        // By a follow-up that may come to nothing more: it stands on what this task has put there.
        sql<boolean>`tasks.id in (select merging.follows from tasks as merging where merging.repository_id = ${repository}
          and merging.base_merge is not null and merging.base_merge ->> 'merge' = ${commit})`,
      ]),
    )
    .orderBy("created_at", "desc")
    .limit(1)
    .executeTakeFirst();
  return row === undefined ? undefined : toTask(row);
}

export async function countPlanned(
  db: Kysely<Schema>,
  task: TaskId,
  owner: OwnerId,
  person: ActorId,
  since: EpochMs,
): Promise<number> {
  const { count } = await db
    .selectFrom("tasks")
    .select(sql<number>`count(*)::int`.as("count"))
    .where("owner_id", "=", owner)
    .where(REQUESTER, "=", String(person))
    .where("id", "<>", task)
    .where("trial_id", "is", null)
    .where(
      sql<boolean>`(queued_at >= ${since} or state = 'planning' and queued_at is null
        and (created_at, id) < (select created_at, id from tasks where id = ${task}))`,
    )
    .executeTakeFirstOrThrow();
  return count;
}

export async function readQueueHead(
  db: Kysely<Schema>,
  owner: OwnerId,
): Promise<{ readonly task: TaskId; readonly brief: Brief } | undefined> {
  const head = await db
    .selectFrom("tasks")
    .select(["id", "brief"])
    .where("owner_id", "=", owner)
    .where("state", "=", "queued")
    .orderBy("queued_at")
    .limit(1)
    .executeTakeFirst();
  return head === undefined ? undefined : { task: TaskId(head.id), brief: head.brief };
}

export function toTask(row: Selectable<Schema["tasks"]>): TaskRow {
  return {
    id: TaskId(row.id),
    delivery: DeliveryId(row.delivery_id),
    state: row.state,
    brief: row.brief,
    plan: row.plan,
    failure: row.failure,
    cancel: row.cancel,
    reminded: row.reminded,
    waiting: row.waiting,
    commit: row.commit_sha,
    ciCommit: row.ci_commit_sha,
    baseMerge: row.base_merge,
    pullRequest: row.pull_number === null ? null : { number: row.pull_number, draft: row.pull_draft === true },
    invited: row.invited,
    ciChecks: row.ci_checks,
    trial:
      row.trial_id === null || row.trial_pull === null || row.trial_route === null
        ? null
        : { id: TrialId(row.trial_id), pull: row.trial_pull, route: row.trial_route },
  };
}

/**
 * The lifecycle's table decides the next state; `where state = … and held_by = …` makes the database refuse what the
 * table refuses and what another holder has done meanwhile.
 */
export async function advance(
  db: Kysely<Schema>,
  task: ClaimedTask,
  event: TaskEvent,
  patch: TaskPatch = {},
  lease?: LeasePatch,
): Promise<boolean> {
  const next = stepTask(task.state, event);
  if (!next.ok) throw new Error(`task ${task.id} in ${task.state} can't ${event}`);
  return db.transaction().execute(async (tx) => {
    const moved = await tx
      .updateTable("tasks")
      .set({
        state: next.value,
        tries: 0,
        held_by: null,
        held_until: null,
        // A queued task waits for its owner's admission, an ended one for nothing.
        due_at:
          next.value === "queued" || isTerminal(next.value) ? null : dueAfter(patch.dueInMs === undefined ? 0 : patch.dueInMs),
        updated_at: NOW,
        // What goes on, by a move or another attempt, keeps its place: who asked has waited for it already.
        ...(next.value === "queued" ? { queued_at: sql<number>`coalesce(queued_at, ${NOW})` } : {}),
        ...(patch.plan === undefined ? {} : { plan: JSON.stringify(patch.plan) }),
        ...(patch.failure === undefined ? {} : { failure: JSON.stringify(patch.failure) }),
        ...(event === "remind" ? { reminded: true } : {}),
        ...(patch.commit === undefined ? {} : { commit_sha: patch.commit }),
        ...(patch.pullRequest === undefined
          ? {}
          : { pull_number: patch.pullRequest.number, pull_draft: patch.pullRequest.draft }),
        ...(patch.invited === undefined ? {} : { invited: JSON.stringify(patch.invited) }),
      })
      .where("id", "=", task.id)
      .where("state", "=", task.state)
      .where("held_by", "=", task.holder)
      .returning("id")
      .executeTakeFirst();
    if (moved === undefined) {
      // The run claimed before the answer to its dispatch was written: the task is past this step, its link is still news.
      if (lease?.run !== undefined) await patchLease(tx, { lease: lease.lease, run: lease.run });
      return false;
    }
    if (lease !== undefined) await patchLease(tx, lease);
    // A follow-up's pull request is looked at already, for the task that opened it.
    const isNew = event === "open" && task.brief.follows === undefined;
    if (isNew && task.plan?.secondPerson !== false) await watchReview(tx, task.id, task.brief.owner.id);
    if (isTerminal(next.value)) {
      await dropChanges(tx, task.id);
      await wakeTrials(tx, [task.id]);
    }
    if (isWorthSaying(next.value)) await wakeComments(tx, [task.id]);
    // More to grant, or room in the pool.
    if (next.value === "queued" || isTerminal(next.value)) await wakeAdmission(tx, task.brief.owner.id);
    return true;
  });
}

export async function replanQueued(db: Kysely<Schema>, owner: OwnerId, policyCommit: string): Promise<void> {
  await db.transaction().execute(async (tx) => {
    await lockPool(tx, owner);
    await tx
      .updateTable("tasks")
      .set({ state: TASK_TRANSITIONS.queued.replan, tries: 0, due_at: NOW, updated_at: NOW })
      .where("owner_id", "=", owner)
      .where("state", "=", "queued")
      .where(sql<boolean>`plan ->> 'policyCommit' <> ${policyCommit}`)
      // What has begun goes on under the plan that it began with: the routes it may still take were frozen with it.
      .where(sql<boolean>`not exists (select from attempts where task_id = tasks.id)`)
      .execute();
  });
}

export async function refuseQueued(db: Kysely<Schema>, owner: OwnerId, failure: Failure, task?: TaskId): Promise<void> {
  await db.transaction().execute(async (tx) => {
    await lockPool(tx, owner);
    // What has begun has been paid for: it ends for a reason of its own alone.
    const begun = sql<boolean>`exists (
      select from leases where leases.task_id = tasks.id and leases.state = 'settled')`;
    const queued = tx
      .updateTable("tasks")
      .set({ state: TASK_TRANSITIONS.queued.refuse, failure: JSON.stringify(failure), updated_at: NOW })
      .where("owner_id", "=", owner)
      .where("state", "=", "queued")
      .returning("id");
    const rows = await (task === undefined ? queued.where((where) => where.not(begun)) : queued.where("id", "=", task)).execute();
    const refused = rows.map((row) => row.id);
    if (refused.length === 0) return;
    // Left open by an offer that ran out.
    await tx
      .updateTable("attempts")
      .set({ state: ATTEMPT_TRANSITIONS.open.refused })
      .where("task_id", "in", refused)
      .where("state", "=", "open")
      .execute();
    for (const id of refused) await dropChanges(tx, TaskId(id));
    await wakeComments(tx, refused);
    await wakeTrials(tx, refused);
  });
}

/** Its lease's task is due at once, unless it waits to try again what failed. */
export async function hearRunEnded(db: Kysely<Schema>, lease: LeaseId): Promise<void> {
  await db.transaction().execute(async (tx) => {
    await tx
      .updateTable("tasks")
      .set({ due_at: woken("tasks") })
      .where("id", "=", (query) => query.selectFrom("leases").select("task_id").where("leases.id", "=", lease))
      .where("state", "not in", ["queued", ...TERMINAL_TASK_STATES])
      .execute();
    await tx.updateTable("leases").set({ run_ended: true }).where("id", "=", lease).execute();
  });
}

export async function hearCiChecks(db: Kysely<Schema>, task: TaskId, checks: CiChecks): Promise<void> {
  await db.transaction().execute(async (tx) => {
    await tx
      .updateTable("tasks")
      .set({ ci_checks: JSON.stringify(checks) })
      .where("id", "=", task)
      .execute();
    await wakeComments(tx, [task]);
  });
}
