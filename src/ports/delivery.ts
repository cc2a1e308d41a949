import type { DeliveryId, InstallationId, LeaseId, OwnerId, RepositoryId, RunId } from "#core/wire/ids.ts";
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
    };
