import type { PullIssue } from "./shapes/pull.ts";
import { nextId, nowOf, type Account, type GitHub } from "./state.ts";

/** On a file of the pull request. The first comment's id is the thread's for REST. */
export type ReviewThread = {
  readonly path: string;
  readonly line: number | null;
  resolved: boolean;
  readonly comments: ReviewComment[];
};

export type ReviewComment = {
  readonly id: number;
  readonly user: Account;
  body: string;
  readonly at: number;
  editedAt: number | null;
};

/** The thread of a pull request whose first comment this is. */
export function threadAt({ pull }: PullIssue, comment: number): ReviewThread | undefined {
  return pull.threads.find(({ comments }) => comments[0]?.id === comment);
}

export function replyInThread(github: GitHub, thread: ReviewThread, user: Account, body: string): ReviewComment {
  const reply = { id: nextId(github), user, body, at: nowOf(github), editedAt: null };
  thread.comments.push(reply);
  return reply;
}
