import { answer, notFound, refusal, textField, unprocessable, type Answer, type RepositoryRequest } from "../answers.ts";
import { actorOf } from "../credentials.ts";
import { git, isAncestor, listRefs, moveRef, objectType } from "../git-repository.ts";
import { refuseWorkflows } from "../permissions.ts";
import { protectionOf, refusePush, ruleAgainst } from "../protection.ts";
import { refMoved, workflowsUnchanged } from "../refs.ts";
import { toRef } from "../shapes/git.ts";
import type { GitHub, Repository } from "../state.ts";
import type { RepositoryHandler } from "./handler.ts";

export const getRef: RepositoryHandler = async (github, { repository, params }) => {
  const ref = `refs/${params["ref"] ?? ""}`;
  const sha = await shaOf(repository, ref);
  if (sha === undefined && (await listRefs(repository.git)).length === 0) return refusal(409, "Git Repository is empty.");
  return sha === undefined ? notFound() : answer(200, toRef(github, repository, ref, sha));
};

export const createRef: RepositoryHandler = async (github, request) => {
  const { repository, body } = request;
  const ref = textField(body, "ref") ?? "";
  const sha = textField(body, "sha") ?? "";
  if (!(await isValidRef(repository, ref)))
    return unprocessable("Reference name is not valid. It must start with 'refs' and have at least two slashes.");
  const refused = await refuseTarget(github, request, ref, sha);
  if (refused !== undefined) return refused;
  const against = ruleOn(github, repository, ref, { creation: "Cannot create ref due to creations being restricted." });
  if (against !== undefined) return against;
  // git itself decides a race: only one creation of a name succeeds. `refs/heads/a` beside `refs/heads/a/b` fails there too.
  if (!(await moveRef(repository.git, ref, null, sha))) return unprocessable("Reference already exists");
  return moved(github, request, { ref, before: null, after: sha }, 201);
};

export const updateRef: RepositoryHandler = async (github, request) => {
  const { repository, params, body } = request;
  const ref = `refs/${params["ref"] ?? ""}`;
  const before = await shaOf(repository, ref);
  if (before === undefined) return unprocessable("Reference does not exist");
  const sha = textField(body, "sha") ?? "";
  const changed = { update: "Cannot update this protected ref.", pull_request: "Changes must be made through a pull request." };
  const refused = (await refuseTarget(github, request, ref, sha)) ?? ruleOn(github, repository, ref, changed);
  if (refused !== undefined) return refused;
  if (!(await isAncestor(repository.git, before, sha))) {
    if (body["force"] !== true) return unprocessable("Update is not a fast forward");
    // Admins are no exception here.
    if (protectionOf(github, repository, branchOf(ref) ?? "")?.flags.allow_force_pushes === false)
      return unprocessable("Cannot force-push to this branch");
  }
  if (!(await moveRef(repository.git, ref, before, sha))) return refusal(409, "Reference cannot be updated");
  return moved(github, request, { ref, before, after: sha }, 200);
};

export const deleteRef: RepositoryHandler = async (github, { repository, params, caller }) => {
  const ref = `refs/${params["ref"] ?? ""}`;
  const before = await shaOf(repository, ref);
  if (before === undefined) return unprocessable("Reference does not exist");
  const against = ruleOn(github, repository, ref, { deletion: "Cannot delete this branch" });
  if (against !== undefined) return against;
  // Nor here.
  if (protectionOf(github, repository, branchOf(ref) ?? "")?.flags.allow_deletions === false)
    return unprocessable("Cannot delete a protected branch");
  await moveRef(repository.git, ref, before, null);
  refMoved(github, repository, { ref, before, after: null }, actorOf(github, caller));
  return answer(204);
};

function moved(
  github: GitHub,
  { repository, caller }: RepositoryRequest,
  move: { ref: string; before: string | null; after: string },
  status: number,
): Answer {
  if (move.before !== move.after) refMoved(github, repository, move, actorOf(github, caller));
  return answer(status, toRef(github, repository, move.ref, move.after));
}

async function refuseTarget(
  github: GitHub,
  { repository, caller }: RepositoryRequest,
  ref: string,
  sha: string,
): Promise<Answer | undefined> {
  if (!/^[0-9a-f]{40}$/.test(sha))
    return unprocessable("The sha parameter must be exactly 40 characters and contain only [0-9a-f].");
  if ((await objectType(repository.git, sha)) !== "commit") return unprocessable("Object does not exist");
  const held = refusePush(github, repository, branchOf(ref) ?? "", caller);
  if (held !== undefined) return unprocessable(`Protected branch update failed for ${ref}: ${held}`);
  const refused = refuseWorkflows(caller);
  return refused === undefined || (await workflowsUnchanged(repository, sha)) ? undefined : refused;
}

function ruleOn(
  github: GitHub,
  repository: Repository,
  ref: string,
  words: Readonly<Record<string, string>>,
): Answer | undefined {
  const branch = branchOf(ref);
  const against = branch === undefined ? undefined : ruleAgainst(github, repository, branch, words);
  return against === undefined ? undefined : unprocessable(against);
}

function branchOf(ref: string): string | undefined {
  return ref.startsWith("refs/heads/") ? ref.slice("refs/heads/".length) : undefined;
}

async function isValidRef(repository: Repository, ref: string): Promise<boolean> {
  if (!/^refs\/[^/]+\/.+/.test(ref)) return false;
  return git(repository.git, ["check-ref-format", ref]).then(
    () => true,
    () => false,
  );
}

async function shaOf(repository: Repository, ref: string): Promise<string | undefined> {
  return (await listRefs(repository.git, ref)).find((found) => found.ref === ref)?.sha;
}
