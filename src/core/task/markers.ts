import { AttemptId, TaskId } from "../wire/ids.ts";

/**
 * Names by which an effect whose answer was lost is found again. Each is made and read here, so that what was
 * written to GitHub can always be traced back to its task.
 */
const COMMENT_MARKER = /<!-- agent-pool:task:([0-9a-f-]{36}) -->/;
const RUN_TITLE = /^agent-pool ([0-9a-f-]{36})$/;

/** Invisible first line of the task's one comment. Found only in comments written by our own bot, never in a person's. */
export function commentMarker(task: TaskId): string {
  return `<!-- agent-pool:task:${task} -->`;
}

export function parseCommentMarker(body: string): TaskId | undefined {
  const id = COMMENT_MARKER.exec(body)?.[1];
  return id === undefined ? undefined : TaskId(id);
}

/** The workflow's `run-name`; a run is looked up by it when the answer to its dispatch was lost. */
export function runTitle(attempt: AttemptId): string {
  return `agent-pool ${attempt}`;
}

export function parseRunTitle(title: string): AttemptId | undefined {
  const id = RUN_TITLE.exec(title)?.[1];
  return id === undefined ? undefined : AttemptId(id);
}

/** One branch a task, whatever the number of attempts: `agent-pool/issue-12-1f0c2a9b`. */
export function branchName(issue: number, task: TaskId): string {
  return `agent-pool/issue-${String(issue)}-${task.slice(0, 8)}`;
}
