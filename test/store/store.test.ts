import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { CONSTANTS } from "#core/pool/constants.ts";
import type { PoolSnapshot } from "#core/pool/decision.ts";
import { pick } from "#core/pool/pick.ts";
import { LEASE } from "#core/pool/lease.ts";
import { DeliveryId, LeaseId, OwnerId, RepositoryId, RunId, TaskId } from "#core/wire/ids.ts";
import { Outcome } from "#core/wire/contract.ts";
import { EpochMs, MicroUsd, MINUTE_MS } from "#core/wire/units.ts";
import { subjectId } from "#core/pool/windows.ts";
import { cleanText } from "#core/request/brief.ts";
import type { Connection } from "#adapters/store/connect.ts";
import type { ClaimedComment } from "#ports/comments.ts";
import type { ClaimedTask, LeaseRow, Store } from "#ports/store.ts";
import { beat, blocked, ran } from "../kit/outcomes.ts";
import { decide } from "../kit/decide.ts";
import { makeBrief, makePlanRow, makePolicy, SETTLED, settlementOf } from "../kit/briefs.ts";
import { checkBooks } from "../kit/invariants.ts";
import { ENGINES, openFresh } from "../kit/stores.ts";

const OWNER = OwnerId(10);
const POLICY = makePolicy(["one", "two"]);
const BLOCKED = blocked({ ms: 61_000 });
const RAN = ran({ changes: [{ status: "deleted", path: "a" }], ms: 61_000 });

const BEAT = beat({ phase: "fetch", modelCalls: 0 });

describe.each(ENGINES)("the store on %s", (engine) => {
  let connection: Connection;
  let store: Store;
  beforeAll(async () => {
    ({ connection, store } = await openFresh(engine));
    await store.recordPolicy(OWNER, { text: "policy", commit: "c0ffee", readAt: EpochMs(1) });
  });
  afterEach(() => checkBooks(connection.db));
  afterAll(() => store.close());

  let runs = 0;
  const nextRun = () => RunId((runs += 1));
  const nextDelivery = () => DeliveryId(randomUUID());
  let issues = 0;
  async function openTask(): Promise<TaskId> {
    issues += 1;
    const task = TaskId(randomUUID());
    await store.openTask(task, makeBrief(issues), nextDelivery());
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
  async function claimComment(issue: number): Promise<ClaimedComment> {
    for (;;) {
      const claimed = await store.claimComment();
      if (claimed === undefined) throw new Error(`the comment of issue ${String(issue)} is not due`);
      if (claimed.issue === issue) return claimed;
      await store.rest(claimed, null);
    }
  }
  async function offer(policy = POLICY): Promise<{ task: TaskId; lease: LeaseRow }> {
    const task = await openTask();
    await store.advance(await claim(task), "plan", { plan: makePlanRow() });
    const decision = await decide(store, OWNER, policy, pick);
    if (decision.kind !== "grant" || decision.task !== task) throw new Error("not granted");
    return { task, lease: await latest(task) };
  }
  /** The pool as an admission sees it that grants nothing. */
  async function look(policy = POLICY): Promise<PoolSnapshot> {
    const { record } = await decide(store, OWNER, policy, (snapshot) => ({
      kind: "wait",
      waiting: [],
      record: { snapshot, constants: CONSTANTS, candidates: [], passedOver: [] },
    }));
    return record.snapshot;
  }
  async function latest(task: TaskId): Promise<LeaseRow> {
    const lease = (await store.readLeases(task)).at(-1);
    if (lease === undefined) throw new Error("no lease");
    return lease;
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

  it("opens one live task an issue, another once that has ended, and one a delivery", async () => {
    const brief = makeBrief(9_001);
    const first = TaskId(randomUUID());
    const delivery = nextDelivery();

    expect(await store.openTask(first, brief, delivery)).toBe("opened");
    expect(await store.openTask(TaskId(randomUUID()), brief, delivery)).toBe("known");
    expect(await store.openTask(TaskId(randomUUID()), brief, nextDelivery())).toBe("busy");
    await store.advance(await claim(first), "refuse", { failure: { reason: "too-big" }, dueInMs: null });

    expect(await store.openTask(TaskId(randomUUID()), brief, delivery)).toBe("known");
    expect(await store.openTask(TaskId(randomUUID()), brief, nextDelivery())).toBe("opened");
  });

  it("has one comment an issue, which its next task takes over", async () => {
    const brief = makeBrief(9_002);
    const first = TaskId(randomUUID());
    await store.openTask(first, brief, nextDelivery());
    await store.advance(await claim(first), "refuse", { failure: { reason: "too-big" } });
    await store.recordComment(await claimComment(9_002), { id: 77, hash: "h", news: "n" }, "refused", false);
    const second = TaskId(randomUUID());

    await store.openTask(second, brief, nextDelivery());
    await store.advance(await claim(second), "refuse", { failure: { reason: "too-big" } });

    expect(await claimComment(9_002)).toMatchObject({ task: second, written: { id: 77, hash: "h", news: "n" }, notice: null });
  });

  it("begins no comment for who has lost its claim", async () => {
    await store.notice(makeBrief(9_104), { reason: "too-big" }, true);
    const comment = await claimComment(9_104);
    await sql`update comments set held_by = 'another' where issue_number = 9104`.execute(connection.db);

    expect(await store.begin(comment, { comment: true, told: null })).toBe(false);
  });

  it("lets no wake cut short the wait of what failed, and keeps one that comes after a claim ran out", async () => {
    const brief = makeBrief(9_105);
    await store.notice(brief, { reason: "too-big" }, true);
    const failed = await claimComment(9_105);
    await store.notice(brief, { reason: "too-big" }, true);
    await store.postpone(failed, 60_000);
    await store.notice(brief, { reason: "too-big" }, true);
    await expect(claimComment(9_105)).rejects.toThrow("not due");

    await sql`update comments set due_at = 0 where issue_number = 9105`.execute(connection.db);
    const late = await claimComment(9_105);
    await sql`update comments set held_until = 1, due_at = 1 where issue_number = 9105`.execute(connection.db);
    await store.notice(brief, { reason: "too-big" }, true);
    await store.rest(late, null);

    expect((await claimComment(9_105)).tries).toBe(1);
  });

  it("asks again where GitHub refused a comment, in the place and for the owner of the new request", async () => {
    const before = makeBrief(9_106);
    await store.notice(before, { reason: "too-big" }, true);
    await store.recordComment(await claimComment(9_106), "refused", null, false);
    const moved = { ...before, installation: before.installation + 1, owner: { ...before.owner, id: OwnerId(12) } };

    await store.notice(moved as typeof before, { reason: "too-big" }, true);

    expect(await claimComment(9_106)).toMatchObject({ refused: false, place: { installation: moved.installation } });
    const rows = await connection.db.selectFrom("comments").select("owner_id").where("issue_number", "=", 9_106).execute();
    expect(rows).toEqual([{ owner_id: 12 }]);
  });

  it("remembers that a comment was begun until it is known to be written", async () => {
    const brief = makeBrief(9_003);
    await store.notice(brief, { reason: "too-big" }, true);
    const comment = await claimComment(9_003);
    expect(comment).toMatchObject({ begun: false, written: null, task: null, notice: { reason: "too-big" } });

    await store.begin(comment, { comment: true, told: null });
    await store.postpone(comment, 0);
    const again = await claimComment(9_003);
    await store.recordComment(again, { id: 78, hash: "h", news: "n" }, null, false);
    await store.notice(brief, { reason: "too-big" }, true);

    expect(again).toMatchObject({ begun: true, tries: 2 });
    expect(await claimComment(9_003)).toMatchObject({ begun: false, tries: 1, written: { id: 78 } });
  });

  it("gives an answer to someone who may not start work only where no task has the comment", async () => {
    const brief = makeBrief(9_004);
    const task = TaskId(randomUUID());
    await store.openTask(task, brief, nextDelivery());
    await store.advance(await claim(task), "refuse", { failure: { reason: "too-big" } });
    await store.recordComment(await claimComment(9_004), { id: 79, hash: "h", news: "n" }, "refused", false);

    await store.notice(brief, { reason: "actor-may-not-start", login: "eve", role: "none" }, true);
    await expect(claimComment(9_004)).rejects.toThrow("not due");
    await store.notice(brief, { reason: "task-under-way", login: "ada" }, false);

    expect(await claimComment(9_004)).toMatchObject({ task, notice: { reason: "task-under-way", login: "ada" } });
  });

  it("does not lose a wake that comes while a row is held", async () => {
    const brief = makeBrief(9_005);
    await store.notice(brief, { reason: "too-big" }, false);
    const held = await claimComment(9_005);

    await store.notice(brief, { reason: "too-big" }, false);
    await store.recordComment(held, { id: 80, hash: "h", news: "n" }, null, false);

    expect((await claimComment(9_005)).written?.id).toBe(80);
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

  it("leaves a row to a holder that renews its claim, however long it works, and keeps a wake that came meanwhile", async () => {
    const { task, lease } = await offer();
    const claimed = await claim(task);
    const runOut = () =>
      sql`update tasks set held_until = 1, due_at = case when due_at = held_until then 1 else due_at end where id = ${task}`;

    await runOut().execute(connection.db);
    await store.renew(claimed);
    const other = await store.claimTask();
    await store.hearRunEnded(lease.id);
    await store.renew(claimed);
    await store.rest(claimed, null);
    const woken = await store.claimTask();

    expect(other).toBeUndefined();
    expect(woken?.id).toBe(task);
    await store.rest(woken!, null);
  });

  it("throws where the lifecycle has no such step, and changes nothing", async () => {
    const task = await openTask();
    const claimed = await claim(task);

    await expect(store.advance(claimed, "open")).rejects.toThrow("can't open");
    expect((await store.readTask(task))?.state).toBe("planning");
    await store.rest(claimed, null);
  });

  it("reserves all that a job may cost on the credential, and on the owner with the runner's, when it grants", async () => {
    const { lease } = await offer();

    const pool = await look();

    const held = (subject: string) => pool.budgets.find((budget) => subjectId(budget.subject) === subject)?.held;
    expect(pool.credentials.find(({ name }) => name === lease.credential)?.live).toBeGreaterThanOrEqual(1);
    expect(held(`credential:${lease.credential}`)).toBeGreaterThanOrEqual(5_000_000);
    expect(held("owner")).toBeGreaterThanOrEqual(5_450_000);
    expect(lease.attempt).toMatchObject({ number: 1, verdict: null, budget: 5_000_000, price: makePlanRow().price });
  });

  it("frees a lease's place and windows once its deadline has passed, and its money when it is settled", async () => {
    const policy = makePolicy(["late"]);
    await sql`
      insert into allowances (owner_id, upstream, name, model, share, observed_at, published)
      values (10, 'credential:late', 'week', '', 0.1, 1, 1000000000)`.execute(connection.db);
    const seen = async () => {
      const { credentials, upstreams, budgets } = await look(policy);
      const [window] = upstreams.find(({ id }) => id === "credential:late")!.windows;
      const money = budgets.find(({ subject }) => subjectId(subject) === "credential:late")!.held;
      return { live: credentials[0]!.live, window: window!.held, own: window!.own, money };
    };
    const { lease } = await offer(policy);
    const offered = await seen();
    await store.claimLease(lease.id, nextRun(), "check", "hash");
    await store.recordHeartbeat(lease.id, BEAT, MicroUsd(30_000));
    await store.recordHeartbeat(lease.id, BEAT, MicroUsd(20_000));
    const working = await seen();
    const past = LEASE.termMs + LEASE.freedMs + MINUTE_MS;
    await sql`update leases set deadline_at = deadline_at - ${past} where id = ${lease.id}`.execute(connection.db);
    const overdue = await seen();
    await store.settle(lease.id, RAN, "h", settlementOf(40_000, 6_000));

    expect(offered).toEqual({ live: 1, window: expect.any(Number) as number, own: 0, money: 5_000_000 });
    // What its job has told of its use is in the window's own by now, and no longer held; a figure that goes backwards counts for nothing.
    expect(working).toEqual({ live: 1, window: offered.window - 30_000, own: 30_000, money: 5_000_000 });
    expect(overdue).toEqual({ live: 0, window: 0, own: 30_000, money: 5_000_000 });
    expect(await seen()).toEqual({ live: 0, window: 0, own: 40_000, money: 0 });
  });

  it("charges a team what its job has cost instead of what was expected, and never less than nothing", async () => {
    const passOf = async () => (await connection.db.selectFrom("teams").select("pass").executeTakeFirstOrThrow()).pass;
    const [one, other] = [await offer(), await offer()];
    await store.claimLease(one.lease.id, nextRun(), "check", "hash");
    await store.claimLease(other.lease.id, nextRun(), "check", "hash");
    const { charged } = await connection.db
      .selectFrom("leases")
      .select("charged")
      .where("id", "=", one.lease.id)
      .executeTakeFirstOrThrow();
    const before = await passOf();

    await store.settle(one.lease.id, RAN, "h", settlementOf(7, 6_000));
    const after = await passOf();
    // All but a little of what it was charged has faded by now.
    await sql`update teams set pass = 1`.execute(connection.db);
    await store.settle(other.lease.id, RAN, "h", SETTLED);

    expect(charged).toBeGreaterThan(1_000);
    expect(after).toBeCloseTo(before - charged + 7);
    expect(await passOf()).toBe(0);
  });

  it("gives a lease to the first run and to no other", async () => {
    const { task, lease } = await offer();
    const [run, another] = [nextRun(), nextRun()];

    const first = await store.claimLease(lease.id, run, "check", "hash-1");
    const other = await store.claimLease(lease.id, another, "check", "hash-2");

    expect(first?.deadlineInMs).toBeGreaterThan(3_500_000);
    expect(other).toBeUndefined();
    expect((await store.readTask(task))?.state).toBe("running");
    expect((await store.readLease(lease.id))?.run).toBe(run);
  });

  it("gives one run one lease: a job that knows another's id can't take that too", async () => {
    const [one, other] = [await offer(), await offer()];
    const run = nextRun();

    expect(await store.claimLease(one.lease.id, run, "check", "hash-1")).toBeDefined();
    expect(await store.claimLease(other.lease.id, run, "check", "hash-2")).toBeUndefined();
    expect((await store.readTask(other.task))?.state).toBe("dispatching");
  });

  it("leaves the run that holds the lease in its place when a duplicate's answer comes late", async () => {
    const { task, lease } = await offer();
    const [duplicate, holder] = [nextRun(), nextRun()];
    const dispatching = await claim(task);
    await store.claimLease(lease.id, holder, "check", "hash");

    const moved = await store.advance(
      dispatching,
      "dispatch",
      {},
      { lease: lease.id, run: { id: duplicate, url: "https://x/1" } },
    );

    expect(moved).toBe(false);
    expect((await store.readLease(lease.id))?.run).toBe(holder);
  });

  it("repeats a claim for the same run until the first heartbeat, without starting its clock again", async () => {
    const { lease } = await offer();
    const run = nextRun();
    await store.claimLease(lease.id, run, "check", "hash-1");

    const again = await store.claimLease(lease.id, run, "check", "hash-2");
    await store.recordHeartbeat(lease.id, BEAT, MicroUsd(0));
    const late = await store.claimLease(lease.id, run, "check", "hash-3");

    expect(again).toBeDefined();
    expect(await store.findByRunToken(lease.id, "hash-1")).toBeUndefined();
    expect(await store.findByRunToken(lease.id, "hash-2")).toBeDefined();
    expect(late).toBeUndefined();
  });

  it("settles once: ledger and sums written, holds gone, task on to be judged", async () => {
    const { task, lease } = await offer();
    await store.claimLease(lease.id, nextRun(), "check", "hash");
    const settlement = settlementOf(1_234, 12_000);

    const settled = await Promise.all([
      store.settle(lease.id, RAN, "h", settlement),
      store.settle(lease.id, RAN, "h", settlement),
    ]);

    expect(settled.filter(Boolean)).toHaveLength(1);
    const row = await store.readLease(lease.id);
    expect(row).toMatchObject({
      state: "settled",
      costs: { model: 1_234, runner: 12_000 },
      report: { kind: "ran", modelCalls: 1 },
    });
    expect(row?.report).not.toHaveProperty("changes");
    expect(await store.readChanges(lease.id)).toEqual([{ status: "deleted", path: "a" }]);
    expect((await store.readTask(task))?.state).toBe("judging");
  });

  it("finds a task by the commit it made, and has its comment say how CI ended on it, the newest reading alone", async () => {
    const { task, lease } = await offer();
    await store.claimLease(lease.id, nextRun(), "check", "hash");
    await store.settle(lease.id, RAN, "h", SETTLED);
    await store.advance(await claim(task), "accept", {}, { lease: lease.id, verdict: { verdict: "solved", why: null } });
    const commit = randomUUID();
    await store.advance(await claim(task), "commit", { commit });
    const { brief } = (await store.readTask(task))!;
    await store.recordComment(await claimComment(brief.issue.number), { id: 91, hash: "h", news: "n" }, "dispatching", false);
    const unheard = await store.findByCommit(OWNER, brief.repository.id, commit);

    await store.hearCiChecks(task, { passed: 1, skipped: 0, failed: [{ name: "lint", conclusion: "failure" }] });
    await store.hearCiChecks(task, { passed: 2, skipped: 0, failed: [] });

    expect(unheard).toMatchObject({ id: task, commit, ciChecks: null });
    expect((await store.readTask(task))?.ciChecks).toEqual({ passed: 2, skipped: 0, failed: [] });
    expect((await claimComment(brief.issue.number)).task).toBe(task);
    expect(await store.findByCommit(OwnerId(11), brief.repository.id, commit)).toBeUndefined();
    expect(await store.findByCommit(OWNER, RepositoryId(21), commit)).toBeUndefined();
    expect(await store.findByCommit(OWNER, brief.repository.id, "other")).toBeUndefined();
  });

  it("drops the changes once their task has ended, and keeps the report", async () => {
    const { task, lease } = await offer();
    await store.claimLease(lease.id, nextRun(), "check", "hash");
    await store.settle(lease.id, RAN, "h", SETTLED);

    await store.advance(
      await claim(task),
      "reject",
      {},
      { lease: lease.id, verdict: { verdict: "noChange", why: { why: "no-change" } } },
    );

    expect(await store.readChanges(lease.id)).toEqual([]);
    expect(await store.readLease(lease.id)).toMatchObject({
      report: { kind: "ran" },
      attempt: { verdict: "noChange", why: { why: "no-change" } },
    });
  });

  it("charges what was held, and the minutes since the claim, when a run that claimed reports nothing", async () => {
    const { task, lease } = await offer();
    await store.claimLease(lease.id, nextRun(), "check", "hash");
    await store.hearRunEnded(lease.id);

    await store.advance(
      await claim(task),
      "lose",
      {},
      { lease: lease.id, lose: true, verdict: { verdict: "lost", why: { why: "deadline" } } },
    );

    expect(await store.readLease(lease.id)).toMatchObject({ state: "lost", costs: { model: 5_000_000, runner: 6_000 } });
    expect(await store.settle(lease.id, BLOCKED, "h", SETTLED)).toBe(false);
  });

  it("charges nothing when an offer runs out unclaimed, and offers the same attempt again", async () => {
    const { task, lease } = await offer();
    await store.advance(await claim(task), "dispatch", { dueInMs: 0 });

    await store.advance(await claim(task), "expire", {}, { lease: lease.id, lose: true });

    expect(await store.readLease(lease.id)).toMatchObject({ state: "lost", costs: { model: null, runner: null } });
    expect((await store.readTask(task))?.state).toBe("queued");
    expect(await store.claimLease(lease.id, nextRun(), "check", "hash")).toBeUndefined();
    await store.admit(OWNER, POLICY, pick);
    expect(await latest(task)).toMatchObject({ fence: 2, state: "offered", attempt: { id: lease.attempt.id, number: 1 } });
  });

  it("looks at an owner's queue when something enters it, and when a lease ends", async () => {
    for (let due = await store.claimAdmission(); due !== undefined; due = await store.claimAdmission())
      await store.rest(due, null);
    const { lease } = await offer();
    const entered = await store.claimAdmission();
    await store.rest(entered!, null);
    expect(await store.claimAdmission()).toBeUndefined();
    await store.claimLease(lease.id, nextRun(), "check", "hash");
    await store.rest((await store.claimAdmission())!, null);

    await store.settle(lease.id, RAN, "h", SETTLED);

    expect(entered).toMatchObject({ owner: OWNER, policy: { text: "policy", commit: "c0ffee" } });
    expect(await store.claimAdmission()).toMatchObject({ owner: OWNER });
  });

  it("has the tasks that must wait say so, once", async () => {
    const task = await openTask();
    await store.advance(await claim(task), "plan", { plan: makePlanRow() });
    await look();
    const comment = await claimComment(issues);
    await store.recordComment(comment, { id: 81, hash: "h", news: "n" }, "queued", false);
    await look();

    expect(comment.task).toBe(task);
    await expect(claimComment(issues)).rejects.toThrow("not due");
    await store.admit(OWNER, POLICY, pick);
  });

  it("refuses all that waits where the policy is broken", async () => {
    const task = await openTask();
    await store.advance(await claim(task), "plan", { plan: makePlanRow() });

    await store.refuseQueued(OWNER, { reason: "too-big" });

    expect(await store.readTask(task)).toMatchObject({ state: "refused", failure: { reason: "too-big" } });
    expect((await claimComment(issues)).task).toBe(task);
    expect(await store.readQueueHead(OWNER)).toBeUndefined();
  });

  it("opens another attempt, whole, under the plan that an escalation left, whatever the policy is since", async () => {
    const { task, lease } = await offer();
    await store.claimLease(lease.id, nextRun(), "check", "hash");
    await store.settle(lease.id, { ...RAN, changes: [{ status: "deleted", path: "a.txt" }] }, "h", settlementOf(70_000, 6_000));
    const before = makePlanRow();
    const route = { ...before.route, tier: "standard" as const, model: "claude-sonnet-5-5" };
    const plan = { ...before, route, budget: MicroUsd(1_000_000), expected: 0.4 };
    const verdict = { verdict: "noChange", why: { why: "no-change" } } as const;
    await store.advance(await claim(task), "escalate", { plan }, { lease: lease.id, verdict });
    await store.replanQueued(OWNER, "another");
    await store.refuseQueued(OWNER, { reason: "too-big" });
    const waiting = await store.readTask(task);

    const decision = await decide(store, OWNER, POLICY, pick);
    const opened = await latest(task);
    await store.claimLease(opened.id, nextRun(), "check", "hash");
    await store.settle(opened.id, RAN, "h2", SETTLED);

    expect(waiting).toMatchObject({ state: "queued", plan: { route } });
    const queued = decision.record.snapshot.queue.find((each) => each.task === task);
    expect(queued).toMatchObject({ model: route.model, cap: 1_000_000, movedFrom: [] });
    expect(opened).toMatchObject({
      fence: 1,
      state: "offered",
      attempt: { number: 2, route, budget: 1_000_000, left: 1_000_000, verdict: null },
    });
    expect(await store.readChanges(lease.id)).toHaveLength(1);
    expect(
      await connection.db
        .selectFrom("attempts")
        .select(["expected", "state"])
        .where("task_id", "=", task)
        .orderBy("number")
        .execute(),
    ).toEqual([
      { expected: before.expected, state: "noChange" },
      { expected: 0.4, state: "open" },
    ]);
  });

  it("keeps the later of two readings of a policy, whichever is written last", async () => {
    const owner = OwnerId(11);
    await store.recordPolicy(owner, { text: "new", commit: "2", readAt: EpochMs(20) });
    await store.recordPolicy(owner, { text: "old", commit: "1", readAt: EpochMs(10) });

    const kept = await connection.db.selectFrom("owners").select("policy").where("owner_id", "=", owner).execute();

    expect(kept).toEqual([{ policy: "new" }]);
  });

  it("takes whatever text an issue, a harness or a repository holds", async () => {
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom("\u0000", "\ud83d", "\ude00\ud83d", "a\u0000\ud800b", "😀".repeat(10_001)),
    );
    await fc.assert(
      fc.asyncProperty(text, async (said) => {
        const { lease } = await offer();
        await store.claimLease(lease.id, nextRun(), "check", "hash");
        const reported = Outcome.parse({
          ...RAN,
          ending: { kind: "crashed", detail: said.slice(0, 2_000), turns: 1, finalMessage: said.slice(0, 20_000) },
        });
        const brief = makeBrief(1);
        const issue = { ...brief.issue, title: cleanText(said), body: cleanText(`${said} ${"😀".repeat(40_000)}`) };
        const event = { kind: "request" as const, brief: { ...brief, issue } };

        expect(await store.settle(lease.id, reported, "h", SETTLED)).toBe(true);
        expect(await store.recordDelivery({ id: DeliveryId(randomUUID()), owner: OWNER, event })).toBe(true);
      }),
      { numRuns: 15 },
    );
  });

  it("knows nothing of a lease that doesn't exist", async () => {
    expect(await store.readLease(LeaseId(randomUUID()))).toBeUndefined();
    expect(await store.claimLease(LeaseId(randomUUID()), nextRun(), "c", "h")).toBeUndefined();
  });

  it("has charged, held and ended enough by now for the check after each test to mean something", async () => {
    const count = (table: "ledger" | "holds" | "attempts" | "decisions") =>
      connection.db
        .selectFrom(table)
        .select(sql<number>`count(*)::int`.as("rows"))
        .executeTakeFirstOrThrow();

    expect((await count("ledger")).rows).toBeGreaterThan(1);
    expect((await count("holds")).rows).toBeGreaterThan(1);
    expect((await count("attempts")).rows).toBeGreaterThan(10);
    expect((await count("decisions")).rows).toBeGreaterThan(10);
  });
});
