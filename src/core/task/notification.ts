import type { Brief } from "../request/brief.ts";
import type { Failure } from "../wire/failure.ts";
import type { TaskId } from "../wire/ids.ts";
import type { TaskState } from "./lifecycle.ts";
import { replyMarker } from "./markers.ts";

/**
 * Edits of the comment notify nobody, so the requester is called when the task needs a person, and when it has ended, once each:
 * by the pull request, which asks for their review (`review`; drafts too, since these are what a person is to read), or by a
 * reply that mentions them, with this sentence. null: nobody is needed. A comment that is new when it says so calls already:
 * writing one notifies who takes part in the issue.
 */
const CALLS: Readonly<Record<TaskState, string | null>> = {
  planning: null,
  asking: "this waits for somebody's approval",
  queued: null,
  dispatching: null,
  awaiting: null,
  running: null,
  judging: null,
  committing: null,
  branching: null,
  opening: null,
  inviting: null,
  solved: "review",
  unsolved: "this ended without a pull request",
  refused: "this was not done",
  stuck: "this is stuck and needs a person",
  cancelled: "this was cancelled",
};

/** What is looked at of a task. */
type Called = {
  readonly id: TaskId;
  readonly state: TaskState;
  readonly failure: Failure | null;
  /** It waits for approval, and nobody has answered for a day. */
  readonly reminded: boolean;
  readonly pullRequest: { readonly number: number } | null;
  readonly brief: Pick<Brief, "requester" | "follows">;
};

/** `name`: the same for the same call of the same task, and no other. `pull`: whose review request calls; null: only a reply can. */
export type Call = { readonly name: string; readonly pull: number | null; readonly sentence: string };

/** How a task as it stands calls its requester; undefined: it doesn't. Pure. */
export function callOf({ id, state, failure, reminded, pullRequest, brief }: Called): Call | undefined {
  const call = CALLS[state];
  // Who cancelled it themselves knows.
  const isOwn = failure?.reason === "cancelled" && failure.login === brief.requester.login;
  if (call === null || isOwn) return undefined;
  const sentence = brief.follows === undefined ? call : call.replace("a pull request", "a change");
  const name = `${id}:${state !== "asking" ? "end" : reminded ? "reminded" : "asking"}`;
  if (call !== "review")
    return { name, pull: null, sentence: reminded && state === "asking" ? `${sentence}, since a day` : sentence };
  const pull = pullRequest?.number ?? null;
  return { name, pull, sentence: `${pull === null ? "this" : `pull request #${String(pull)}`} is ready for you to review` };
}

/** Logins as GitHub makes them; a managed user's has an underscore. What else calls itself one is mentioned by nobody. */
const LOGIN = /^[a-z\d](?:[a-z\d_-]{0,99})$/i;

/** The reply: who is called, why, and where all else stands. Pure. */
export function renderReply({ name, sentence }: Call, { requester }: Pick<Brief, "requester">, commentUrl: string): string {
  const who = LOGIN.test(requester.login) ? `@${requester.login} ` : "";
  return `${replyMarker(name)}\n\n${who}${sentence}: [what happened, and what to do next](${commentUrl}).\n`;
}
