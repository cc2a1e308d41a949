import {
  answer,
  invalid,
  isRecord,
  notAdmin,
  notFound,
  notSupplied,
  page,
  textField,
  type Answer,
  type RepositoryRequest,
} from "../answers.ts";
import { actorOf } from "../credentials.ts";
import { addComment, addLabel, deleteComment, editComment, openIssue } from "../issues.ts";
import { toComment, toIssue, toLabel } from "../shapes/issue.ts";
import { repositoryUrl } from "../shapes/urls.ts";
import { atLeast } from "../rank.ts";
import { listed, roleOf, type Account, type Comment, type GitHub, type Issue } from "../state.ts";
import type { RepositoryHandler } from "./handler.ts";

/** GitHub's limit on a comment's body, in characters. */
const MAX_BODY = 65_536;

export const listIssues: RepositoryHandler = (github, request) => {
  const { repository, query } = request;
  const state = query["state"] ?? "open";
  const labels = (query["labels"] ?? "").split(",").filter((name) => name !== "");
  const since = Date.parse(query["since"] ?? "") || 0;
  const chosen = listed(github, repository.issues.values())
    .filter((issue) => state === "all" || issue.state === state)
    .filter((issue) => labels.every((name) => issue.labels.some((label) => label.name.toLowerCase() === name.toLowerCase())))
    .filter((issue) => issue.updatedAt >= since)
    .filter(({ user }) => user.login === (query["creator"] ?? user.login))
    .toSorted((one, other) => (query["direction"] === "asc" ? one.number - other.number : other.number - one.number));
  const { items, headers } = page(request, `${repositoryUrl(github, repository)}/issues`, chosen);
  return answer(
    200,
    items.map((issue) => toIssue(github, repository, issue)),
    headers,
  );
};

/** Labels of a person without triage are dropped without a word, as GitHub does. */
export const createIssue: RepositoryHandler = (github, request) => {
  const { repository, body, caller } = request;
  const { title } = body;
  if (typeof title !== "string" && typeof title !== "number") return notSupplied("title");
  if (String(title).trim() === "") return invalid({ resource: "Issue", code: "missing_field", field: "title" });
  const mayLabel = caller.party === "installation" || atLeast(roleOf(github, repository, caller.account), "triage");
  const issue = openIssue(github, repository, actorOf(github, caller), {
    title: String(title),
    body: textField(body, "body") ?? "",
    labels: mayLabel ? namesOf(body["labels"]) : [],
  });
  const shape = toIssue(github, repository, issue);
  return answer(201, shape, { location: String(shape["url"]) });
};

export const addLabels: RepositoryHandler = (github, request) => {
  const issue = issueOf(request);
  if (issue === undefined) return notFound();
  const { repository, caller, body } = request;
  for (const name of namesOf(body["labels"])) addLabel(github, repository, actorOf(github, caller), issue, name);
  return answer(
    200,
    issue.labels.map((label) => toLabel(github, repository, label)),
  );
};

/** Labels come by name or as objects that have one. */
function namesOf(labels: unknown): string[] {
  if (!Array.isArray(labels)) return [];
  return labels.flatMap((label: unknown) => {
    const name = isRecord(label) ? label["name"] : label;
    return typeof name === "string" ? [name] : [];
  });
}

export const getIssue: RepositoryHandler = (github, request) => {
  const issue = issueOf(request);
  return issue === undefined ? notFound() : answer(200, toIssue(github, request.repository, issue));
};

/** Of all issues and pull requests; by time only where a sort is named, and then the oldest first unless told otherwise. */
export const listAllComments: RepositoryHandler = (github, request) => {
  const { sort, direction = "desc", since = "" } = request.query;
  const all = listed(github, request.repository.comments.values()).filter(
    ({ updatedAt }) => updatedAt >= (Date.parse(since) || 0),
  );
  const time = (comment: (typeof all)[number]): number => (sort === "updated" ? comment.updatedAt : comment.createdAt);
  const sorted = sort === undefined ? all : all.toSorted((a, b) => (direction === "asc" ? time(a) - time(b) : time(b) - time(a)));
  const { items, headers } = page(request, `${repositoryUrl(github, request.repository)}/issues/comments`, sorted);
  return answer(
    200,
    items.map((comment) => toComment(github, request.repository, comment)),
    headers,
  );
};

export const listComments: RepositoryHandler = (github, request) => {
  const issue = issueOf(request);
  if (issue === undefined) return notFound();
  const since = Date.parse(request.query["since"] ?? "") || 0;
  const all = listed(github, request.repository.comments.values()).filter(
    (comment) => comment.issue === issue && comment.updatedAt >= since,
  );
  const url = `${repositoryUrl(github, request.repository)}/issues/${String(issue.number)}/comments`;
  const { items, headers } = page(request, url, all);
  return answer(
    200,
    items.map((comment) => toComment(github, request.repository, comment)),
    headers,
  );
};

export const createComment: RepositoryHandler = (github, request) => {
  const issue = issueOf(request);
  if (issue === undefined) return notFound();
  const body = checkedBody(request);
  if (typeof body !== "string") return body;
  const comment = addComment(github, request.repository, actorOf(github, request.caller), issue, body);
  const shape = toComment(github, request.repository, comment);
  return answer(201, shape, { location: String(shape["url"]) });
};

export const getComment: RepositoryHandler = (github, request) => {
  const comment = commentOf(request);
  return comment === undefined ? notFound() : answer(200, toComment(github, request.repository, comment));
};

export const updateComment: RepositoryHandler = (github, request) => {
  const comment = commentOf(request);
  if (comment === undefined) return notFound();
  if (!mayChange(github, request, comment.user)) return notAdmin();
  const body = checkedBody(request);
  if (typeof body !== "string") return body;
  editComment(github, request.repository, actorOf(github, request.caller), comment, body);
  return answer(200, toComment(github, request.repository, comment));
};

export const removeComment: RepositoryHandler = (github, request) => {
  const comment = commentOf(request);
  if (comment === undefined) return notFound();
  if (!mayChange(github, request, comment.user)) return notAdmin();
  deleteComment(github, request.repository, actorOf(github, request.caller), comment);
  return answer(204);
};

/** What somebody wrote is changed by who wrote it, and by who may write to the repository. */
export function mayChange(github: GitHub, { repository, caller }: RepositoryRequest, author: Account): boolean {
  if (caller.party === "installation" || caller.account.id === author.id) return true;
  return atLeast(roleOf(github, repository, caller.account), "write");
}

function issueOf({ repository, params }: RepositoryRequest): Issue | undefined {
  return repository.issues.get(Number(params["issue_number"]));
}

function commentOf({ repository, params }: RepositoryRequest): Comment | undefined {
  return repository.comments.get(Number(params["comment_id"]));
}

function checkedBody(request: RepositoryRequest): string | Answer {
  const body = textField(request.body, "body");
  if (body === undefined || body.trim() === "")
    return invalid({ resource: "IssueComment", code: "missing_field", field: "body" });
  if (body.length > MAX_BODY)
    return invalid({
      resource: "IssueComment",
      code: "custom",
      field: "body",
      message: "body is too long (maximum is 65536 characters)",
    });
  return body;
}
