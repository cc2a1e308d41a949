import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { pick } from "#core/pool/pick.ts";
import { NO_USAGE, type Outcome } from "#core/wire/contract.ts";
import { DeliveryId, OwnerId, RunId, TaskId } from "#core/wire/ids.ts";
import { openStore } from "#adapters/store/store.ts";
import type { ClaimedTask, Store } from "#ports/store.ts";
import { makeBrief, makePlanRow, makePolicy } from "../kit/briefs.ts";
import { freshDatabase } from "../kit/stores.ts";

const OWNER = OwnerId(10);
const BLOCKED: Outcome = {
  kind: "blocked",
  contract: 1,
  reason: "internal",
  detail: "",
  usage: NO_USAGE,
  observation: null,
  ms: 1,
};

/** Several processes' worth of connections to one database. */
async function openMany(count: number): Promise<Store[]> {
  const databaseUrl = await freshDatabase();
  return Promise.all(Array.from({ length: count }, () => openStore({ databaseUrl })));
}

async function queueTasks(store: Store, count: number): Promise<void> {
  for (let issue = 1; issue <= count; issue += 1)
    await store.openTask(TaskId(randomUUID()), makeBrief(issue), DeliveryId(randomUUID()));
  for (let issue = 1; issue <= count; issue += 1) {
    const task = await store.claimTask();
    if (task === undefined) throw new Error("not due");
    await store.advance(task, "plan", { plan: makePlanRow() });
  }
}

describe("on real Postgres, with eight processes at once", () => {
  it("twenty tasks are claimed by one process each", async () => {
    const stores = await openMany(8);
    for (let issue = 1; issue <= 20; issue += 1)
      await stores[0]!.openTask(TaskId(randomUUID()), makeBrief(issue), DeliveryId(randomUUID()));

    const claimed = await Promise.all(
      stores.map(async (store) => {
        const mine = [];
        for (let task = await store.claimTask(); task !== undefined; task = await store.claimTask()) mine.push(task.id);
        return mine;
      }),
    );

    expect(claimed.flat()).toHaveLength(20);
    expect(new Set(claimed.flat()).size).toBe(20);
    await Promise.all(stores.map((store) => store.close()));
  });

  it("a budget for exactly seven grants gives seven, to the last unit and no further", async () => {
    const stores = await openMany(8);
    // A grant reserves $5 for the model and $0.45 for the runner.
    const policy = makePolicy(["one", "two", "three"], "$38.15/month");
    await queueTasks(stores[0]!, 12);

    const decisions = await Promise.all(
      stores.flatMap((store) => [store.admit(OWNER, policy, pick), store.admit(OWNER, policy, pick)]),
    );

    const granted = decisions.flatMap((decision) => (decision.kind === "grant" ? [decision] : []));
    expect(granted).toHaveLength(7);
    expect(new Set(granted.map((grant) => grant.task)).size).toBe(7);
    await Promise.all(stores.map((store) => store.close()));
  });

  it("a burst over equal credentials spreads evenly, though all decide at the same instant", async () => {
    const stores = await openMany(8);
    const policy = makePolicy(["one", "two", "three", "four"], "$200/month");
    await queueTasks(stores[0]!, 12);

    const decisions = await Promise.all(
      stores.flatMap((store) => [store.admit(OWNER, policy, pick), store.admit(OWNER, policy, pick)]),
    );

    const counts: Record<string, number> = {};
    for (const decision of decisions)
      if (decision.kind === "grant") counts[decision.credential] = (counts[decision.credential] ?? 0) + 1;
    expect(counts).toEqual({ one: 3, two: 3, three: 3, four: 3 });
    await Promise.all(stores.map((store) => store.close()));
  });

  it("a run's claim and report race the worker's own writes without a deadlock", async () => {
    const stores = await openMany(4);
    const [worker, door] = [stores[0]!, stores[1]!];
    const policy = makePolicy(["one"], "$900/month");
    await queueTasks(worker, 15);
    for (;;) {
      const decision = await worker.admit(OWNER, policy, pick);
      if (decision.kind === "wait") break;
    }

    const failures: string[] = [];
    async function race(...both: Promise<unknown>[]): Promise<void> {
      for (const result of await Promise.allSettled(both)) if (result.status === "rejected") failures.push(String(result.reason));
    }
    const ends: Record<string, number> = {};
    /** Only what is woken is due: all else is at rest. */
    async function claimOnly(task: TaskId): Promise<ClaimedTask> {
      await worker.wake(task);
      const claimed = await worker.claimTask();
      if (claimed?.id !== task) throw new Error(`another task than ${task} was due`);
      return claimed;
    }
    const all: TaskId[] = [];
    for (let task = await worker.claimTask(); task !== undefined; task = await worker.claimTask()) {
      all.push(task.id);
      await worker.rest(task, null);
    }
    for (const [index, each] of all.entries()) {
      const task = await claimOnly(each);
      const { id } = (await worker.readLeases(task.id))[0]!;
      const run = { id: RunId(index + 1), url: "https://x" };
      await race(
        worker.advance(task, "dispatch", { dueInMs: null }, { lease: id, run }),
        door.claimLease(id, run.id, "check", "hash"),
      );
      expect(await worker.readLease(id)).toMatchObject({ state: "held", runUrl: "https://x" });
      const running = await claimOnly(each);
      await race(
        worker.advance(running, "lose", { dueInMs: null }, { lease: id, lose: true }),
        door.settle(id, BLOCKED, "h", []),
      );
      const end = `${(await worker.readTask(task.id))?.state ?? ""} ${(await worker.readLease(id))?.state ?? ""}`;
      ends[end] = (ends[end] ?? 0) + 1;
      // A task that is to be judged is due at once: it is put to rest, so that the loop meets each only once.
      const judging = end.startsWith("judging") ? await worker.claimTask() : undefined;
      if (judging !== undefined) await worker.rest(judging, null);
    }

    expect(Object.keys(ends).filter((end) => end !== "judging settled" && end !== "unsolved lost")).toEqual([]);
    expect(failures).toEqual([]);
    await Promise.all(stores.map((store) => store.close()));
  });

  it("the same issue labelled eight times at once has one live task", async () => {
    const stores = await openMany(8);

    const opened = await Promise.all(
      stores.map((store) => store.openTask(TaskId(randomUUID()), makeBrief(1), DeliveryId(randomUUID()))),
    );

    expect(opened.filter((each) => each === "opened")).toHaveLength(1);
    await Promise.all(stores.map((store) => store.close()));
  });
});
