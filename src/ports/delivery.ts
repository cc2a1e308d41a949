import type { DeliveryId, InstallationId, LeaseId, OwnerId, RepositoryId, RunId } from "#core/wire/ids.ts";
import type { EpochMs } from "#core/wire/units.ts";
import type { PullNews } from "#core/plan/fate.ts";
import type { Brief } from "#core/request/brief.ts";

/** A webhook delivery, reduced at intake to what a task can be made of. */
export type Delivery = {
  readonly id: DeliveryId;
  readonly owner: OwnerId;
  readonly event: DeliveryEvent;
};

export type DeliveryEvent =
  | { readonly kind: "request"; readonly brief: Brief }
  | {
      readonly kind: "run-ended";
      readonly installation: InstallationId;
      readonly lease: LeaseId;
      readonly run: RunId;
      readonly conclusion: string;
    }
  | {
      readonly kind: "ci-ended";
      readonly repository: RepositoryId;
      readonly commit: string;
      readonly installation: InstallationId;
    }
  | {
      readonly kind: "pull-news";
      readonly repository: RepositoryId;
      readonly number: number;
      readonly branch: string;
      readonly openedAt: EpochMs;
      readonly news: PullNews;
    }
  /** What a change of the default branch takes back (core/plan/fate.ts `revertedIn`). */
  | { readonly kind: "reverts"; readonly repository: RepositoryId; readonly reverted: readonly string[] };
