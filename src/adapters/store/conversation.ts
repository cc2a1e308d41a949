import { sql, type Kysely } from "kysely";
import type { DeliveryId, OwnerId, RepositoryId, TaskId } from "#core/wire/ids.ts";
import type { Failure } from "#core/wire/failure.ts";
import { LISTING_LAG_MS } from "#core/task/effects.ts";
import { RENEWABLE, STOPPABLE } from "#core/task/happening.ts";
import { TASK_TRANSITIONS } from "#core/task/lifecycle.ts";
import type { Brief } from "#core/request/brief.ts";
import { endOf } from "#core/plan/fate.ts";
import type { IssueAt, PullAt, Reach } from "#ports/conversation.ts";
import type { TaskRow } from "#ports/store.ts";
import { dropNotices, wakeComments } from "./comments.ts";
import { lockPool } from "./lock.ts";
import { NOW } from "./migrations.ts";
import { wakeAdmission, woken } from "./queue.ts";
import type { Schema } from "./schema.ts";
import { toTask } from "./tasks.ts";

/** What people say on issues, as it reaches the tasks there. A trial's tasks are nobody's request, and none of these are theirs. */
const requested = (db: Kysely<Schema>) => db.selectFrom("tasks").where("trial_id", "is", null);

export async function findNewest(
  db: Kysely<Schema>,
  { owner, repository, issue }: IssueAt,
): Promise<(TaskRow & { readonly isPullClosed: boolean }) | undefined> {
  const row = await requested(db)
    .selectAll()
    .where("owner_id", "=", owner)
    .where("repository_id", "=", repository)
    .where("issue_number", "=", issue)
    .orderBy("created_at", "desc")
    .orderBy("id")
    .limit(1)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  return { ...toTask(row), isPullClosed: row.fate !== null && endOf(row.fate) !== "open" };
}

export async function findByPull(db: Kysely<Schema>, { owner, repository, pull }: PullAt): Promise<TaskRow | undefined> {
  const row = await requested(db)
    .selectAll()
    .where("owner_id", "=", owner)
    .where("repository_id", "=", repository)
    .where("pull_number", "=", pull)
    .orderBy("created_at", "desc")
    .limit(1)
    .executeTakeFirst();
  return row === undefined ? undefined : toTask(row);
}

/**
 * It is planned anew, as `brief` has it now; a step under way on it comes to nothing. False where a run has worked on it
 * already, or none need.
 */
export async function renewTask(db: Kysely<Schema>, task: TaskId, brief: Brief, delivery: DeliveryId): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    // Before the row: as whoever grants takes them.
    await lockPool(tx, brief.owner.id);
    const renewed = await tx
      .updateTable("tasks")
      .set({
        state: TASK_TRANSITIONS.queued.replan,
        brief: JSON.stringify(brief),
        // Worked off twice, the delivery finds here what it did.
        delivery_id: delivery,
        plan: null,
        failure: null,
        waiting: null,
        reminded: false,
        tries: 0,
        held_by: null,
        held_until: null,
        due_at: NOW,
        updated_at: NOW,
      })
      .where("id", "=", task)
      .where("state", "in", [...RENEWABLE])
      .where("cancel", "is", null)
      .where(sql<boolean>`not exists (select from attempts where task_id = tasks.id)`)
      .returning("id")
      .executeTakeFirst();
    if (renewed === undefined) return false;
    await dropNotices(tx, [task]);
    return true;
  });
}

/**
 * They end as cancelled, each by a step of its own: what is under way on one is taken off its holder, and what that may have
 * done to GitHub has time to be seen. Returns how many.
 */
export async function stopTasks(
  db: Kysely<Schema>,
  { owner, repository, issue }: Reach,
  why: Failure,
  delivery: DeliveryId,
): Promise<number> {
  return db.transaction().execute(async (tx) => {
    const stopped = await stopRows(tx, { owner, repository, issue }, why, delivery);
    await dropNotices(tx, stopped);
    await wakeComments(tx, stopped);
    return stopped.length;
  });
}

/** Of what was asked for before the delivery that stops it: what was asked since is wanted. */
async function stopRows(
  tx: Kysely<Schema>,
  { owner, repository, issue }: { owner: OwnerId; repository: RepositoryId | undefined; issue: number | undefined },
  why: Failure,
  delivery: DeliveryId,
): Promise<readonly string[]> {
  let update = tx
    .updateTable("tasks")
    .set({
      cancel: JSON.stringify(why),
      tries: 0,
      // What a try that ended just now has done to GitHub may not be listed yet.
      due_at: sql<number>`case when held_by is null and tries = 0 then ${NOW} else ${NOW} + ${LISTING_LAG_MS}::bigint end`,
      held_by: null,
      held_until: null,
      updated_at: NOW,
    })
    .where("owner_id", "=", owner)
    .where("trial_id", "is", null)
    .where("state", "in", [...STOPPABLE])
    .where("cancel", "is", null)
    .where(sql<boolean>`not exists (
      select from deliveries as asked, deliveries as stopping
      where asked.id = tasks.delivery_id and stopping.id = ${delivery} and asked.seq > stopping.seq)`)
    .returning("id");
  if (repository !== undefined) update = update.where("repository_id", "=", repository);
  if (issue !== undefined) update = update.where("issue_number", "=", issue);
  return (await update.execute()).map(({ id }) => id);
}

/** Requests of these that came before it and still wait are wanted no more either. Returns how many. */
export async function dropRequests(
  db: Kysely<Schema>,
  { owner, repository, issue }: Reach,
  delivery: DeliveryId,
): Promise<number> {
  let update = db
    .updateTable("deliveries")
    .set({ event: null, due_at: null, note: "not wanted any more" })
    .where("owner_id", "=", owner)
    .where("due_at", "is not", null)
    .where("held_by", "is", null)
    .where(sql<boolean>`event ->> 'kind' in ('request', 'unlabeled')`)
    .where(sql<boolean>`seq < (select seq from deliveries as stopping where stopping.id = ${delivery})`)
    .returning("id");
  if (repository !== undefined) update = update.where(sql<string>`event #>> '{brief,repository,id}'`, "=", String(repository));
  if (issue !== undefined) update = update.where(sql<string>`event #>> '{brief,issue,number}'`, "=", String(issue));
  return (await update.execute()).length;
}

/** What the issue's comment says is looked at again. False where the app has none there. */
export async function refreshComment(db: Kysely<Schema>, { owner, repository, issue }: IssueAt): Promise<boolean> {
  const woke = await db
    .updateTable("comments")
    .set({ due_at: woken("comments") })
    .where("owner_id", "=", owner)
    .where("repository_id", "=", repository)
    .where("issue_number", "=", issue)
    .returning("id")
    .executeTakeFirst();
  return woke !== undefined;
}

/** By whom, or null: nothing more is granted to this owner's tasks until then. Their comments say so. */
export async function pause(db: Kysely<Schema>, owner: OwnerId, by: string | null): Promise<void> {
  await db.transaction().execute(async (tx) => {
    await lockPool(tx, owner);
    await tx.updateTable("owners").set({ paused_by: by }).where("owner_id", "=", owner).execute();
    const queued = await requested(tx).select("id").where("owner_id", "=", owner).where("state", "=", "queued").execute();
    await wakeComments(
      tx,
      queued.map(({ id }) => id),
    );
    if (by === null) await wakeAdmission(tx, owner);
  });
}

export async function readPause(db: Kysely<Schema>, owner: OwnerId): Promise<string | null> {
  const row = await db.selectFrom("owners").select("paused_by").where("owner_id", "=", owner).executeTakeFirst();
  return row?.paused_by ?? null;
}

/** The repository has another name: what is still to be done for it, and its comments, go by that. */
export async function renameRepository(
  db: Kysely<Schema>,
  owner: OwnerId,
  repository: RepositoryId,
  name: string,
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    for (const [table, column] of [
      ["tasks", "brief"],
      ["comments", "place"],
    ] as const)
      await sql`
        update ${sql.table(table)} set ${sql.ref(column)} = jsonb_set(${sql.ref(column)}, '{repository,name}', to_jsonb(${name}::text))
        where owner_id = ${owner} and repository_id = ${repository}`.execute(tx);
  });
}
