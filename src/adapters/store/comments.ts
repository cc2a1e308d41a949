import { randomUUID } from "node:crypto";
import { sql, type Kysely } from "kysely";
import { TaskId, type LeaseId } from "#core/wire/ids.ts";
import { MINUTE_MS, SECOND_MS } from "#core/wire/units.ts";
import { LEASE } from "#core/pool/lease.ts";
import type { Brief } from "#core/request/brief.ts";
import type { TaskState } from "#core/task/lifecycle.ts";
import type { Notice } from "#core/task/notice.ts";
import type { OwnComment, Place } from "#ports/github.ts";
import type { Begun, ClaimedComment, Written } from "#ports/comments.ts";
import { NOW } from "./migrations.ts";
import { claimDue, dueAfter, woken } from "./queue.ts";
import type { Schema } from "./schema.ts";

/** How often a comment tells how far its run has come, at most, and at which place its task waits. */
const PROGRESS_EVERY_MS = 20 * SECOND_MS;
const PLACE_EVERY_MS = 5 * MINUTE_MS;

/** The issue's comment shows this task from now on. It isn't due before there is something to say. */
export async function showTask(tx: Kysely<Schema>, task: TaskId, brief: Brief): Promise<void> {
  await tx
    .insertInto("comments")
    .values({ ...issueOf(brief), task_id: task })
    .onConflict((conflict) =>
      conflict
        .columns(["repository_id", "issue_number"])
        .doUpdateSet({ ...addressOf(brief), task_id: task, notice: null, said: null }),
    )
    .execute();
}

export async function notice(db: Kysely<Schema>, brief: Brief, said: Notice, onlyIfNone: boolean): Promise<void> {
  const answer = { notice: JSON.stringify(said) };
  await db
    .insertInto("comments")
    .values({ ...issueOf(brief), ...answer, due_at: NOW })
    .onConflict((conflict) => {
      const update = conflict
        .columns(["repository_id", "issue_number"])
        .doUpdateSet({ ...addressOf(brief), ...answer, due_at: woken("comments") });
      return onlyIfNone ? update.where("comments.task_id", "is", null) : update;
    })
    .execute();
}

export async function adoptComment(
  db: Kysely<Schema>,
  place: Place,
  { id, issue }: OwnComment,
  said: Notice | null,
): Promise<void> {
  await db
    .insertInto("comments")
    .values({
      id: randomUUID(),
      owner_id: place.owner.id,
      place: JSON.stringify(place),
      repository_id: place.repository.id,
      issue_number: issue,
      comment_id: id,
      notice: said === null ? null : JSON.stringify(said),
      ...(said === null ? {} : { due_at: NOW }),
    })
    .onConflict((conflict) => conflict.columns(["repository_id", "issue_number"]).doNothing())
    .execute();
}

function issueOf(brief: Brief) {
  return {
    ...addressOf(brief),
    id: randomUUID(),
    repository_id: brief.repository.id,
    issue_number: brief.issue.number,
  };
}

/** What a new request may change: the repository was renamed or transferred, the App installed anew, the issue unlocked. */
function addressOf(brief: Brief) {
  return { owner_id: brief.owner.id, place: JSON.stringify(placeOf(brief)), refused: false };
}

function placeOf({ installation, owner, repository }: Brief): Place {
  return { installation, owner, repository };
}

/** These tasks have something new to say. */
export async function wakeComments(tx: Kysely<Schema>, tasks: readonly string[]): Promise<void> {
  if (tasks.length === 0) return;
  await tx
    .updateTable("comments")
    .set({ due_at: woken("comments") })
    .where("task_id", "in", [...tasks])
    .execute();
}

/** What was answered on these tasks' issues before they went another way is no news. */
export async function dropNotices(tx: Kysely<Schema>, tasks: readonly string[]): Promise<void> {
  if (tasks.length === 0) return;
  await tx
    .updateTable("comments")
    .set({ notice: null })
    .where("task_id", "in", [...tasks])
    .execute();
}

/** The owner's tasks that wait have not said so yet, or said a while ago at which place. */
export async function wakeWaitingComments(tx: Kysely<Schema>, owner: number): Promise<void> {
  await tx
    .updateTable("comments")
    .set({ due_at: woken("comments") })
    .where("owner_id", "=", owner)
    .where("task_id", "in", (query) =>
      query.selectFrom("tasks").select("id").where("owner_id", "=", owner).where("state", "=", "queued"),
    )
    .where((where) =>
      where.or([
        where("said", "is", null),
        where("said", "!=", "queued"),
        sql<boolean>`due_at is null and said_at <= ${NOW} - ${PLACE_EVERY_MS}`,
      ]),
    )
    .execute();
}

export async function claimComment(db: Kysely<Schema>): Promise<ClaimedComment | undefined> {
  const row = await claimDue(db, "comments");
  if (row === undefined) return undefined;
  const { now } = await db.selectNoFrom(NOW.as("now")).executeTakeFirstOrThrow();
  return {
    ...row.held,
    id: row.id,
    place: row.place,
    issue: row.issue_number,
    task: row.task_id === null ? null : TaskId(row.task_id),
    notice: row.notice,
    written:
      row.comment_id === null
        ? null
        : { id: row.comment_id, hash: row.comment_hash ?? "", news: row.comment_news ?? "", ageMs: now - (row.said_at ?? 0) },
    begun: row.begun,
    refused: row.refused,
    telling: row.telling,
    told: row.told,
  };
}

export async function begin(db: Kysely<Schema>, comment: ClaimedComment, what: Begun): Promise<boolean> {
  const begun = await db
    .updateTable("comments")
    .set("telling" in what ? { telling: what.telling } : { begun: what.comment, told: what.told })
    .where("id", "=", comment.id)
    .where("held_by", "=", comment.holder)
    .returning("id")
    .executeTakeFirst();
  return begun !== undefined;
}

export async function recordComment(
  db: Kysely<Schema>,
  comment: ClaimedComment,
  written: Written,
  said: TaskState | null,
  again: boolean,
): Promise<void> {
  await db
    .updateTable("comments")
    .set(
      written === "refused"
        ? { refused: true, begun: false }
        : written === "gone"
          ? // GitHub says the same of a repository that we can't see for a while: it is looked for before it is written anew.
            { comment_id: null, comment_hash: null, begun: true }
          : {
              comment_id: written.id,
              comment_hash: written.hash,
              comment_news: written.news,
              begun: false,
              said,
              said_at: NOW,
            },
    )
    .set({ tries: 0, held_by: null, held_until: null, due_at: again || written === "gone" ? NOW : dueAfter(null) })
    .where("id", "=", comment.id)
    .where("held_by", "=", comment.holder)
    .execute();
}

export async function recordTold(db: Kysely<Schema>, comment: ClaimedComment, call: string): Promise<void> {
  await db
    .updateTable("comments")
    .set({ told: call, telling: null, tries: 0, held_by: null, held_until: null, due_at: dueAfter(null) })
    .where("id", "=", comment.id)
    .where("held_by", "=", comment.holder)
    .execute();
}

/**
 * A job was heard: its comment may tell how far it has come. At most every 20 seconds, and no sooner than the run has gone on by
 * a fifth since: 25 edits in an hour's run, so that what an installation may edit in an hour lasts eight such runs.
 */
export async function wakeProgress(tx: Kysely<Schema>, lease: LeaseId): Promise<void> {
  const restMs = sql<number>`(
    select greatest(${PROGRESS_EVERY_MS}, (${NOW} - deadline_at + ${LEASE.termMs}) / 5)::bigint from leases where id = ${lease})`;
  await tx
    .updateTable("comments")
    .set({ due_at: sql<number>`greatest(${NOW}, said_at + ${restMs})` })
    .where("task_id", "=", (query) => query.selectFrom("leases").select("task_id").where("id", "=", lease))
    .where("said", "=", "running")
    .where("due_at", "is", null)
    .where("held_by", "is", null)
    .execute();
}
