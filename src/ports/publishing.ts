import type { BaseMerge } from "#core/plan/base-update.ts";
import type { PullAt } from "./conversation.ts";
import type { Held } from "./store.ts";
import type { OwnerId, RepositoryId, TaskId } from "#core/wire/ids.ts";

/** What is kept of publishing, beside the task's own steps. */
export type Publishing = {
  /** CI runs on this commit, which has the files of the task's own. */
  keepCiCommit(task: TaskId, commit: string): Promise<void>;
  /** A follow-up is about to merge its base in. False: it is another holder's by now. */
  beginBaseMerge(task: Held, merge: BaseMerge): Promise<boolean>;
  /** It has. */
  keepBaseMerge(task: TaskId, merge: BaseMerge): Promise<void>;
  /** The commits by which follow-ups have merged a pull request's base in. */
  readBaseMerges(at: PullAt): Promise<readonly string[]>;
  /** GitHub has refused a draft there: the owner's plan has none. */
  recordDraftless(owner: OwnerId, repository: RepositoryId): Promise<void>;
  /** It has, in the last 30 days: a plan may change. */
  isDraftless(owner: OwnerId, repository: RepositoryId): Promise<boolean>;
};
