import type { BaseMerge } from "#core/plan/base-update.ts";
import type { Held } from "#ports/store.ts";
import type { PullAt } from "#ports/conversation.ts";
import { sql, type Kysely } from "kysely";
import type { OwnerId, RepositoryId, TaskId } from "#core/wire/ids.ts";
import { DAY_MS } from "#core/wire/units.ts";
import { NOW } from "./migrations.ts";
import type { Schema } from "./schema.ts";

/** After this long a draft is tried again, since the owner may have another plan by then. */
const DRAFTLESS_MS = 30 * DAY_MS;

export async function keepCiCommit(db: Kysely<Schema>, task: TaskId, commit: string): Promise<void> {
  await db.updateTable("tasks").set({ ci_commit_sha: commit }).where("id", "=", task).execute();
}

export async function beginBaseMerge(db: Kysely<Schema>, { key, holder }: Held, merge: BaseMerge): Promise<boolean> {
  const begun = await db
    .updateTable("tasks")
    .set({ base_merge: JSON.stringify(merge) })
    .where("id", "=", String(key))
    .where("held_by", "=", holder)
    .returning("id")
    .executeTakeFirst();
  return begun !== undefined;
}

export async function keepBaseMerge(db: Kysely<Schema>, task: TaskId, merge: BaseMerge): Promise<void> {
  await db
    .updateTable("tasks")
    .set({ base_merge: JSON.stringify(merge) })
    .where("id", "=", task)
    .execute();
}

export async function readBaseMerges(db: Kysely<Schema>, { owner, repository, pull }: PullAt): Promise<readonly string[]> {
  const rows = await db
    .selectFrom("tasks")
    .select(sql<string>`base_merge ->> 'merge'`.as("merge"))
    .where("owner_id", "=", owner)
    .where("repository_id", "=", repository)
    .where("issue_number", "=", pull)
    .where(sql<boolean>`base_merge ->> 'merge' is not null`)
    .execute();
  return rows.map(({ merge }) => merge);
}

export async function recordDraftless(db: Kysely<Schema>, owner: OwnerId, repository: RepositoryId): Promise<void> {
  await db
    .insertInto("draftless")
    .values({ owner_id: owner, repository_id: repository, at: NOW })
    .onConflict((conflict) => conflict.columns(["owner_id", "repository_id"]).doUpdateSet({ at: NOW }))
    .execute();
}

export async function isDraftless(db: Kysely<Schema>, owner: OwnerId, repository: RepositoryId): Promise<boolean> {
  const row = await db
    .selectFrom("draftless")
    .select("at")
    .where("owner_id", "=", owner)
    .where("repository_id", "=", repository)
    .where(sql<boolean>`at > ${NOW} - ${DRAFTLESS_MS}::bigint`)
    .executeTakeFirst();
  return row !== undefined;
}
