import { ok, type Result } from "#core/wire/result.ts";
import type { Brief } from "#core/request/brief.ts";
import { isSameLabel, labelOfRequest } from "#core/request/label.ts";
import { parseCommentMarker, showsOpenTask } from "#core/task/markers.ts";
import type { Delivery } from "#ports/delivery.ts";
import type { GitHubFailure } from "#ports/github.ts";
import type { Deps } from "./deps.ts";
import { issueAt } from "./request.ts";

/**
 * Why what is told late is followed no more: a task was opened since, so that somebody has asked anew, and what was said before that
 * is not of this one; or nobody wants it any more. undefined: it came when it should, or still counts.
 */
export async function whyTooLate(
  { store, github }: Pick<Deps, "store" | "github">,
  { id, owner, event }: Delivery,
): Promise<Result<string | undefined, GitHubFailure>> {
  if (event.kind === "stopped") {
    const [repository] = event.repositories ?? [];
    if (repository === undefined || event.issue === null) return ok(undefined);
    const late = await store.readLate(id, { owner, repository, issue: event.issue });
    return ok(late?.isOvertaken === true ? OVERTAKEN : undefined);
  }
  if (event.kind !== "request" && event.kind !== "unlabeled") return ok(undefined);
  const { brief } = event;
  const late = await store.readLate(id, issueAt(brief));
  if (late === undefined) return ok(undefined);
  if (late.isOvertaken) return ok(OVERTAKEN);
  if (event.kind === "unlabeled") return ok(undefined);
  const issue = await github.readIssue(brief, brief.issue.number);
  if (!issue.ok) return issue.error.reason === "github-unavailable" ? issue : ok("told late, and its issue can't be read");
  if (!issue.value.isOpen) return ok("told late, and its issue is closed by now");
  const asked = labelOfRequest(brief);
  const isWanted = brief.comment !== null || issue.value.labels.some((label) => isSameLabel(label, asked));
  if (!isWanted) return ok("told late, and its label is off by now");
  const elsewhere = await wasHeardElsewhere({ store, github }, brief, late.agoMs);
  if (!elsewhere.ok) return elsewhere;
  return ok(elsewhere.value ? "told late, and an earlier store has heard it" : undefined);
}

const OVERTAKEN = "told late, and a task was opened since";

/**
 * A store that was restored from a backup doesn't know what was done since; the issue's comment, written since then, names a task that
 * is not in here. Where it shows that as open, it says from now on that its records are lost.
 */
export async function wasHeardElsewhere(
  { store, github }: Pick<Deps, "store" | "github">,
  brief: Brief,
  agoMs: number,
): Promise<Result<boolean, GitHubFailure>> {
  const read = await github.readOwnComments(brief, agoMs);
  if (!read.ok) return read.error.reason === "github-unavailable" ? read : ok(false);
  const comment = read.value.find(({ issue }) => issue === brief.issue.number);
  const task = comment === undefined ? undefined : parseCommentMarker(comment.body);
  if (comment === undefined || task == null || (await store.readTask(task)) !== undefined) return ok(false);
  await store.adoptComment(brief, comment, showsOpenTask(comment.body) ? { reason: "records-lost" } : null);
  return ok(true);
}
