import { randomUUID } from "node:crypto";
import { sql, type Kysely } from "kysely";
import { afterEach, describe, expect, it } from "vitest";
import { pick } from "#core/pool/pick.ts";
import { DeliveryId, LeaseId, OwnerId, RunId, TaskId } from "#core/wire/ids.ts";
import { EpochMs, MicroUsd } from "#core/wire/units.ts";
import { connectPostgres, type Connection } from "#adapters/store/connect.ts";
import { openStore } from "#adapters/store/store.ts";
import type { Schema } from "#adapters/store/schema.ts";
import type { ClaimedTask, Opened, Store } from "#ports/store.ts";
import { blocked } from "../kit/outcomes.ts";
import { decide } from "../kit/decide.ts";
import { makeBrief, makePlanRow, makePolicy, SETTLED, settlementOf } from "../kit/briefs.ts";
import { checkBooks, findViolations } from "../kit/invariants.ts";
import { freshDatabase } from "../kit/stores.ts";

const OWNER = OwnerId(10);
const BLOCKED = blocked();

/** What the test under way has open, and a connection to look into its tables with. */
let open: { stores: readonly Store[]; tables: Connection }[] = [];

/** Several processes' worth of connections to one database. */
async function openMany(count: number): Promise<Store[]> {
  const databaseUrl = await freshDatabase();
  const stores = await Promise.all(Array.from({ length: count }, () => openStore({ databaseUrl })));
  open.push({ stores, tables: connectPostgres(databaseUrl) });
  return stores;
}

afterEach(async () => {
  const done = open;
  open = [];
  try {
    for (const { tables } of done) await checkBooks(tables.db);
  } finally {
    await Promise.all(done.flatMap(({ stores, tables }) => [...stores, tables].map((each) => each.close())));
  }
});

async function queueTasks(store: Store, count: number, first = 1): Promise<void> {
  for (let issue = first; issue < first + count; issue += 1)
    await store.openTask(TaskId(randomUUID()), makeBrief(issue), DeliveryId(randomUUID()));
  for (let queued = 0; queued < count; queued += 1) {
    const task = await store.claimTask();
    if (task?.state !== "planning") throw new Error("not due");
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
  });

  it("a run's claim and report race the worker's own writes without a deadlock, whoever comes first", async () => {
    const stores = await openMany(2);
    const [worker, door] = [stores[0]!, stores[1]!];
    const policy = makePolicy(["one"], "$900/month");
    const ROUNDS = 30;
    await queueTasks(worker, ROUNDS);
    const failures: string[] = [];
    const ends: Record<string, number> = {};
    /** Both at once, now the one begun first and now the other: each gets its chance to be first at the database. */
    async function race(round: number, ...both: [() => Promise<unknown>, () => Promise<unknown>]): Promise<void> {
      const begun = (round % 2 === 0 ? both : both.toReversed()).map((each) => each());
      for (const result of await Promise.allSettled(begun))
        if (result.status === "rejected") failures.push(String(result.reason));
    }
    const seen = (end: string) => (ends[end] = (ends[end] ?? 0) + 1);
    /** Only what is woken is due: all else is at rest. */
    async function claimOnly(task: TaskId): Promise<ClaimedTask> {
      const lease = (await worker.readLeases(task)).at(-1);
      if (lease !== undefined) await worker.hearRunEnded(lease.id);
      const claimed = await worker.claimTask();
      if (claimed?.id !== task) throw new Error(`another task than ${task} was due`);
      return claimed;
    }

    for (let round = 0; round < ROUNDS; round += 1) {
      const decision = await worker.admit(OWNER, policy, pick);
      if (decision.kind !== "grant") throw new Error("not granted");
      const task = await claimOnly(decision.task);
      const { id } = (await worker.readLeases(task.id))[0]!;
      const run = { id: RunId(round + 1), url: "https://x" };
      let dispatched: boolean | undefined;
      await race(
        round,
        async () => (dispatched = await worker.advance(task, "dispatch", { dueInMs: null }, { lease: id, run })),
        () => door.claimLease(id, run.id, "check", "hash"),
      );
      seen(dispatched === true ? "dispatched, then claimed" : "claimed, then dispatched");
      expect(await worker.readTask(task.id)).toMatchObject({ state: "running" });
      expect(await worker.readLease(id)).toMatchObject({ state: "held", runUrl: "https://x" });

      const running = await claimOnly(task.id);
      const lost = { lease: id, lose: true, verdict: { verdict: "lost", why: { why: "deadline" } } } as const;
      await race(
        round,
        () => worker.advance(running, "lose", { dueInMs: null }, lost),
        () => door.settle(id, BLOCKED, "h", SETTLED),
      );
      const end = `${(await worker.readTask(task.id))?.state ?? ""} ${(await worker.readLease(id))?.state ?? ""}`;
      seen(end);
      // A task that is to be judged is due at once: it is put to rest, so that the loop meets each only once.
      const judging = end.startsWith("judging") ? await worker.claimTask() : undefined;
      if (judging !== undefined) await worker.rest(judging, null);
    }

    expect(failures).toEqual([]);
    expect(Object.keys(ends).toSorted()).toEqual([
      "claimed, then dispatched",
      "dispatched, then claimed",
      "judging settled",
      "unsolved lost",
    ]);
  });

  it("the same issue labelled eight times at once has one live task", async () => {
    const stores = await openMany(8);

    const opened = await Promise.all(
      stores.map((store) => store.openTask(TaskId(randomUUID()), makeBrief(1), DeliveryId(randomUUID()))),
    );

    expect(opened.filter((each) => each === "opened")).toHaveLength(1);
  });

  it("a task that is granted and refused at once is one or the other", async () => {
    const stores = await openMany(2);
    const policy = makePolicy(["one"], "$900/month");
    const ROUNDS = 30;
    const ends: Record<string, number> = {};
    for (let round = 0; round < ROUNDS; round += 1) {
      await queueTasks(stores[0]!, 1, round + 1);
      const { task } = (await stores[0]!.readQueueHead(OWNER))!;
      const admit = () => stores[0]!.admit(OWNER, policy, pick);
      const refuse = () => stores[1]!.refuseQueued(OWNER, { reason: "too-big" }, round % 4 < 2 ? task : undefined);

      const both = round % 2 === 0 ? [admit, refuse] : [refuse, admit];
      await Promise.all(both.map((each) => each()));

      const leases = await stores[0]!.readLeases(task);
      const end = `${(await stores[0]!.readTask(task))!.state}, ${leases.map((lease) => lease.state).join(" and ") || "no lease"}`;
      ends[end] = (ends[end] ?? 0) + 1;
      // Taken by its run: only so many may wait for one.
      if (leases[0] !== undefined) await stores[0]!.claimLease(leases[0].id, RunId(round + 1), "check", "hash");
    }

    expect(Object.keys(ends).toSorted()).toEqual(["dispatching, offered", "refused, no lease"]);
  });

  it("requests, notices, admissions and refusals at once leave the books in order, round after round", async () => {
    const stores = await openMany(8);
    const ROUNDS = 60;
    // Three grants and a dollar's worth, so that some wait; what is settled is small, so that the pool never runs dry.
    const BUDGET = MicroUsd(17_350_000);
    const policy = makePolicy(["one", "two", "three"], "$17.35/month");
    await stores[0]!.recordPolicy(OWNER, { text: "policy", commit: "c0ffee", readAt: EpochMs(1) });
    const { db } = open.at(-1)!.tables;
    const seen: Record<string, number> = {};
    const count = (what: string) => (seen[what] = (seen[what] ?? 0) + 1);
    const granted: string[] = [];
    let runs = 0;

    /** What a worker does with the next task, so that every state is met; `turn` chooses where there is a choice. */
    async function work(store: Store, door: Store, turn: number): Promise<void> {
      const task = await store.claimTask();
      if (task === undefined) return;
      const lease = (await store.readLeases(task.id)).at(-1);
      if (task.state === "planning" || lease === undefined) {
        await store.advance(task, "plan", { plan: makePlanRow() });
        return;
      }
      const run = { id: RunId((runs += 1)), url: "https://x" };
      const claim = () => door.claimLease(lease.id, lease.run ?? run.id, "check", "hash");
      if (task.state === "dispatching") {
        await Promise.all([
          store.advance(task, "dispatch", { dueInMs: 0 }, { lease: lease.id, run }),
          turn % 2 === 0 ? claim() : undefined,
        ]);
      } else if (task.state === "awaiting") {
        const claimed = turn % 2 === 0 ? claim() : undefined;
        const expired = await store.advance(task, "expire", {}, { lease: lease.id, lose: true });
        await claimed;
        count(expired ? "expired" : "claimed before it expired");
      } else if (task.state === "judging") {
        await store.advance(task, "reject", {}, { lease: lease.id, verdict: { verdict: "failed", why: null } });
      } else await store.rest(task, null);
    }
    async function report(door: Store): Promise<void> {
      const held = await db.selectFrom("leases").select("id").where("state", "=", "held").executeTakeFirst();
      if (held === undefined) return;
      if (await door.settle(LeaseId(held.id), BLOCKED, "h", settlementOf(1_000, 6_000))) count("settled");
    }
    async function comment(store: Store): Promise<void> {
      const due = await store.claimComment();
      if (due !== undefined)
        await store.recordComment(due, due.written ?? { id: due.issue, hash: "h", news: "n" }, "queued", false);
    }

    for (let round = 0; round < ROUNDS; round += 1) {
      // Of four issues some have a live task, some an ended one, and one has never been seen.
      const issues = [1, 2, 3, 100 + round];
      const twice = DeliveryId(randomUUID());
      const request = async (store: Store, issue: number, delivery = DeliveryId(randomUUID())) => {
        const answer = await store.openTask(TaskId(randomUUID()), makeBrief(issue), delivery);
        count(answer);
        return answer;
      };
      const admit = async (store: Store) => {
        const decision = await decide(store, OWNER, policy, pick);
        const full = decision.record.passedOver.some(({ whyNot }) => whyNot.budget !== undefined);
        count(full ? `${decision.kind}, budget used up` : decision.kind);
        if (decision.kind === "grant") granted.push(decision.task);
      };
      const refuse = async (store: Store) => {
        // All that waits, or the one that has waited longest: the very one which an admission is about to grant.
        const head = round % 3 === 0 ? undefined : (await store.readQueueHead(OWNER))?.task;
        if (round % 3 === 0 || head !== undefined) await store.refuseQueued(OWNER, { reason: "too-big" }, head);
      };
      const answers: Promise<Opened>[] = [];
      const doings = stores.flatMap((store, at) => {
        const issue = issues[(at + round) % issues.length]!;
        const again = request(store, 100 + round, at < 2 ? twice : undefined);
        answers.push(again);
        return [
          again,
          request(store, issue),
          store.notice(makeBrief(issue), { reason: "task-under-way", login: "ada" }, at % 2 === 0),
          work(store, stores[(at + 1) % stores.length]!, at + round),
          admit(store),
          ...(at === round % stores.length ? [refuse(store)] : []),
          report(store),
          comment(store),
        ];
      });
      const failures = (await Promise.allSettled(doings)).flatMap((each) =>
        each.status === "rejected" ? [String(each.reason)] : [],
      );

      expect(failures).toEqual([]);
      // A delivery that is worked off twice at once opens one task, and says so to the one that comes second.
      const pair = (await Promise.all(answers.slice(0, 2))).toSorted().join(" and ");
      expect(["known and opened", "busy and busy", "busy and opened"]).toContain(pair);
      expect(await findViolations(db)).toEqual([]);
      expect(await findOverdrawn(db, BUDGET)).toEqual([]);
    }

    const decisions = await sql<{ task_id: string }>`
      select leases.task_id from decisions join leases on leases.id = decisions.lease_id`.execute(db);
    const refused = await db.selectFrom("tasks").select("id").where("state", "=", "refused").execute();
    expect(decisions.rows.map((row) => row.task_id).toSorted()).toEqual(granted.toSorted());
    expect(refused.length).toBeGreaterThan(0);
    expect(Object.keys(seen).toSorted()).toEqual(
      [
        "opened",
        "busy",
        "known",
        "grant",
        "wait",
        "wait, budget used up",
        "expired",
        "claimed before it expired",
        "settled",
      ].toSorted(),
    );
  });
});

/** Whose money is spent and held beyond what there is: everyone here may have the whole budget. */
async function findOverdrawn(db: Kysely<Schema>, budget: MicroUsd): Promise<readonly object[]> {
  const { rows } = await sql<object>`
    select window_id, sum(amount) as promised from (
      select window_id, amount from holds where owner_id = ${OWNER} and window_id like 'usd:%'
      union all select 'usd:' || subject, amount from spend where owner_id = ${OWNER}
    ) as promises group by window_id having sum(amount) > ${budget}`.execute(db);
  return rows;
}
