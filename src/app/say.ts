import { expectedStart, type Expected } from "#core/pool/expected.ts";
import { kindsOf } from "#core/pool/snapshot.ts";
import { renderComment, withoutProgress } from "#core/task/comment.ts";
import { EFFECTS } from "#core/task/effects.ts";
import { callOf, renderReply, type Call } from "#core/task/notification.ts";
import { ok, type Result } from "#core/wire/result.ts";
import { SECOND_MS } from "#core/wire/units.ts";
import type { GitHubFailure } from "#ports/github.ts";
import type { ClaimedComment } from "#ports/comments.ts";
import type { TaskRow } from "#ports/store.ts";
import { toView } from "./comment-view.ts";
import type { Deps, Worked } from "./deps.ts";

/** How long a comment stands before an edit that only tells how far something has come. */
const PROGRESS_EVERY_MS = 20 * SECOND_MS;

/** Brings an issue's one comment up to date: created once, edited after. Then calls the requester, where the task needs them. */
export async function say(deps: Deps, comment: ClaimedComment): Promise<Worked> {
  const { store, runtime } = deps;
  const task = comment.task === null ? undefined : await store.readTask(comment.task);
  const leases = task === undefined ? [] : await store.readLeases(task.id);
  const pausedBy = task?.state === "queued" ? await store.readPause(comment.place.owner.id) : null;
  const expected = await expect(deps, task);
  const view = toView(comment, task, leases, { pausedBy, expected });
  const body = renderComment(view);
  const saying = { hash: runtime.hash(body), news: runtime.hash(renderComment(withoutProgress(view))) };
  const { written } = comment;
  if (comment.refused || written?.hash === saying.hash) return notify(deps, comment, task);
  const turn = written?.news === saying.news ? "progress" : "news";
  const tooSoonMs = turn === "progress" && written !== null ? PROGRESS_EVERY_MS - written.ageMs : 0;
  if (tooSoonMs > 0) return { restMs: tooSoonMs };
  const made = await write(deps, comment, body, { turn, task });
  const calls = dueCall(comment, task) !== undefined;
  if (made === "lost") return "done";
  if (made.ok) {
    await store.recordComment(comment, { id: made.value, ...saying }, task?.state ?? null, calls);
    return "done";
  }
  const { error } = made;
  // Progress without room is dropped: the next heartbeat, or the next admission, has it told anew.
  if (error.reason === "github-unavailable")
    return turn === "progress" && error.made === false ? { restMs: null } : { failed: error };
  // The App isn't installed there any more: nothing is known of the comment.
  if (![EFFECTS.createComment, EFFECTS.updateComment].some((route) => route === error.route)) return { restMs: null };
  // An edited comment that is gone (404, 410) is made anew; elsewhere a refusal stays one, and the work goes on without.
  const gone = written !== null && [404, 410].includes(error.status);
  runtime.log.warn({ task: comment.task, status: error.status, gone }, "GitHub refused the comment");
  await store.recordComment(comment, gone ? "gone" : "refused", null, calls);
  return "done";
}

type What = { readonly turn: "news" | "progress"; readonly task: TaskRow | undefined };

/** The comment's id, once it says `body`; `lost`: somebody else has this row by now. */
async function write(
  { store, github }: Deps,
  comment: ClaimedComment,
  body: string,
  { turn, task }: What,
): Promise<Result<number, GitHubFailure> | "lost"> {
  const { place, issue } = comment;
  let id = comment.written?.id;
  if (id === undefined && comment.begun) {
    const found = await github.findComment(place, issue);
    if (!found.ok) return found;
    id = found.value;
  }
  if (id === undefined) {
    // One that says so when it comes calls who takes part: no other call follows.
    const told = dueCall(comment, task)?.name ?? comment.told;
    if (!(await store.begin(comment, { comment: true, told }))) return "lost";
    const created = await github.createComment(place, issue, body);
    if (!created.ok && isUnmade(created.error)) await store.begin(comment, { comment: false, told: comment.told });
    return created;
  }
  const edited = await github.updateComment(place, id, body, turn);
  return edited.ok ? ok(id) : edited;
}

function isUnmade(failure: GitHubFailure): boolean {
  return failure.reason === "github-unavailable" && failure.made === false;
}

/** The call of the task's requester that is still to be made. */
function dueCall({ told }: ClaimedComment, task: TaskRow | undefined): Call | undefined {
  const call = task === undefined ? undefined : callOf(task);
  return call?.name === told ? undefined : call;
}

/**
 * Calls the requester of a task that has ended or needs them, once: the pull request asks for their review; where it has none, or
 * they can't be asked, a reply mentions them.
 */
async function notify(deps: Deps, comment: ClaimedComment, task: TaskRow | undefined): Promise<Worked> {
  const { store, github, runtime } = deps;
  const call = dueCall(comment, task);
  if (task === undefined || call === undefined) return { restMs: null };
  if (call.pull !== null && comment.telling !== call.name) {
    const asked = await github.requestReview(comment.place, call.pull, { people: [task.brief.requester.login], teams: [] });
    if (asked.ok) {
      await store.recordTold(comment, call.name);
      return "done";
    }
    if (asked.error.reason === "github-unavailable") return { failed: asked.error };
    runtime.log.info({ task: task.id, status: asked.error.status }, "the requester can't be asked for a review");
  }
  // Where GitHub takes no comment it takes no reply.
  const replied = comment.written === null ? undefined : await reply(deps, comment, call, { task, written: comment.written.id });
  if (replied === "lost") return "done";
  if (replied?.ok === false) {
    if (replied.error.reason === "github-unavailable") return { failed: replied.error };
    runtime.log.warn({ task: task.id, message: replied.error.message }, "the requester can't be called");
  }
  await store.recordTold(comment, call.name);
  return "done";
}

async function reply(
  { store, github }: Deps,
  comment: ClaimedComment,
  call: Call,
  { task, written }: { readonly task: TaskRow; readonly written: number },
): Promise<Result<number, GitHubFailure> | "lost"> {
  const { place, issue } = comment;
  if (comment.telling === call.name) {
    const found = await github.findReply(place, issue, call.name);
    if (!found.ok) return found;
    if (found.value !== undefined) return ok(found.value);
  }
  if (!(await store.begin(comment, { telling: call.name }))) return "lost";
  const made = await github.createReply(place, issue, renderReply(call, task.brief, github.commentUrl(place, issue, written)));
  if (!made.ok && isUnmade(made.error)) await store.begin(comment, { telling: null });
  return made;
}

/** When a task that waits probably starts. */
async function expect({ store }: Deps, task: TaskRow | undefined): Promise<Expected | null> {
  if (task?.state !== "queued" || task.plan === null || task.waiting === null) return null;
  // It starts by no place in the queue.
  if (task.plan.asker.standby === true) return null;
  const { size, route, asker } = task.plan;
  const [, kind] = kindsOf(size, route, asker.repository.id);
  const seen = await store.readSeen(task.brief.owner.id, [kind]);
  return expectedStart(task.waiting, seen.get(kind), await store.now());
}
