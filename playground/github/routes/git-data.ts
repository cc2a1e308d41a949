import { answer, invalid, isRecord, notFound, textField, unprocessable, type Answer } from "../answers.ts";
import { actorOf } from "../credentials.ts";
import {
  objectType,
  objectTypes,
  readBlob,
  readCommit,
  readTree,
  resolve,
  writeBlob,
  writeCommit,
  writeTree,
  type Identity,
  type TreeChange,
} from "../git-repository.ts";
import { refuseWorkflows } from "../permissions.ts";
import { WORKFLOWS } from "../refs.ts";
import { identityOf, toGitCommit } from "../shapes/git.ts";
import { nodeId, repositoryUrl } from "../shapes/urls.ts";
import { iso, nowOf, type GitHub, type Repository } from "../state.ts";
import type { RepositoryHandler } from "./handler.ts";

const MODES = ["100644", "100755", "040000", "160000", "120000"];

export const createBlob: RepositoryHandler = async (github, { repository, body }) => {
  const content = textField(body, "content");
  if (content === undefined) return invalid({ resource: "Blob", code: "missing_field", field: "content" });
  const encoding = textField(body, "encoding") ?? "utf-8";
  if (encoding !== "utf-8" && encoding !== "base64") return invalid({ resource: "Blob", code: "invalid", field: "encoding" });
  if (encoding === "base64" && !/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(content)) return unprocessable("content is not valid Base64");
  const sha = await writeBlob(repository.git, Buffer.from(content, encoding));
  return answer(201, { sha, url: `${repositoryUrl(github, repository)}/git/blobs/${sha}` });
};

export const getBlob: RepositoryHandler = async (github, { repository, params, accept }) => {
  const sha = params["file_sha"] ?? "";
  if (!/^[0-9a-f]{40}$/.test(sha))
    return unprocessable("The sha parameter must be exactly 40 characters and contain only [0-9a-f].");
  if ((await objectType(repository.git, sha)) !== "blob") return notFound();
  const content = await readBlob(repository.git, sha);
  if (/\braw\b/.test(accept)) return answer(200, content, { "content-type": "application/vnd.github.raw+json; charset=utf-8" });
  return answer(200, {
    sha,
    node_id: nodeId("Blob", sha),
    size: content.length,
    url: `${repositoryUrl(github, repository)}/git/blobs/${sha}`,
    content: content.toString("base64").replace(/.{60}/g, "$&\n"),
    encoding: "base64",
  });
};

/** `content` of an entry is taken literally as UTF-8, so base64 sent there becomes the file (octokit#1313). */
/**
 * A tree that names a workflow file is refused to an App without `workflows`: it never comes to a commit
 * (googleapis/release-please-action#704, github/docs#4770).
 */
export const createTree: RepositoryHandler = async (github, { repository, caller, body }) => {
  const base = body["base_tree"];
  const entries = body["tree"];
  if (!Array.isArray(entries) || entries.length === 0) return unprocessable("Invalid tree info");
  if (base !== undefined && (typeof base !== "string" || (await resolve(repository.git, base, "tree")) === undefined)) {
    return unprocessable(`base_tree ${typeof base === "string" ? base : ""} is not a valid tree oid`);
  }
  const touchesWorkflows = entries.some((entry) => isRecord(entry) && textField(entry, "path")?.startsWith(`${WORKFLOWS}/`));
  const refused = touchesWorkflows ? refuseWorkflows(caller) : undefined;
  if (refused !== undefined) return refused;
  const known = await objectTypes(
    repository.git,
    entries.flatMap((entry) => (isRecord(entry) && typeof entry["sha"] === "string" ? [entry["sha"]] : [])),
  );
  const basePaths =
    typeof base === "string"
      ? new Map((await readTree(repository.git, base, true)).map(({ path, type }) => [path, type]))
      : new Map<string, string>();
  const changes: TreeChange[] = [];
  for (const entry of entries) {
    const change = await toChange(repository, entry, known, basePaths);
    if ("status" in change) return change;
    changes.push(change);
  }
  const sha = await writeTree(repository.git, typeof base === "string" ? base : null, changes);
  return treeAnswer(github, repository, sha, false, 201);
};

async function toChange(
  repository: Repository,
  entry: unknown,
  known: ReadonlyMap<string, string>,
  basePaths: ReadonlyMap<string, string>,
): Promise<TreeChange | Answer> {
  if (!isRecord(entry)) return unprocessable("Invalid tree info");
  const path = textField(entry, "path") ?? "";
  const mode = textField(entry, "mode") ?? "";
  const segments = path.split("/");
  if (segments.some((part) => part === "" || part === "." || part === ".." || part.toLowerCase() === ".git")) {
    return unprocessable(`tree.path contains a malformed path component`);
  }
  if (!MODES.includes(mode)) return unprocessable("Must supply a valid tree.mode");
  const { sha, content } = entry;
  if (sha === null)
    return basePaths.has(path)
      ? { path, mode: basePaths.get(path) === "tree" ? "040000" : "100644", sha: null }
      : unprocessable("GitRPC::BadObjectState");
  if (sha !== undefined && content !== undefined) return unprocessable("Must supply either tree.sha or tree.content, not both");
  if (typeof content === "string") return { path, mode, sha: await writeBlob(repository.git, content) };
  if (typeof sha !== "string") return unprocessable("Must supply tree.sha or tree.content");
  const wanted = mode === "040000" ? "tree" : "blob";
  const fits = mode === "160000" || known.get(sha) === wanted;
  return fits ? { path, mode, sha } : unprocessable(`tree.sha ${sha} is not a valid ${wanted}`);
}

export const getTree: RepositoryHandler = async (github, { repository, params, query }) => {
  const sha = await resolve(repository.git, params["tree_sha"] ?? "", "tree");
  return sha === undefined ? notFound() : treeAnswer(github, repository, sha, query["recursive"] !== undefined, 200);
};

async function treeAnswer(
  github: GitHub,
  repository: Repository,
  sha: string,
  recursive: boolean,
  status: number,
): Promise<Answer> {
  const root = `${repositoryUrl(github, repository)}/git`;
  const entries = await readTree(repository.git, sha, recursive);
  const tree = entries.map((entry) => ({
    ...entry,
    ...(entry.type === "commit" ? {} : { url: `${root}/${entry.type}s/${entry.sha}` }),
  }));
  return answer(status, { sha, url: `${root}/trees/${sha}`, tree, truncated: false });
}

/** Signed by GitHub only when the request names no author, committer or signature. Source: docs, "Signature verification for bots". */
export const createCommit: RepositoryHandler = async (github, { repository, caller, body }) => {
  const message = textField(body, "message");
  const tree = textField(body, "tree") ?? "";
  if (message === undefined || message === "") return invalid({ resource: "Commit", code: "missing_field", field: "message" });
  if ((await objectType(repository.git, tree)) !== "tree") return unprocessable("Tree SHA does not exist");
  const parents = Array.isArray(body["parents"]) ? body["parents"].map(String) : [];
  const types = await objectTypes(repository.git, parents);
  if (parents.some((parent) => types.get(parent) !== "commit"))
    return unprocessable("Parent SHA does not exist or is not a commit object");
  const author = readIdentity(body["author"], identityOf(actorOf(github, caller), nowOf(github)));
  const committer = readIdentity(body["committer"], author);
  const sha = await writeCommit(repository.git, { tree, parents, author, committer, message });
  const named = ["author", "committer", "signature"].some((field) => body[field] !== undefined);
  if (!named && caller.party === "installation") repository.signedCommits.add(sha);
  return answer(201, toGitCommit(github, repository, await readCommit(repository.git, sha)));
};

export function readIdentity(value: unknown, fallback: Identity): Identity {
  if (!isRecord(value)) return fallback;
  const time = Date.parse(textField(value, "date") ?? "");
  return {
    name: textField(value, "name") ?? fallback.name,
    email: textField(value, "email") ?? fallback.email,
    date: Number.isNaN(time) ? fallback.date : iso(time),
  };
}

export const getCommit: RepositoryHandler = async (github, { repository, params }) => {
  const sha = params["commit_sha"] ?? "";
  if ((await objectType(repository.git, sha)) !== "commit") return notFound();
  return answer(200, toGitCommit(github, repository, await readCommit(repository.git, sha)));
};
