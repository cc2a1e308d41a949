import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { receiptOf } from "#core/pool/receipt.ts";
import { parsePolicy } from "#core/config/policy-file.ts";
import { pick } from "#core/pool/pick.ts";
import { NO_USAGE } from "#core/wire/contract.ts";
import { ActorId, CredentialName, DeliveryId, OwnerId, RunId, TaskId } from "#core/wire/ids.ts";
import { EpochMs } from "#core/wire/units.ts";
import type { Connection } from "#adapters/store/connect.ts";
import type { Store } from "#ports/store.ts";
import { makeBrief, makePlanRow, settlementOf } from "../kit/briefs.ts";
import { ran, seenWeek } from "../kit/outcomes.ts";
import { ENGINES, openFresh } from "../kit/stores.ts";

const OWNER = OwnerId(10);
const SEAT = CredentialName("ada-max");
const ADA = { id: ActorId(40), login: "ada" };
const POLICY = `version: 1
pool: [{ name: ada-max, provider: anthropic, kind: seat, owner: ada, serves: everyone }]
runner: acme/agent-runner
budget: $200/month
`;

describe.each(ENGINES)("receipts on %s", (engine) => {
  let connection: Connection;
  let store: Store;
  beforeAll(async () => {
    ({ connection, store } = await openFresh(engine));
  });
  beforeEach(async () => {
    for (const table of ["receipt_comments", "receipts", "consents"])
      await sql`delete from ${sql.table(table)}`.execute(connection.db);
  });
  afterAll(() => store.close());

  const lend = () => store.giveConsent(OWNER, SEAT, ADA, DeliveryId(randomUUID()));
  const WRITTEN = { lender: ADA.id, comment: 7, hash: "h", standing: "ada-max lent", isLast: false };

  it("are due when a seat is lent and when it is taken back, and at no other time by themselves", async () => {
    expect(await store.claimReceipts()).toBeUndefined();
    await lend();
    const row = (await store.claimReceipts())!;
    expect(row).toMatchObject({ owner: OWNER, issue: null, written: [] });
    expect(await store.claimReceipts()).toBeUndefined();
    await store.rest(row, null);
    expect(await store.claimReceipts()).toBeUndefined();

    await store.revokeConsent(OWNER, SEAT, ADA);

    expect(await store.claimReceipts()).toMatchObject({ owner: OWNER });
  });

  it("are looked at again where a seat was taken back meanwhile", async () => {
    await lend();
    const row = (await store.claimReceipts())!;
    await store.revokeConsent(OWNER, SEAT, ADA);
    await store.rest(row, null);

    expect(await store.claimReceipts()).toBeDefined();
  });

  it("keep what was written, until the issue is gone", async () => {
    await lend();
    const row = (await store.claimReceipts())!;
    expect(await store.recordReceiptsIssue(row, 3)).toBe(true);
    expect(await store.recordReceipt(row, WRITTEN)).toBe(true);
    expect(await store.recordReceipt(row, { ...WRITTEN, hash: "other" })).toBe(true);
    await store.rest(row, 0);

    const again = (await store.claimReceipts())!;
    expect(again).toMatchObject({ issue: 3, written: [{ ...WRITTEN, hash: "other" }] });
    await store.recordReceiptsIssue(again, null);
    await store.rest(again, 0);

    expect(await store.claimReceipts()).toMatchObject({ issue: null, written: [] });
  });

  it("are not written down by who has lost the claim", async () => {
    await lend();
    const row = (await store.claimReceipts())!;
    await sql`update receipts set held_by = 'another'`.execute(connection.db);

    expect(await store.recordReceiptsIssue(row, 3)).toBe(false);
    expect(await store.recordReceipt(row, WRITTEN)).toBe(false);
  });

  it("hold what a run has cost and seen, as the ledger and its report have it", async () => {
    await lend();
    const task = TaskId(randomUUID());
    await store.openTask(task, makeBrief(1), DeliveryId(randomUUID()));
    await store.advance((await store.claimTask())!, "plan", { plan: makePlanRow() });
    const policy = parsePolicy("acme", POLICY);
    if (!policy.ok) throw new Error("the policy is broken");
    const commit = "c".repeat(40);
    await store.recordPolicy(OWNER, { text: POLICY, commit, readAt: await store.now() });
    await store.admit(OWNER, { policy: policy.value, commit }, pick);
    const lease = (await store.readLeases(task))[0]!;
    const dispatching = (await store.claimTask())!;
    await store.expectRun(lease.id, { repositoryId: 1, ownerId: 10, workflowRef: "w", ref: "r" });
    await store.advance(dispatching, "dispatch", {}, { lease: lease.id, run: { id: RunId(1), url: "https://x" } });
    await store.claimLease(lease.id, RunId(1), "check", "hash");
    expect((await store.readLendings(OWNER, EpochMs(0)))[0]).toMatchObject({ live: 1, draws: [] });

    await store.settle(lease.id, ran({ usage: NO_USAGE, observation: seenWeek(0.25, { ageMs: 5 }) }), "o", settlementOf(1_500_000, 6_000));

    const [lending] = await store.readLendings(OWNER, EpochMs(0));
    expect(lending).toMatchObject({
      lender: ADA,
      live: 0,
      seats: [{ name: SEAT, state: "lent" }],
      draws: [
        { task, by: { login: "maintainer" }, listed: 1_500_000, standby: false, seen: { ageMs: 5, readings: [{ share: 0.25 }] } },
      ],
    });
    const { draws } = lending!;
    const seat = { name: SEAT, state: "lent" as const, keepForOwner: 0.4, account: "a", windows: [] };
    const { weeks } = receiptOf({ now: await store.now(), lender: ADA, seats: [seat], draws }).seats[0]!;
    expect(weeks[1]).toMatchObject({ tasks: 1, listed: 1_500_000, windows: [{ window: "five-hour" }, { whole: 0.25, reserve: "untouched" }] });
    expect(await store.readLendings(OWNER, EpochMs((await store.now()) + 1_000))).toMatchObject([{ draws: [] }]);
    expect(await store.readLendings(OwnerId(11), EpochMs(0))).toEqual([]);
  });
}); // prettier-ignore
