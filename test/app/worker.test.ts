import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startWorker, type Worker } from "#app/worker.ts";
import type { Connection } from "#adapters/store/connect.ts";
import { DeliveryId, OwnerId } from "#core/wire/ids.ts";
import type { Store } from "#ports/store.ts";
import { makeBrief } from "../kit/briefs.ts";
import { fakeGitHub } from "../kit/fake-github.ts";
import { makeRuntime } from "../kit/runtime.ts";
import { openFresh } from "../kit/stores.ts";

const never = new Promise<void>(() => undefined);

describe("the worker's lanes", () => {
  let connection: Connection;
  let store: Store;
  let worker: Worker;
  beforeAll(async () => {
    ({ connection, store } = await openFresh("PGlite"));
  });
  afterAll(() => store.close());
  beforeEach(() => {
    opened = issues;
    worker = startWorker({
      store,
      github: fakeGitHub(),
      runtime: makeRuntime(),
    });
  });
  afterEach(() => worker[Symbol.asyncDispose]());

  let issues = 0;
  /** Before the test began. */
  let opened = 0;
  async function record(): Promise<void> {
    issues += 1;
    const event = { kind: "request" as const, brief: makeBrief(issues) };
    await store.recordDelivery({ id: DeliveryId(randomUUID()), owner: OwnerId(10), event });
  }
  async function countTasks(): Promise<number> {
    const rows = await connection.db.selectFrom("tasks").select("id").execute();
    return rows.length - opened;
  }

  it("begin nothing while a webhook waits for its answer", async () => {
    const webhook = Promise.withResolvers<void>();
    worker.giveWay(webhook.promise);
    await record();

    worker.wake();
    await sleep(300);

    expect(await countTasks()).toBe(0);
    webhook.resolve();
    await expect.poll(countTasks).toBe(1);
  });

  it("work all the same where webhooks come without an end", async () => {
    worker.giveWay(never);
    await record();

    worker.wake();

    await expect.poll(countTasks, { timeout: 5_000 }).toBe(1);
  });

  it("bring each other to work: one word of it is enough for all that is due", async () => {
    await Promise.all(Array.from({ length: 24 }, record));

    worker.wake();

    await expect.poll(countTasks, { timeout: 20_000 }).toBe(24);
  });

  it("find what nobody told them of", async () => {
    await sleep(100);
    await record();

    await expect.poll(countTasks, { timeout: 5_000 }).toBe(1);
  });
});
