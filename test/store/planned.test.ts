import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ActorId, DeliveryId, OwnerId, RepositoryId, TaskId } from "#core/wire/ids.ts";
import { EpochMs, MINUTE_MS } from "#core/wire/units.ts";
import type { Connection } from "#adapters/store/connect.ts";
import type { Store } from "#ports/store.ts";
import { makeBrief } from "../kit/briefs.ts";
import { ENGINES, openFresh } from "../kit/stores.ts";

const OWNER = OwnerId(10);
const PERSON = ActorId(30);

describe.each(ENGINES)("what a person has had planned, on %s", (engine) => {
  let connection: Connection;
  let store: Store;
  beforeAll(async () => {
    ({ connection, store } = await openFresh(engine));
  });
  afterAll(() => store.close());

  let issues = 0;
  /** `at`: its creation, and where it was planned that too. */
  async function task(at: number, planned: number | null, { person = PERSON, owner = OWNER, state = "queued" } = {}) {
    const id = TaskId(randomUUID());
    const brief = {
      ...makeBrief((issues += 1)),
      owner: { id: owner, login: "acme" },
      repository: { id: RepositoryId(20 + owner), name: "web", private: true },
      requester: { id: person, login: "ada" },
    };
    await store.openTask(id, brief, DeliveryId(randomUUID()));
    await sql`update tasks set created_at = ${at}, queued_at = ${planned}, state = ${state} where id = ${id}`.execute(
      connection.db,
    );
    return id;
  }

  it("is what was planned since, and what is to be planned before this one; never this one", async () => {
    const since = EpochMs(1_000);
    await task(900, 999);
    await task(900, 1_000);
    await task(1_100, 1_200, { state: "solved" });
    await task(1_100, null, { state: "refused" });
    await task(1_100, 1_200, { person: ActorId(300) });
    await task(1_100, 1_200, { owner: OwnerId(11) });
    await task(1_100, null, { person: ActorId(3), state: "planning" });
    // Planned yesterday, and anew by now.
    await task(100, 200, { state: "planning" });
    const first = await task(1_300, null, { state: "planning" });
    const second = await task(1_400, null, { state: "planning" });

    const counts = await Promise.all([first, second].map((id) => store.countPlanned(id, OWNER, PERSON, since)));

    expect(counts).toEqual([2, 3]);
  });

  it("puts one of two that were opened in the same instant before the other", async () => {
    const person = ActorId(31);
    const both = [await task(2_000, null, { person, state: "planning" }), await task(2_000, null, { person, state: "planning" })];

    const counts = await Promise.all(both.map((id) => store.countPlanned(id, OWNER, person, EpochMs(1_000))));

    expect(counts.toSorted()).toEqual([0, 1]);
  });

  it("goes with the owner's policy as it is kept, and how old it is", async () => {
    const none = await store.readPolicy(OWNER);
    const readAt = EpochMs((await store.now()) - 6 * MINUTE_MS);
    await store.recordPolicy(OWNER, { text: "version: 1", commit: "c0ffee", readAt });

    const kept = await store.readPolicy(OWNER);

    expect(none).toBeUndefined();
    expect(kept).toMatchObject({ text: "version: 1", commit: "c0ffee" });
    expect(kept?.ageMs).toBeGreaterThanOrEqual(6 * MINUTE_MS);
    expect(kept?.ageMs).toBeLessThan(7 * MINUTE_MS);
  });
});
