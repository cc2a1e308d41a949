import { sql, type Kysely } from "kysely";
import { jsonArrayFrom } from "kysely/helpers/postgres";
import { CONTENT_SPAN_MS, mayTellProgress, roomInMs, TURNS, WAITS, type Turn } from "#core/task/content-budget.ts";
import type { InstallationId } from "#core/wire/ids.ts";
import { MINUTE_MS } from "#core/wire/units.ts";
import type { Schema } from "./schema.ts";

/** How much later than it was told one that waits may come. Then it is taken to have gone: its task ended, or its app. */
const LATE_MS = MINUTE_MS;

/**
 * Under the installation's row lock, so that replicas share one budget: the call is written down as made, or its place is
 * kept and the time told. A process that dies in between has used a turn up for nothing, and nothing worse.
 */
export async function takeTurn(db: Kysely<Schema>, installation: InstallationId, call: string, turn: Turn): Promise<number> {
  return db.transaction().execute(async (tx) => {
    const { now, quietMs } = await lockBudget(tx, installation);
    const ours = sql<boolean>`installation_id = ${installation}`;
    const { made, waits } = await tx
      .selectNoFrom([
        jsonArrayFrom(
          tx
            .selectFrom("content_calls")
            .select(["at", "turn"])
            .where(ours)
            .where("at", ">", now - CONTENT_SPAN_MS)
            .orderBy("at"),
        ).as("made"),
        jsonArrayFrom(
          tx
            .selectFrom("content_waits")
            .select(["call", "turn", "asked_at"])
            .where(ours)
            .where("due_at", ">=", now - LATE_MS),
        ).as("waits"),
      ])
      .executeTakeFirstOrThrow();
    const own = waits.find((each) => each.call === call);
    const rank = TURNS.indexOf(turn);
    const ahead = waits.filter((each) => {
      const theirs = TURNS.indexOf(each.turn);
      return each.call !== call && (theirs < rank || (theirs === rank && (own === undefined || goesBefore(each, own))));
    }).length;
    if (turn === "progress" && !mayTellProgress({ now, made, waiting: ahead })) return Math.max(quietMs, LATE_MS);
    const waitMs = Math.max(quietMs, roomInMs({ now, made, ahead }));
    if (waitMs === 0) {
      await sql`
        with
          gone as (delete from content_calls where ${ours} and at <= ${now - CONTENT_SPAN_MS}),
          served as (delete from content_waits where ${ours} and (call = ${call} or due_at < ${now - LATE_MS}))
        insert into content_calls (installation_id, at, turn) values (${installation}, ${now}, ${turn})`.execute(tx);
      return 0;
    }
    if (WAITS[turn])
      await tx
        .insertInto("content_waits")
        .values({ installation_id: installation, call, turn, asked_at: now, due_at: now + waitMs })
        // Who was too late begins anew.
        .onConflict((conflict) =>
          conflict
            .columns(["installation_id", "call"])
            .doUpdateSet({ due_at: now + waitMs, ...(own === undefined ? { asked_at: now, turn } : {}) }),
        )
        .execute();
    return waitMs;
  });
}

type Place = { readonly call: string; readonly asked_at: number };

function goesBefore(one: Place, other: Place): boolean {
  return one.asked_at === other.asked_at ? one.call < other.call : one.asked_at < other.asked_at;
}

export async function restContent(db: Kysely<Schema>, installation: InstallationId, ms: number): Promise<void> {
  await db.transaction().execute(async (tx) => {
    const { now } = await lockBudget(tx, installation);
    await tx
      .updateTable("content_budgets")
      .set({ quiet_until: sql`greatest(quiet_until, ${now + ms}::bigint)` })
      .where("installation_id", "=", installation)
      .execute();
  });
}

/** The clock is read once the lock is held: calls are written down in the order of their times. */
async function lockBudget(
  tx: Kysely<Schema>,
  installation: InstallationId,
): Promise<{ readonly now: number; readonly quietMs: number }> {
  const { rows } = await sql<{ now: number; quiet_until: number }>`
    insert into content_budgets (installation_id) values (${installation})
    on conflict (installation_id) do update set quiet_until = content_budgets.quiet_until
    returning quiet_until, (extract(epoch from clock_timestamp()) * 1000)::bigint as now`.execute(tx);
  const [row] = rows;
  if (row === undefined) throw new Error("the budget's row was neither there nor made");
  return { now: row.now, quietMs: Math.max(0, row.quiet_until - row.now) };
}
