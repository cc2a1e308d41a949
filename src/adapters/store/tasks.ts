import { randomUUID } from "node:crypto";
import { sql, type Kysely, type Selectable } from "kysely";
import { TaskId } from "#core/wire/ids.ts";
import type { Brief } from "#core/task/brief.ts";
import { isTerminal, stepTask, TERMINAL_TASK_STATES, type TaskEvent } from "#core/task/lifecycle.ts";
import type { AttemptPatch, ClaimedTask, TaskPatch, TaskRow } from "#ports/store.ts";
import { patchAttempt } from "./attempts.ts";
import { NOW } from "./migrations.ts";
import { dueAfter, ROW_CLAIM_MS, wakeQueued } from "./queue.ts";
import type { Schema } from "./schema.ts";

export async function openTask(db: Kysely<Schema>, task: TaskId, brief: Brief): Promise<boolean> {
  const ofLatest = <Column extends "comment_id" | "comment_hash">(column: Column) =>
    db
      .selectFrom("tasks")
      .select(column)
      .where("repository_id", "=", brief.repository.id)
      .where("issue_number", "=", brief.issue.number)
      .orderBy("created_at", "desc")
      .limit(1);
  const inserted = await db
    .insertInto("tasks")
    .values({
      id: task,
      owner_id: brief.owner.id,
      repository_id: brief.repository.id,
      issue_number: brief.issue.number,
      state: "planning",
      brief: JSON.stringify(brief),
      // An issue has one comment, whatever the number of its tasks: the newest takes it over and edits it.
      comment_id: ofLatest("comment_id"),
      comment_hash: ofLatest("comment_hash"),
      due_at: NOW,
    })
    .onConflict((conflict) =>
      conflict
        .columns(["repository_id", "issue_number"])
        .where("state", "not in", [...TERMINAL_TASK_STATES])
        .doNothing(),
    )
    .returning("id")
    .executeTakeFirst();
  return inserted !== undefined;
}

export async function claimTask(db: Kysely<Schema>): Promise<ClaimedTask | undefined> {
  const holder = randomUUID();
  const row = await db
    .updateTable("tasks")
    .set({
      held_by: holder,
      held_until: sql`${NOW} + ${ROW_CLAIM_MS}`,
      due_at: sql`${NOW} + ${ROW_CLAIM_MS}`,
      tries: sql`tries + 1`,
    })
    .where("id", "=", (query) =>
      query
        .selectFrom("tasks")
        .select("id")
        .where("due_at", "<=", NOW)
        .where((where) => where.or([where("held_until", "is", null), where("held_until", "<", NOW)]))
        // An ended task of the same issue may still be writing the issue's one comment: the next takes it over after.
        .where((where) =>
          where.not(
            where.exists(
              where
                .selectFrom("tasks as before")
                .select("before.id")
                .whereRef("before.repository_id", "=", "tasks.repository_id")
                .whereRef("before.issue_number", "=", "tasks.issue_number")
                .whereRef("before.created_at", "<", "tasks.created_at")
                .where("before.due_at", "is not", null),
            ),
          ),
        )
        .orderBy("due_at")
        .limit(1)
        .forUpdate()
        .skipLocked(),
    )
    .returningAll()
    .executeTakeFirst();
  return row === undefined ? undefined : { ...toTask(row), holder, tries: row.tries };
}

export async function readTask(db: Kysely<Schema>, task: TaskId): Promise<TaskRow | undefined> {
  const row = await db.selectFrom("tasks").selectAll().where("id", "=", task).executeTakeFirst();
  return row === undefined ? undefined : toTask(row);
}

function toTask(row: Selectable<Schema["tasks"]>): TaskRow {
  return {
    id: TaskId(row.id),
    state: row.state,
    brief: row.brief,
    plan: row.plan,
    failure: row.failure,
    comment: row.comment_id === null || row.comment_hash === null ? null : { id: row.comment_id, hash: row.comment_hash },
    commentRefused: row.comment_refused,
    commit: row.commit_sha,
    pullRequest: row.pull_number === null ? null : { number: row.pull_number, draft: row.pull_draft === true },
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
  attempt?: AttemptPatch,
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
        due_at: dueAfter(patch.dueInMs === undefined ? 0 : patch.dueInMs),
        updated_at: NOW,
        ...(patch.plan === undefined ? {} : { plan: JSON.stringify(patch.plan), queued_at: NOW }),
        ...(patch.failure === undefined ? {} : { failure: JSON.stringify(patch.failure) }),
        ...(patch.commit === undefined ? {} : { commit_sha: patch.commit }),
        ...(patch.pullRequest === undefined
          ? {}
          : { pull_number: patch.pullRequest.number, pull_draft: patch.pullRequest.draft }),
      })
      .where("id", "=", task.id)
      .where("state", "=", task.state)
      .where("held_by", "=", task.holder)
      .returning("id")
      .executeTakeFirst();
    if (moved === undefined) {
      // The run claimed before the answer to its dispatch was written: the task is past this step, its link is still news.
      if (attempt?.run !== undefined) await patchAttempt(tx, { attempt: attempt.attempt, run: attempt.run });
      return false;
    }
    if (attempt !== undefined) await patchAttempt(tx, attempt);
    // Room in the pool, or the end of a task: whoever waits in this owner's queue looks again.
    if (isTerminal(next.value)) await wakeQueued(tx, task.brief.owner.id);
    return true;
  });
}

export async function recordComment(
  db: Kysely<Schema>,
  task: ClaimedTask,
  comment: { id: number; hash: string } | "gone" | "refused",
): Promise<void> {
  await release(db, task)
    .set(
      comment === "refused"
        ? { comment_refused: true }
        : comment === "gone"
          ? { comment_id: null, comment_hash: null }
          : { comment_id: comment.id, comment_hash: comment.hash },
    )
    .set({ tries: 0, due_at: NOW })
    .execute();
  if (typeof comment === "string") return;
  // A task of the same issue that was opened meanwhile waits in claimTask, and knows no comment yet.
  await db
    .updateTable("tasks")
    .set({ comment_id: comment.id, comment_hash: comment.hash })
    .where("repository_id", "=", task.brief.repository.id)
    .where("issue_number", "=", task.brief.issue.number)
    .where("comment_id", "is", null)
    .where("comment_refused", "=", false)
    .execute();
}

export async function postpone(db: Kysely<Schema>, task: ClaimedTask, dueInMs: number): Promise<void> {
  await release(db, task)
    .set({ due_at: dueAfter(dueInMs) })
    .execute();
}

export async function rest(db: Kysely<Schema>, task: ClaimedTask, dueInMs: number | null): Promise<void> {
  await release(db, task)
    .set({ tries: 0, due_at: dueAfter(dueInMs) })
    .execute();
}

function release(db: Kysely<Schema>, task: ClaimedTask) {
  return db
    .updateTable("tasks")
    .set({ held_by: null, held_until: null })
    .where("id", "=", task.id)
    .where("held_by", "=", task.holder);
}

export async function wake(db: Kysely<Schema>, task: TaskId): Promise<void> {
  await db
    .updateTable("tasks")
    .set({ due_at: NOW })
    .where("id", "=", task)
    .where("state", "not in", [...TERMINAL_TASK_STATES])
    .execute();
}
