import { sql, type Kysely } from "kysely";
import { describe, expect, it } from "vitest";
import { Policy } from "#core/config/policy.ts";
import { pick } from "#core/pool/pick.ts";
import { toSnapshot } from "#core/pool/snapshot.ts";
import { reportOf } from "#core/pool/report.ts";
import { settlement } from "#core/pool/ledger.ts";
import { NO_USAGE } from "#core/wire/contract.ts";
import { RunId } from "#core/wire/ids.ts";
import { DAY_MS, HOUR_MS, MicroUsd, MINUTE_MS } from "#core/wire/units.ts";
import type { Schema } from "#adapters/store/schema.ts";
import type { CurrentPolicy } from "#ports/store.ts";
import { makePlanRow } from "../kit/briefs.ts";
import { decide } from "../kit/decide.ts";
import { beat, ran } from "../kit/outcomes.ts";
import { grant, look, open, OWNER, queueTasks, start, type Opened } from "./pool-kit.ts";

const { asker, price, runner } = makePlanRow();
const ON_STANDBY = { asker: { ...asker, standby: true } } as const;

/** These beside a seat of who asks for all of this. */
function withSeat(...others: readonly object[]): CurrentPolicy {
  const seat = { name: "ada-max", provider: "anthropic", kind: "seat", owner: "maintainer" };
  const policy = Policy.parse({ version: 1, pool: [seat, ...others], runner: "acme/agent-runner", budget: "$200/month" });
  return { policy, commit: "c".repeat(40) };
}
const SEATS = withSeat();

/** The seat's windows as they were seen a moment ago: of $10 in five hours and $100 a week, this share of both is used. */
async function seen(db: Kysely<Schema>, share: number, upstream = "credential:ada-max"): Promise<void> {
  for (const [name, capacity, lastsMs] of [
    ["five-hour", 10e6, 4 * HOUR_MS],
    ["week", 100e6, DAY_MS],
  ] as const)
    await sql`
      insert into allowances (owner_id, upstream, name, model, share, observed_at, resets_at, published)
      select ${OWNER}, ${upstream}, ${name}, '', ${share}, now_ms, now_ms + ${lastsMs}::bigint, ${capacity}
      from (select (extract(epoch from now()) * 1000)::bigint as now_ms) as clock
      on conflict (owner_id, upstream, name, model) do update set share = excluded.share`.execute(db);
}

const waits = async ({ store }: Opened, policy = SEATS) => {
  const decision = await decide(store, OWNER, policy, pick);
  if (decision.kind === "grant") throw new Error(`${decision.task} was granted`);
  return decision;
};
const noteOf = async ({ store }: Opened, lease: Parameters<Opened["store"]["readLease"]>[0]) =>
  (await store.readLease(lease))?.note;

/** 40 cents of tokens and a minute. */
const worked = ran({ usage: { ...NO_USAGE, inputTokens: 800_000 }, ms: MINUTE_MS });
const SETTLEMENT = {
  entries: settlement(
    { usage: worked.usage, estimated: false, ms: MINUTE_MS, used: MicroUsd(0) },
    { price, billed: false, minute: runner.minute },
  ),
  fault: null,
  isTypical: true,
};

describe("standby on real Postgres", () => {
  it("is granted what would be lost, charges its team nothing, and marks what it drew", async () => {
    await using opened = await open();
    const { store, db } = opened;
    const [task] = await queueTasks(store, 1, ON_STANDBY);
    expect((await waits(opened)).waiting[0]?.whyNot).toEqual({ "nothing-expires": 1 });
    await seen(db, 0.2);
    await store.recordPolicy(OWNER, { text: "", commit: "c", readAt: await store.now() });

    const { lease } = await start(store, SEATS);
    expect(await store.settle(lease.id, worked, "hash", SETTLEMENT)).toBe(true);

    expect(lease.task).toBe(task);
    expect(await db.selectFrom("teams").select(["name", "pass"]).execute()).toEqual([{ name: "everyone", pass: 0 }]);
    expect(await db.selectFrom("ledger").select(["kind", "listed", "standby"]).orderBy("kind").execute()).toEqual([
      { kind: "model", listed: 400_000, standby: true },
      { kind: "runner", listed: 6_000, standby: true },
    ]);
    const { stored, months } = await store.readPool(OWNER);
    const [credential] = reportOf(toSnapshot(SEATS.policy, "c", stored, 0), SEATS.policy.pool, months).credentials;
    expect(credential?.saved).toEqual({ listed: 400_000, weeks: 0.004 });
  });

  it("counts what all other work has drawn in the last week, and not its own", async () => {
    await using opened = await open();
    const { store, db } = opened;
    await seen(db, 0.2);
    for (const standby of [false, true]) {
      await queueTasks(store, 1, standby ? ON_STANDBY : {});
      const { lease } = await start(store, SEATS);
      await store.settle(lease.id, worked, "hash", SETTLEMENT);
    }
    await queueTasks(store, 1, ON_STANDBY);

    const { upstreams } = await look(store, SEATS);

    // The pool is younger than a day, and counts as that old.
    expect(upstreams[0]?.drawn).toEqual({ weekPerMs: 400_000 / DAY_MS, fiveHoursPerMs: 400_000 / (5 * HOUR_MS) });
    // So much a day that nothing of the five hours would be lost.
    await sql`update ledger set listed = 8000000 where kind = 'model' and not standby`.execute(db);
    expect((await waits(opened)).waiting[0]?.whyNot).toEqual({ "nothing-expires": 1 });
    expect((await waits(opened)).waiting[0]?.of).toEqual({ "nothing-expires": "five-hour" });
  });

  it("reads nothing of that while nothing waits on standby", async () => {
    await using opened = await open();
    await queueTasks(opened.store, 1);

    expect((await look(opened.store, SEATS)).upstreams[0]).not.toHaveProperty("drawn");
  });

  it("is told to give way to a task that waits for its seat, once, and no run can take what was only offered", async () => {
    await using opened = await open();
    const { store, db } = opened;
    await seen(db, 0.2);
    await queueTasks(store, 1, ON_STANDBY);
    const offered = await grant(store, SEATS);
    const [normal] = await queueTasks(store, 1);

    const first = await waits(opened);
    const second = await waits(opened);

    expect([first.giveWay, second.giveWay]).toEqual([[offered.lease.id], undefined]);
    expect(await noteOf(opened, offered.lease.id)).toEqual({ why: "gave-way" });
    expect(await store.claimLease(offered.lease.id, RunId(7), "check", "hash")).toBeUndefined();
    const due = await store.claimTask();
    expect(due?.id).toBe(offered.task);
    expect(await store.advance(due!, "expire", {}, { lease: offered.lease.id, lose: true })).toBe(true);
    expect((await grant(store, SEATS)).task).toBe(normal);
    expect((await waits(opened)).waiting).toMatchObject([{ task: offered.task, whyNot: { busy: 1 } }]);
    // What was never begun has cost nothing.
    expect(await db.selectFrom("ledger").select("lease_id").execute()).toEqual([]);
  });

  it("keeps what it holds until its run has reported, and then the other task has the seat", async () => {
    await using opened = await open();
    const { store, db } = opened;
    await seen(db, 0.2);
    await queueTasks(store, 1, ON_STANDBY);
    const running = await start(store, SEATS);
    await store.recordHeartbeat(running.lease.id, beat(), MicroUsd(100_000));
    const [normal] = await queueTasks(store, 1);

    expect((await waits(opened)).giveWay).toEqual([running.lease.id]);
    await store.recordHeartbeat(running.lease.id, beat(), MicroUsd(200_000));
    expect(await noteOf(opened, running.lease.id)).toEqual({ why: "gave-way" });
    expect((await waits(opened)).giveWay).toBeUndefined();
    await store.settle(running.lease.id, worked, "hash", SETTLEMENT);

    expect((await grant(store, SEATS)).task).toBe(normal);
  });

  it("is left alone by another task on standby, and by one that another credential serves", async () => {
    await using opened = await open();
    const { store, db } = opened;
    const both = withSeat({ name: "key", provider: "anthropic" });
    await seen(db, 0.2);
    await queueTasks(store, 2, ON_STANDBY);
    const { lease } = await start(store, SEATS);

    expect((await waits(opened)).giveWay).toBeUndefined();
    await queueTasks(store, 1);

    expect((await grant(store, both)).credential).toBe("key");
    expect(await noteOf(opened, lease.id)).toBeNull();
  });
});
