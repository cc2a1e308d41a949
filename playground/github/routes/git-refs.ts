import {
  answer,
  notAccessible,
  notFound,
  refusal,
  textField,
  unprocessable,
  type Answer,
  type RepositoryRequest,
} from "../answers.ts";
import { git, isAncestor, listRefs, moveRef, objectType } from "../git-repository.ts";
import { holds } from "../permissions.ts";
import { protectedBranches } from "../plans.ts";
import { refMoved, workflowsUnchanged } from "../refs.ts";
import { toRef } from "../shapes/git.ts";
import type { GitHub, Repository } from "../state.ts";
import type { RepositoryHandler } from "./handler.ts";

export const getRef: RepositoryHandler = async (github, { repository, params }) => {
  const ref = `refs/${params["ref"] ?? ""}`;
  const sha = await shaOf(repository, ref);
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
  const refused = await refuseTarget(github, request, ref, sha);
  if (refused !== undefined) return refused;
  if (body["force"] !== true && !(await isAncestor(repository.git, before, sha)))
    return unprocessable("Update is not a fast forward");
  if (!(await moveRef(repository.git, ref, before, sha))) return refusal(409, "Reference cannot be updated");
  return moved(github, request, { ref, before, after: sha }, 200);
};

export const deleteRef: RepositoryHandler = async (github, { repository, params }) => {
  const ref = `refs/${params["ref"] ?? ""}`;
  const before = await shaOf(repository, ref);
  if (before === undefined) return unprocessable("Reference does not exist");
  if (isProtected(github, repository, ref)) return unprocessable("Cannot delete a protected branch");
  await moveRef(repository.git, ref, before, null);
  refMoved(github, repository, { ref, before, after: null }, github.app.bot);
  return answer(204);
};

function moved(
  github: GitHub,
  { repository }: RepositoryRequest,
  move: { ref: string; before: string | null; after: string },
  status: number,
): Answer {
  if (move.before !== move.after) refMoved(github, repository, move, github.app.bot);
  return answer(status, toRef(github, repository, move.ref, move.after));
}

async function refuseTarget(
  github: GitHub,
  { repository, token }: RepositoryRequest,
  ref: string,
  sha: string,
): Promise<Answer | undefined> {
  if (!/^[0-9a-f]{40}$/.test(sha))
    return unprocessable("The sha parameter must be exactly 40 characters and contain only [0-9a-f].");
  if ((await objectType(repository.git, sha)) !== "commit") return unprocessable("Object does not exist");
  if (isProtected(github, repository, ref))
    return refusal(422, "Protected branch update failed for refs: changes must be made through a pull request.");
  const mayWorkflows = holds(token.permissions, "workflows", "write");
  return mayWorkflows || (await workflowsUnchanged(repository, sha)) ? undefined : notAccessible();
}

function isProtected(github: GitHub, repository: Repository, ref: string): boolean {
  return ref.startsWith("refs/heads/") && protectedBranches(github, repository).has(ref.slice("refs/heads/".length));
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
