import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pick } from "#core/pool/pick.ts";
import { AttemptId, DeliveryId, OwnerId, RunId, TaskId } from "#core/wire/ids.ts";
import { NO_USAGE, type Outcome } from "#core/wire/contract.ts";
import { MicroUsd } from "#core/wire/units.ts";
import type { AttemptRow, ClaimedTask, Store } from "#ports/store.ts";
import { makeBrief, makePlanRow, makePolicy } from "../kit/briefs.ts";
import { ENGINES, freshStore } from "../kit/stores.ts";

const OWNER = OwnerId(10);
const BLOCKED: Outcome = { kind: "blocked", contract: 1, reason: "internal", detail: "", usage: NO_USAGE, ms: 61_000 };

describe.each(ENGINES)("the store on %s", (engine) => {
  let store: Store;
  beforeAll(async () => {
    store = await freshStore(engine);
    await store.recordPolicy(OWNER, makePolicy(["one", "two"]), "c0ffee");
  });
  afterAll(() => store.close());

  let issues = 0;
  async function openTask(): Promise<TaskId> {
    issues += 1;
    const task = TaskId(randomUUID());
    await store.openTask(task, makeBrief(issues));
    return task;
  }
  /** Claims until it has this task, resting the others. */
  async function claim(task: TaskId): Promise<ClaimedTask> {
    for (;;) {
      const claimed = await store.claimTask();
      if (claimed === undefined) throw new Error(`${task} is not due`);
      if (claimed.id === task) return claimed;
      await store.rest(claimed, null);
    }
  }
  async function offer(): Promise<{ task: TaskId; attempt: AttemptRow }> {
    const task = await openTask();
    await store.advance(await claim(task), "plan", { plan: makePlanRow() });
    const decision = await store.admit(OWNER, pick);
    if (decision.kind !== "grant" || decision.task !== task) throw new Error("not granted");
    const attempt = (await store.readAttempts(task))[0];
    if (attempt === undefined) throw new Error("no attempt");
    return { task, attempt };
  }

  it("keeps a delivery once, however often it comes", async () => {
    const delivery = { id: DeliveryId(randomUUID()), owner: OWNER, event: { kind: "request" as const, brief: makeBrief(9_000) } };

    const kept = await Promise.all(Array.from({ length: 20 }, () => store.recordDelivery(delivery)));

    expect(kept.filter(Boolean)).toHaveLength(1);
    const claimed = await store.claimDelivery();
    expect(claimed?.id).toBe(delivery.id);
    if (claimed !== undefined) await store.finishDelivery(claimed, "done");
    expect(await store.claimDelivery()).toBeUndefined();
  });

  it("opens one live task an issue, and another once that has ended", async () => {
    const brief = makeBrief(9_001);
    const first = TaskId(randomUUID());

    expect(await store.openTask(first, brief)).toBe(true);
    expect(await store.openTask(TaskId(randomUUID()), brief)).toBe(false);
    await store.advance(await claim(first), "refuse", { failure: { reason: "too-big" }, dueInMs: null });

    expect(await store.openTask(TaskId(randomUUID()), brief)).toBe(true);
  });

  it("hands an issue's comment on to its next task", async () => {
    const brief = makeBrief(9_002);
    const first = TaskId(randomUUID());
    await store.openTask(first, brief);
    await store.recordComment(await claim(first), { id: 77, hash: "h" });
    await store.advance(await claim(first), "refuse", { dueInMs: null });
    const second = TaskId(randomUUID());

    await store.openTask(second, brief);

    expect((await store.readTask(second))?.comment).toEqual({ id: 77, hash: "h" });
  });

  it("lets nobody move a task whose claim was lost", async () => {
    const task = await openTask();
    const claimed = await claim(task);
    await store.postpone(claimed, 0);
    const again = await claim(task);

    expect(again.tries).toBe(claimed.tries + 1);
    expect(await store.advance(claimed, "plan", { plan: makePlanRow() })).toBe(false);
    expect((await store.readTask(task))?.state).toBe("planning");
    await store.rest(again, null);
  });

  it("throws where the lifecycle has no such step, and changes nothing", async () => {
    const task = await openTask();
    const claimed = await claim(task);

    await expect(store.advance(claimed, "open")).rejects.toThrow("can't open");
    expect((await store.readTask(task))?.state).toBe("planning");
    await store.rest(claimed, null);
  });

  it("reserves the whole estimate on credential and owner when it grants", async () => {
    const { attempt } = await offer();

    const { candidates } = (
      await store.admit(OWNER, (pool) => {
        const holder = pool.credentials.find((credential) => credential.name === attempt.credential);
        expect(holder?.live).toBeGreaterThanOrEqual(1);
        expect(holder?.windows[0]?.held).toBeGreaterThanOrEqual(5_000_000);
        expect(pool.ownerWindows[0]?.held).toBeGreaterThanOrEqual(5_000_000);
        return { kind: "wait", record: { now: pool.now, seed: pool.seed, candidates: [] } };
      })
    ).record;

    expect(candidates).toEqual([]);
  });

  it("gives a lease to the first run and to no other", async () => {
    const { task, attempt } = await offer();

    const first = await store.claimAttempt(attempt.id, RunId(1), "check", "hash-1");
    const other = await store.claimAttempt(attempt.id, RunId(2), "check", "hash-2");

    expect(first?.deadlineInMs).toBeGreaterThan(3_500_000);
    expect(other).toBeUndefined();
    expect((await store.readTask(task))?.state).toBe("running");
    expect((await store.readAttempt(attempt.id))?.run).toBe(1);
  });

  it("repeats a claim for the same run until the first heartbeat, without starting its clock again", async () => {
    const { attempt } = await offer();
    await store.claimAttempt(attempt.id, RunId(1), "check", "hash-1");

    const again = await store.claimAttempt(attempt.id, RunId(1), "check", "hash-2");
    await store.recordHeartbeat(attempt.id);
    const late = await store.claimAttempt(attempt.id, RunId(1), "check", "hash-3");

    expect(again).toBeDefined();
    expect(await store.findByRunToken(attempt.id, "hash-1")).toBeUndefined();
    expect(await store.findByRunToken(attempt.id, "hash-2")).toBeDefined();
    expect(late).toBeUndefined();
  });

  it("settles once: ledger written, holds gone, task on to be judged", async () => {
    const { task, attempt } = await offer();
    await store.claimAttempt(attempt.id, RunId(1), "check", "hash");
    const entries = [
      { kind: "model" as const, amount: MicroUsd(1_234), usage: NO_USAGE, estimated: false },
      { kind: "runner" as const, amount: MicroUsd(12_000), minutes: 2 },
    ];

    const settled = await Promise.all([
      store.settle(attempt.id, BLOCKED, "h", entries),
      store.settle(attempt.id, BLOCKED, "h", entries),
    ]);

    expect(settled.filter(Boolean)).toHaveLength(1);
    const row = await store.readAttempt(attempt.id);
    expect(row?.state).toBe("settled");
    expect(row?.costs).toEqual({ model: 1_234, runner: 12_000 });
    expect((await store.readTask(task))?.state).toBe("judging");
  });

  it("charges what was held when a run that claimed reports nothing", async () => {
    const { task, attempt } = await offer();
    await store.claimAttempt(attempt.id, RunId(1), "check", "hash");
    await store.wake(task);

    await store.advance(await claim(task), "lose", { dueInMs: null }, { attempt: attempt.id, lose: true });

    expect((await store.readAttempt(attempt.id))?.costs.model).toBe(5_000_000);
    expect((await store.readAttempt(attempt.id))?.state).toBe("lost");
    expect(await store.settle(attempt.id, BLOCKED, "h", [])).toBe(false);
  });

  it("charges nothing when an offer runs out unclaimed", async () => {
    const { task, attempt } = await offer();

    await store.advance(await claim(task), "expire", {}, { attempt: attempt.id, lose: true });

    expect((await store.readAttempt(attempt.id))?.costs.model).toBeNull();
    expect((await store.readTask(task))?.state).toBe("queued");
    expect(await store.claimAttempt(attempt.id, RunId(1), "check", "hash")).toBeUndefined();
    await store.rest(await claim(task), null);
  });

  it("knows nothing of an attempt that doesn't exist", async () => {
    expect(await store.readAttempt(AttemptId(randomUUID()))).toBeUndefined();
    expect(await store.claimAttempt(AttemptId(randomUUID()), RunId(1), "c", "h")).toBeUndefined();
  });
});
