import assert from "node:assert/strict";
import { sql } from "kysely";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { HOUR_MS, MINUTE_MS } from "#core/wire/units.ts";
import type { Connection } from "#adapters/store/connect.ts";
import { connectFresh } from "../kit/stores.ts";

let connection: Connection;
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "setInterval", "clearTimeout", "clearInterval"] });
  connection = await connectFresh();
  const { db } = connection;
  await sql`create table queue (id int primary key, due_at int)`.execute(db);
  await sql`create index queue_due on queue (due_at)`.execute(db);
  await fill();
});
afterEach(async () => {
  await connection.close();
  assert.equal(vi.getTimerCount(), 0);
  vi.useRealTimers();
});

async function fill(): Promise<void> {
  await sql`insert into queue select i, 0 from generate_series((select count(*) + 1 from queue), (select count(*) + 1000 from queue)) as i`.execute(
    connection.db,
  );
}
/** What the table takes once all its rows have changed ten times. */
async function change(): Promise<number> {
  for (let times = 0; times < 10; times += 1) await sql`update queue set due_at = due_at + 1`.execute(connection.db);
  const { rows } = await sql<{ bytes: number }>`select pg_total_relation_size('queue') as bytes`.execute(connection.db);
  return rows[0]?.bytes ?? 0;
}
/** How many rows the planner takes the table for, which a vacuum tells it; -1 before the first. */
async function planned(): Promise<number> {
  const { rows } = await sql<{ count: number }>`select reltuples as count from pg_class where relname = 'queue'`.execute(
    connection.db,
  );
  return rows[0]?.count ?? 0;
}
async function pass(ms: number, rows: number): Promise<void> {
  vi.advanceTimersByTime(ms);
  for (let looks = 0; looks < 1_000; looks += 1) if ((await planned()) === rows) return;
}

it("uses the room of changed rows again, which nobody else frees in the embedded store, a minute after its start", async () => {
  const first = await change();
  const grown = await change();
  await pass(MINUTE_MS, 1_000);
  const again = await change();

  expect(grown).toBeGreaterThan(first * 1.4);
  expect(again).toBeLessThan(grown * 1.1);
});

it("does so every six hours from then on, and not before a minute is over", async () => {
  vi.advanceTimersByTime(MINUTE_MS - 1);
  const seen = [await planned()];
  await pass(1, 1_000);
  for (const rows of [2_000, 3_000]) {
    await fill();
    seen.push(await planned());
    await pass(6 * HOUR_MS, rows);
  }

  expect([...seen, await planned()]).toEqual([-1, 1_000, 2_000, 3_000]);
});
