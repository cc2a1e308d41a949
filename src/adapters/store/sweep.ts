import { sql, type Kysely } from "kysely";
import type { DeliveryId } from "#core/wire/ids.ts";
import { DAY_MS, EpochMs, MINUTE_MS } from "#core/wire/units.ts";
import type { IssueAt } from "#ports/conversation.ts";
import type { ClaimedSweep, Late } from "#ports/sweep.ts";
import { NOW } from "./migrations.ts";
import { claimDue, dueAfter, woken } from "./queue.ts";
import type { Schema } from "./schema.ts";

/** What has failed is asked for no sooner again: a little less than a sweep is apart from the next. */
const ASKED_FOR_MS = 50 * MINUTE_MS;
/** GitHub's clock and the database's may differ by so much. */
const SKEW_MS = MINUTE_MS;
const KEPT_MS = 40 * DAY_MS;

export async function startSweep(db: Kysely<Schema>): Promise<void> {
  // One that another process is at finds what there is.
  await db
    .updateTable("sweeps")
    .set({ due_at: woken("sweeps") })
    .where("held_by", "is", null)
    .execute();
}

export async function claimSweep(db: Kysely<Schema>): Promise<ClaimedSweep | undefined> {
  const row = await claimDue(db, "sweeps");
  if (row === undefined) return undefined;
  const { now } = await db.selectNoFrom(NOW.as("now")).executeTakeFirstOrThrow();
  return { now: EpochMs(now), sweptUntil: row.swept_until === null ? null : EpochMs(row.swept_until), ...row.held };
}

export async function finishSweep(db: Kysely<Schema>, sweep: ClaimedSweep, dueInMs: number): Promise<void> {
  await db
    .updateTable("sweeps")
    .set({ swept_until: sweep.now, due_at: dueAfter(dueInMs), held_by: null, held_until: null, tries: 0 })
    .where("held_by", "=", sweep.holder)
    .execute();
  await sql`delete from late_deliveries where coalesce(asked_at, said_at) < ${NOW} - ${KEPT_MS}::bigint`.execute(db);
}

/**
 * Whether a delivery that has failed is to be asked for, kept as late from now on. Not where it was heard all the same, nor where
 * it was asked for lately, or has not failed since.
 */
export async function expectLate(
  db: Kysely<Schema>,
  id: DeliveryId,
  { saidAt, failedAt }: { readonly saidAt: EpochMs; readonly failedAt: EpochMs },
): Promise<boolean> {
  const { rows } = await sql<{ due: boolean }>`
    with known as (
      insert into late_deliveries (id, said_at) values (${id}, ${saidAt}::bigint)
      on conflict (id) do update set said_at = least(late_deliveries.said_at, excluded.said_at)
      returning asked_at)
    select not exists (select from deliveries where deliveries.id = ${id})
      and (asked_at is null or (asked_at < ${NOW} - ${ASKED_FOR_MS}::bigint and asked_at - ${SKEW_MS}::bigint < ${failedAt}::bigint)) as due
    from known`.execute(db);
  return rows[0]?.due === true;
}

export async function recordAsked(db: Kysely<Schema>, id: DeliveryId): Promise<void> {
  await db.updateTable("late_deliveries").set({ asked_at: NOW }).where("id", "=", id).execute();
}

export async function readLate(
  db: Kysely<Schema>,
  id: DeliveryId,
  { owner, repository, issue }: IssueAt,
): Promise<Late | undefined> {
  const row = await db
    .selectFrom("late_deliveries")
    .select([
      sql<number>`${NOW} - said_at`.as("ago"),
      sql<boolean>`exists (
        select from tasks where owner_id = ${owner} and repository_id = ${repository} and issue_number = ${issue}
          and trial_id is null and created_at > said_at and delivery_id is distinct from ${id})`.as("overtaken"),
    ])
    .where("id", "=", id)
    .executeTakeFirst();
  return row === undefined ? undefined : { agoMs: row.ago, isOvertaken: row.overtaken };
}
