import { commitsBetween, diffFiles, mergeBase } from "../git-diff.ts";
import { iso, type GitHub, type Issue, type Pull, type Repository } from "../state.ts";
import { associationOf, toUser, type Shape } from "./account.ts";
import { toLabel } from "./issue.ts";
import { toRepository, toWebhookRepository } from "./repository.ts";
import { toTeam, toWebhookTeam } from "./organization.ts";
import { nodeId, repositoryHtmlUrl, repositoryUrl } from "./urls.ts";

export type PullIssue = Issue & { readonly pull: Pull };

/** `pull-request-simple`, as lists give it. `repository` inside differs between REST and webhooks. */
export function toPullSimple(github: GitHub, repository: Repository, issue: PullIssue, repo?: Shape): Shape {
  const { pull } = issue;
  const root = repositoryUrl(github, repository);
  const number = String(issue.number);
  const url = `${root}/pulls/${number}`;
  const html = `${repositoryHtmlUrl(github, repository)}/pull/${number}`;
  const urls = {
    commits_url: `${url}/commits`,
    review_comments_url: `${url}/comments`,
    review_comment_url: `${root}/pulls/comments{/number}`,
    comments_url: `${root}/issues/${number}/comments`,
    statuses_url: `${root}/statuses/${pull.headSha}`,
  };
  const side = (ref: string, sha: string): Shape => ({
    label: `${repository.owner.login}:${ref}`,
    ref,
    sha,
    user: toUser(github, repository.owner),
    repo: repo ?? toRepository(github, repository),
  });
  return {
    url,
    id: pull.id,
    node_id: nodeId("PullRequest", pull.id),
    html_url: html,
    diff_url: `${html}.diff`,
    patch_url: `${html}.patch`,
    issue_url: `${root}/issues/${number}`,
    number: issue.number,
    state: issue.state,
    locked: false,
    title: issue.title,
    user: toUser(github, issue.user),
    body: issue.body,
    created_at: iso(issue.createdAt),
    updated_at: iso(issue.updatedAt),
    closed_at: issue.closedAt === null ? null : iso(issue.closedAt),
    merged_at: pull.merged === null ? null : iso(pull.merged.at),
    merge_commit_sha: pull.merged?.sha ?? null,
    assignee: null,
    assignees: [],
    requested_reviewers: pull.requested.map((reviewer) => toUser(github, reviewer)),
    requested_teams: pull.requestedTeams.map((team) =>
      (repo === undefined ? toTeam : toWebhookTeam)(github, repository.owner, team),
    ),
    labels: issue.labels.map((label) => toLabel(github, repository, label)),
    milestone: null,
    draft: pull.draft,
    ...urls,
    head: side(pull.head, pull.headSha),
    base: side(pull.base, pull.baseSha),
    _links: {
      self: { href: url },
      html: { href: html },
      issue: { href: `${root}/issues/${number}` },
      comments: { href: urls.comments_url },
      review_comments: { href: urls.review_comments_url },
      review_comment: { href: urls.review_comment_url },
      commits: { href: urls.commits_url },
      statuses: { href: urls.statuses_url },
    },
    author_association: associationOf(github, repository, issue.user),
    auto_merge: null,
    active_lock_reason: null,
  };
}

/** `pull-request`: the simple one with what GitHub computes from the commits. `mergeable` is null: never computed here. */
export async function toPull(github: GitHub, repository: Repository, issue: PullIssue, repo?: Shape): Promise<Shape> {
  const { headSha, baseSha, merged, draft } = issue.pull;
  // As it is now: while git is read it may go on.
  const simple = toPullSimple(github, repository, issue, repo);
  const comments = [...repository.comments.values()].filter((comment) => comment.issue === issue).length;
  const from = (await mergeBase(repository.git, baseSha, headSha)) ?? baseSha;
  const [commits, files] = await Promise.all([
    commitsBetween(repository.git, baseSha, headSha),
    diffFiles(repository.git, from, headSha),
  ]);
  return {
    ...simple,
    merged: merged !== null,
    mergeable: null,
    rebaseable: null,
    mergeable_state: draft ? "draft" : "unknown",
    merged_by: merged === null ? null : toUser(github, merged.by),
    comments,
    review_comments: 0,
    maintainer_can_modify: false,
    commits: commits.length,
    additions: files.reduce((sum, file) => sum + file.additions, 0),
    deletions: files.reduce((sum, file) => sum + file.deletions, 0),
    changed_files: files.length,
  };
}

export async function toWebhookPull(github: GitHub, repository: Repository, issue: PullIssue): Promise<Shape> {
  return toPull(github, repository, issue, toWebhookRepository(github, repository));
}

export function isPull(issue: Issue | undefined): issue is PullIssue {
  return issue?.pull !== undefined;
}
