import type { Octokit } from "@octokit/rest";
import { CONFIG_FILE, POLICY_REPOSITORY } from "#core/config/policy.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import type { FileAt, GitHubFailure, SetUp } from "#ports/github.ts";
import { answer, timeout } from "./client.ts";

/**
 * Product repository and policy in one read: the base commit with its tree, the settings at it, and the policy with the
 * commit it was read at. Over REST these are five calls, and the files could be of other commits than those recorded.
 */
export const SET_UP_QUERY = `
  query SetUp($owner: String!, $name: String!, $policy: String!, $file: String!) {
    product: repository(owner: $owner, name: $name) {
      defaultBranchRef { name target { oid ... on Commit { tree { oid } } } }
      settings: object(expression: $file) { ... on Blob { text isTruncated } }
    }
    policy: repository(owner: $owner, name: $policy) {
      defaultBranchRef { target { oid } }
      file: object(expression: $file) { ... on Blob { text isTruncated } }
    }
  }
`;

export type Blob = { text?: string | null; isTruncated?: boolean } | null;
type SetUpData = {
  product: { defaultBranchRef: { name: string; target: { oid: string; tree?: { oid: string } } } | null; settings: Blob } | null;
  policy: { defaultBranchRef: { target: { oid: string } } | null; file: Blob } | null;
};

export async function readSetUp(client: Octokit, owner: string, name: string): Promise<Result<SetUp, GitHubFailure>> {
  const route = "POST /graphql";
  const variables = { owner, name, policy: POLICY_REPOSITORY, file: `HEAD:${CONFIG_FILE}` };
  const read = await answer(route, async () => {
    try {
      return await client.graphql<SetUpData>(SET_UP_QUERY, { ...variables, request: timeout() });
    } catch (error) {
      const partial = partialData(error);
      if (partial !== undefined) return partial;
      throw error;
    }
  });
  if (!read.ok) return read;
  const { product, policy } = read.value;
  if (product === null) return err({ reason: "github-refused", route, status: 404, message: `${owner}/${name} is not readable` });
  const head = product.defaultBranchRef;
  return ok({
    base: head?.target.tree === undefined ? null : { branch: head.name, commit: head.target.oid, tree: head.target.tree.oid },
    settings: toFile(product.settings),
    policy: policy?.defaultBranchRef == null ? null : { commit: policy.defaultBranchRef.target.oid, file: toFile(policy.file) },
  });
}

/** GraphQL answers what it can beside its errors; a `.github` repository that is missing is one of `NOT_FOUND`. */
function partialData(error: unknown): SetUpData | undefined {
  if (!(error instanceof Error) || !("errors" in error) || !("data" in error) || !Array.isArray(error.errors)) return undefined;
  const errors: readonly unknown[] = error.errors;
  const missing = errors.every(
    (entry) => typeof entry === "object" && entry !== null && Reflect.get(entry, "type") === "NOT_FOUND",
  );
  return missing && typeof error.data === "object" && error.data !== null
    ? { product: null, policy: null, ...error.data }
    : undefined;
}

export function toFile(blob: Blob): FileAt {
  if (blob === null) return "missing";
  // A directory or submodule of that name has no text; a binary file's text is null.
  return blob.isTruncated === false && typeof blob.text === "string" ? { text: blob.text } : "unreadable";
}
