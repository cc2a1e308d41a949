import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import { expect, it } from "vitest";
import { DeliveryId, OwnerId, RepositoryId, TaskId } from "#core/wire/ids.ts";
import { EpochMs } from "#core/wire/units.ts";
import { branchName } from "#core/task/markers.ts";
import { connectPostgres } from "#adapters/store/connect.ts";
import { openStore } from "#adapters/store/store.ts";
import type { Store } from "#ports/store.ts";
import { makeBrief, makePlanRow } from "../kit/briefs.ts";
import { freshDatabase } from "../kit/stores.ts";

it("however many processes hear and look at once, one at a time has a review, and the last look saw the last news", async () => {
  const databaseUrl = await freshDatabase();
  const stores = await Promise.all(Array.from({ length: 6 }, () => openStore({ databaseUrl })));
  const tables = connectPostgres(databaseUrl);
  const task = TaskId(randomUUID());
  await stores[0]!.openTask(task, makeBrief(1), DeliveryId(randomUUID()));
  await sql`update tasks set state = 'opening', plan = ${JSON.stringify(makePlanRow())}::jsonb`.execute(tables.db);
  await stores[0]!.advance((await stores[0]!.claimTask())!, "open", { pullRequest: { number: 2, draft: true } });
  const told = { repository: RepositoryId(20), number: 2, branch: branchName(1, task), openedAt: EpochMs(0) };
  const news = { kind: "pull-news" as const, ...told, news: { what: "reviewed" as const } };
  let [truth, holders, most, telling] = [0, 0, 0, 3];

  async function tell(store: Store): Promise<void> {
    for (let times = 0; times < 30; times += 1) {
      truth += 1;
      expect(await store.hearPull(OwnerId(10), news)).toBe("open");
    }
    telling -= 1;
  }
  async function look(store: Store): Promise<void> {
    for (;;) {
      const isLast = telling === 0;
      const review = await store.claimReview();
      if (review === undefined) {
        if (isLast) return;
        await sleep(1);
        continue;
      }
      holders += 1;
      most = Math.max(most, holders);
      const seen = String(truth);
      await sleep(2);
      holders -= 1;
      await store.recordReview(review, { commit: "d".repeat(40), run: 1, says: seen });
    }
  }
  await Promise.all([...stores.slice(0, 3).map(tell), ...stores.slice(3).map(look)]);

  const { written } = await tables.db.selectFrom("reviews").select("written").executeTakeFirstOrThrow();
  await Promise.all([...stores, tables].map((each) => each.close()));
  expect([written?.says, most]).toEqual(["90", 1]);
}, 60_000);
