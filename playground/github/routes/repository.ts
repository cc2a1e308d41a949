import { answer, notFound, type Answer } from "../answers.ts";
import { entryAt, readBlob, readCommit, readTree, resolve, type TreeEntry } from "../git-repository.ts";
import { protectedBranches } from "../plans.ts";
import { toUser } from "../shapes/account.ts";
import { toBranchCommit } from "../shapes/git.ts";
import { toFullRepository } from "../shapes/repository.ts";
import { repositoryHtmlUrl, repositoryUrl } from "../shapes/urls.ts";
import { accountOf, roleOf, type GitHub, type Repository } from "../state.ts";
import type { Role } from "../emulated-github.ts";
import type { RepositoryHandler } from "./handler.ts";

export const getRepository: RepositoryHandler = (github, { repository }) => answer(200, toFullRepository(github, repository));

export const getBranch: RepositoryHandler = async (github, { repository, params }) => {
  const name = params["branch"] ?? "";
  const sha = await resolve(repository.git, `refs/heads/${name}`);
  if (sha === undefined)
    return {
      status: 404,
      body: { message: "Branch not found", documentation_url: "https://docs.github.com/rest", status: "404" },
    };
  const url = `${repositoryUrl(github, repository)}/branches/${encodeURIComponent(name)}`;
  const enabled = protectedBranches(github, repository).has(name);
  return answer(200, {
    name,
    commit: toBranchCommit(github, repository, await readCommit(repository.git, sha)),
    _links: { self: url, html: `${repositoryHtmlUrl(github, repository)}/tree/${name}` },
    protected: enabled,
    protection: { enabled, required_status_checks: { enforcement_level: "off", contexts: [], checks: [] } },
    protection_url: `${url}/protection`,
  });
};

/** The legacy `permission` knows four words; `role_name` says which role it really is. */
const LEGACY: Readonly<Record<Role, string>> = {
  admin: "admin",
  maintain: "write",
  write: "write",
  triage: "read",
  read: "read",
  none: "none",
};

export const getPermission: RepositoryHandler = (github, { repository, params }) => {
  const account = accountOf(github, params["username"] ?? "");
  if (account === undefined) return notFound();
  const role = roleOf(repository, account);
  const at = (...roles: readonly Role[]): boolean => roles.includes(role);
  const permissions = {
    admin: at("admin"),
    maintain: at("admin", "maintain"),
    push: at("admin", "maintain", "write"),
    triage: at("admin", "maintain", "write", "triage"),
    pull: !at("none"),
  };
  return answer(200, {
    permission: LEGACY[role],
    role_name: role,
    user: { ...toUser(github, account), permissions, role_name: role },
  });
};

/** A file, or a folder's list. With `Accept: application/vnd.github.raw+json` a file's bytes as they are. */
export const getContents: RepositoryHandler = async (github, { repository, params, query, accept }) => {
  const path = (params["path"] ?? "").replace(/^\/+|\/+$/g, "");
  const ref = query["ref"] ?? repository.defaultBranch;
  const sha = await resolve(repository.git, ref);
  if (sha === undefined)
    return {
      ...notFound(),
      body: { message: `No commit found for the ref ${ref}`, documentation_url: "https://docs.github.com/rest", status: "404" },
    };
  const entry = path === "" ? { path, mode: "040000", type: "tree", sha } : await entryAt(repository.git, sha, path);
  if (entry === undefined) return notFound();
  if (entry.type === "tree") {
    const children = await readTree(repository.git, `${sha}:${path}`, false);
    return answer(
      200,
      children.map((child) =>
        toContent(github, repository, { ...child, path: path === "" ? child.path : `${path}/${child.path}` }, ref),
      ),
    );
  }
  if (entry.type !== "blob") return answer(200, toContent(github, repository, entry, ref));
  return fileAnswer(github, repository, entry, ref, accept);
};

async function fileAnswer(
  github: GitHub,
  repository: Repository,
  entry: TreeEntry,
  ref: string,
  accept: string,
): Promise<Answer> {
  const content = await readBlob(repository.git, entry.sha);
  if (/\braw\b/.test(accept)) return answer(200, content, { "content-type": "application/vnd.github.raw+json; charset=utf-8" });
  // GitHub breaks base64 into lines of 60.
  const lines = content.toString("base64").replace(/.{60}/g, "$&\n");
  return answer(200, { ...toContent(github, repository, entry, ref), content: lines, encoding: "base64" });
}

function toContent(github: GitHub, repository: Repository, entry: TreeEntry, ref: string): Record<string, unknown> {
  const root = repositoryUrl(github, repository);
  const html = repositoryHtmlUrl(github, repository);
  const url = `${root}/contents/${encodeURI(entry.path)}?ref=${encodeURIComponent(ref)}`;
  const git = `${root}/git/${entry.type === "tree" ? "trees" : "blobs"}/${entry.sha}`;
  const page = `${html}/${entry.type === "tree" ? "tree" : "blob"}/${ref}/${encodeURI(entry.path)}`;
  return {
    type: entry.type === "tree" ? "dir" : entry.type === "commit" ? "submodule" : entry.mode === "120000" ? "symlink" : "file",
    name: entry.path.split("/").at(-1) ?? "",
    path: entry.path,
    sha: entry.sha,
    size: entry.size ?? 0,
    url,
    html_url: page,
    git_url: git,
    download_url: entry.type === "blob" ? `${html}/raw/${ref}/${encodeURI(entry.path)}` : null,
    _links: { self: url, git, html: page },
  };
}
