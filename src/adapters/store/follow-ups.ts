import { sql, type Kysely } from "kysely";
import { ActorId, type DeliveryId, type TaskId } from "#core/wire/ids.ts";
import type { Brief } from "#core/request/brief.ts";
import { boundReached } from "#core/task/follow-up.ts";
import { TERMINAL_TASK_STATES } from "#core/task/lifecycle.ts";
import type { OpenedFollowUp, PullAt } from "#ports/conversation.ts";
import { insertTask } from "./tasks.ts";
import type { Schema } from "./schema.ts";

const followUps = (db: Kysely<Schema>, { owner, repository, pull }: PullAt) =>
  db
    .selectFrom("tasks")
    .where("owner_id", "=", owner)
    .where("repository_id", "=", repository)
    .where("issue_number", "=", pull)
    .where("follows", "is not", null);

/**
 * Counted under the lock of the task that opened the pull request, so that two at once don't both take the last place. What was
 * refused before any attempt has cost nothing, and doesn't count.
 */
export async function openFollowUp(
  db: Kysely<Schema>,
  task: TaskId,
  brief: Brief,
  delivery: DeliveryId,
): Promise<OpenedFollowUp> {
  const { follows } = brief;
  if (follows === undefined) throw new Error(`task ${task} follows nothing`);
  const at = { owner: brief.owner.id, repository: brief.repository.id, pull: brief.issue.number };
  return db.transaction().execute(async (tx) => {
    await tx
      .selectFrom("tasks")
      .select("id")
      .where("owner_id", "=", at.owner)
      .where("repository_id", "=", at.repository)
      .where("pull_number", "=", at.pull)
      .where("follows", "is", null)
      .forUpdate()
      .execute();
    const known = await tx.selectFrom("tasks").select("id").where("delivery_id", "=", delivery).executeTakeFirst();
    if (known !== undefined) return "known";
    const automatic = sql<boolean>`follow_why <> 'asked'`;
    const had = await followUps(tx, at)
      .select([
        sql<number>`(count(*) filter (where state not in (${sql.join([...TERMINAL_TASK_STATES])})))::int`.as("live"),
        sql<number>`count(*)::int`.as("all"),
        sql<number>`(count(*) filter (where ${automatic}))::int`.as("automatic"),
        sql<number>`(count(*) filter (where ${automatic} and followed_head = ${follows.head}))::int`.as("head"),
      ])
      .where(sql<boolean>`(state <> 'refused' or exists (select from attempts where task_id = tasks.id))`)
      .executeTakeFirstOrThrow();
    if (had.live > 0) return "busy";
    const bound = boundReached(had, follows.why);
    return bound === undefined ? insertTask(tx, task, brief, delivery) : { bound };
  });
}

export async function readFollowers(db: Kysely<Schema>, pull: PullAt): Promise<readonly ActorId[]> {
  const rows = await followUps(db, pull).select("brief").execute();
  const ids = rows.flatMap(({ brief: { requester, approval } }) => [
    requester.id,
    ...(approval === undefined ? [] : [approval.id]),
  ]);
  return [...new Set(ids)].map(ActorId);
}
