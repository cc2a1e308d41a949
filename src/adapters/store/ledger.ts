import { sql, type Kysely } from "kysely";
import type { CredentialName, LeaseId, OwnerId } from "#core/wire/ids.ts";
import { EpochMs } from "#core/wire/units.ts";
import { spendersOf, subjectsOf, type LedgerEntry } from "#core/pool/ledger.ts";
import { periodOf, subjectId } from "#core/pool/windows.ts";
import type { Plan } from "#core/plan/plan.ts";
import { NOW } from "./migrations.ts";
import type { Schema } from "./schema.ts";

/** Appends what a lease cost, and adds it to the day's sums of everyone whose money it is, in the caller's transaction. */
export async function writeLedger(
  tx: Kysely<Schema>,
  of: {
    readonly lease: LeaseId;
    readonly owner: OwnerId;
    readonly credential: CredentialName;
    readonly plan: Plan;
    readonly standby: boolean;
  },
  entries: readonly LedgerEntry[],
): Promise<void> {
  const { now } = await tx.selectNoFrom(NOW.as("now")).executeTakeFirstOrThrow();
  const day = periodOf("day", EpochMs(now)).start;
  const { team, person, repository } = of.plan.asker;
  const spender = {
    credential: subjectId({ kind: "credential", name: of.credential }),
    others: spendersOf({ team, person, repository: repository.id }),
  };
  for (const entry of entries) {
    const { kind, amount, listed, detail } = entry;
    await tx
      .insertInto("ledger")
      .values({
        lease_id: of.lease,
        owner_id: of.owner,
        credential: of.credential,
        kind,
        amount,
        listed,
        detail: JSON.stringify(detail),
        standby: of.standby,
        at: now,
      })
      .execute();
    await tx
      .insertInto("spend")
      .values(subjectsOf(entry, spender).map((subject) => ({ owner_id: of.owner, subject, day, amount })))
      .onConflict((conflict) =>
        conflict.columns(["owner_id", "subject", "day"]).doUpdateSet({ amount: sql`spend.amount + excluded.amount` }),
      )
      .execute();
  }
}
