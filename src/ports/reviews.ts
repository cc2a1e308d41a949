import type { ActorId, TaskId } from "#core/wire/ids.ts";
import type { Claimed } from "./store.ts";

/** A pull request of ours whose second person is looked for. */
export type ReviewRow = {
  readonly task: TaskId;
  /** Who has pushed to its branch, as GitHub has told. */
  readonly pushedBy: readonly ActorId[];
  /** What its check run says, and of which commit; null while there is none. */
  readonly written: WrittenCheck | null;
};
export type ClaimedReview = Claimed<ReviewRow>;

/** `says`: which of the texts of core/task/second-person.ts. */
export type WrittenCheck = { readonly commit: string; readonly run: number; readonly says: string };

/** The part of the store that knows which pull requests wait for a second person. One row each, worked on by one at a time. */
export type ReviewStore = {
  claimReview(): Promise<ClaimedReview | undefined>;
  recordReview(review: ClaimedReview, written: WrittenCheck): Promise<void>;
};
