import { sql, type Kysely } from "kysely";
import type { CredentialName, LeaseId, OwnerId } from "#core/wire/ids.ts";
import { EpochMs } from "#core/wire/units.ts";
import { windowsOf, type LedgerEntry } from "#core/pool/ledger.ts";
import { monthOf } from "#core/pool/windows.ts";
import { NOW } from "./migrations.ts";
import type { Schema } from "./schema.ts";

/** Appends what a lease cost, and adds it to the sums of the windows it counts in, in the caller's transaction. */
export async function writeLedger(
  tx: Kysely<Schema>,
  of: { lease: LeaseId; owner: OwnerId; credential: CredentialName },
  entries: readonly LedgerEntry[],
): Promise<void> {
  const { now } = await tx.selectNoFrom(NOW.as("now")).executeTakeFirstOrThrow();
  const since = monthOf(EpochMs(now)).start;
  for (const entry of entries) {
    const { kind, amount, detail } = entry;
    await tx
      .insertInto("ledger")
      .values({
        lease_id: of.lease,
        owner_id: of.owner,
        credential: of.credential,
        kind,
        amount,
        detail: JSON.stringify(detail),
        at: now,
      })
      .execute();
    for (const window_id of windowsOf(entry, of.credential)) {
      await tx
        .insertInto("spend")
        .values({ owner_id: of.owner, window_id, since, amount })
        .onConflict((conflict) =>
          conflict.columns(["owner_id", "window_id", "since"]).doUpdateSet({ amount: sql`spend.amount + excluded.amount` }),
        )
        .execute();
    }
  }
}
