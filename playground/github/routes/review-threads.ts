import { answer, invalid, notFound, textField } from "../answers.ts";
import { actorOf } from "../credentials.ts";
import { reviewPull } from "../pulls.ts";
import { replyInThread as reply, threadAt } from "../review-threads.ts";
import { toReviewComment } from "../shapes/review.ts";
import type { RepositoryHandler } from "./handler.ts";
import { pullOf } from "./pulls.ts";

/** Only a thread's first comment is answered; a review of its own comes with each answer, as GitHub has it. */
export const replyInThread: RepositoryHandler = (github, request) => {
  const { repository, body, caller, params } = request;
  const issue = pullOf(request);
  const thread = issue === undefined ? undefined : threadAt(issue, Number(params["comment_id"]));
  if (issue === undefined || thread === undefined) return notFound();
  const text = textField(body, "body") ?? "";
  if (text.trim() === "") return invalid({ resource: "PullRequestReviewComment", code: "missing_field", field: "body" });
  const user = actorOf(github, caller);
  const made = reply(github, thread, user, text);
  reviewPull(github, repository, issue, user, { state: "commented", body: "" });
  const shape = toReviewComment(github, repository, issue, thread, made);
  return answer(201, shape, { location: String(shape["url"]) });
};
