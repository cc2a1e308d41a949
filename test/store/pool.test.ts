import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { sql } from "kysely";
import { Client } from "pg";
import { describe, expect, it } from "vitest";
import { pick } from "#core/pool/pick.ts";
import { LEASE } from "#core/pool/lease.ts";
import { settlement } from "#core/pool/ledger.ts";
import { NO_USAGE, type Outcome } from "#core/wire/contract.ts";
import type { Observation } from "#core/wire/observation.ts";
import { CredentialName, DeliveryId, LeaseId, RunId, TaskId } from "#core/wire/ids.ts";
import { DAY_MS, EpochMs, HOUR_MS, MicroUsd, MINUTE_MS, SECOND_MS } from "#core/wire/units.ts";
import { fromKept } from "#adapters/store/decisions.ts";
import { openStore } from "#adapters/store/store.ts";
import type { CurrentPolicy, Settlement, Store } from "#ports/store.ts";
import { Policy } from "#core/config/policy.ts";
import { beat, blocked, ran, seenWeek, type Ran } from "../kit/outcomes.ts";
import { decide } from "../kit/decide.ts";
import { makeBrief, makePlanRow, makePolicy, SETTLED, settlementOf } from "../kit/briefs.ts";
import { checkBooks } from "../kit/invariants.ts";
import {
  child,
  claim,
  findWrong,
  grant,
  look,
  lose,
  open,
  OWNER,
  passTime,
  queueTasks,
  start,
  wake,
  type Opened,
} from "./pool-kit.ts";

/** $5 for the model and $0.45 for the runner. */
const GRANT = 5_450_000;
const POLICY = makePolicy(["one", "two", "three"]);
const MODEL = makePlanRow().route.model;
const MINUTE = makePlanRow().runner.minute;

function policyOf(pool: readonly object[], overrides: object = {}): CurrentPolicy {
  const policy = Policy.parse({ version: 1, pool, runner: "acme/agent-runner", budget: "$200/month", ...overrides });
  return { policy, commit: "c".repeat(40) };
}

const observed = (overrides: Partial<Observation> = {}) => seenWeek(0.2, overrides);

/** Half a dollar of tokens and a minute. */
const worked = (overrides: Partial<Ran> = {}) =>
  ran({ usage: { ...NO_USAGE, inputTokens: 1_000_000 }, ms: MINUTE_MS, ...overrides });

/** What the app makes of that. */
const ENTRIES = settlement(
  { usage: worked().usage, estimated: false, ms: MINUTE_MS, used: MicroUsd(0) },
  { price: makePlanRow().price, billed: true, minute: MINUTE },
);
const REST = { kind: "rest", model: null, ms: 3 * DAY_MS } as const;
const QUOTA = { kind: "quota", window: "week", scope: null, resetsInMs: 3 * DAY_MS } as const;
const WORKED: Settlement = { entries: ENTRIES, fault: null, isTypical: true };

const credentialOf = async (store: Store, name = "one", policy = POLICY) =>
  (await look(store, policy)).credentials.find((each) => each.name === name)!;
const windowsOf = async (store: Store, upstream: string, policy = POLICY) =>
  (await look(store, policy)).upstreams.find(({ id }) => id === upstream)?.windows ?? [];
const heldMoney = async (store: Store, policy = POLICY) =>
  Object.fromEntries(
    (await look(store, policy)).budgets.map(({ subject, held }) => ["name" in subject ? subject.name : subject.kind, held]),
  );

describe("the pool on real Postgres", () => {
  it("P1: ten thousand requests of eight processes at once, against room for seven, are granted exactly seven", async () => {
    await using opened = await open();
    const [room, processes, each] = [7, 8, 1_250];
    await queueTasks(opened.store, room + 3);
    await sayWaiting(opened);

    const said = await Promise.all(
      Array.from({ length: processes }, () => child(opened, "ask", each, `$${((room * GRANT) / 1e6).toFixed(2)}/month`)),
    );

    const granted = said.flatMap((one) => one.said as string[]);
    expect(granted).toHaveLength(room);
    expect(new Set(granted).size).toBe(room);
    const { rows } = await sql<{ held: number; leases: number }>`
      select (select sum(amount)::bigint from holds where window_id = 'usd:owner') as held, count(*)::int as leases from leases`.execute(
      opened.db,
    );
    expect(rows).toEqual([{ held: room * GRANT, leases: room }]);
    expect(await findWrong(opened.db)).toEqual([]);
    // Some ten milliseconds a request where two cores have much else to do.
  }, 240_000);

  it("P1: requests of processes that also claim, report and lose never promise more than there is", async () => {
    await using opened = await open(4);
    const { stores, store, db } = opened;
    const policy = makePolicy(["one", "two"], "$21.80/month");
    await queueTasks(store, 24);
    let most = 0;

    await Promise.all(
      stores.map(async (mine, at) => {
        for (let round = 0; round < 8; round += 1) {
          const decision = await decide(mine, OWNER, policy, pick);
          const { budgets, credentials } = decision.record.snapshot;
          for (const { used, held, capacity } of budgets) expect(used + held).toBeLessThanOrEqual(capacity);
          for (const { live, maxLive } of credentials) expect(live).toBeLessThanOrEqual(maxLive);
          most = Math.max(most, ...budgets.map(({ held }) => held));
          if (decision.kind === "wait") continue;
          const lease = (await mine.readLeases(decision.task)).at(-1)!;
          await mine.claimLease(lease.id, RunId(100_000 + at * 100 + round), "check", lease.id);
          await stores[(at + 1) % stores.length]!.settle(lease.id, worked(), "h", WORKED);
        }
      }),
    );

    expect(most).toBeGreaterThan(0);
    expect(await findWrong(db)).toEqual([]);
  });

  it("P1: a process killed while it decides, under the lock, leaves nothing granted and the lock free", async () => {
    await using opened = await open();
    await queueTasks(opened.store, 1);
    const other = await child(opened, "decide");
    expect(other.said).toBe(1);

    const waiting = opened.store.admit(OWNER, POLICY, pick);
    await other.kill();

    expect((await waiting).kind).toBe("grant");
    expect(await countLeases(opened)).toBe(1);
  });

  it("P1: a process killed while it holds leases leaves nothing behind once they have run out and were looked after", async () => {
    await using opened = await open();
    const { store, db } = opened;
    await queueTasks(store, 6);
    const other = await child(opened, "hold", 4);
    await other.kill();
    expect((await credentialsLive(store)).reduce((sum, live) => sum + live, 0)).toBe(4);

    // What was claimed holds to its deadline and two minutes more; what was offered until it is taken back.
    await passTime(db, LEASE.termMs + LEASE.freedMs);
    expect((await credentialsLive(store)).reduce((sum, live) => sum + live, 0)).toBe(2);
    for (const id of other.said as LeaseId[]) {
      const lease = (await store.readLease(id))!;
      if (lease.state === "held") await lose(opened, lease.task, id);
      else {
        expect(await store.withdrawLease(id)).toBe(true);
        await wake(db, lease.task);
        await store.advance(await claim(store, lease.task), "dispatch", { dueInMs: 0 }, { lease: id });
        await store.advance(await claim(store, lease.task), "expire", {}, { lease: id, lose: true });
      }
    }

    expect(await credentialsLive(store)).toEqual([0, 0, 0]);
    expect(await db.selectFrom("holds").selectAll().execute()).toEqual([]);
    expect(Object.values(await heldMoney(store))).toEqual([0, 0, 0, 0]);
    expect(await findWrong(db)).toEqual([]);
    // Those whose offers ran out are in the queue again.
    expect((await look(store, POLICY)).queue).toHaveLength(4);
  });

  it("P1: a task that a killed process had claimed is given to another", async () => {
    await using opened = await open();
    const { store, db } = opened;
    const task = TaskId(randomUUID());
    await store.openTask(task, makeBrief(1), DeliveryId(randomUUID()));
    const other = await child(opened, "advance");
    await other.kill();

    expect(other.said).toBe(task);
    expect(await store.claimTask()).toBeUndefined();
    await sql`update tasks set held_until = held_until - 120000, due_at = due_at - 120000`.execute(db);
    expect((await store.claimTask())?.id).toBe(task);
  });

  it("P2: a burst is spread evenly, though all decide at the same instant", async () => {
    await using opened = await open(4);
    await queueTasks(opened.store, 12);

    await Promise.all(Array.from({ length: 12 }, (_, at) => opened.stores[at % 4]!.admit(OWNER, POLICY, pick)));

    expect(await credentialsLive(opened.store)).toEqual([4, 4, 4]);
  });

  it("P3: what is live and held is derived from leases, whatever happens to them in whatever order, and twice", async () => {
    await using opened = await open();
    const { store, db } = opened;
    const events = ["claim", "heartbeat", "report", "withdraw", "lose", "lose"] as const;
    const some = fc.array(fc.record({ lease: fc.nat(2), event: fc.constantFrom(...events) }), { minLength: 4, maxLength: 14 });
    await fc.assert(
      fc.asyncProperty(some, async (steps) => {
        await queueTasks(store, 3);
        const leases = [];
        for (let at = 0; at < 3; at += 1) leases.push((await grant(store, POLICY)).lease);
        for (const { lease: at, event } of steps) {
          const { id, task } = leases[at]!;
          if (event === "claim") await store.claimLease(id, RunId(Number(BigInt(`0x${id.slice(0, 8)}`))), "check", id);
          else if (event === "heartbeat") await store.recordHeartbeat(id, beat(), MicroUsd(1_000_000));
          else if (event === "report") await store.settle(id, worked(), "h", WORKED);
          else if (event === "withdraw") await store.withdrawLease(id);
          else await tryLose(opened, task, id);

          const { rows } = await sql<{ live: number; held: number }>`
            select count(*)::int as live, coalesce(sum(5450000), 0)::bigint as held from leases
            where state in ('offered', 'withdrawn', 'held')`.execute(db);
          const state = await look(store, POLICY);
          expect(state.credentials.reduce((sum, { live }) => sum + live, 0)).toBe(rows[0]!.live);
          expect(state.budgets.find(({ subject }) => subject.kind === "owner")!.held).toBe(rows[0]!.held);
          for (const { held } of state.budgets) expect(held).toBeGreaterThanOrEqual(0);
        }
        for (const { id, task } of leases) {
          await store.claimLease(id, RunId(Number(BigInt(`0x${id.slice(0, 8)}`))), "check", id);
          await tryLose(opened, task, id);
          await endOffer(opened, task, id);
        }
        await store.refuseQueued(OWNER, { reason: "too-big" });
        expect(await findWrong(db)).toEqual([]);
        expect(await db.selectFrom("holds").selectAll().execute()).toEqual([]);
      }),
      { numRuns: 12 },
    );
  });

  it("P4: after all leases have ended nothing is held, and what was spent is the ledger's sum", async () => {
    await using opened = await open();
    const { store, db } = opened;
    await queueTasks(store, 6);
    const started = [];
    for (let at = 0; at < 6; at += 1) started.push(await start(store, POLICY));
    expect((await heldMoney(store))["owner"]).toBe(6 * GRANT);

    for (const [at, { lease, task }] of started.entries())
      if (at % 2 === 0) await store.settle(lease.id, worked(), "h", WORKED);
      else await lose(opened, task, lease.id);

    expect(Object.values(await heldMoney(store))).toEqual([0, 0, 0, 0]);
    expect(await findWrong(db)).toEqual([]);
    const state = await look(store, POLICY);
    // Half a dollar and a minute for what reported, the whole cap and a minute for what didn't.
    expect(state.budgets.find(({ subject }) => subject.kind === "owner")!.used).toBe(
      3 * (500_000 + 6_000) + 3 * (5_000_000 + 6_000),
    );
  });

  it("P4: a check of the books finds a sum that isn't the ledger's", async () => {
    await using opened = await open();
    await queueTasks(opened.store, 1);
    await opened.store.settle((await start(opened.store, POLICY)).lease.id, worked(), "h", WORKED);
    expect(await findWrong(opened.db)).toEqual([]);

    await sql`update spend set amount = amount + 1 where subject = 'owner'`.execute(opened.db);

    expect(await findWrong(opened.db)).toEqual(["spend isn't the ledger's: owner"]);
  });

  it("P5: the first requests of a person nobody has heard of fall under each person's budget, all at once", async () => {
    await using opened = await open(4);
    const policy = policyOf([{ name: "one", provider: "anthropic", jobs: 50 }], { people: { budget: "$11/day" } });
    await queueTasks(opened.store, 8);

    const decisions = await Promise.all(Array.from({ length: 8 }, (_, at) => opened.stores[at % 4]!.admit(OWNER, policy, pick)));

    expect(decisions.filter(({ kind }) => kind === "grant")).toHaveLength(2);
  });

  it("P6: a rest is kept, never shortened, shared by the account's other keys, and over once the account is seen to serve", async () => {
    await using opened = await open();
    const { store } = opened;
    const policy = policyOf(["one", "two"].map((name) => ({ name, provider: "anthropic", account: "acme" })));
    const restOf = async (name: string) => {
      const { now, credentials } = await look(store, policy);
      return credentials.find((each) => each.name === name)!.cooldowns.map(({ model, until }) => [model, until - now] as const);
    };
    const endWith = async (settled: Partial<Settlement>, outcome: Outcome = worked()) => {
      await queueTasks(store, 1);
      await store.settle((await start(store, policy)).lease.id, outcome, "h", { ...SETTLED, ...settled });
    };
    await endWith({ fault: { kind: "rest", model: MODEL, ms: HOUR_MS } });
    await sql`delete from cooldowns where until < 0`.execute(opened.db);
    // Its windows rest for this model alone: another model's job goes on, and is told of a shorter rest.
    await queueTasks(store, 1, { route: { ...makePlanRow().route, model: "other" } });
    const other = await start(store, policy);
    await store.settle(other.lease.id, worked(), "h", { ...SETTLED, fault: { kind: "rest", model: MODEL, ms: MINUTE_MS } });

    for (const name of ["one", "two"]) {
      const [[model, ms]] = (await restOf(name)) as [[string, number]];
      expect(model).toBe(MODEL);
      expect(ms).toBeGreaterThan(HOUR_MS - MINUTE_MS);
    }
    // What was seen before the rest began ends nothing; what was seen since does.
    await queueTasks(store, 1, { route: { ...makePlanRow().route, model: "other" } });
    const { lease } = await start(store, policy);
    await store.recordHeartbeat(lease.id, beat({ observation: observed({ ageMs: HOUR_MS }) }), MicroUsd(0));
    expect(await restOf("one")).toHaveLength(1);
    // Of the other model: it says nothing of this one.
    await store.recordHeartbeat(lease.id, beat({ observation: observed() }), MicroUsd(0));
    expect(await restOf("one")).toHaveLength(1);
  });

  it("P6: a rest is over once the account is seen to serve that model, and not before", async () => {
    await using opened = await open();
    const { store, db } = opened;
    await queueTasks(store, 1);
    const { lease, credential } = await start(store, POLICY);
    const until = (await store.now()) + HOUR_MS;
    await sql`
      insert into cooldowns (owner_id, upstream, model, since, until)
      values (${OWNER}, ${`credential:${credential}`}, ${MODEL}, ${until - 2 * HOUR_MS}, ${until}),
        (${OWNER}, ${`credential:${credential}`}, '', ${until - 2 * HOUR_MS}, ${until})`.execute(db);

    const rejected = observed();
    const told = (observation: Observation) => store.recordHeartbeat(lease.id, beat({ observation }), MicroUsd(0));
    await told({ ...rejected, readings: rejected.readings.map((each) => ({ ...each, rejected: true })) });
    await told(observed({ signal: { kind: "throttle", retryAfterMs: null } }));
    await told(observed({ readings: [] }));
    expect((await credentialOf(store, credential)).cooldowns).toHaveLength(2);
    await told(observed());
    expect((await credentialOf(store, credential)).cooldowns).toEqual([]);
  });

  it("P6: a rest of a key stays one when its account turns out to be another's as well", async () => {
    await using opened = await open();
    const { store, db } = opened;
    await queueTasks(store, 1);
    const { lease, credential } = await start(store, POLICY);
    const now = await store.now();
    const rest = (upstream: string, ms: number) =>
      db
        .insertInto("cooldowns")
        .values({ owner_id: OWNER, upstream, model: "", since: now + 10_000, until: now + ms })
        .execute();
    await rest(`credential:${credential}`, HOUR_MS);
    await rest("provider:org", MINUTE_MS);

    await store.recordHeartbeat(lease.id, beat({ observation: observed({ upstream: "org" }) }), MicroUsd(0));

    const { upstream, cooldowns } = await credentialOf(store, credential);
    expect(upstream).toBe("provider:org");
    expect(cooldowns).toEqual([{ model: null, until: now + HOUR_MS }]);
  });

  it("P7: a window used up is none once it has begun anew, though nobody has told of it", async () => {
    await using opened = await open();
    const { store, db } = opened;
    const policy = policyOf([{ name: "one", provider: "anthropic", account: "acme" }]);
    const now = await store.now();
    await db
      .insertInto("allowances")
      .values({
        owner_id: OWNER,
        upstream: "account:acme",
        name: "week",
        model: "",
        share: 1,
        observed_at: now,
        resets_at: now + HOUR_MS,
        own: 90_000_000,
        since: 0,
        capacity: 90_000_000,
        error: 0,
        hidden: 0,
      })
      .execute();
    await queueTasks(store, 1);
    expect((await store.admit(OWNER, policy, pick)).kind).toBe("wait");

    await sql`update allowances set resets_at = ${now - 1}`.execute(db);

    expect((await store.admit(OWNER, policy, pick)).kind).toBe("grant");
  });

  it("P9: a report that comes twice, or at once through two doors, is charged once", async () => {
    await using opened = await open(2);
    const { store, db } = opened;
    await queueTasks(store, 1);
    const { lease } = await start(store, POLICY);

    const accepted = await Promise.all([
      opened.stores[0]!.settle(lease.id, worked(), "h", WORKED),
      opened.stores[1]!.settle(lease.id, worked(), "h", WORKED),
    ]);
    accepted.push(await store.settle(lease.id, worked(), "h", WORKED));

    expect(accepted.toSorted()).toEqual([false, false, true]);
    expect(await db.selectFrom("ledger").select(["kind", "amount", "listed"]).orderBy("kind").execute()).toEqual([
      { kind: "model", amount: 500_000, listed: 500_000 },
      { kind: "runner", amount: 6_000, listed: 6_000 },
    ]);
    expect(await findWrong(db)).toEqual([]);
  });

  it("P9: what reports nothing is charged all it might have spent, its windows too, and what was told before counts once", async () => {
    await using opened = await open();
    const { store, db } = opened;
    await queueTasks(store, 1);
    const { lease, task, credential } = await start(store, POLICY);
    await store.recordHeartbeat(lease.id, beat({ observation: observed() }), MicroUsd(2_000_000));

    await lose(opened, task, lease.id);

    expect(await db.selectFrom("ledger").select(["kind", "amount"]).orderBy("kind").execute()).toEqual([
      { kind: "model", amount: 5_000_000 },
      { kind: "runner", amount: 6_000 },
    ]);
    const [week] = await windowsOf(store, `credential:${credential}`);
    // The first two million were known when the account was seen.
    expect(week).toMatchObject({ own: 3_000_000, since: 3_000_000, held: 0 });
  });

  it("P9: what was never claimed costs nothing", async () => {
    await using opened = await open();
    const { store, db } = opened;
    await queueTasks(store, 1);
    const { lease, task } = await grant(store, POLICY);

    await endOffer(opened, task, lease.id);

    expect(await db.selectFrom("ledger").selectAll().execute()).toEqual([]);
    expect((await look(store, POLICY)).teams.find(({ name }) => name === "everyone")!.pass).toBeCloseTo(0);
  });

  it("P9: use that goes backwards adds nothing, and what is told twice is used once", async () => {
    await using opened = await open();
    const { store } = opened;
    await queueTasks(store, 1);
    const { lease, credential } = await start(store, POLICY);
    // The window is known before anything is used of it.
    await store.recordHeartbeat(lease.id, beat({ observation: observed() }), MicroUsd(0));

    for (const used of [100, 300, 300, 50, 0, 200, 400]) await store.recordHeartbeat(lease.id, beat(), MicroUsd(used));

    expect(await windowsOf(store, `credential:${credential}`)).toMatchObject([{ own: 400, since: 400 }]);
    await store.settle(lease.id, worked(), "h", WORKED);
    expect(await windowsOf(store, `credential:${credential}`)).toMatchObject([{ own: 500_000, since: 500_000 }]);
  });

  it("P9: what a window holds for a job is less by what the job has told of its use", async () => {
    await using opened = await open();
    const { store } = opened;
    const policy = policyOf([{ name: "one", provider: "anthropic", account: "acme" }]);
    await addWeek(opened);
    await queueTasks(store, 1);
    const { lease, holds } = await start(store, policy);
    const amount = holds.find(({ window }) => window === "window:week")!.amount;
    const week = async () => (await windowsOf(store, "account:acme", policy))[0]!;

    expect(await week()).toMatchObject({ held: amount, own: 0 });
    await store.recordHeartbeat(lease.id, beat(), MicroUsd(10));
    expect(await week()).toMatchObject({ held: amount - 10, own: 10 });
    await store.recordHeartbeat(lease.id, beat(), MicroUsd(amount + 10));
    expect(await week()).toMatchObject({ held: 0, own: amount + 10 });
    // Money is held to the end.
    expect((await heldMoney(store, policy))["owner"]).toBe(GRANT);
  });

  it("P9: what a window of tokens a minute holds is tokens, whatever the job has told of its money", async () => {
    await using opened = await open();
    const { store, db } = opened;
    const policy = makePolicy(["one"]);
    await queueTasks(store, 2);
    const reading = {
      window: "tokens-minute",
      model: MODEL,
      share: 0.1,
      limit: 400_000,
      resetsInMs: MINUTE_MS,
      rejected: false,
    } as const;
    const first = await start(store, policy);
    await store.recordHeartbeat(first.lease.id, beat({ observation: observed({ readings: [reading] }) }), MicroUsd(0));
    const second = await start(store, policy);
    await sql`update holds set amount = 5000 where lease_id = ${second.lease.id} and window_id = ${`window:tokens-minute:${MODEL}`}`.execute(
      db,
    );

    await store.recordHeartbeat(second.lease.id, beat(), MicroUsd(3_000));

    expect(await windowsOf(store, "credential:one", policy)).toMatchObject([
      { name: "tokens-minute", model: MODEL, held: 5_000 },
    ]);
  });

  it("P10: a key that was refused twice in a row is used no more, and no other's", async () => {
    await using opened = await open();
    const { store } = opened;
    const policy = makePolicy(["one", "two"]);
    const refuse = async () => {
      await queueTasks(store, 1);
      // Always the same one: the other is busy with what nobody ends.
      const { lease, credential } = await start(store, policy);
      await store.settle(lease.id, worked(), "h", { ...SETTLED, fault: { kind: "refused" } });
      return credential;
    };
    const names = [await refuse(), await refuse()].toSorted();
    expect(names).toEqual(["one", "two"]);
    expect((await look(store, policy)).credentials.map(({ quarantined }) => quarantined)).toEqual([false, false]);

    const third = await refuse();

    const { credentials } = await look(store, policy);
    expect(credentials.filter(({ quarantined }) => quarantined).map(({ name }) => name)).toEqual([third]);
  });

  it("P10: a credential whose key was replaced serves again when a person says so, and its account's rest is over", async () => {
    await using opened = await open();
    const { store } = opened;
    const policy = makePolicy(["one"]);
    await queueTasks(store, 4);
    const resting = await start(store, policy);
    for (let refusals = 0; refusals < 2; refusals += 1)
      await store.settle((await start(store, policy)).lease.id, worked(), "h", { ...SETTLED, fault: { kind: "refused" } });
    await store.settle(resting.lease.id, worked(), "h", { ...SETTLED, fault: REST });
    expect(await store.admit(OWNER, policy, pick)).toMatchObject({ kind: "wait" });

    const cleared = await store.clearCredential(OWNER, CredentialName("one"), undefined);

    expect(cleared).toEqual({ refusals: 2, rests: 1, windows: 0 });
    expect(await store.admit(OWNER, policy, pick)).toMatchObject({ kind: "grant", credential: "one" });
    expect(await store.clearCredential(OWNER, CredentialName("one"), undefined)).toEqual({ refusals: 0, rests: 0, windows: 0 });
  });

  it("P6: an account whose limit was lifted early serves again when a person says so, by whichever of its credentials", async () => {
    await using opened = await open();
    const { store } = opened;
    const policy = policyOf(["one", "two"].map((name) => ({ name, provider: "anthropic", account: "acme" })));
    await queueTasks(store, 2);
    const { lease, credential } = await start(store, policy);
    await store.settle(lease.id, worked({ observation: seenWeek(1, { signal: QUOTA }) }), "h", { ...SETTLED, fault: REST });
    expect(await store.admit(OWNER, policy, pick)).toMatchObject({ kind: "wait" });

    const other = CredentialName(credential === "one" ? "two" : "one");
    const cleared = await store.clearCredential(OWNER, other, "acme");

    expect(cleared).toEqual({ refusals: 0, rests: 1, windows: 1 });
    expect(await store.admit(OWNER, policy, pick)).toMatchObject({ kind: "grant" });
  });

  it("P10: jobs that were refused in one bad moment of the provider's are one doubt, not two", async () => {
    await using opened = await open();
    const { store } = opened;
    const policy = makePolicy(["one"]);
    await queueTasks(store, 3);
    const both = [await start(store, policy), await start(store, policy)];
    for (const { lease } of both) await store.settle(lease.id, worked(), "h", { ...SETTLED, fault: { kind: "refused" } });
    expect((await credentialOf(store)).quarantined).toBe(false);

    const { lease } = await start(store, policy);
    await store.settle(lease.id, worked(), "h", { ...SETTLED, fault: { kind: "refused" } });

    expect((await credentialOf(store)).quarantined).toBe(true);
  });

  it("P15: an outcome that comes late ends no rest and changes no figure that is newer than it", async () => {
    await using opened = await open();
    const { store, db } = opened;
    const policy = makePolicy(["one"]);
    await queueTasks(store, 2);
    const [early, late] = [await start(store, policy), await start(store, policy)];
    // The first ended well ten minutes ago, and the app could not be reached until now.
    const outcome = worked({ observation: seenWeek(0.9, { ageMs: 500 }) });
    await sql`update leases set heard_at = heard_at - 600000, deadline_at = deadline_at - 600000 where id = ${early.lease.id}`.execute(
      db,
    );
    await store.settle(late.lease.id, worked({ observation: seenWeek(1, { signal: QUOTA }) }), "h", { ...SETTLED, fault: REST });
    await sql`select pg_sleep(0.6)`.execute(db);

    await store.settle(early.lease.id, outcome, "h", { ...SETTLED, isTypical: true });

    const { credentials, upstreams } = await look(store, policy);
    expect(credentials[0]!.cooldowns).toHaveLength(1);
    expect(upstreams[0]!.windows[0]!.observed!.share).toBe(1);
  });

  it("P6: a rest goes on when the policy names the account, and when it names it no more", async () => {
    await using opened = await open();
    const { store } = opened;
    const named = (account?: string) => policyOf([{ name: "one", provider: "anthropic", account }]);
    await queueTasks(store, 2);
    const { lease } = await start(store, named());
    await store.settle(lease.id, worked({ observation: seenWeek(0.3, { upstream: "org" }) }), "h", { ...SETTLED, fault: REST });

    for (const policy of [named(), named("acme"), named()]) {
      const { credentials, upstreams } = await look(store, policy);
      expect(credentials[0]!.cooldowns).toHaveLength(1);
      expect(upstreams[0]!.windows[0]!.observed!.share).toBe(0.3);
    }
  });

  it("P17: what a key used before its provider named the account counts as the account's use since then", async () => {
    await using opened = await open();
    const { store, db } = opened;
    await queueTasks(store, 1);
    const { lease } = await start(store, POLICY);
    await store.recordHeartbeat(lease.id, beat(), MicroUsd(700_000));
    expect((await db.selectFrom("uses").select("upstream").executeTakeFirstOrThrow()).upstream).toMatch(/^credential:/);

    // Seen a minute ago, before that use: it is no part of the figure.
    await store.recordHeartbeat(
      lease.id,
      beat({ observation: seenWeek(0.2, { upstream: "org", ageMs: MINUTE_MS }) }),
      MicroUsd(700_000),
    );

    expect(await db.selectFrom("uses").select("upstream").distinct().execute()).toEqual([{ upstream: "provider:org" }]);
    const { since } = await db.selectFrom("allowances").select("since").executeTakeFirstOrThrow();
    expect(since).toBe(700_000);
  });

  it("what a job used before it was moved counts in what such jobs cost", async () => {
    await using opened = await open();
    const { store, db } = opened;
    const policy = makePolicy(["one", "two"]);
    await queueTasks(store, 1);
    const first = await start(store, policy);
    await store.settle(first.lease.id, worked(), "h", settlementOf(4_000_000, 6_000, { fault: REST }));
    await store.advance(await claim(store, first.task), "move");
    const second = await start(store, policy);
    await store.settle(second.lease.id, worked(), "h", settlementOf(100_000, 6_000, { isTypical: true }));

    const { rows } = await sql<{ cost: number }>`select distinct exp(log / n) as cost from seen`.execute(db);

    expect(rows[0]!.cost).toBeCloseTo(4_100_000, 0);
  });

  it("what a moved task had changed isn't kept when it is refused in the queue", async () => {
    await using opened = await open();
    const { store, db } = opened;
    const policy = makePolicy(["one"]);
    await queueTasks(store, 1);
    const { lease, task } = await start(store, policy);
    const change = { status: "added", path: "a.ts", mode: "100644", blob: "a".repeat(40), content: "c2VjcmV0" } as const;
    await store.settle(lease.id, worked({ changes: [change] }), "h", { ...SETTLED, fault: REST });
    await store.advance(await claim(store, task), "move");

    await store.refuseQueued(OWNER, { reason: "never-fits", why: "nobody-serves" }, task);

    expect(await db.selectFrom("leases").select("changes").execute()).toEqual([{ changes: null }]);
  });

  it("P1: a seat's jobs hold of its windows before anything is heard of them, and of those heard of meanwhile", async () => {
    await using opened = await open();
    const { store, db } = opened;
    const seats = ["one", "two"].map((name) => ({
      name,
      provider: "anthropic",
      kind: "seat",
      owner: "maintainer",
      account: "a",
    }));
    const policy = policyOf(seats);
    await queueTasks(store, 2);

    const first = await start(store, policy);
    await checkBooks(db);
    const { model } = first.lease.attempt.route;
    const told = seenWeek(0.1);
    const readings = [...told.readings, { ...told.readings[0]!, window: "week-model" as const, model }];
    await store.recordHeartbeat(first.lease.id, beat({ observation: { ...told, readings } }), MicroUsd(0));
    await checkBooks(db);

    const { upstreams } = await look(store, policy);
    expect(upstreams[0]!.windows.map(({ name, held }) => [name, held > 0])).toEqual(
      expect.arrayContaining([
        ["five-hour", true],
        ["week", true],
        ["week-model", true],
      ]),
    );
    expect(await store.admit(OWNER, policy, pick)).toMatchObject({ kind: "wait" });
  });

  it("the month's cost of a credential is its model's in the ledger, at the price paid and at list price", async () => {
    await using opened = await open();
    const { store, db } = opened;
    const spent = async (amount: number, listed: number) => {
      await queueTasks(store, 1);
      const entries = [
        { kind: "model", amount: MicroUsd(amount), listed: MicroUsd(listed), detail: {} },
        { kind: "runner", amount: MicroUsd(6_000), listed: MicroUsd(6_000), detail: {} },
      ] as const;
      const { lease } = await start(store, makePolicy(["one"]));
      await store.settle(lease.id, worked(), "h", { ...SETTLED, entries });
      return lease.id;
    };
    await store.recordPolicy(OWNER, { text: "", commit: "c".repeat(40), readAt: EpochMs(1) });
    await spent(500_000, 500_000);
    await spent(0, 70_000);
    const lastMonth = await spent(9_000_000, 9_000_000);
    await sql`update ledger set at = at - ${40 * DAY_MS} where lease_id = ${lastMonth}`.execute(db);

    const { months } = await store.readPool(OWNER);

    expect([...months]).toEqual([["one", { spent: 500_000, listed: 570_000, standby: 0 }]]);
  });

  it("P10: work between two refusals takes the doubt away; a rest, or a job that never reached the provider, doesn't", async () => {
    await using opened = await open();
    const { store } = opened;
    const policy = makePolicy(["one"]);
    const keyless = blocked({ reason: "keyMissing" });
    const refusals = async (...ends: readonly Partial<Settlement>[]) => {
      for (const settled of ends) {
        await queueTasks(store, 1);
        await sql`delete from cooldowns`.execute(opened.db);
        const { lease } = await start(store, policy);
        await store.settle(lease.id, settled.fault === null && settled.isTypical !== true ? keyless : worked(), "h", {
          ...SETTLED,
          ...settled,
        });
      }
      const [row] = await opened.db.selectFrom("credentials").select("refusals").execute();
      return row!.refusals;
    };
    const refused = { fault: { kind: "refused" } } as const;

    expect(await refusals(refused)).toBe(1);
    expect(await refusals({ fault: null, isTypical: true })).toBe(0);
    expect(await refusals(refused, { fault: { kind: "rest", model: null, ms: SECOND_MS } })).toBe(1);
    expect(await refusals({ fault: null })).toBe(1);
    expect((await credentialOf(store, "one", policy)).quarantined).toBe(false);
    expect(await refusals(refused)).toBe(2);
    expect((await credentialOf(store, "one", policy)).quarantined).toBe(true);
  });

  it("P10: an account that is used up rests, and isn't doubted", async () => {
    await using opened = await open();
    const { store } = opened;
    for (let at = 0; at < 3; at += 1) {
      await queueTasks(store, 1);
      const { lease } = await start(store, makePolicy(["one"]));
      await store.settle(lease.id, worked(), "h", { ...SETTLED, fault: { kind: "rest", model: null, ms: HOUR_MS } });
      if (at < 2) await sql`delete from cooldowns`.execute(opened.db);
    }

    const { quarantined, cooldowns } = await credentialOf(store, "one", makePolicy(["one"]));
    expect(quarantined).toBe(false);
    expect(cooldowns).toHaveLength(1);
  });

  it("P11: a team that has queued one task is served next but one, whatever the hog has queued and had", async () => {
    await using opened = await open();
    const { store } = opened;
    const asker = (team: string) => ({ asker: { ...makePlanRow().asker, team } });
    await queueTasks(store, 8, asker("hog"));
    for (let at = 0; at < 4; at += 1) await start(store, POLICY);
    const [web] = await queueTasks(store, 1, asker("web"));

    const next = [await start(store, POLICY), await start(store, POLICY)].map(({ task }) => task);

    expect(next).toContain(web);
    const { teams } = await look(store, POLICY);
    expect(Math.max(...teams.map(({ clock }) => clock))).toBeGreaterThan(0);
  });

  it("P12: where the store can't be reached nothing is granted, and the caller is told", async () => {
    await using opened = await open();
    await queueTasks(opened.store, 1);
    const gone = await openStore({ databaseUrl: opened.databaseUrl });
    const [server, name] = [opened.databaseUrl.replace(/[^/]+$/, "postgres"), opened.databaseUrl.split("/").at(-1)!];
    await using outside = await connect(server);
    // Its connections are cut, and none is let in.
    await outside.query(`alter database ${name} allow_connections false`);
    await outside.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", [name]);

    await expect(gone.admit(OWNER, POLICY, pick)).rejects.toThrow();

    await outside.query(`alter database ${name} allow_connections true`);
    expect(await countLeases(opened)).toBe(0);
    expect((await gone.admit(OWNER, POLICY, pick)).kind).toBe("grant");
    await gone.close();
  });

  it.each(["leases", "holds", "decisions", "teams", "credentials", "comments"])(
    "P12: a grant whose %s can't be written is none: nothing of it stays, and the caller is told",
    async (table) => {
      await using opened = await open();
      const { store, db } = opened;
      const [task] = await queueTasks(store, 1);
      await sql`create function refuse() returns trigger language plpgsql as $$ begin raise exception 'disk full'; end $$`.execute(
        db,
      );
      await sql`create trigger refuse before insert or update on ${sql.table(table)} execute function refuse()`.execute(db);

      await expect(store.admit(OWNER, POLICY, pick)).rejects.toThrow("disk full");

      expect(await store.readTask(task!)).toMatchObject({ state: "queued" });
      for (const each of ["attempts", "leases", "holds", "decisions"] as const)
        expect(await db.selectFrom(each).selectAll().execute()).toEqual([]);
      await sql`drop trigger refuse on ${sql.table(table)}`.execute(db);
      expect((await store.admit(OWNER, POLICY, pick)).kind).toBe("grant");
    },
  );

  it("P13: a settlement that comes after its lease was lost frees and charges nothing", async () => {
    await using opened = await open();
    const { store, db } = opened;
    await queueTasks(store, 3);
    const first = await start(store, POLICY);
    await start(store, POLICY);
    await lose(opened, first.task, first.lease.id);
    const before = await books(opened);

    expect(await store.settle(first.lease.id, worked(), "h", WORKED)).toBe(false);
    await store.recordHeartbeat(first.lease.id, beat({ observation: observed() }), MicroUsd(9_000_000));

    expect(await books(opened)).toEqual(before);
    expect((await heldMoney(store))["owner"]).toBe(GRANT);
    expect(await findWrong(db)).toEqual([]);
  });

  it("P13: a credential and its windows are free two minutes after the deadline, though nothing was heard, and not sooner; money when it is settled", async () => {
    await using opened = await open();
    const { store, db } = opened;
    const policy = policyOf([{ name: "one", provider: "anthropic", account: "acme", jobs: 1 }]);
    await addWeek(opened);
    await queueTasks(store, 2);
    const { holds, lease, task } = await start(store, policy);
    const amount = holds.find(({ window }) => window === "window:week")!.amount;
    const weekHeld = async () => (await windowsOf(store, "account:acme", policy))[0]!.held;

    await passTime(db, LEASE.termMs + LEASE.freedMs - 30 * SECOND_MS);
    expect(await weekHeld()).toBe(amount);
    expect((await credentialOf(store, "one", policy)).live).toBe(1);
    expect((await store.admit(OWNER, policy, pick)).kind).toBe("wait");

    await passTime(db, 30 * SECOND_MS);
    expect(await weekHeld()).toBe(0);
    expect((await credentialOf(store, "one", policy)).live).toBe(0);
    // Its run may report still.
    expect(await heldMoney(store, policy)).toEqual({ owner: GRANT, one: 5_000_000 });
    expect((await store.admit(OWNER, policy, pick)).kind).toBe("grant");
    await lose(opened, task, lease.id);
    expect(await heldMoney(store, policy)).toEqual({ owner: GRANT, one: 5_000_000 });
  });

  it("P13: an offer holds until it is taken back, however long", async () => {
    await using opened = await open();
    const { store, db } = opened;
    await queueTasks(store, 1);
    const { task, lease } = await grant(store, POLICY);

    await passTime(db, 30 * DAY_MS);
    expect((await heldMoney(store))["owner"]).toBe(GRANT);
    await endOffer(opened, task, lease.id);

    expect((await heldMoney(store))["owner"]).toBe(0);
  });

  it("P14: a budget is used to its last micro-dollar, and no further", async () => {
    await using opened = await open();
    const policy = makePolicy(["one"], "$10.90/month");
    await queueTasks(opened.store, 3);

    const kinds = [];
    for (let at = 0; at < 3; at += 1) kinds.push((await opened.store.admit(OWNER, policy, pick)).kind);

    expect(kinds).toEqual(["grant", "grant", "wait"]);
    expect((await heldMoney(opened.store, policy))["owner"]).toBe(10_900_000);
  });

  it("P15: a delivery that comes twice, and runs' ends told twice and out of order, change nothing", async () => {
    await using opened = await open();
    const { store } = opened;
    const brief = makeBrief(77);
    const delivery = { id: DeliveryId("d-1"), owner: OWNER, event: { kind: "request", brief } } as const;
    expect([await store.recordDelivery(delivery), await store.recordDelivery(delivery)]).toEqual([true, false]);
    const opens = [];
    for (let at = 0; at < 2; at += 1) opens.push(await store.openTask(TaskId(randomUUID()), brief, delivery.id));
    expect(opens).toEqual(["opened", "known"]);
    await queueTasks(store, 1);
    const { lease } = await grant(store, POLICY);
    const before = await books(opened);

    // Told that the run has ended before it was claimed, twice; then it claims and reports, and is told again.
    await store.hearRunEnded(lease.id);
    await store.hearRunEnded(lease.id);
    expect(await books(opened)).toEqual(before);
    expect(await store.claimLease(lease.id, RunId(4_711), "check", "token")).toBeDefined();
    await store.settle(lease.id, worked(), "h", WORKED);
    const settled = await books(opened);
    await store.hearRunEnded(lease.id);
    await store.hearRunEnded(LeaseId("unheard-of"));

    expect(await books(opened)).toEqual(settled);
    expect(await store.readLease(lease.id)).toMatchObject({ state: "settled" });
  });

  it("P15: observations that arrive in any order leave what the newest says", async () => {
    await using opened = await open();
    const { store } = opened;
    const ages = [3, 1, 2, 5, 4].map((minutes) => minutes * MINUTE_MS);
    await queueTasks(store, 1);
    const { lease, credential } = await start(store, POLICY);

    for (const ageMs of ages) {
      const reading = { ...observed().readings[0]!, share: 0.5 - ageMs / HOUR_MS, resetsInMs: DAY_MS + ageMs };
      await store.recordHeartbeat(lease.id, beat({ observation: observed({ ageMs, readings: [reading] }) }), MicroUsd(0));
    }

    const { now } = await look(store, POLICY);
    const [week] = await windowsOf(store, `credential:${credential}`);
    expect(week!.observed!.share).toBeCloseTo(0.5 - 1 / 60);
    expect(Math.abs(now - week!.observed!.at - MINUTE_MS)).toBeLessThan(30 * SECOND_MS);
  });

  it("P15: nothing that a runner sends is a point in time: the deadline is the database's, and its spans are bounded", async () => {
    await using opened = await open();
    const { store, db } = opened;
    await queueTasks(store, 1);
    const { lease } = await grant(store, POLICY);
    const before = await store.now();
    const claimed = await store.claimLease(lease.id, RunId(4_712), "check", "token");
    // A claim that is repeated doesn't start the clock anew.
    await passTime(db, 10 * MINUTE_MS);
    const again = await store.claimLease(lease.id, RunId(4_712), "check", "token-2");

    expect(claimed!.deadlineInMs).toBe(LEASE.termMs);
    expect(again!.deadlineInMs).toBeLessThanOrEqual(LEASE.termMs - 10 * MINUTE_MS);
    // An outcome says how long it took: no more minutes are charged than a job may last.
    await store.settle(lease.id, worked({ ms: 900 * DAY_MS }), "h", {
      ...SETTLED,
      entries: settlement(
        { usage: NO_USAGE, estimated: false, ms: 900 * DAY_MS, used: MicroUsd(0) },
        { price: makePlanRow().price, billed: true, minute: MINUTE },
      ),
    });
    const ledger = await db.selectFrom("ledger").select(["amount", "at"]).where("kind", "=", "runner").executeTakeFirstOrThrow();
    expect(ledger.amount).toBe(450_000);
    expect(Math.abs(ledger.at - before)).toBeLessThan(MINUTE_MS);
  });

  it("P16: the kept record of a grant gives the same decision again", async () => {
    await using opened = await open();
    const { store, db } = opened;
    await queueTasks(store, 4);
    const { record: _, lease, ...granted } = await start(store, POLICY);

    const { record } = await db
      .selectFrom("decisions")
      .select("record")
      .where("lease_id", "=", lease.id)
      .executeTakeFirstOrThrow();
    const kept = fromKept(record);

    expect(pick(kept.snapshot)).toEqual({ ...granted, record: kept });
  });

  it("P17: two credentials of one account share its windows, as soon as the provider says so", async () => {
    await using opened = await open();
    const { store } = opened;
    const policy = makePolicy(["one", "two"]);
    await queueTasks(store, 2);
    const [first, second] = [await start(store, policy), await start(store, policy)];
    expect([first.credential, second.credential].toSorted()).toEqual(["one", "two"]);
    const tell = (lease: LeaseId, share: number, used: number) => {
      const readings = observed().readings.map((each) => ({ ...each, share }));
      return store.recordHeartbeat(lease, beat({ observation: observed({ readings, upstream: "org" }) }), MicroUsd(used));
    };

    await tell(first.lease.id, 0.2, 100);
    await tell(second.lease.id, 0.3, 200);
    await store.recordHeartbeat(first.lease.id, beat(), MicroUsd(150));

    const { credentials, upstreams } = await look(store, policy);
    expect(credentials.map(({ upstream }) => upstream)).toEqual(["provider:org", "provider:org"]);
    expect(upstreams).toHaveLength(1);
    // 200 of the second's and 50 of the first's, the last of which nobody has seen yet.
    expect(upstreams[0]!.windows).toMatchObject([{ observed: { share: 0.3 }, own: 250, since: 50 }]);
  });

  it("P17: a key that is another account's from now on takes no window of the old one with it", async () => {
    await using opened = await open();
    const { store } = opened;
    const policy = makePolicy(["one", "two"]);
    await queueTasks(store, 2);
    const [first, second] = [await start(store, policy), await start(store, policy)];
    for (const { lease } of [first, second])
      await store.recordHeartbeat(lease.id, beat({ observation: observed({ upstream: "old" }) }), MicroUsd(100));

    await store.recordHeartbeat(first.lease.id, beat({ observation: observed({ upstream: "new" }) }), MicroUsd(100));

    const { upstreams, credentials } = await look(store, policy);
    expect(credentials.find(({ name }) => name === first.credential)!.upstream).toBe("provider:new");
    expect(upstreams.find(({ id }) => id === "provider:old")!.windows).toHaveLength(1);
    expect(upstreams.find(({ id }) => id === "provider:new")!.windows).toHaveLength(1);
  });

  it("a credential that the policy no longer names gets nothing more, and what runs on it ends as always", async () => {
    await using opened = await open();
    const { store, db } = opened;
    await queueTasks(store, 3);
    const before = makePolicy(["gone"]);
    const { lease } = await start(store, before);
    const policy = makePolicy(["one"]);

    const next = [await start(store, policy), await start(store, policy)].map(({ credential }) => credential);
    expect(next).toEqual(["one", "one"]);
    // Its budget with the owner is still held.
    expect((await heldMoney(store, policy))["owner"]).toBe(3 * GRANT);
    await store.recordHeartbeat(lease.id, beat({ observation: observed() }), MicroUsd(10));
    expect(await store.settle(lease.id, worked(), "h", WORKED)).toBe(true);

    expect((await heldMoney(store, policy))["owner"]).toBe(2 * GRANT);
    expect(await db.selectFrom("ledger").select("credential").distinct().execute()).toEqual([{ credential: "gone" }]);
    expect(await findWrong(db)).toEqual([]);
  });

  it("a task that a limit has interrupted goes on before all others, on another credential, in the same attempt", async () => {
    await using opened = await open();
    const { store } = opened;
    const policy = makePolicy(["one", "two"]);
    await queueTasks(store, 3);
    const { lease, task, credential } = await start(store, policy);
    await store.settle(lease.id, worked(), "h", { ...SETTLED, fault: { kind: "rest", model: null, ms: SECOND_MS } });
    await store.advance(await claim(store, task), "move");
    await sql`delete from cooldowns`.execute(opened.db);

    const next = await start(store, policy);

    expect(next.task).toBe(task);
    expect(next.credential).not.toBe(credential);
    const leases = await store.readLeases(task);
    expect(leases.map(({ attempt, fence }) => [attempt.number, fence])).toEqual([
      [1, 1],
      [1, 2],
    ]);
    expect(leases[0]!.attempt.id).toBe(leases[1]!.attempt.id);
  });

  it("what jobs have cost is what the next of their kind is expected to", async () => {
    await using opened = await open();
    const { store } = opened;
    await queueTasks(store, 1);
    const meanOf = async () => (await look(store, POLICY)).queue[0]!.estimate.mean;
    const before = await meanOf();

    for (let at = 0; at < 6; at += 1) {
      await queueTasks(store, 1);
      const entries = [{ kind: "model", amount: MicroUsd(4_000_000), listed: MicroUsd(4_000_000), detail: {} }] as const;
      await store.settle((await start(store, POLICY)).lease.id, worked(), "h", { entries, fault: null, isTypical: true });
    }

    expect(await meanOf()).toBeGreaterThan(2 * before);
  });

  it("the longest-waiting task that was passed over is marked once, and unmarked when it is granted", async () => {
    await using opened = await open();
    const { store, db } = opened;
    const [large] = await queueTasks(store, 1, { budget: MicroUsd(9_000_000) });
    await queueTasks(store, 2);
    const policy = makePolicy(["one"], "$11/month");
    const markOf = async () =>
      (await db.selectFrom("tasks").select("passed_over_at").where("id", "=", large!).executeTakeFirstOrThrow()).passed_over_at;

    const small = await start(store, policy);
    // It was first, and fitted: the other two weren't passed over.
    expect(small.task).toBe(large);
    expect(await markOf()).toBeNull();
    await store.settle(small.lease.id, worked(), "h", SETTLED);
    const [larger] = await queueTasks(store, 1, { budget: MicroUsd(10_900_000) });
    expect((await start(store, policy)).task).not.toBe(larger);
    const marks = await db.selectFrom("tasks").select("id").where("passed_over_at", "is not", null).execute();
    expect(marks).toEqual([]);
  });

  it("a task that finds no room is marked when another is granted before it, once, and unmarked when it is granted", async () => {
    await using opened = await open();
    const { store, db } = opened;
    const policy = makePolicy(["one"], "$11/month");
    const marked = () => db.selectFrom("tasks").select("id").where("passed_over_at", "is not", null).execute();
    const [first] = await queueTasks(store, 1, { budget: MicroUsd(5_000_000) });
    const { lease } = await start(store, policy);
    const [large] = await queueTasks(store, 1, { budget: MicroUsd(10_000_000) });
    await queueTasks(store, 1, { budget: MicroUsd(1_000_000) });

    const small = await start(store, policy);

    expect(small.task).not.toBe(large);
    expect(await marked()).toEqual([{ id: large }]);
    await store.settle(lease.id, worked(), "h", SETTLED);
    await store.settle(small.lease.id, worked(), "h", SETTLED);
    expect((await start(store, policy)).task).toBe(large);
    expect(await marked()).toEqual([]);
    expect(first).not.toBe(large);
  });
});

async function connect(connectionString: string) {
  const client = new Client({ connectionString });
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

async function credentialsLive(store: Store): Promise<readonly number[]> {
  return (await look(store, POLICY)).credentials.map(({ live }) => live);
}

async function countLeases({ db }: Opened): Promise<number> {
  return (await db.selectFrom("leases").select("id").execute()).length;
}

/** The queue's comments have said that their tasks wait: they are not written again with each look. */
async function sayWaiting({ db }: Opened): Promise<void> {
  await sql`update comments set said = 'queued'`.execute(db);
}

/** An account whose week is known and unused. */
async function addWeek({ store, db }: Opened): Promise<void> {
  const now = await store.now();
  const week = { owner_id: OWNER, upstream: "account:acme", name: "week", model: "", share: 0, own: 0, since: 0 } as const;
  const known = { observed_at: now, resets_at: now + DAY_MS, capacity: 90_000_000, error: 0, hidden: 0 };
  await db
    .insertInto("allowances")
    .values({ ...week, ...known })
    .execute();
}

/** Money, holds and windows. */
async function books({ db }: Opened): Promise<unknown> {
  const tables = ["ledger", "spend", "holds", "allowances", "teams", "seen", "cooldowns"] as const;
  const rows = [];
  for (const table of tables) rows.push(await db.selectFrom(table).selectAll().execute());
  return rows;
}

/** Loses the lease of a task that runs; nothing, where the lifecycle has no such step any more. */
async function tryLose(opened: Opened, task: TaskId, lease: LeaseId): Promise<void> {
  const { state } = (await opened.store.readTask(task))!;
  if (state === "running") await lose(opened, task, lease);
}

/** An offer that ran out is taken back, and its task waits again. */
async function endOffer({ store, db }: Opened, task: TaskId, lease: LeaseId): Promise<void> {
  const { state } = (await store.readTask(task))!;
  if (state !== "dispatching" && state !== "awaiting") return;
  await store.withdrawLease(lease);
  await wake(db, task);
  if (state === "dispatching") await store.advance(await claim(store, task), "dispatch", { dueInMs: 0 }, { lease });
  await wake(db, task);
  await store.advance(await claim(store, task), "expire", {}, { lease, lose: true });
}
