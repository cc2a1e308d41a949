import { sql, type Kysely } from "kysely";
import { CONTENT_SPAN_MS, mayTellProgress, roomInMs, TURNS, WAITS, type Made, type Turn } from "#core/task/content-budget.ts";
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
    await tx
      .deleteFrom("content_calls")
      .where(ours)
      .where("at", "<=", now - CONTENT_SPAN_MS)
      .execute();
    await tx
      .deleteFrom("content_waits")
      .where(ours)
      .where("due_at", "<", now - LATE_MS)
      .execute();
    const made: Made = await tx.selectFrom("content_calls").select(["at", "turn"]).where(ours).orderBy("at").execute();
    const waits = await tx.selectFrom("content_waits").select(["call", "turn", "asked_at"]).where(ours).execute();
    const own = waits.find((each) => each.call === call);
    const askedAt = own?.asked_at ?? now;
    const rank = TURNS.indexOf(turn);
    const ahead = waits.filter((each) => {
      const theirs = TURNS.indexOf(each.turn);
      return each.call !== call && (theirs < rank || (theirs === rank && (own === undefined || goesBefore(each, own))));
    }).length;
    if (turn === "progress" && !mayTellProgress({ now, made, waiting: ahead })) return Math.max(quietMs, LATE_MS);
    const waitMs = Math.max(quietMs, roomInMs({ now, made, ahead }));
    if (waitMs === 0) {
      if (own !== undefined) await tx.deleteFrom("content_waits").where(ours).where("call", "=", call).execute();
      await tx.insertInto("content_calls").values({ installation_id: installation, at: now, turn }).execute();
      return 0;
    }
    if (WAITS[turn])
      await tx
        .insertInto("content_waits")
        .values({ installation_id: installation, call, turn, asked_at: askedAt, due_at: now + waitMs })
        .onConflict((conflict) => conflict.columns(["installation_id", "call"]).doUpdateSet({ due_at: now + waitMs }))
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
