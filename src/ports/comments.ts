import type { Turn } from "#core/task/content-budget.ts";
import type { Brief } from "#core/request/brief.ts";
import type { TaskState } from "#core/task/lifecycle.ts";
import type { Notice } from "#core/task/notice.ts";
import type { InstallationId, TaskId } from "#core/wire/ids.ts";
import type { OwnComment, Place } from "./github.ts";
import type { Claimed } from "./store.ts";

/** An issue's one comment, and what it should say: the newest task's state, or what was answered to a request. */
export type CommentRow = {
  readonly id: string;
  readonly place: Place;
  readonly issue: number;
  readonly task: TaskId | null;
  readonly notice: Notice | null;
  /** null while there is none. */
  readonly written: (Saying & { readonly ageMs: number }) | null;
  /** Its creation was begun, and the answer has not been seen. */
  readonly begun: boolean;
  /** GitHub takes no comments there (locked, disabled): the work goes on without. */
  readonly refused: boolean;
  /** The call (core/task/notification.ts) that a reply is being written for: its answer has not been seen. */
  readonly telling: string | null;
  /** The last call that was made. */
  readonly told: string | null;
};
export type ClaimedComment = Claimed<CommentRow>;

/**
 * A comment by GitHub's id, with the hash of what it says, and of that without what goes on changing while a state lasts:
 * where the latter alone is equal, an edit would tell progress and nothing new.
 */
export type Saying = { readonly id: number; readonly hash: string; readonly news: string };

/** What came of writing a comment. `gone`: it was deleted; `refused`: GitHub takes none there (locked, disabled). */
export type Written = Saying | "gone" | "refused";

export type Begun = { readonly comment: boolean; readonly told: string | null } | { readonly telling: string | null };

/** What the store keeps of what is said on issues, and of the room that there is for saying it. */
export type Comments = {
  /** Answers a request in the issue's comment. `onlyIfNone`: unless the app has said something there already. */
  notice(brief: Brief, notice: Notice, onlyIfNone: boolean): Promise<void>;
  /** A comment of ours that is there already becomes its issue's one comment; it says this from now on, or goes on saying what it does. */
  adoptComment(place: Place, comment: OwnComment, notice: Notice | null): Promise<void>;
  claimComment(): Promise<ClaimedComment | undefined>;
  /**
   * Written before a comment or a reply is created, so that a lost answer is looked for; and taken back where the call was
   * not made. `told`: the call that the new comment itself makes. False when the claim was lost meanwhile.
   */
  begin(comment: ClaimedComment, begun: Begun): Promise<boolean>;
  /** `again`: another action follows at once. */
  recordComment(comment: ClaimedComment, written: Written, said: TaskState | null, again: boolean): Promise<void>;
  /** The call was made, or can't be. */
  recordTold(comment: ClaimedComment, call: string): Promise<void>;

  /**
   * Takes one call's turn of the installation's budget of content-creating calls: 0, it is to be made now; else it is not, and
   * may be asked for again after so many milliseconds, when its turn comes. `call` names it among those that wait.
   */
  takeTurn(installation: InstallationId, call: string, turn: Turn): Promise<number>;
  /** GitHub wants no such call from the installation for so long. */
  restContent(installation: InstallationId, ms: number): Promise<void>;
};
