import { answer, invalid, notFound, page, textField, type Answer, type RepositoryRequest } from "../answers.ts";
import { addComment, deleteComment, editComment } from "../issues.ts";
import { toComment, toIssue } from "../shapes/issue.ts";
import { repositoryUrl } from "../shapes/urls.ts";
import { listed, type Comment, type Issue } from "../state.ts";
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
    .toSorted((one, other) => (query["direction"] === "asc" ? one.number - other.number : other.number - one.number));
  const { items, headers } = page(request, `${repositoryUrl(github, repository)}/issues`, chosen);
  return answer(
    200,
    items.map((issue) => toIssue(github, repository, issue)),
    headers,
  );
};

export const getIssue: RepositoryHandler = (github, request) => {
  const issue = issueOf(request);
  return issue === undefined ? notFound() : answer(200, toIssue(github, request.repository, issue));
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
  const comment = addComment(github, request.repository, github.app.bot, issue, body);
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
  const body = checkedBody(request);
  if (typeof body !== "string") return body;
  editComment(github, request.repository, github.app.bot, comment, body);
  return answer(200, toComment(github, request.repository, comment));
};

export const removeComment: RepositoryHandler = (github, request) => {
  const comment = commentOf(request);
  if (comment === undefined) return notFound();
  deleteComment(github, request.repository, github.app.bot, comment);
  return answer(204);
};

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
