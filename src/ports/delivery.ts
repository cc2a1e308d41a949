import type { ActorId, DeliveryId, InstallationId, LeaseId, OwnerId, RepositoryId, RunId } from "#core/wire/ids.ts";
import type { Cancelled } from "#core/wire/failure.ts";
import type { EpochMs } from "#core/wire/units.ts";
import type { PullNews } from "#core/plan/fate.ts";
import type { Brief, Requester } from "#core/request/brief.ts";
import type { Against } from "./checks.ts";
import type { Place } from "./github.ts";

/** A webhook delivery, reduced at intake to what a task can be made of. */
export type Delivery = {
  readonly id: DeliveryId;
  readonly owner: OwnerId;
  readonly event: DeliveryEvent;
};

/** What changes whether a second person has approved a pull request. `by` null: no person. */
export type ReviewNews = { readonly what: "pushed"; readonly by: ActorId | null } | { readonly what: "reviewed" };

export type DeliveryEvent =
  /**
   * `comment`: GitHub's id of the one that asks. `pull`: it stands on a pull request, whose number and text are the brief's issue's;
   * `askedAt`: when, by GitHub's clock.
   */
  | {
      readonly kind: "request";
      readonly brief: Brief;
      readonly comment?: number;
      readonly pull?: { readonly askedAt: EpochMs };
    }
  /** The label was taken off; `brief` as for a request, by who did it. */
  | { readonly kind: "unlabeled"; readonly brief: Brief }
  /** Nothing is wanted any more of an issue, or of any in these repositories; null: in all that the owner has. */
  | {
      readonly kind: "stopped";
      readonly repositories: readonly RepositoryId[] | null;
      readonly issue: number | null;
      readonly why: Cancelled;
      readonly login: string;
    }
  | { readonly kind: "renamed"; readonly repository: RepositoryId; readonly name: string }
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
      readonly news: PullNews | ReviewNews;
      /** Who closed or merged it, by login. */
      readonly by?: string;
      /** The person who requests changes, when, by GitHub's clock, and through which installation that was told. */
      readonly review?: { readonly by: Requester; readonly at: EpochMs; readonly installation: InstallationId };
    }
  /** A commit on which the configuration file is another than in `against`, or may be; null: there was none before. */
  | {
      readonly kind: "config-changed";
      readonly place: Place;
      readonly commit: string;
      readonly against: Against | null;
    }
  /** What a change of the default branch takes back (core/plan/fate.ts `revertedIn`). */
  | { readonly kind: "reverts"; readonly repository: RepositoryId; readonly reverted: readonly string[] };
