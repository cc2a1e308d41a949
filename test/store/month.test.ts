import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { WhyNot } from "#core/pool/decision.ts";
import { pick } from "#core/pool/pick.ts";
import { DeliveryId, OwnerId, RunId, TaskId, type LeaseId } from "#core/wire/ids.ts";
import type { Connection } from "#adapters/store/connect.ts";
import type { Store } from "#ports/store.ts";
import { blocked } from "../kit/outcomes.ts";
import { decide } from "../kit/decide.ts";
import { makeBrief, makePlanRow, makePolicy, settlementOf } from "../kit/briefs.ts";
import { checkBooks } from "../kit/invariants.ts";
import { turnMonth } from "../kit/month.ts";
import { ENGINES, openFresh } from "../kit/stores.ts";

const OWNER = OwnerId(10);
/** A grant reserves $5.45, so there is room for one at a time, and for none beside $2 that are spent. */
const POLICY = makePolicy(["one"], "$7/month");
const BLOCKED = blocked();
const COST = settlementOf(2_000_000, 6_000);

describe.each(ENGINES)("a month's turn, with the store on %s", (engine) => {
  let connection: Connection;
  let store: Store;
  let issues = 0;
  beforeEach(async () => {
    ({ connection, store } = await openFresh(engine));
    issues = 0;
  });
  afterEach(async () => {
    try {
      await checkBooks(connection.db);
    } finally {
      await store.close();
    }
  });

  async function queue(): Promise<TaskId> {
    issues += 1;
    const task = TaskId(randomUUID());
    await store.openTask(task, makeBrief(issues), DeliveryId(randomUUID()));
    await store.advance((await store.claimTask())!, "plan", { plan: makePlanRow() });
    return task;
  }
  /** The lease that is offered now, taken by its run. */
  async function start(): Promise<LeaseId> {
    await queue();
    expect(await admit()).toBe("grant");
    const task = (await store.claimTask())!;
    const { id } = (await store.readLeases(task.id))[0]!;
    expect(await store.claimLease(id, RunId(issues), "check", "hash")).toBeDefined();
    return id;
  }
  async function admit(): Promise<"grant" | Partial<Record<WhyNot["why"], number>> | undefined> {
    const decision = await decide(store, OWNER, POLICY, pick);
    return decision.kind === "grant" ? "grant" : decision.record.passedOver[0]?.whyNot;
  }
  /** The owner's spending by month, 0 being this one. */
  async function spending(): Promise<Record<number, number>> {
    const { rows } = await sql<{ ago: number; amount: number }>`
      select amount, (12 * extract(year from span) + extract(month from span))::int as ago from (
        select sum(amount)::bigint as amount,
          age(date_trunc('month', now() at time zone 'UTC'), date_trunc('month', to_timestamp(day / 1000) at time zone 'UTC')) as span
        from spend where owner_id = ${OWNER} and subject = 'owner' group by span
      ) as months`.execute(connection.db);
    return Object.fromEntries(rows.map((row) => [row.ago, row.amount]));
  }

  it("leaves what a run still holds promised, and charges the month in which it reports", async () => {
    const lease = await start();
    await queue();
    expect(await admit()).toEqual({ budget: 1 });

    await turnMonth(connection.db);
    const held = await admit();
    await store.settle(lease, BLOCKED, "h", COST);

    expect(held).toEqual({ budget: 1 });
    expect(await spending()).toEqual({ 0: 2_006_000 });
    expect(await admit()).toEqual({ budget: 1 });
  });

  it("charges a run that never reports to the month in which it is taken for lost", async () => {
    const lease = await start();

    await turnMonth(connection.db);
    const verdict = { verdict: "lost", why: { why: "deadline" } } as const;
    const moved = await store.advance((await store.claimTask())!, "lose", {}, { lease, lose: true, verdict });

    expect(moved).toBe(true);
    // The model's whole budget, and the 75 minutes that a job may last at most.
    expect(await spending()).toEqual({ 0: 5_450_000 });
  });

  it("opens a budget again that was used up, and keeps each month's sum", async () => {
    const lease = await start();
    await queue();
    await store.settle(lease, BLOCKED, "h", COST);
    const usedUp = await admit();

    await turnMonth(connection.db);
    const open = await admit();

    expect([usedUp, open]).toEqual([{ budget: 1 }, "grant"]);
    expect(await spending()).toEqual({ 1: 2_006_000 });
    await turnMonth(connection.db);
    expect(await spending()).toEqual({ 2: 2_006_000 });
  });
});
