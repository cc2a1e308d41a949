import type { Commit, Identity } from "../git-repository.ts";
import { iso, type Account, type GitHub, type Repository } from "../state.ts";
import type { Shape } from "./account.ts";
import { nodeId, repositoryHtmlUrl, repositoryUrl } from "./urls.ts";

export function toRef(github: GitHub, repository: Repository, ref: string, sha: string): Shape {
  const root = repositoryUrl(github, repository);
  return {
    ref,
    node_id: nodeId("Ref", `${String(repository.id)}:${ref}`),
    url: `${root}/git/${ref}`,
    object: { sha, type: "commit", url: `${root}/git/commits/${sha}` },
  };
}

export function toVerification(repository: Repository, commit: Commit): Shape {
  const verified = repository.signedCommits.has(commit.sha);
  return {
    verified,
    reason: verified ? "valid" : "unsigned",
    signature: verified ? "-----BEGIN PGP SIGNATURE-----\n(emulated)\n-----END PGP SIGNATURE-----" : null,
    payload: verified ? `tree ${commit.tree}\n` : null,
    verified_at: verified ? commit.committer.date : null,
  };
}

function parents(github: GitHub, repository: Repository, commit: Commit): Shape[] {
  return commit.parents.map((sha) => ({
    sha,
    url: `${repositoryUrl(github, repository)}/git/commits/${sha}`,
    html_url: `${repositoryHtmlUrl(github, repository)}/commit/${sha}`,
  }));
}

/** `git-commit`, of the Git Data API. */
export function toGitCommit(github: GitHub, repository: Repository, commit: Commit): Shape {
  const root = repositoryUrl(github, repository);
  return {
    sha: commit.sha,
    node_id: nodeId("Commit", commit.sha),
    url: `${root}/git/commits/${commit.sha}`,
    html_url: `${repositoryHtmlUrl(github, repository)}/commit/${commit.sha}`,
    author: commit.author,
    committer: commit.committer,
    message: commit.message,
    tree: { sha: commit.tree, url: `${root}/git/trees/${commit.tree}` },
    parents: parents(github, repository, commit),
    verification: toVerification(repository, commit),
  };
}

/** `commit`, as a branch embeds it. */
export function toBranchCommit(github: GitHub, repository: Repository, commit: Commit): Shape {
  const root = repositoryUrl(github, repository);
  return {
    sha: commit.sha,
    node_id: nodeId("Commit", commit.sha),
    commit: {
      author: commit.author,
      committer: commit.committer,
      message: commit.message,
      tree: { sha: commit.tree, url: `${root}/git/trees/${commit.tree}` },
      url: `${root}/git/commits/${commit.sha}`,
      comment_count: 0,
      verification: toVerification(repository, commit),
    },
    url: `${root}/commits/${commit.sha}`,
    html_url: `${repositoryHtmlUrl(github, repository)}/commit/${commit.sha}`,
    comments_url: `${root}/commits/${commit.sha}/comments`,
    author: null,
    committer: null,
    parents: parents(github, repository, commit),
  };
}

/** Who an account is in commits made through the API. */
export function identityOf({ id, login }: Account, now: number): Identity {
  return { name: login, email: `${String(id)}+${login}@users.noreply.github.com`, date: iso(now) };
}
