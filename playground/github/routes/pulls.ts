import {
  answer,
  invalid,
  notAdmin,
  notFound,
  page,
  textField,
  unprocessable,
  type Answer,
  type RepositoryRequest,
} from "../answers.ts";
import { actorOf } from "../credentials.ts";
import { commitsBetween, diffFiles, mergeBase, patchOf, type FileDiff } from "../git-diff.ts";
import { resolve } from "../git-repository.ts";
import { holds } from "../permissions.ts";
import { hasAll } from "../plans.ts";
import { openPull, requestReview, setPullState } from "../pulls.ts";
import type { Shape } from "../shapes/account.ts";
import { isPull, toPull, toPullSimple, type PullIssue } from "../shapes/pull.ts";
import { nodeId, repositoryHtmlUrl, repositoryUrl } from "../shapes/urls.ts";
import { accountOf, fullName, listed, nowOf, roleOf, type Account, type GitHub, type Repository, type Team } from "../state.ts";
import type { RepositoryHandler } from "./handler.ts";
import { mayChange } from "./issue.ts";

/**
 * Opens a pull request. Refused as GitHub does: a branch that isn't there, no commits between the two, one already
 * open for the same head and base, drafts where the plan has none.
 */
export const createPull: RepositoryHandler = async (github, request) => {
  const { repository, body, caller } = request;
  const title = textField(body, "title") ?? "";
  const base = textField(body, "base") ?? "";
  const head = branchOf(repository, textField(body, "head") ?? "");
  if (title.trim() === "") return invalid({ resource: "PullRequest", code: "missing_field", field: "title" });
  const [baseSha, headSha] = await Promise.all([tip(repository, base), tip(repository, head)]);
  if (baseSha === undefined) return invalid({ resource: "PullRequest", code: "invalid", field: "base" });
  if (headSha === undefined) return invalid({ resource: "PullRequest", code: "invalid", field: "head" });
  if ((await commitsBetween(repository.git, baseSha, headSha)).length === 0) {
    return invalid({ resource: "PullRequest", code: "custom", message: `No commits between ${base} and ${head}` });
  }
  const twin = pullsOf(repository).some(
    (issue) => issue.state === "open" && issue.pull.head === head && issue.pull.base === base,
  );
  if (twin)
    return invalid({
      resource: "PullRequest",
      code: "custom",
      message: `A pull request already exists for ${repository.owner.login}:${head}.`,
    });
  const draft = body["draft"] === true;
  if (draft && !hasAll(github, repository)) return unprocessable("Draft pull requests are not supported in this repository.");
  const text = textField(body, "body") ?? null;
  const issue = openPull(github, repository, actorOf(github, caller), { title, body: text, head, base, headSha, baseSha, draft });
  return answer(201, await toPull(github, repository, issue));
};

export const getPull: RepositoryHandler = async (github, request) => {
  const issue = pullOf(request);
  return issue === undefined ? notFound() : answer(200, await toPull(github, request.repository, issue));
};

export const listPulls: RepositoryHandler = (github, request) => {
  const { repository, query } = request;
  const state = query["state"] ?? "open";
  const head = query["head"];
  // GitHub ignores `head` without an owner and answers everything: the classic way to find a wrong pull request.
  const branch = head?.includes(":") === true ? branchOf(repository, head) : undefined;
  const chosen = listed(github, pullsOf(repository))
    .filter((issue) => state === "all" || issue.state === state)
    .filter((issue) => branch === undefined || issue.pull.head === branch)
    .filter((issue) => query["base"] === undefined || issue.pull.base === query["base"])
    .toSorted((one, other) => (query["direction"] === "asc" ? one.number - other.number : other.number - one.number));
  const { items, headers } = page(request, `${repositoryUrl(github, repository)}/pulls`, chosen);
  return answer(
    200,
    items.map((issue) => toPullSimple(github, repository, issue)),
    headers,
  );
};

export const updatePull: RepositoryHandler = async (github, request) => {
  const issue = pullOf(request);
  if (issue === undefined) return notFound();
  const { body, repository, caller } = request;
  if (!mayChange(github, request, issue.user)) return notAdmin();
  const wanted = textField(body, "state");
  if (wanted === "open" && issue.pull.merged !== null)
    return invalid({
      resource: "PullRequest",
      code: "invalid",
      field: "state",
      message: "state cannot be changed. The pull request was merged.",
    });
  issue.title = textField(body, "title") ?? issue.title;
  issue.body = textField(body, "body") ?? issue.body;
  issue.updatedAt = nowOf(github);
  if ((wanted === "open" || wanted === "closed") && wanted !== issue.state)
    await setPullState(github, repository, issue, wanted, actorOf(github, caller));
  return answer(200, await toPull(github, repository, issue));
};

/**
 * Whoever is asked already stays so. One who can't see the repository, or who opened the pull request, spoils the whole request.
 * A team is nothing to a token without `members` (github/docs#35057).
 */
export const requestReviewers: RepositoryHandler = async (github, request) => {
  const issue = pullOf(request);
  if (issue === undefined) return notFound();
  const { repository, body, caller } = request;
  const people = textsOf(body["reviewers"]).map((login) => accountOf(github, login));
  const teams = textsOf(body["team_reviewers"]).map((slug) =>
    github.teams.get(`${repository.owner.login}/${slug}`.toLowerCase()),
  );
  if (people.some((person) => person?.id === issue.user.id))
    return unprocessable("Review cannot be requested from pull request author.");
  const hidden = caller.party === "installation" && !holds(caller.token.permissions, "members", "read") ? teams[0] : undefined;
  if (hidden !== undefined)
    return unprocessable(`Could not resolve to a node with the global id of '${nodeId("Team", hidden.id)}'.`);
  const asked = [...people, ...teams].filter((one) => one !== undefined);
  const isSeen = (one: Account | Team) => "slug" in one || roleOf(github, repository, one) !== "none";
  if (asked.length < people.length + teams.length || !asked.every(isSeen))
    return unprocessable(
      `Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a collaborator of the ${fullName(repository)} repository.`,
    );
  for (const one of asked) requestReview(github, repository, issue, one, actorOf(github, caller));
  return answer(201, toPullSimple(github, repository, issue));
};

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((text) => typeof text === "string") : [];
}

export const listPullFiles: RepositoryHandler = async (github, request) => {
  const issue = pullOf(request);
  if (issue === undefined) return notFound();
  const { repository } = request;
  const { headSha, baseSha } = issue.pull;
  const from = (await mergeBase(repository.git, baseSha, headSha)) ?? baseSha;
  const url = `${repositoryUrl(github, repository)}/pulls/${String(issue.number)}/files`;
  const { items, headers } = page(request, url, await diffFiles(repository.git, from, headSha));
  const files = await Promise.all(items.map((file) => toFile(github, repository, { from, to: headSha }, file)));
  return answer(200, files, headers) satisfies Answer;
};

/** A file that differs between two commits. */
export async function toFile(
  github: GitHub,
  repository: Repository,
  { from, to }: { readonly from: string; readonly to: string },
  file: FileDiff,
): Promise<Shape> {
  const html = repositoryHtmlUrl(github, repository);
  const patch = await patchOf(repository.git, from, to, file);
  const path = encodeURI(file.path);
  return {
    sha: file.sha,
    filename: file.path,
    status: file.status,
    additions: file.additions,
    deletions: file.deletions,
    changes: file.additions + file.deletions,
    blob_url: `${html}/blob/${to}/${path}`,
    raw_url: `${html}/raw/${to}/${path}`,
    contents_url: `${repositoryUrl(github, repository)}/contents/${path}?ref=${to}`,
    ...(patch === undefined ? {} : { patch }),
    ...(file.previousPath === undefined ? {} : { previous_filename: file.previousPath }),
  };
}

function pullsOf(repository: Repository): PullIssue[] {
  return [...repository.issues.values()].filter(isPull);
}

export function pullOf({ repository, params }: RepositoryRequest): PullIssue | undefined {
  const issue = repository.issues.get(Number(params["pull_number"]));
  return isPull(issue) ? issue : undefined;
}

/** `owner:branch` of another owner would be a fork, of which there are none. */
function branchOf(repository: Repository, head: string): string {
  const at = head.indexOf(":");
  if (at < 0) return head;
  return head.slice(0, at).toLowerCase() === repository.owner.login.toLowerCase() ? head.slice(at + 1) : "";
}

async function tip(repository: Repository, branch: string): Promise<string | undefined> {
  return branch === "" ? undefined : resolve(repository.git, `refs/heads/${branch}`);
}
