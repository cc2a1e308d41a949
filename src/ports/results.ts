import type { OwnerId, RepositoryId } from "#core/wire/ids.ts";
import type { PullEnd } from "#core/plan/fate.ts";
import type { Score } from "#core/plan/score.ts";
import type { Attempted } from "#core/plan/scoreboard.ts";
import type { Seen } from "#core/pool/estimator.ts";
import type { DeliveryEvent } from "./delivery.ts";
import type { ReviewStore } from "./reviews.ts";

/** The part of the store that knows what came of work: of attempts by their verdicts, of pull requests by GitHub's word. */
export type Results = ReviewStore & {
  /**
   * One more event of a task's pull request, in whatever order they come: how it stands with all of them. `opening`: a task is about
   * to open one from that branch and doesn't know its number yet; `unknown`: none of this owner's.
   */
  hearPull(owner: OwnerId, told: Extract<DeliveryEvent, { kind: "pull-news" }>): Promise<PullEnd | "opening" | "unknown">;
  /** What a repository's default branch has taken back, ours or not: which, is told apart when it is read. */
  hearReverts(owner: OwnerId, repository: RepositoryId, reverted: readonly string[]): Promise<void>;
  /** What routes have come to in the last 180 days: in this repository, and in all of the owner's, with this one. */
  readScores(
    owner: OwnerId,
    repository: RepositoryId,
  ): Promise<{ readonly repository: readonly Score[]; readonly owner: readonly Score[] }>;
  /** The owner's ended attempts of the same time, each task's in their order. */
  readAttempts(owner: OwnerId): Promise<readonly Attempted[]>;
  /** Owners whose policy is known, with the login they had last. */
  readOwners(): Promise<readonly { readonly owner: OwnerId; readonly login: string }[]>;
  /** What jobs of these kinds (`kindsOf`) have cost, where there were any. */
  readSeen(owner: OwnerId, kinds: readonly string[]): Promise<ReadonlyMap<string, Seen>>;
};
