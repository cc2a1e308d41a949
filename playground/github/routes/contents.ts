import { answer, notFound, notSupplied, refusal, textField, type Answer, type RepositoryRequest } from "../answers.ts";
import { actorOf } from "../credentials.ts";
import { entryAt, listRefs, readBlob, readCommit, readTree, resolve, writeBlob, type TreeEntry } from "../git-repository.ts";
import { refuseWorkflows } from "../permissions.ts";
import { refusePush, ruleAgainst } from "../protection.ts";
import { WORKFLOWS } from "../refs.ts";
import { commitChanges } from "../repositories.ts";
import { toContent } from "../shapes/content.ts";
import { identityOf, toGitCommit } from "../shapes/git.ts";
import { nowOf, type GitHub, type Repository } from "../state.ts";
import { readIdentity } from "./git-data.ts";
import type { RepositoryHandler } from "./handler.ts";

/** A file, or a folder's list. With `Accept: application/vnd.github.raw+json` a file's bytes as they are. */
export const getContents: RepositoryHandler = async (github, request) => {
  const { repository, query, accept } = request;
  const path = pathOf(request);
  const ref = query["ref"] ?? repository.defaultBranch;
  const sha = await resolve(repository.git, ref);
  if (sha === undefined)
    return refusal(404, (await isEmpty(repository)) ? "This repository is empty." : `No commit found for the ref ${ref}`);
  const entry = path === "" ? { path, mode: "040000", type: "tree", sha } : await entryAt(repository.git, sha, path);
  if (entry === undefined) return notFound();
  if (entry.type === "tree") {
    const children = await readTree(repository.git, `${sha}:${path}`, false);
    const below = (name: string): string => (path === "" ? name : `${path}/${name}`);
    return answer(
      200,
      children.map((child) => toContent(github, repository, { ...child, path: below(child.path) }, ref)),
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

/** One file, as one commit. In an empty repository it is the first. */
export const putContents: RepositoryHandler = async (github, request) => {
  const content = textField(request.body, "content");
  if (content === undefined) return notSupplied("content");
  if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(content)) return refusal(422, "content is not valid Base64");
  const place = await placeOf(request);
  if ("status" in place) return place;
  const refused = refuse(github, request, place, place.entry === undefined ? "create" : "update");
  if (refused !== undefined) return refused;
  const { repository } = request;
  const blob = await writeBlob(repository.git, Buffer.from(content, "base64"));
  const sha = await commit(github, request, place, { mode: place.entry?.mode ?? "100644", sha: blob });
  if (sha === undefined) return conflict(place);
  const made = await entryAt(repository.git, sha, place.path);
  return answer(place.entry === undefined ? 201 : 200, {
    content: made === undefined ? null : toContent(github, repository, made, place.branch),
    commit: toGitCommit(github, repository, await readCommit(repository.git, sha)),
  });
};

export const deleteContents: RepositoryHandler = async (github, request) => {
  if (textField(request.body, "sha") === undefined) return notSupplied("sha");
  const place = await placeOf(request);
  if ("status" in place) return place;
  if (place.entry === undefined) return notFound();
  const refused = refuse(github, request, place, "delete");
  if (refused !== undefined) return refused;
  const sha = await commit(github, request, place, { mode: place.entry.mode, sha: null });
  if (sha === undefined) return conflict(place);
  const { repository } = request;
  return answer(200, { content: null, commit: toGitCommit(github, repository, await readCommit(repository.git, sha)) });
};

/** Where a change goes, and what is there. */
type Place = {
  readonly path: string;
  readonly branch: string;
  readonly tip: string | undefined;
  readonly entry: TreeEntry | undefined;
};

async function placeOf(request: RepositoryRequest): Promise<Place | Answer> {
  const { repository, body } = request;
  const path = pathOf(request);
  if (path.split("/").some((part) => ["", ".", "..", ".git"].includes(part.toLowerCase())))
    return refusal(422, "path contains a malformed path component");
  const branch = (textField(body, "branch") ?? repository.defaultBranch).replace(/^refs\/heads\//, "");
  const tip = await resolve(repository.git, `refs/heads/${branch}`);
  if (tip === undefined && !(await isEmpty(repository))) return refusal(404, `Branch ${branch} not found`);
  return { path, branch, tip, entry: tip === undefined ? undefined : await entryAt(repository.git, tip, path) };
}

type Act = "create" | "update" | "delete";

function refuse(github: GitHub, { repository, body, caller }: RepositoryRequest, place: Place, act: Act): Answer | undefined {
  if (textField(body, "message") === undefined) return notSupplied("message");
  const { path, branch, entry } = place;
  const sha = textField(body, "sha");
  if (entry !== undefined && sha === undefined) return notSupplied("sha");
  if (sha !== undefined && entry?.sha !== sha) return refusal(409, `${path} does not match ${sha}`);
  const held = path.startsWith(`${WORKFLOWS}/`) ? refuseWorkflows(caller) : undefined;
  if (held !== undefined) return held;
  const why = refusePush(github, repository, branch, caller);
  if (why !== undefined) return refusal(409, `Could not ${act} file: ${why}`);
  const against = ruleAgainst(github, repository, branch, { pull_request: "Changes must be made through a pull request." });
  return against === undefined ? undefined : refusal(409, against);
}

function commit(
  github: GitHub,
  { repository, body, caller }: RepositoryRequest,
  { path, branch, tip }: Place,
  change: { readonly mode: string; readonly sha: string | null },
): Promise<string | undefined> {
  const actor = actorOf(github, caller);
  const committer = readIdentity(body["committer"], identityOf(actor, nowOf(github)));
  const what = {
    ref: `refs/heads/${branch}`,
    before: tip,
    parent: tip,
    changes: [{ path, ...change }],
    message: textField(body, "message") ?? "",
    author: readIdentity(body["author"], committer),
    committer,
  };
  return commitChanges(github, repository, what, actor);
}

/** Somebody else's commit came between. */
function conflict({ branch }: Place): Answer {
  return refusal(409, `${branch} is at another commit than expected`);
}

function pathOf({ params }: RepositoryRequest): string {
  return (params["path"] ?? "").replace(/^\/+|\/+$/g, "");
}

async function isEmpty({ git }: Repository): Promise<boolean> {
  return (await listRefs(git)).length === 0;
}
