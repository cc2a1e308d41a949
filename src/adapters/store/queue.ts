import { randomUUID } from "node:crypto";
import { sql, type Kysely, type RawBuilder, type Selectable } from "kysely";
import { MINUTE_MS } from "#core/wire/units.ts";
import { NOW } from "./migrations.ts";
import type { Schema } from "./schema.ts";

/**
 * Four tables are queues, each row a piece of work: `due_at` says when, `held_by` and `held_until` who works on it now.
 * Whoever claims a row has it until the claim runs out, and every write of the holder's says `where held_by = …`.
 */
const KEYS = { deliveries: "id", owners: "owner_id", tasks: "id", comments: "id" } as const satisfies Partial<
  Record<keyof Schema, string>
>;
export type QueueTable = keyof typeof KEYS;

/**
 * How long a claimed row is left to its holder. Longer than any one action (a few calls of at most 30 s each), short
 * enough that work goes on soon after a crash. A process that is killed leaves its rows to whoever comes after this.
 */
export const ROW_CLAIM_MS = 5 * MINUTE_MS;

export type Holder = { readonly holder: string; readonly tries: number };

/** The row that has been due longest, if there is one, held from now on. */
export async function claimDue<Table extends QueueTable>(
  db: Kysely<Schema>,
  table: Table,
): Promise<(Selectable<Schema[Table]> & Holder) | undefined> {
  const holder = randomUUID();
  const key = sql.ref(KEYS[table]);
  const { rows } = await sql<Selectable<Schema[Table]> & { tries: number }>`
    update ${sql.table(table)}
    set held_by = ${holder}, held_until = ${NOW} + ${ROW_CLAIM_MS}, due_at = ${NOW} + ${ROW_CLAIM_MS}, tries = tries + 1
    where ${key} = (
      select ${key} from ${sql.table(table)}
      where due_at <= ${NOW} and (held_until is null or held_until < ${NOW})
      order by due_at limit 1
      for update skip locked
    )
    returning *`.execute(db);
  const row = rows[0];
  return row === undefined ? undefined : { ...row, holder };
}

/** Lets go of a claimed row. `anew`: what comes next is another action, whose tries count from 1. */
export async function release(
  db: Kysely<Schema>,
  table: QueueTable,
  key: string | number,
  { holder }: Holder,
  next: { dueInMs: number | null; anew: boolean },
): Promise<void> {
  await sql`
    update ${sql.table(table)}
    set due_at = ${dueAfter(next.dueInMs)}, held_by = null, held_until = null, tries = case when ${next.anew} then 0 else tries end
    where ${sql.ref(KEYS[table])} = ${key} and held_by = ${holder}`.execute(db);
}

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
  for (const table of Object.keys(KEYS) as QueueTable[]) {
    await sql`update ${sql.table(table)} set held_by = null, held_until = null, due_at = ${NOW} where held_by is not null`.execute(
      db,
    );
  }
}

/** There may be room in the pool, or more to grant: the owner's queue is looked at. */
export async function wakeAdmission(db: Kysely<Schema>, owner: number): Promise<void> {
  await db.updateTable("owners").set({ due_at: NOW }).where("owner_id", "=", owner).execute();
}
