import { git } from "./git-repository.ts";
import { isPull } from "./shapes/pull.ts";
import { findRepository, fullName, type GitHub } from "./state.ts";

/** An issue's or a pull request's page as a person would look at it, in plain text; undefined for any other path. */
export async function renderPage(github: GitHub, method: string, path: string): Promise<string | undefined> {
  const found = method === "GET" ? /^\/([^/]+)\/([^/]+)\/(?:issues|pull)\/(\d+)$/.exec(path) : null;
  if (found === null) return undefined;
  const [, owner = "", name = "", number = ""] = found;
  const repository = findRepository(github, owner, name);
  const issue = repository?.issues.get(Number(number));
  if (repository === undefined || issue === undefined) return undefined;
  const comments = [...repository.comments.values()].filter((comment) => comment.issue === issue);
  const labels = issue.labels.map((label) => label.name).join(", ");
  return [
    `${issue.title}  ${fullName(repository)}#${number}`,
    `${issue.state}, by ${issue.user.login}${labels === "" ? "" : `, labels: ${labels}`}`,
    issue.body ?? "",
    ...comments.map((comment) => `--- ${comment.user.login}:\n\n${comment.body}`),
    ...(isPull(issue)
      ? [
          `=== ${issue.pull.draft ? "draft, " : ""}${issue.pull.head} into ${issue.pull.base}`,
          await git(repository.git, ["diff", issue.pull.baseSha, issue.pull.headSha]),
        ]
      : []),
    "",
  ].join("\n\n");
}
