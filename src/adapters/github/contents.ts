import { ok } from "#core/wire/result.ts";
import type { Answer } from "#ports/github.ts";
import type { RepositoryContents } from "#ports/operator.ts";
import { at, everyPage, type Asking } from "./asking.ts";

/** What would be lost with a repository. */
export async function readContents({ ask }: Asking, repository: string): Answer<RepositoryContents> {
  const found = await ask("GET /repos/{owner}/{repo}", at(repository));
  if (!found.ok) return found;
  const branches = await everyPage((paging) => ask("GET /repos/{owner}/{repo}/branches", { ...at(repository), ...paging }));
  if (!branches.ok) return branches;
  const head = branches.value.find(({ name }) => name === found.value.default_branch);
  const common = { branches: branches.value.map(({ name }) => name), open: found.value.open_issues_count };
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
