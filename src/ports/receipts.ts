import type { ActorId, CredentialName, OwnerId } from "#core/wire/ids.ts";
import type { EpochMs } from "#core/wire/units.ts";
import type { Draw, LendingState } from "#core/pool/receipt.ts";
import type { Claimed } from "./store.ts";

/** A lender's comment as it was last written. `standing`: what is lent, in short, and whether to all the world: a change of it is told at once. */
export type WrittenReceipt = {
  readonly lender: ActorId;
  readonly comment: number;
  readonly hash: string;
  readonly standing: string;
  readonly at: EpochMs;
  /** It said that nothing is lent any more, and no run was left on what was. */
  readonly isLast: boolean;
};

/** An owner whose lenders' receipts are to be looked at. `issue`: null before it was found or made. */
export type ClaimedReceipts = Claimed<{
  readonly owner: OwnerId;
  readonly issue: number | null;
  readonly written: readonly WrittenReceipt[];
}>;

/** Whoever has lent a seat. `live`: runs that were granted on their seats while these were lent, and have not ended. */
export type Lending = {
  readonly lender: { readonly id: ActorId; readonly login: string };
  readonly seats: readonly { readonly name: CredentialName; readonly state: Exclude<LendingState, "not-serving"> }[];
  readonly draws: readonly Draw[];
  readonly live: number;
};

export type ReceiptStore = {
  /** Who may read what was written has changed: it is looked at now. */
  lookAtReceipts(owner: OwnerId): Promise<void>;
  claimReceipts(): Promise<ClaimedReceipts | undefined>;
  /** All who have ever lent a seat here, with what was drawn on each since then while they lent it. */
  readLendings(owner: OwnerId, since: EpochMs): Promise<readonly Lending[]>;
  /** null: it is gone, and the comments with it. False when the claim was lost meanwhile. */
  recordReceiptsIssue(row: ClaimedReceipts, issue: number | null): Promise<boolean>;
  /** False when the claim was lost meanwhile. */
  recordReceipt(row: ClaimedReceipts, written: Omit<WrittenReceipt, "at">): Promise<boolean>;
};
