import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Connection } from "#adapters/store/connect.ts";
import { bindStore } from "#adapters/store/store.ts";
import { CONTENT_LIMITS } from "#core/task/content-budget.ts";
import { InstallationId } from "#core/wire/ids.ts";
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "#core/wire/units.ts";
import type { Store } from "#ports/store.ts";
import { ENGINES, openFresh } from "../kit/stores.ts";

const HERE = InstallationId(5);
const THERE = InstallationId(6);

describe.each(ENGINES)("the installation's budget of content-creating calls, on %s", (engine) => {
  let connection: Connection;
  let store: Store;
  beforeAll(async () => {
    ({ connection, store } = await openFresh(engine));
  });
  beforeEach(async () => {
    for (const table of ["content_calls", "content_waits", "content_budgets"] as const)
      await sql`delete from ${sql.table(table)}`.execute(connection.db);
  });
  afterAll(() => store.close());

  async function use(calls: number): Promise<void> {
    for (let call = 0; call < calls; call += 1) expect(await store.takeTurn(HERE, `call ${String(call)}`, "work")).toBe(0);
  }
  /** Everything that was done is so much longer ago. */
  async function passTime(ms: number): Promise<void> {
    await sql`update content_calls set at = at - ${ms}`.execute(connection.db);
    await sql`update content_waits set asked_at = asked_at - ${ms}, due_at = due_at - ${ms}`.execute(connection.db);
    await sql`update content_budgets set quiet_until = quiet_until - ${ms}`.execute(connection.db);
  }

  it("lets eighty through in a minute, and tells the next when it may come; another installation has its own", async () => {
    await use(CONTENT_LIMITS.perMinute);

    const waitMs = await store.takeTurn(HERE, "one more", "work");

    expect(waitMs).toBeGreaterThan(50 * SECOND_MS);
    expect(waitMs).toBeLessThanOrEqual(65 * SECOND_MS);
    expect(await store.takeTurn(THERE, "the first", "work")).toBe(0);
    await passTime(waitMs);
    expect(await store.takeTurn(HERE, "one more", "work")).toBe(0);
  });

  it("serves work before news, and each in the order in which they asked", async () => {
    await use(CONTENT_LIMITS.perMinute);
    await store.takeTurn(HERE, "news", "news");
    await store.takeTurn(HERE, "work 1", "work");
    await store.takeTurn(HERE, "work 2", "work");
    await passTime(65 * SECOND_MS);
    // Room for two, since the rest of the minute was used by others.
    await sql`update content_calls set at = at + ${60 * SECOND_MS} where id not in (select id from content_calls order by id limit 2)`.execute(
      connection.db,
    );

    expect(await store.takeTurn(HERE, "news", "news")).toBeGreaterThan(0);
    expect(await store.takeTurn(HERE, "work 2", "work")).toBe(0);
    expect(await store.takeTurn(HERE, "a newcomer", "work")).toBeGreaterThan(0);
    expect(await store.takeTurn(HERE, "work 1", "work")).toBe(0);
  });

  it("keeps no place for who doesn't come back in time", async () => {
    await use(CONTENT_LIMITS.perMinute);
    await store.takeTurn(HERE, "gone", "work");
    await passTime(65 * SECOND_MS + MINUTE_MS + SECOND_MS);
    await use(CONTENT_LIMITS.perMinute - 1);

    expect(await store.takeTurn(HERE, "another", "news")).toBe(0);
  });

  it("drops progress first, and keeps no place for it", async () => {
    await use(CONTENT_LIMITS.perMinute / 2);

    expect(await store.takeTurn(HERE, "how far", "progress")).toBeGreaterThan(0);

    expect(await connection.db.selectFrom("content_waits").selectAll().execute()).toEqual([]);
    expect(await store.takeTurn(HERE, "news", "news")).toBe(0);
  });

  it("makes none while GitHub wants none", async () => {
    await store.restContent(HERE, 90 * SECOND_MS);
    await store.restContent(HERE, 30 * SECOND_MS);

    expect(await store.takeTurn(HERE, "one", "work")).toBeGreaterThan(85 * SECOND_MS);
    await passTime(90 * SECOND_MS);
    expect(await store.takeTurn(HERE, "one", "work")).toBe(0);
  });

  it("forgets what no limit counts any more", async () => {
    await use(3);
    await passTime(HOUR_MS + 5 * SECOND_MS);

    await use(1);

    expect(await connection.db.selectFrom("content_calls").select("id").execute()).toHaveLength(1);
  });

  it("is one for all replicas: of a hundred that ask at once eighty go", async () => {
    const replica = bindStore(connection);

    const waits = await Promise.all(
      Array.from({ length: 100 }, (_, at) => (at % 2 === 0 ? store : replica).takeTurn(HERE, `call ${String(at)}`, "work")),
    );

    expect(waits.filter((waitMs) => waitMs === 0)).toHaveLength(CONTENT_LIMITS.perMinute);
    // Each of the rest has an instant of its own place.
    expect(await connection.db.selectFrom("content_waits").select("call").execute()).toHaveLength(20);
  });
});
