import { iso, type Comment, type GitHub, type Issue, type Label, type Repository } from "../state.ts";
import { associationOf, toApp, toReactions, toUser, type Shape } from "./account.ts";
import { nodeId, repositoryHtmlUrl, repositoryUrl } from "./urls.ts";

export function toLabel(github: GitHub, repository: Repository, label: Label): Shape {
  return {
    id: label.id,
    node_id: nodeId("Label", label.id),
    url: `${repositoryUrl(github, repository)}/labels/${encodeURIComponent(label.name)}`,
    name: label.name,
    color: label.color,
    default: false,
    description: label.description,
  };
}

/** `issue` of the REST API and of webhooks; a pull request's number gives its issue side, with `pull_request`. */
export function toIssue(github: GitHub, repository: Repository, issue: Issue): Shape {
  const url = `${repositoryUrl(github, repository)}/issues/${String(issue.number)}`;
  const html = repositoryHtmlUrl(github, repository);
  const page = `${html}/${issue.pull === undefined ? "issues" : "pull"}/${String(issue.number)}`;
  return {
    url,
    repository_url: repositoryUrl(github, repository),
    labels_url: `${url}/labels{/name}`,
    comments_url: `${url}/comments`,
    events_url: `${url}/events`,
    html_url: page,
    id: issue.id,
    node_id: nodeId("Issue", issue.id),
    number: issue.number,
    title: issue.title,
    user: toUser(github, issue.user),
    labels: issue.labels.map((label) => toLabel(github, repository, label)),
    state: issue.state,
    locked: false,
    assignee: null,
    assignees: [],
    milestone: null,
    comments: [...repository.comments.values()].filter((comment) => comment.issue === issue).length,
    created_at: iso(issue.createdAt),
    updated_at: iso(issue.updatedAt),
    closed_at: issue.closedAt === null ? null : iso(issue.closedAt),
    author_association: associationOf(github, repository, issue.user),
    active_lock_reason: null,
    body: issue.body,
    reactions: toReactions(url),
    timeline_url: `${url}/timeline`,
    performed_via_github_app: issue.user.type === "Bot" ? toApp(github) : null,
    state_reason: null,
    ...(issue.pull === undefined
      ? {}
      : {
          draft: issue.pull.draft,
          pull_request: {
            url: `${repositoryUrl(github, repository)}/pulls/${String(issue.number)}`,
            html_url: page,
            diff_url: `${page}.diff`,
            patch_url: `${page}.patch`,
            merged_at: issue.pull.merged === null ? null : iso(issue.pull.merged.at),
          },
        }),
  };
}

export function toComment(github: GitHub, repository: Repository, comment: Comment): Shape {
  const issues = `${repositoryUrl(github, repository)}/issues`;
  const url = `${issues}/comments/${String(comment.id)}`;
  const kind = comment.issue.pull === undefined ? "issues" : "pull";
  const number = String(comment.issue.number);
  return {
    url,
    html_url: `${repositoryHtmlUrl(github, repository)}/${kind}/${number}#issuecomment-${String(comment.id)}`,
    issue_url: `${issues}/${number}`,
    id: comment.id,
    node_id: nodeId("IssueComment", comment.id),
    user: toUser(github, comment.user),
    created_at: iso(comment.createdAt),
    updated_at: iso(comment.updatedAt),
    author_association: associationOf(github, repository, comment.user),
    body: comment.body,
    reactions: toReactions(url),
    performed_via_github_app: comment.user.type === "Bot" ? toApp(github) : null,
  };
}
