import { holds } from "./permissions.ts";
import type { Acting } from "./credentials.ts";
import { isPull, type PullIssue } from "./shapes/pull.ts";
import { nodeId } from "./shapes/urls.ts";
import { iso, type Account, type Repository } from "./state.ts";

type Node = Readonly<Record<string, unknown>>;

/** An issue as GraphQL shows it; null where there is none, or the token may not read issues. */
export function toIssueNode(repository: Repository, caller: Acting, number: number): Node | null {
  const issue = repository.issues.get(number);
  const may = (permission: string) => caller.party === "user" || holds(caller.token.permissions, permission, "read");
  if (issue === undefined || issue.pull !== undefined || !may("issues")) return null;
  const { total, completed } = issue.below ?? { total: 0, completed: 0 };
  const edit = issue.edits.at(-1);
  const percentCompleted = total === 0 ? 0 : Math.floor((100 * completed) / total);
  return {
    id: nodeId("Issue", issue.id),
    number,
    lastEditedAt: edit === undefined ? null : iso(edit.at),
    editor: edit === undefined ? null : toActor(edit.by),
    subIssuesSummary: { total, completed, percentCompleted },
    closedByPullRequestsReferences({ first, includeClosedPrs }: { first: number; includeClosedPrs: boolean }) {
      const pulls = may("pull_requests") ? closing(repository, number) : [];
      return {
        nodes: pulls
          .filter((pull) => includeClosedPrs || pull.state === "open")
          .slice(0, first)
          .map(toPullNode),
      };
    },
  };
}

/** An organisation acts nowhere. */
function toActor({ id, login, type }: Account): Node {
  return type === "Bot"
    ? { __typename: "Bot", id: nodeId("Bot", id), login: login.replace(/\[bot\]$/, ""), databaseId: id }
    : { __typename: "User", id: nodeId("User", id), login, databaseId: id };
}

/** A pull request closes an issue by a keyword, into the default branch alone. Source: docs.github.com, "Linking a pull request to an issue". */
function closing(repository: Repository, number: number): PullIssue[] {
  const keyword = new RegExp(String.raw`\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):? #${String(number)}\b`, "i");
  return [...repository.issues.values()]
    .filter(isPull)
    .filter(({ pull, body }) => pull.base === repository.defaultBranch && keyword.test(body ?? ""));
}

function toPullNode({ id, number, state, pull }: PullIssue): Node {
  return { id: nodeId("PullRequest", id), number, state: pull.merged !== null ? "MERGED" : state.toUpperCase() };
}
