import { LeaseId, TaskId, type ActorId } from "../wire/ids.ts";

/**
 * Names by which an effect whose answer was lost is found again. Each is made and read here, so that what was
 * written to GitHub can always be traced back to its task.
 */
const COMMENT_MARKER = /^<!-- agent-pool(?::task:([0-9a-f-]{36})(:open)?)? -->/;
const REPLY_MARKER = /^<!-- agent-pool:reply:([0-9a-f-]{36}:[a-z]+) -->/;
const THREAD_MARKER = /^<!-- agent-pool:thread:([0-9a-f-]{36}) -->/;
const RECEIPT_MARKER = /^<!-- agent-pool:receipt:\d+ -->/;
const RUN_TITLE = /^agent-pool ([0-9a-f-]{36})$/;
const BRANCH_NAME = /^agent-pool\/issue-\d+-[0-9a-f]{8}$/;

/**
 * Invisible first line of the app's one comment on an issue, naming the task it shows where there is one, and whether that goes
 * on. Believed only in comments written by our own bot, never in a person's.
 */
export function commentMarker(task: TaskId | null, isOpen = false): string {
  return task === null ? "<!-- agent-pool -->" : `<!-- agent-pool:task:${task}${isOpen ? ":open" : ""} -->`;
}

/** Whether a comment of ours shows a task that has not ended: what is left of it where the store is lost. */
export function showsOpenTask(body: string): boolean {
  return COMMENT_MARKER.exec(body)?.[2] !== undefined;
}

/** The task a comment of ours shows: null when it shows none, undefined when the comment is not one of ours. */
export function parseCommentMarker(body: string): TaskId | null | undefined {
  const found = COMMENT_MARKER.exec(body);
  if (found === null) return undefined;
  return found[1] === undefined ? null : TaskId(found[1]);
}

/** Invisible first line of a reply in which a task calls a person, by the call's name (notification.ts). */
export function replyMarker(call: string): string {
  return `<!-- agent-pool:reply:${call} -->`;
}

/** The call that a comment of ours is a reply for; undefined where it is none. */
export function parseReplyMarker(body: string): string | undefined {
  return REPLY_MARKER.exec(body)?.[1];
}

/** Invisible first line of a follow-up's answer in a review thread. */
export function threadMarker(task: TaskId): string {
  return `<!-- agent-pool:thread:${task} -->`;
}

/** The follow-up that a comment of ours in a review thread answers for; undefined where it is no such answer. */
export function parseThreadMarker(body: string): TaskId | undefined {
  const id = THREAD_MARKER.exec(body)?.[1];
  return id === undefined ? undefined : TaskId(id);
}

/** Invisible first line of the issue that holds the receipts for who lends a seat (pool/receipt-words.ts). */
export const RECEIPTS_MARKER = "<!-- agent-pool:receipts -->";

/** Whether an issue is that one, where nothing is asked for: an App's, as a person's may say anything. A person who is gone is no App. */
export function isReceiptsIssue({ isByBot, body }: { readonly isByBot: boolean; readonly body: string | null }): boolean {
  return isByBot && body?.startsWith(RECEIPTS_MARKER) === true;
}

/** Invisible first line of one lender's receipt in it. */
export function receiptMarker(lender: ActorId): string {
  return `<!-- agent-pool:receipt:${String(lender)} -->`;
}

/** Whether a comment of ours is somebody's receipt, which stands on no pull request. */
export function isReceipt(body: string): boolean {
  return RECEIPT_MARKER.test(body);
}

/** The workflow's `run-name`, with the dispatch's input `attempt`; a run is looked up by it when the answer was lost. */
export function runTitle(lease: LeaseId): string {
  return `agent-pool ${lease}`;
}

export function parseRunTitle(title: string): LeaseId | undefined {
  const id = RUN_TITLE.exec(title)?.[1];
  return id === undefined ? undefined : LeaseId(id);
}

/** One branch a task, whatever the number of attempts: `agent-pool/issue-12-1f0c2a9b`. */
export function branchName(issue: number, task: TaskId): string {
  return `agent-pool/issue-${String(issue)}-${task.slice(0, 8)}`;
}

/** Whether a branch is named as ours are. Anybody may name one so: what counts is the commit that a task has made. */
export function isOurBranch(name: string): boolean {
  return BRANCH_NAME.test(name);
}
