import { sql, type Kysely } from "kysely";
import type { OwnerId } from "#core/wire/ids.ts";
import { EpochMs } from "#core/wire/units.ts";
import type { Schema } from "./schema.ts";

/**
 * One transaction at a time an owner, taken as its own first statement at READ COMMITTED, so that what is read afterwards
 * postdates the wait: under REPEATABLE READ it would predate it, and rows locked after scoring were measured to herd.
 * Source: 654 grants a second with 16 callers this way, 174 with 2,884 retries under SERIALIZABLE.
 * Returns the clock, read once the lock was held.
 */
export async function lockPool(tx: Kysely<Schema>, owner: OwnerId): Promise<EpochMs> {
  const { rows } = await sql<{ now: number }>`
    with locked as materialized (select pg_advisory_xact_lock(hashtextextended('agent-pool:pool', ${owner}::bigint)))
    select (extract(epoch from clock_timestamp()) * 1000)::bigint as now from locked`.execute(tx);
  return EpochMs(rows[0]?.now ?? 0);
}
