import { randomUUID } from "node:crypto";
import { sql, type Kysely, type RawBuilder, type Selectable } from "kysely";
import { LISTING_LAG_MS } from "#core/task/effects.ts";
import { MINUTE_MS } from "#core/wire/units.ts";
import type { Held } from "#ports/store.ts";
import { NOW } from "./migrations.ts";
import type { Schema } from "./schema.ts";

/**
 * Eight tables are queues, each row a piece of work: `due_at` says when, `held_by` and `held_until` who works on it now.
 * Whoever claims a row has it until the claim runs out, and what its holder writes to it says `where held_by = …`.
 *
 * No action is tried again sooner than GitHub's listings lag behind its writes (LISTING_LAG_MS), so that a second try
 * which looks for the first one's effect can believe what it sees. A failed action's row waits that long at least
 * (app/worker.ts); a wake doesn't cut this short, since the next try reads everything anew; and a row whose holder was
 * killed is given to the next one no sooner.
 */
type Queue = Held["queue"];
const KEYS = {
  deliveries: "id",
  owners: "owner_id",
  tasks: "id",
  comments: "id",
  reviews: "task_id",
  trials: "id",
  sweeps: "id",
  receipts: "owner_id",
} as const satisfies Record<Queue, string>;

/**
 * How long a claimed row is left to a holder that doesn't renew its claim: short enough that work goes on soon after a
 * crash, and several times what the worker renews it after.
 */
const ROW_CLAIM_MS = 2 * MINUTE_MS;

/** What is said of one issue is followed in the order in which it came: a label that is taken off and set again is set. */
const IN_TURN = sql`and not exists (
  select from deliveries as earlier
  where earlier.subject = deliveries.subject and earlier.due_at is not null and earlier.seq < deliveries.seq)`;

/** The row that has been due longest, if there is one, held from now on. */
export async function claimDue<Table extends Queue>(
  db: Kysely<Schema>,
  table: Table,
): Promise<(Selectable<Schema[Table]> & { readonly held: Held }) | undefined> {
  const holder = randomUUID();
  const key = sql.ref(KEYS[table]);
  const { rows } = await sql<Selectable<Schema[Table]> & { tries: number; claimed: string | number }>`
    update ${sql.table(table)}
    set held_by = ${holder}, held_until = ${NOW} + ${ROW_CLAIM_MS}, due_at = ${NOW} + ${ROW_CLAIM_MS}, tries = tries + 1
    where ${key} = (
      select ${key} from ${sql.table(table)}
      where due_at <= ${NOW} and (held_until is null or held_until < ${NOW}) ${table === "deliveries" ? IN_TURN : sql``}
      order by due_at limit 1
      for update skip locked
    )
    returning *, ${key} as claimed`.execute(db);
  const row = rows[0];
  return row === undefined ? undefined : { ...row, held: { queue: table, key: row.claimed, holder, tries: row.tries } };
}

/** Its holder is still at work. A wake in the meantime (`dueAfter`) is kept. */
export async function renew(db: Kysely<Schema>, { queue, key, holder }: Held): Promise<void> {
  await sql`
    update ${sql.table(queue)}
    set held_until = ${NOW} + ${ROW_CLAIM_MS},
        due_at = case when due_at is distinct from held_until then due_at else ${NOW} + ${ROW_CLAIM_MS} end
    where ${sql.ref(KEYS[queue])} = ${key} and held_by = ${holder}`.execute(db);
}

/** Lets go of a claimed row. `anew`: what comes next is another action, whose tries count from 1; otherwise the same again. */
export async function release(
  db: Kysely<Schema>,
  { queue, key, holder }: Held,
  next: { dueInMs: number | null; anew: boolean },
): Promise<void> {
  await sql`
    update ${sql.table(queue)}
    set due_at = ${next.anew ? dueAfter(next.dueInMs) : due(next.dueInMs)}, held_by = null, held_until = null, tries = case when ${next.anew} then 0 else tries end
    where ${sql.ref(KEYS[queue])} = ${key} and held_by = ${holder}`.execute(db);
}

/**
 * When a row is due once its holder lets go: `inMs` from now, or never by itself (null). A claim sets `due_at` to its own
 * end, so another one was set by somebody meanwhile, to wake the row: that is kept.
 */
export function dueAfter(inMs: number | null): RawBuilder<number | null> {
  return sql`case when due_at is distinct from held_until then ${NOW} else ${due(inMs)} end`;
}

function due(inMs: number | null): RawBuilder<number | null> {
  return inMs === null ? sql`null::bigint` : sql`${NOW} + ${inMs}::bigint`;
}

/** When a row is due that is woken: at once, unless it waits to try the same action again. */
export function woken(table: Queue): RawBuilder<number> {
  const column = (name: string) => sql.ref(`${table}.${name}`);
  return sql`case when ${column("held_by")} is null and ${column("tries")} > 0 then coalesce(${column("due_at")}, ${NOW}) else ${NOW} end`;
}

/** Gives every claimed row back. Only for a store that no other process can have open. */
export async function releaseRows(db: Kysely<Schema>): Promise<void> {
  for (const table of Object.keys(KEYS) as Queue[]) {
    await sql`
      update ${sql.table(table)} set held_by = null, held_until = null, due_at = ${due(LISTING_LAG_MS)}
      where held_by is not null`.execute(db);
  }
}

/** There may be room in the pool, or more to grant: the owner's queue is looked at. */
export async function wakeAdmission(db: Kysely<Schema>, owner: number): Promise<void> {
  await db
    .updateTable("owners")
    .set({ due_at: woken("owners") })
    .where("owner_id", "=", owner)
    .execute();
}

/** Tasks of trials have ended: what waits for that may start, and of a trial that is over, what it needed may go. */
export async function wakeTrials(db: Kysely<Schema>, tasks: readonly string[]): Promise<void> {
  await db
    .updateTable("trials")
    .set({ due_at: woken("trials") })
    .where("id", "in", (query) =>
      query
        .selectFrom("tasks")
        .select("trial_id")
        .where("tasks.id", "in", [...tasks]),
    )
    .where("state", "in", ["running", "stopped"])
    .execute();
}
