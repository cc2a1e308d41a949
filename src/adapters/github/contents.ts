import { ok, type Result } from "#core/wire/result.ts";
import type { GitHubFailure } from "#ports/github.ts";
import type { RepositoryContents } from "#ports/operator.ts";
import { at, type Asking } from "./asking.ts";

const PAGE = 100;

/** What would be lost with a repository. */
export async function readContents({ ask }: Asking, repository: string): Promise<Result<RepositoryContents, GitHubFailure>> {
  const found = await ask("GET /repos/{owner}/{repo}", at(repository));
  if (!found.ok) return found;
  const branches: { name: string; commit: { sha: string } }[] = [];
  for (let page = 1; ; page += 1) {
    const listed = await ask("GET /repos/{owner}/{repo}/branches", { ...at(repository), per_page: PAGE, page });
    if (!listed.ok) return listed;
    branches.push(...listed.value);
    if (listed.value.length < PAGE) break;
  }
  const head = branches.find(({ name }) => name === found.value.default_branch);
  const common = { branches: branches.map(({ name }) => name), open: found.value.open_issues_count };
  if (head === undefined) return ok({ ...common, files: new Map() });
  const tree = await ask("GET /repos/{owner}/{repo}/git/trees/{tree_sha}", {
    ...at(repository),
    tree_sha: head.commit.sha,
    recursive: "true",
  });
  if (!tree.ok) return tree;
  const { truncated, tree: entries } = tree.value;
  // All but folders, submodules among them.
  const files = entries.filter(({ type }) => type !== "tree").map(({ path, sha }) => [path, sha] as const);
  return ok({ ...common, files: truncated ? null : new Map(files) });
}
