import { toUser } from "./shapes/account.ts";
import { toComment, toIssue, toLabel } from "./shapes/issue.ts";
import {
  nextId,
  nowOf,
  type Account,
  type Comment,
  type GitHub,
  type Issue,
  type Label,
  type Pull,
  type Repository,
} from "./state.ts";
import { emit } from "./webhooks.ts";

/** What people and the app do to issues. Each changes the state and sends what GitHub would send. */

export function makeIssue(
  github: GitHub,
  repository: Repository,
  user: Account,
  title: string,
  body: string | null,
  pull?: Pull,
): Issue {
  repository.lastNumber += 1;
  const now = nowOf(github);
  const issue: Issue = {
    id: nextId(github),
    number: repository.lastNumber,
    user,
    title,
    body,
    labels: [],
    state: "open",
    createdAt: now,
    updatedAt: now,
    closedAt: null,
    history: [],
    edits: [],
    ...(pull === undefined ? {} : { pull }),
  };
  repository.issues.set(issue.number, issue);
  return issue;
}

/** `opened` carries the labels, and each label sends `labeled` as well, as GitHub does for its own issue form. */
export function openIssue(
  github: GitHub,
  repository: Repository,
  user: Account,
  issue: { title: string; body: string; labels?: readonly string[] },
): Issue {
  const made = makeIssue(github, repository, user, issue.title, issue.body === "" ? null : issue.body);
  made.labels = (issue.labels ?? []).map((name) => labelNamed(github, repository, name));
  emit(github, "issues", repository, user, { action: "opened", issue: toIssue(github, repository, made) });
  for (const label of made.labels) labeled(github, repository, user, made, label);
  return made;
}

export function addLabel(github: GitHub, repository: Repository, user: Account, issue: Issue, name: string): void {
  if (issue.labels.some((label) => label.name.toLowerCase() === name.toLowerCase())) return;
  const label = labelNamed(github, repository, name);
  issue.labels.push(label);
  issue.updatedAt = nowOf(github);
  labeled(github, repository, user, issue, label);
}

export function takeLabel(github: GitHub, repository: Repository, user: Account, issue: Issue, name: string): void {
  const label = issue.labels.find((each) => each.name.toLowerCase() === name.toLowerCase());
  if (label === undefined) return;
  issue.labels = issue.labels.filter((each) => each !== label);
  issue.updatedAt = nowOf(github);
  emit(github, "issues", repository, user, {
    action: "unlabeled",
    issue: toIssue(github, repository, issue),
    label: toLabel(github, repository, label),
  });
}

export function setIssueState(
  github: GitHub,
  repository: Repository,
  user: Account,
  issue: Issue,
  state: "open" | "closed",
): void {
  if (issue.state === state) return;
  issue.state = state;
  issue.updatedAt = nowOf(github);
  issue.closedAt = state === "closed" ? nowOf(github) : null;
  const action = state === "closed" ? "closed" : "reopened";
  emit(github, "issues", repository, user, { action, issue: toIssue(github, repository, issue) });
}

function labeled(github: GitHub, repository: Repository, user: Account, issue: Issue, label: Label): void {
  issue.history.push({ kind: "labeled", id: nextId(github), label, by: user, at: nowOf(github) });
  if (issue.pull !== undefined) return;
  emit(github, "issues", repository, user, {
    action: "labeled",
    issue: toIssue(github, repository, issue),
    label: toLabel(github, repository, label),
  });
}

function labelNamed(github: GitHub, repository: Repository, name: string): Label {
  return repository.labels.get(name.toLowerCase()) ?? makeLabel(github, repository, { name, color: "ededed", description: "" });
}

export function makeLabel(github: GitHub, repository: Repository, what: Omit<Label, "id">): Label {
  const label = { ...what, id: nextId(github) };
  repository.labels.set(label.name.toLowerCase(), label);
  return label;
}

/** Issues lose it too. */
export function removeLabel(repository: Repository, label: Label): void {
  repository.labels.delete(label.name.toLowerCase());
  for (const issue of repository.issues.values()) issue.labels = issue.labels.filter(({ id }) => id !== label.id);
}

export function editIssue(
  github: GitHub,
  repository: Repository,
  user: Account,
  issue: Issue,
  change: { title?: string; body?: string },
): void {
  const changes: Record<string, { from: string }> = {};
  if (change.title !== undefined && change.title !== issue.title) {
    changes["title"] = { from: issue.title };
    issue.title = change.title;
    issue.history.push({ kind: "renamed", id: nextId(github), by: user, at: nowOf(github) });
  }
  if (change.body !== undefined && change.body !== issue.body) {
    changes["body"] = { from: issue.body ?? "" };
    issue.body = change.body;
    issue.edits.push({ by: user, at: nowOf(github) });
  }
  if (Object.keys(changes).length === 0) return;
  issue.updatedAt = nowOf(github);
  emit(github, "issues", repository, user, { action: "edited", issue: toIssue(github, repository, issue), changes });
}

export function addComment(github: GitHub, repository: Repository, user: Account, issue: Issue, body: string): Comment {
  const now = nowOf(github);
  const comment = { id: nextId(github), issue, user, reactions: [], body, createdAt: now, updatedAt: now };
  repository.comments.set(comment.id, comment);
  issue.updatedAt = now;
  emitComment(github, repository, user, comment, { action: "created" });
  return comment;
}

export function editComment(github: GitHub, repository: Repository, user: Account, comment: Comment, body: string): void {
  const from = comment.body;
  comment.body = body;
  comment.updatedAt = nowOf(github);
  emitComment(github, repository, user, comment, { action: "edited", changes: { body: { from } } });
}

export function deleteComment(github: GitHub, repository: Repository, user: Account, comment: Comment): void {
  repository.comments.delete(comment.id);
  emitComment(github, repository, user, comment, { action: "deleted" });
}

function emitComment(
  github: GitHub,
  repository: Repository,
  user: Account,
  comment: Comment,
  what: Readonly<Record<string, unknown>>,
): void {
  emit(github, "issue_comment", repository, user, {
    ...what,
    issue: toIssue(github, repository, comment.issue),
    comment: toComment(github, repository, comment),
  });
}

/** A person added to a repository, for apps that watch membership. */
export function emitMember(github: GitHub, repository: Repository, member: Account): void {
  emit(github, "member", repository, repository.owner, { action: "added", member: toUser(github, member) });
}
