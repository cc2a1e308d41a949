import { sql, type Kysely, type RawBuilder } from "kysely";
import type { LeaseId, OwnerId } from "#core/wire/ids.ts";
import { DAY_MS, HOUR_MS, type EpochMs } from "#core/wire/units.ts";
import type { Stored } from "#core/pool/snapshot.ts";
import { LIVE_LEASE_STATES } from "#core/task/lifecycle.ts";
import type { JudgedReason } from "#core/task/judge.ts";
import { woken } from "./queue.ts";
import type { Schema } from "./schema.ts";

const WEEK_MS = 7 * DAY_MS;
const FIVE_HOURS_MS = 5 * HOUR_MS;

/** The runs on standby that live, the oldest first. `stillHolds`, `amount`: as for all leases (pool.ts). */
export function standbyRuns(
  owner: OwnerId,
  { stillHolds, amount }: { readonly stillHolds: RawBuilder<boolean>; readonly amount: RawBuilder<number> },
): RawBuilder<Stored["onStandby"]> {
  return sql<Stored["onStandby"]>`(
    select coalesce(json_agg(json_build_object(
      'lease', leases.id, 'credential', credential, 'offered', state = 'offered', 'stopping', coalesce(note ->> 'why' = 'gave-way', false),
      'holds', (select coalesce(json_agg(json_build_object('window', window_id, 'amount', ${amount})), '[]') from holds where lease_id = leases.id)
    ) order by created_at, id), '[]')
    from leases
    where owner_id = ${owner} and standby and state in (${sql.join([...LIVE_LEASE_STATES])}) and ${stillHolds})`;
}

/**
 * What all but standby has drawn from each credential, by the millisecond: of a week, or of a pool's whole life where that is shorter (a
 * day at least, of which nothing is known before its end), and of the last five hours.
 */
export async function readDrawn(tx: Kysely<Schema>, owner: OwnerId, now: EpochMs): Promise<NonNullable<Stored["drawn"]>> {
  const { rows } = await sql<{ credential: string; week: number; hours: number; since: number }>`
    select credential, sum(listed)::double precision as week,
      coalesce(sum(listed) filter (where at >= ${now - FIVE_HOURS_MS}), 0)::double precision as hours,
      (select min(at) from ledger where owner_id = ${owner})::bigint as since
    from ledger
    where owner_id = ${owner} and at >= ${now - WEEK_MS} and kind = 'model' and not standby
    group by credential`.execute(tx);
  return rows.map(({ credential, week, hours, since }) => ({
    credential,
    weekPerMs: week / Math.min(WEEK_MS, Math.max(DAY_MS, now - since)),
    fiveHoursPerMs: hours / FIVE_HOURS_MS,
  }));
}

const GAVE_WAY: JudgedReason = { why: "gave-way" };

/** These runs end for others that wait: told with their next heartbeat, or taken back where none has taken them. */
export async function giveWay(tx: Kysely<Schema>, leases: readonly LeaseId[]): Promise<void> {
  if (leases.length === 0) return;
  await tx
    .updateTable("leases")
    .set({ note: JSON.stringify(GAVE_WAY), stop_asked: true })
    .where("id", "in", [...leases])
    .where("state", "in", [...LIVE_LEASE_STATES])
    // What is being cancelled, or is silent and so stopped, ends anyway.
    .where("note", "is", null)
    .execute();
  await tx
    .updateTable("tasks")
    .set({ due_at: woken("tasks") })
    .where("state", "in", ["dispatching", "awaiting"])
    .where("id", "in", (query) =>
      query
        .selectFrom("leases")
        .select("task_id")
        .where("leases.id", "in", [...leases]),
    )
    .execute();
}
