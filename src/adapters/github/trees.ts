import type { Octokit } from "@octokit/rest";
import type { Endpoints } from "@octokit/types";
import type { Answer, Place } from "#ports/github.ts";
import { createAsking } from "./asking.ts";

type Tree = Endpoints["GET /repos/{owner}/{repo}/git/trees/{tree_sha}"]["response"]["data"];

/** A tree with all below it, in one call. GitHub lists up to 100,000 entries of it and 7 MB, and says in `truncated` where it has cut. */
export async function listTree(client: Octokit, { owner, repository }: Place, tree: string): Answer<Tree> {
  return createAsking(client).ask("GET /repos/{owner}/{repo}/git/trees/{tree_sha}", {
    owner: owner.login,
    repo: repository.name,
    tree_sha: tree,
    recursive: "true",
  });
}
