import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ATTEMPT_STATES, LEASE_STATES, TASK_STATES } from "#core/task/lifecycle.ts";
import { ALLOWANCES } from "#core/pool/windows.ts";
import { TRIAL_STATES } from "#core/trial/lifecycle.ts";
import { connectPostgres, type Connection } from "#adapters/store/connect.ts";
import { migrate } from "#adapters/store/migrations.ts";
import { NewerSchema } from "#adapters/store/newer-schema.ts";
import { connectFresh, ENGINES, freshDatabase } from "../kit/stores.ts";

describe.each(ENGINES)("the schema on %s", (engine) => {
  let connection: Connection;
  beforeAll(async () => {
    connection = engine === "PGlite" ? await connectFresh() : connectPostgres(await freshDatabase());
    await migrate(connection.db);
  });
  afterAll(() => connection.close());

  it.each([
    ["tasks_state", TASK_STATES],
    ["attempts_state", ATTEMPT_STATES],
    ["leases_state", LEASE_STATES],
    ["allowances_name", ALLOWANCES],
    ["trials_state", TRIAL_STATES],
  ])("allows in %s exactly the words of the program", async (constraint, words) => {
    const { rows } = await sql<{ definition: string }>`
      select pg_get_constraintdef(oid) as definition from pg_constraint where conname = ${constraint}`.execute(connection.db);

    const allowed = [...(rows[0]?.definition ?? "").matchAll(/'([\w-]+)'::text/g)].map((match) => match[1]);

    expect(allowed.toSorted()).toEqual([...words].toSorted());
  });

  it("is brought up to date a second time without a change", async () => {
    await expect(migrate(connection.db)).resolves.toBeUndefined();
  });

  it("is refused where a newer program has written it", async () => {
    await sql`insert into kysely_migration (name, timestamp) values ('9999_from_the_future', '2099-01-01')`.execute(
      connection.db,
    );

    await expect(migrate(connection.db)).rejects.toThrow(NewerSchema);
    await expect(migrate(connection.db)).rejects.toThrow(/newer agent-pool/);
  });
});

describe("migrations started by many processes at once", () => {
  it("run once", async () => {
    const url = await freshDatabase();
    const connections = Array.from({ length: 5 }, () => connectPostgres(url));

    const results = await Promise.allSettled(connections.map(({ db }) => migrate(db)));

    expect(results.map((result) => result.status)).toEqual(Array.from({ length: 5 }, () => "fulfilled"));
    await Promise.all(connections.map(({ close }) => close()));
  });
});
