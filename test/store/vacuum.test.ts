import { sql } from "kysely";
import { expect, it } from "vitest";
import { vacuum } from "#adapters/store/connect.ts";
import { connectFresh } from "../kit/stores.ts";

it("uses the room of changed rows again, which nobody else frees in the embedded store", async () => {
  const { db, close } = await connectFresh();
  await sql`create table queue (id int primary key, due_at int)`.execute(db);
  await sql`create index queue_due on queue (due_at)`.execute(db);
  await sql`insert into queue select i, 0 from generate_series(1, 1000) as i`.execute(db);
  /** What the table takes once all its rows have changed ten times. */
  const change = async () => {
    for (let times = 0; times < 10; times += 1) await sql`update queue set due_at = due_at + 1`.execute(db);
    const { rows } = await sql<{ bytes: number }>`select pg_total_relation_size('queue') as bytes`.execute(db);
    return rows[0]?.bytes ?? 0;
  };

  const first = await change();
  const grown = await change();
  await vacuum(db);
  const again = await change();
  await close();

  expect(grown).toBeGreaterThan(first * 1.4);
  expect(again).toBeLessThan(grown * 1.1);
});
