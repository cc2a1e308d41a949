import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connectPostgres, type Connection } from "#adapters/store/connect.ts";
import { openStore } from "#adapters/store/store.ts";
import { DeliveryId, OwnerId } from "#core/wire/ids.ts";
import type { Delivery } from "#ports/delivery.ts";
import type { Store } from "#ports/store.ts";
import { makeBrief } from "../kit/briefs.ts";
import { ENGINES, freshDatabase, openFresh } from "../kit/stores.ts";

const OWNER = OwnerId(10);

function makeDelivery(id: string = randomUUID(), title = "The last page is missing"): Delivery {
  const brief = makeBrief(1);
  return { id: DeliveryId(id), owner: OWNER, event: { kind: "request", brief: { ...brief, issue: { ...brief.issue, title } } } };
}

/** What jsonb can't hold: Postgres refuses the statement that brings it. */
const POISONED = makeDelivery(undefined, "\0");

describe.each(ENGINES)("deliveries that come at once, on %s", (engine) => {
  let connection: Connection;
  let store: Store;
  beforeAll(async () => {
    ({ connection, store } = await openFresh(engine));
  });
  afterAll(() => store.close());

  it("are each kept once, and told so once, however often and in whatever order they come", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(12), { maxLength: 60 }), async (sent) => {
        const prefix = randomUUID();
        const deliveries = sent.map((which) => makeDelivery(`${prefix} ${String(which)}`));

        const told = await Promise.all(deliveries.map((delivery) => store.recordDelivery(delivery)));

        const fresh = deliveries.flatMap(({ id }, at) => (told[at] === true ? [id] : []));
        const kept = await connection.db
          .selectFrom("deliveries")
          .select(["id", "event"])
          .where("id", "like", `${prefix}%`)
          .execute();
        const known = new Map(deliveries.map(({ id, event }) => [String(id), event]));
        expect(new Map(kept.map(({ id, event }) => [id, event]))).toEqual(known);
        expect(fresh.toSorted()).toEqual([...known.keys()].toSorted());
      }),
      { numRuns: 25 },
    );
  });

  it("share a commit", async () => {
    const deliveries = Array.from({ length: 200 }, () => makeDelivery());

    await Promise.all(deliveries.map((delivery) => store.recordDelivery(delivery)));

    // Rows of one transaction have one xmin.
    const { rows } = await sql<{ commits: number }>`
      select count(distinct xmin::text)::int as commits from deliveries where id in (${sql.join(deliveries.map(({ id }) => id))})`.execute(
      connection.db,
    );
    expect(rows[0]?.commits).toBeLessThanOrEqual(5);
  });

  it("lose nothing to one that the database refuses", async () => {
    const deliveries = [makeDelivery(), POISONED, makeDelivery()];

    const told = await Promise.allSettled(deliveries.map((delivery) => store.recordDelivery(delivery)));

    expect(told.map((each) => (each.status === "fulfilled" ? each.value : String(each.reason)))).toEqual([
      true,
      expect.stringContaining("unsupported Unicode escape sequence"),
      true,
    ]);
  });
});

describe("deliveries on real Postgres", () => {
  it("are in the database once they are told to be kept, and of two processes one keeps each", async () => {
    const databaseUrl = await freshDatabase();
    const [one, other] = await Promise.all([1, 2].map(() => openStore({ databaseUrl })));
    const tables = connectPostgres(databaseUrl);
    const deliveries = Array.from({ length: 150 }, () => makeDelivery());

    const told = await Promise.all([
      ...deliveries.map((delivery) => one!.recordDelivery(delivery)),
      ...deliveries.toReversed().map((delivery) => other!.recordDelivery(delivery)),
    ]);

    expect(told.filter(Boolean)).toHaveLength(deliveries.length);
    const kept = await tables.db.selectFrom("deliveries").select("id").execute();
    expect(kept.map(({ id }) => id).toSorted()).toEqual(deliveries.map(({ id }) => id).toSorted());
    await Promise.all([one!, other!, tables].map((each) => each.close()));
  });
});
