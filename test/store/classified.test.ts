import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sql } from "kysely";
import { NO_USAGE } from "#core/wire/contract.ts";
import { DeliveryId, OwnerId, TaskId } from "#core/wire/ids.ts";
import { EpochMs, MicroUsd } from "#core/wire/units.ts";
import type { Connection } from "#adapters/store/connect.ts";
import type { Store } from "#ports/store.ts";
import { makeBrief } from "../kit/briefs.ts";
import { ENGINES, openFresh } from "../kit/stores.ts";

describe.each(ENGINES)("what the classifier has cost, on %s", (engine) => {
  let connection: Connection;
  let store: Store;
  beforeAll(async () => {
    ({ connection, store } = await openFresh(engine));
  });
  afterAll(() => store.close());

  it("is the sum of an owner's calls since then, whatever came of them", async () => {
    const owners = [OwnerId(10), OwnerId(11)];
    const before = await store.sumClassified(OwnerId(10), EpochMs(0));
    for (const [issue, owner] of owners.entries()) {
      const id = TaskId(randomUUID());
      const brief = { ...makeBrief(issue), owner: { id: owner, login: "acme" } };
      await store.openTask(id, brief, DeliveryId(randomUUID()));
      const call = { model: "claude-haiku-5-5", usage: { ...NO_USAGE, inputTokens: 800 }, amount: MicroUsd(400) };
      await store.recordClassified({ id, brief }, { ...call, came: "answer" });
      await store.recordClassified({ id, brief }, { ...call, came: "out-of-schema" });
      await store.recordClassified({ id, brief }, { ...call, usage: null, amount: MicroUsd(10_000), came: "late" });
    }
    await sql`update classified set at = 1000 where came = 'out-of-schema'`.execute(connection.db);

    const sums = await Promise.all([0, 1_000, 1_001].map((since) => store.sumClassified(OwnerId(10), EpochMs(since))));

    expect(before).toBe(0);
    expect(sums).toEqual([10_800, 10_800, 10_400]);
  });
});
