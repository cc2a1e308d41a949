import { sql } from "kysely";
import { Client } from "pg";
import { vi } from "vitest";
import { connectPostgres, type Connection } from "#adapters/store/connect.ts";
import { migrate } from "#adapters/store/migrations.ts";
import { freshDatabase } from "./stores.ts";

/**
 * One clock for this process and a database of its own, which stands still until it is moved: `now()` and `clock_timestamp()`
 * are found in a schema before Postgres' own, and `Date` and `performance` are vitest's. So nothing of the product knows, and
 * what takes hours passes in seconds.
 */
export type VirtualClock = {
  readonly connection: Connection;
  readonly now: () => number;
  moveTo(at: number): Promise<void>;
};

export async function startVirtualClock(): Promise<VirtualClock> {
  const url = await freshDatabase();
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(`
    create schema virtual;
    create table virtual.clock (at timestamptz not null);
    insert into virtual.clock values (to_timestamp(0));
    create function virtual.now() returns timestamptz stable language sql as 'select at from virtual.clock';
    create function virtual.clock_timestamp() returns timestamptz stable language sql as 'select at from virtual.clock';
    do $$ begin execute format('alter database %I set search_path = virtual, pg_catalog', current_database()); end $$;`);
  await client.end();
  vi.useFakeTimers({ toFake: ["Date", "performance"] });
  const connection = connectPostgres(url);
  const clock: VirtualClock = {
    connection,
    now: () => Date.now(),
    async moveTo(at) {
      vi.advanceTimersByTime(Math.max(0, at - Date.now()));
      await sql`update virtual.clock set at = to_timestamp(${Date.now()} / 1000.0)`.execute(connection.db);
    },
  };
  await clock.moveTo(Math.ceil(Date.now() / 1000) * 1000);
  await migrate(connection.db);
  return clock;
}
