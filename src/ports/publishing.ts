import type { OwnerId, RepositoryId, TaskId } from "#core/wire/ids.ts";

/** What is kept of publishing, beside the task's own steps. */
export type Publishing = {
  /** CI runs on this commit, which has the files of the task's own. */
  keepCiCommit(task: TaskId, commit: string): Promise<void>;
  /** GitHub has refused a draft there: the owner's plan has none. */
  recordDraftless(owner: OwnerId, repository: RepositoryId): Promise<void>;
  /** It has, in the last 30 days: a plan may change. */
  isDraftless(owner: OwnerId, repository: RepositoryId): Promise<boolean>;
};
