import { sql, type Kysely, type RawBuilder } from "kysely";
import { MINUTE_MS } from "#core/wire/units.ts";
import { NOW } from "./migrations.ts";
import type { Schema } from "./schema.ts";

/**
 * How long a claimed row is left to its holder. Longer than any one action (a few calls of at most 30 s each), short
 * enough that work goes on soon after a crash. A process that is killed leaves its rows to whoever comes after this.
 */
export const ROW_CLAIM_MS = 5 * MINUTE_MS;

/**
 * When a row is due once its holder lets go: `inMs` from now, or never by itself (null). A claim sets `due_at` to its own
 * end, so an earlier one was set by somebody meanwhile, to wake the row: that is kept.
 */
export function dueAfter(inMs: number | null): RawBuilder<number | null> {
  const planned = inMs === null ? sql`null::bigint` : sql`${NOW} + ${inMs}::bigint`;
  return sql`case when due_at < held_until then ${NOW} else ${planned} end`;
}

/** Gives every claimed row back. Only for a store that no other process can have open. */
export async function releaseRows(db: Kysely<Schema>): Promise<void> {
  await db.updateTable("deliveries").set({ held_by: null, held_until: null }).where("held_by", "is not", null).execute();
  await db.updateTable("tasks").set({ held_by: null, held_until: null, due_at: NOW }).where("held_by", "is not", null).execute();
}

/**
 * There may be room in the pool: an owner's queued tasks look again. Rows that somebody else has locked are left to them;
 * waiting for them here, in whatever order, is how two of these would deadlock.
 */
export async function wakeQueued(db: Kysely<Schema>, owner: number): Promise<void> {
  await db
    .updateTable("tasks")
    .set({ due_at: NOW })
    .where("id", "in", (query) =>
      query.selectFrom("tasks").select("id").where("owner_id", "=", owner).where("state", "=", "queued").forUpdate().skipLocked(),
    )
    .execute();
}
