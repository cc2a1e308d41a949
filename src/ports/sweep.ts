import type { DeliveryId } from "#core/wire/ids.ts";
import type { EpochMs } from "#core/wire/units.ts";
import type { IssueAt } from "./conversation.ts";
import type { Claimed } from "./store.ts";

/** `sweptUntil`: when the last one began that found all there was; null before the first. `now`: when this one did. */
export type ClaimedSweep = Claimed<{ readonly now: EpochMs; readonly sweptUntil: EpochMs | null }>;

/** Of a delivery that is told late. `agoMs`: since what it tells of. `isOvertaken`: a task was opened for its issue after that. */
export type Late = { readonly agoMs: number; readonly isOvertaken: boolean };

/** The search for what GitHub could not tell while nobody listened: one process at a time, like every queue's row. */
export type SweepStore = {
  /** It is due now, unless it goes on already. */
  startSweep(): Promise<void>;
  claimSweep(): Promise<ClaimedSweep | undefined>;
  /** It has found all there was when it began. */
  finishSweep(sweep: ClaimedSweep, dueInMs: number): Promise<void>;
  /**
   * Kept as late from now on, said at `saidAt`; whether it is to be asked for. Not where it was heard, nor where it was asked for
   * within the last sweep's time, or has not failed since (`failedAt`).
   */
  expectLate(delivery: DeliveryId, when: { readonly saidAt: EpochMs; readonly failedAt: EpochMs }): Promise<boolean>;
  /** GitHub has been asked for it. */
  recordAsked(delivery: DeliveryId): Promise<void>;
  /** undefined: it came when it should. */
  readLate(delivery: DeliveryId, issue: IssueAt): Promise<Late | undefined>;
};
