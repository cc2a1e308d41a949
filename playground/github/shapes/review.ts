import { iso, type GitHub, type Repository, type Review } from "../state.ts";
import { associationOf, toUser, type Shape } from "./account.ts";
import type { PullIssue } from "./pull.ts";
import type { ReviewComment, ReviewThread } from "../review-threads.ts";
import { nodeId, repositoryHtmlUrl, repositoryUrl } from "./urls.ts";

/** As webhooks have it. */
export function toReview(github: GitHub, repository: Repository, issue: PullIssue, review: Review): Shape {
  const html = `${repositoryHtmlUrl(github, repository)}/pull/${String(issue.number)}#pullrequestreview-${String(review.id)}`;
  const pull = `${repositoryUrl(github, repository)}/pulls/${String(issue.number)}`;
  return {
    id: review.id,
    node_id: nodeId("PullRequestReview", review.id),
    user: toUser(github, review.user),
    body: review.body === "" ? null : review.body,
    commit_id: review.commit,
    submitted_at: iso(review.at),
    state: review.state,
    html_url: html,
    pull_request_url: pull,
    author_association: associationOf(github, repository, review.user),
    _links: { html: { href: html }, pull_request: { href: pull } },
  };
}

/** Which lines it is on, the emulated pull request knows no better than its thread. */
export function toReviewComment(
  github: GitHub,
  repository: Repository,
  issue: PullIssue,
  { path, line, comments }: ReviewThread,
  { id, user, body, at, editedAt }: ReviewComment,
): Shape {
  const html = `${repositoryHtmlUrl(github, repository)}/pull/${String(issue.number)}#discussion_r${String(id)}`;
  const pull = `${repositoryUrl(github, repository)}/pulls/${String(issue.number)}`;
  const url = `${repositoryUrl(github, repository)}/pulls/comments/${String(id)}`;
  const first = comments[0]?.id;
  return {
    id,
    node_id: nodeId("PullRequestReviewComment", id),
    url,
    html_url: html,
    pull_request_url: pull,
    pull_request_review_id: issue.pull.reviews.at(-1)?.id ?? null,
    ...(first === undefined || first === id ? {} : { in_reply_to_id: first }),
    user: toUser(github, user),
    body,
    path,
    line,
    diff_hunk: "@@ -1 +1 @@",
    commit_id: issue.pull.headSha,
    original_commit_id: issue.pull.headSha,
    created_at: iso(at),
    updated_at: iso(editedAt ?? at),
    author_association: associationOf(github, repository, user),
    _links: { self: { href: url }, html: { href: html }, pull_request: { href: pull } },
  };
}
