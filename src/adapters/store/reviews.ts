import { sql, type Kysely } from "kysely";
import { ActorId, TaskId, type OwnerId } from "#core/wire/ids.ts";
import type { ClaimedReview, WrittenCheck } from "#ports/reviews.ts";
import { NOW } from "./migrations.ts";
import { claimDue, dueAfter, woken } from "./queue.ts";
import type { Schema } from "./schema.ts";

/** From now on a second person is looked for, in the transaction that learns of the pull request. */
export async function watchReview(tx: Kysely<Schema>, task: TaskId, owner: OwnerId): Promise<void> {
  await tx
    .insertInto("reviews")
    .values({ task_id: task, owner_id: owner, due_at: NOW })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** GitHub has told something of its pull request; `pushedBy`: that this person has pushed to it. */
export async function wakeReview(tx: Kysely<Schema>, task: string, pushedBy: ActorId | null): Promise<void> {
  await tx
    .updateTable("reviews")
    .set({ due_at: woken("reviews") })
    .$if(pushedBy !== null, (query) =>
      query.set({
        pushed_by: sql<string>`case when pushed_by @> to_jsonb(${pushedBy}::bigint) then pushed_by
          else pushed_by || to_jsonb(${pushedBy}::bigint) end`,
      }),
    )
    .where("task_id", "=", task)
    .execute();
}

export async function claimReview(db: Kysely<Schema>): Promise<ClaimedReview | undefined> {
  const row = await claimDue(db, "reviews");
  if (row === undefined) return undefined;
  return { ...row.held, task: TaskId(row.task_id), pushedBy: row.pushed_by.map(ActorId), written: row.written };
}

export async function recordReview(db: Kysely<Schema>, review: ClaimedReview, written: WrittenCheck): Promise<void> {
  await db
    .updateTable("reviews")
    .set({ written: JSON.stringify(written), tries: 0, held_by: null, held_until: null, due_at: dueAfter(null) })
    .where("task_id", "=", review.task)
    .where("held_by", "=", review.holder)
    .execute();
}
