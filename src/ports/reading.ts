import type { CredentialName, LeaseId } from "#core/wire/ids.ts";
import type { EpochMs } from "#core/wire/units.ts";
import type { DecisionRecord } from "#core/pool/decision.ts";
import type { MonthsCost } from "#core/pool/report.ts";
import type { Stored } from "#core/pool/snapshot.ts";
import type { KeptPolicy } from "./store.ts";

/** Why a lease was granted, as it was kept with it. */
export type KeptDecision = {
  readonly lease: LeaseId;
  readonly credential: CredentialName;
  readonly at: EpochMs;
  readonly record: DecisionRecord;
};

/** `months`: what each credential's model has cost since the month began. */
export type PoolReading = {
  readonly policy: KeptPolicy;
  readonly stored: Stored;
  readonly months: ReadonlyMap<string, MonthsCost>;
};
