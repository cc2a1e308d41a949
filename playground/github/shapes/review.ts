import { iso, type GitHub, type Repository, type Review } from "../state.ts";
import { associationOf, toUser, type Shape } from "./account.ts";
import type { PullIssue } from "./pull.ts";
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
