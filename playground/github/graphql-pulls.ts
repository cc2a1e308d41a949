import { diffFiles, mergeBase } from "./git-diff.ts";
import { isPull, type PullIssue } from "./shapes/pull.ts";
import { iso, type Issue, type Repository } from "./state.ts";

type Node = Readonly<Record<string, unknown>>;
type Commits = (sha: string) => Promise<Node | null>;

/** As GitHub reads a pull request's text. Source: its page "Linking a pull request to an issue using a keyword". */
const CLOSES = /\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+#(\d{1,9})\b/gi;

export type PullArguments = { readonly states?: readonly string[]; readonly first?: number; readonly after?: string | null };

/**
 * `pullRequests` of a repository, those first that were changed last. Issues are a permission of their own: without it the list of those
 * that were closed is empty (cli/cli#11841).
 */
export function pullConnection(
  repository: Repository,
  { states, first = 0, after }: PullArguments,
  mayReadIssues: boolean,
  commits: Commits,
): Node {
  const chosen = [...repository.issues.values()]
    .filter(isPull)
    .filter((issue) => states?.includes(stateOf(issue)) !== false)
    .toSorted((one, other) => other.updatedAt - one.updatedAt || other.number - one.number);
  const from = Number(after ?? 0);
  const shown = chosen.slice(from, from + first);
  return {
    pageInfo: { hasNextPage: from + shown.length < chosen.length, endCursor: String(from + shown.length) },
    nodes: () => Promise.all(shown.map((issue) => toPullNode(repository, issue, mayReadIssues, commits))),
  };
}

function stateOf({ state, pull }: PullIssue): string {
  if (pull.merged !== null) return "MERGED";
  return state === "open" ? "OPEN" : "CLOSED";
}

async function toPullNode(repository: Repository, issue: PullIssue, mayReadIssues: boolean, commits: Commits): Promise<Node> {
  const { headSha, baseSha, merged } = issue.pull;
  const paths = (await diffFiles(repository.git, (await mergeBase(repository.git, baseSha, headSha)) ?? baseSha, headSha)).map(
    ({ path }) => ({ path }),
  );
  return {
    number: issue.number,
    mergedAt: merged === null ? null : iso(merged.at),
    mergeCommit: () => (merged === null ? null : commits(merged.sha)),
    files: ({ first = 0 }: { first?: number }) => ({ totalCount: paths.length, nodes: paths.slice(0, first) }),
    closingIssuesReferences: ({ first = 0 }: { first?: number }) => ({
      nodes: mayReadIssues ? closed(repository, issue.body ?? "").slice(0, first) : [],
    }),
  };
}

function closed(repository: Repository, body: string): Node[] {
  const numbers = [...new Set([...body.matchAll(CLOSES)].map((match) => Number(match[1])))];
  return numbers.flatMap((number) => {
    const issue = repository.issues.get(number);
    return issue === undefined || isPull(issue) ? [] : [toIssueNode(repository, issue)];
  });
}

function toIssueNode(repository: Repository, { number, title, body, labels }: Issue): Node {
  const names = labels.map(({ name }) => ({ name }));
  return {
    number,
    title,
    body: body ?? "",
    repository: { databaseId: repository.id },
    labels: ({ first = 0 }: { first?: number }) => ({ nodes: names.slice(0, first) }),
  };
}
