import type { Octokit } from "@octokit/rest";
import { err, ok } from "#core/wire/result.ts";
import type { Files, MergedPull } from "#core/trial/choice.ts";
import type { Answer, MergedPage, Place } from "#ports/github.ts";
import { answer, timeout } from "./client.ts";
import { createAsking } from "./asking.ts";
import { listTree } from "./trees.ts";

/**
 * Merged pull requests, those first that were changed last: GitHub has no order by when they were merged. What an issue says is what it
 * says now. Issues come only with the permission to read them: without it the list is empty (cli/cli#11841).
 */
export const MERGED_QUERY = `
  query Merged($owner: String!, $name: String!, $after: String) {
    repository(owner: $owner, name: $name) {
      databaseId
      pullRequests(states: [MERGED], first: 25, after: $after, orderBy: { field: UPDATED_AT, direction: DESC }) {
        pageInfo { hasNextPage endCursor }
        nodes {
          number
          mergedAt
          mergeCommit { oid tree { oid } parents(first: 1) { nodes { oid tree { oid } } } }
          files(first: 100) { totalCount nodes { path } }
          closingIssuesReferences(first: 5) {
            nodes { number title body repository { databaseId } labels(first: 20) { nodes { name } } }
          }
        }
      }
    }
  }
`;

type Nodes<T> = { readonly nodes: readonly (T | null)[] | null } | null;
type Commit = { readonly oid: string; readonly tree: { readonly oid: string } };
type PullNode = {
  readonly number: number;
  readonly mergedAt: string | null;
  readonly mergeCommit: (Commit & { readonly parents: Nodes<Commit> }) | null;
  readonly files: (Nodes<{ readonly path: string }> & { readonly totalCount: number }) | null;
  readonly closingIssuesReferences: Nodes<{
    readonly number: number;
    readonly title: string;
    readonly body: string;
    readonly repository: { readonly databaseId: number | null };
    readonly labels: Nodes<{ readonly name: string }>;
  }>;
};
type MergedData = {
  readonly repository: {
    readonly databaseId: number | null;
    readonly pullRequests: Nodes<PullNode> & { readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null } };
  } | null;
}; // prettier-ignore

export async function readMerged(client: Octokit, { owner, repository }: Place, after: string | null): Answer<MergedPage> {
  const route = "POST /graphql";
  const { login } = owner;
  const { name } = repository;
  const read = await answer(route, () =>
    client.graphql<MergedData>(MERGED_QUERY, { owner: login, name, after, request: timeout() }),
  );
  if (!read.ok) return read;
  const found = read.value.repository;
  if (found === null) return err({ reason: "github-refused", route, status: 404, message: `${login}/${name} is not readable` });
  const { pageInfo } = found.pullRequests;
  return ok({
    pulls: all(found.pullRequests).map((pull) => toMerged(pull, found.databaseId)),
    next: pageInfo.hasNextPage ? pageInfo.endCursor : null,
  });
}

function toMerged({ number, mergedAt, mergeCommit, files, closingIssuesReferences }: PullNode, here: number | null) {
  const facts = ({ oid, tree }: Commit) => ({ commit: oid, tree: tree.oid });
  const [parent] = all(mergeCommit?.parents ?? null);
  const paths = all(files).map(({ path }) => path);
  return {
    number,
    mergedAt: Date.parse(mergedAt ?? "") || 0,
    merge: mergeCommit === null ? null : facts(mergeCommit),
    parent: parent === undefined ? null : facts(parent),
    paths: files !== null && files.totalCount === paths.length ? paths : null,
    issues: all(closingIssuesReferences).map((issue) => ({
      number: issue.number,
      title: issue.title,
      body: issue.body,
      labels: all(issue.labels).map(({ name }) => name),
      isHere: here !== null && issue.repository.databaseId === here,
    })),
  } satisfies MergedPull & { readonly mergedAt: number };
}

function all<T>(connection: Nodes<T>): readonly T[] {
  return (connection?.nodes ?? []).flatMap((node) => (node === null ? [] : [node]));
}

/** All files of a tree. null: there are more than GitHub lists at once. */
export async function readFiles(client: Octokit, place: Place, tree: string): Answer<Files | null> {
  const read = await listTree(client, place, tree);
  if (!read.ok) return read;
  if (read.value.truncated) return ok(null);
  const files = read.value.tree.filter(({ type }) => type !== "tree");
  return ok(new Map(files.map(({ path, mode, sha, size }) => [path, { mode, blob: sha, size: size ?? null }])));
}

/** A file's content, as base64. */
export async function readBlob(client: Octokit, { owner, repository }: Place, blob: string): Answer<string> {
  const at = { owner: owner.login, repo: repository.name };
  const read = await createAsking(client).ask("GET /repos/{owner}/{repo}/git/blobs/{file_sha}", { ...at, file_sha: blob });
  return read.ok ? ok(read.value.content.replaceAll("\n", "")) : read;
}
