import { buildSchema, graphql, parse, validate, type ExecutionResult } from "graphql";
import { readFileSync } from "node:fs";
import { isRecord } from "./answers.ts";
import { git, objectType, readBlob, readCommit, readTree, resolve } from "./git-repository.ts";
import type { Acting } from "./credentials.ts";
import { toIssueNode } from "./issue-node.ts";
import { toReviewedPull } from "./graphql-reviews.ts";
import { issueConnection, type IssueArguments } from "./graphql-issues.ts";
import { pullConnection, type PullArguments } from "./graphql-pulls.ts";
import { holds, sees } from "./permissions.ts";
import { nodeId } from "./shapes/urls.ts";
import { findRepository, fullName, iso, nowOf, type GitHub, type Repository } from "./state.ts";

/** The part of GitHub's schema that the product's documents reach; a field outside it fails validation. */
const schema = buildSchema(readFileSync(new URL("contract/graphql.graphql", import.meta.url), "utf8"));

/** GitHub cuts a blob's text there and says `isTruncated`. Source: its schema, "text … null if binary"; limit as observed. */
const MAX_TEXT = 512_000;

type Node = Readonly<Record<string, unknown>>;

/**
 * Answers `POST /graphql`, always with status 200 as GitHub does, errors inside. What graphql-js refuses of the document
 * or the variables is a violation; a repository that isn't there is an ordinary answer.
 */
export async function answerGraphql(github: GitHub, caller: Acting, body: unknown): Promise<Node> {
  if (!isRecord(body) || typeof body["query"] !== "string") {
    github.violations.push("POST /graphql: no query in the body");
    return { errors: [{ message: "A query attribute must be specified and must be a string." }] };
  }
  const missing: Node[] = [];
  const variables = isRecord(body["variables"]) ? body["variables"] : {};
  const wrong = check(body["query"]);
  const result: ExecutionResult =
    wrong.length > 0
      ? { errors: [] }
      : await graphql({ schema, source: body["query"], rootValue: root(github, caller, missing), variableValues: variables });
  const errors = [...wrong, ...(result.errors ?? []).map(({ message }) => message)];
  github.violations.push(...errors.map((message) => `POST /graphql: ${message}`));
  const all = [...missing, ...errors.map((message) => ({ message }))];
  return {
    ...(result.data === undefined ? {} : { data: result.data }),
    ...(all.length === 0 ? {} : { errors: all }),
  };
}

function check(query: string): string[] {
  try {
    return validate(schema, parse(query)).map(({ message }) => message);
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}

/** Resolvers in graphql-js' plain form: methods take the field's arguments. */
function root(github: GitHub, caller: Acting, missing: Node[]): Node {
  return {
    repository({ owner, name }: { owner: string; name: string }, _context: unknown, info: { path: { key: string | number } }) {
      const repository = findRepository(github, owner, name);
      if (repository !== undefined && sees(github, caller, repository)) return toRepositoryNode(github, repository, caller);
      missing.push({
        type: "NOT_FOUND",
        path: [info.path.key],
        message: `Could not resolve to a Repository with the name '${owner}/${name}'.`,
      });
      return null;
    },
    rateLimit: () => ({ cost: 1, limit: 5000, remaining: 4999, resetAt: iso(nowOf(github) + 3_600_000) }),
  };
}

function toRepositoryNode(github: GitHub, repository: Repository, caller: Acting): Node {
  const may = (what: string) => caller.party === "user" || holds(caller.token.permissions, what, "read");
  const readable = may("contents");
  return {
    id: nodeId("Repository", repository.id),
    databaseId: repository.id,
    name: repository.name,
    nameWithOwner: fullName(repository),
    isPrivate: repository.private,
    owner: {
      __typename: repository.owner.type,
      id: nodeId(repository.owner.type, repository.owner.id),
      login: repository.owner.login,
    },
    defaultBranchRef: () => (readable ? toRefNode(repository, `refs/heads/${repository.defaultBranch}`) : null),
    ref: ({ qualifiedName }: { qualifiedName: string }) =>
      readable ? toRefNode(repository, qualifiedName.startsWith("refs/") ? qualifiedName : `refs/heads/${qualifiedName}`) : null,
    issue: ({ number }: { number: number }) => toIssueNode(repository, caller, number),
    pullRequest: ({ number }: { number: number }) =>
      readable && may("pull_requests") ? toReviewedPull(github, repository, number) : null,
    issues: (asked: IssueArguments) => (may("issues") ? issueConnection(repository, asked) : null),
    pullRequests: (asked: PullArguments) => {
      if (!may("pull_requests")) return null;
      return pullConnection(repository, asked, may("issues"), (sha) => toObjectNode(repository, sha));
    },
    object: async ({ expression, oid }: { expression?: string; oid?: string }) => {
      const sha = readable ? await objectNamed(repository, expression ?? oid ?? "") : undefined;
      return sha === undefined ? null : toObjectNode(repository, sha);
    },
  };
}

async function toRefNode(repository: Repository, ref: string): Promise<Node | null> {
  const sha = await resolve(repository.git, ref);
  const prefix = ref.slice(0, ref.indexOf("/", "refs/".length) + 1);
  return sha === undefined
    ? null
    : { id: nodeId("Ref", ref), name: ref.slice(prefix.length), prefix, target: () => toObjectNode(repository, sha) };
}

/** `HEAD:path` and the like: HEAD of the bare repository is the default branch. */
async function objectNamed(repository: Repository, expression: string): Promise<string | undefined> {
  if (expression === "" || expression.startsWith("-")) return undefined;
  return git(repository.git, ["rev-parse", "--verify", "--quiet", "--end-of-options", expression]).then(
    (text) => text.trim(),
    () => undefined,
  );
}

async function toObjectNode(repository: Repository, sha: string): Promise<Node | null> {
  const type = await objectType(repository.git, sha);
  const id = nodeId("GitObject", sha);
  if (type === "commit") {
    const commit = await readCommit(repository.git, sha);
    return {
      __typename: "Commit",
      id,
      oid: sha,
      message: commit.message,
      committedDate: commit.committer.date,
      tree: () => toObjectNode(repository, commit.tree),
      parents: ({ first = 0 }: { first?: number }) => ({
        nodes: () => Promise.all(commit.parents.slice(0, first).map((parent) => toObjectNode(repository, parent))),
      }),
    };
  }
  if (type === "tree") return { __typename: "Tree", id, oid: sha, entries: () => toEntries(repository, sha) };
  if (type !== "blob") return null;
  const content = await readBlob(repository.git, sha);
  const isBinary = content.subarray(0, 8000).includes(0);
  const isTruncated = content.length > MAX_TEXT;
  const text = isBinary ? null : content.subarray(0, MAX_TEXT).toString();
  return { __typename: "Blob", id, oid: sha, byteSize: content.length, isBinary, isTruncated, text };
}

async function toEntries(repository: Repository, tree: string): Promise<Node[]> {
  const entries = await readTree(repository.git, tree, false);
  return entries.map((entry) => ({
    ...entry,
    name: entry.path,
    oid: entry.sha,
    mode: Number.parseInt(entry.mode, 8),
    size: entry.size ?? 0,
  }));
}
