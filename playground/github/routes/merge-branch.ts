import { answer, refusal, textField } from "../answers.ts";
import { actorOf } from "../credentials.ts";
import { entryAt, isAncestor, moveRef, readCommit, resolve, writeCommit } from "../git-repository.ts";
import { refuseWorkflows } from "../permissions.ts";
import { refusePush } from "../protection.ts";
import { mergedTree } from "../pulls.ts";
import { refMoved, WORKFLOWS } from "../refs.ts";
import { identityOf, toBranchCommit } from "../shapes/git.ts";
import { nowOf } from "../state.ts";
import type { RepositoryHandler } from "./handler.ts";

/**
 * A branch or a commit (`head`) into a branch (`base`). Other workflow files than the branch had take a permission of their own,
 * wherever else they stand already. Source: Mergifyio/mergify#5055, chdsbd/kodiak#853.
 */
export const mergeBranch: RepositoryHandler = async (github, request) => {
  const { repository, body, caller } = request;
  const { git } = repository;
  const base = textField(body, "base") ?? "";
  const wanted = textField(body, "head") ?? "";
  const ref = `refs/heads/${base}`;
  const [tip, head] = await Promise.all([resolve(git, ref), resolve(git, wanted)]);
  if (tip === undefined) return refusal(404, "Base does not exist");
  if (head === undefined) return refusal(404, "Head does not exist");
  if (await isAncestor(git, head, tip)) return answer(204);
  const held = refusePush(github, repository, base, caller);
  if (held !== undefined) return refusal(403, held);
  const tree = await mergedTree(repository, tip, head);
  if (tree === undefined) return refusal(409, "Merge conflict");
  const actor = actorOf(github, caller);
  const who = identityOf(actor, nowOf(github));
  const message = textField(body, "commit_message") ?? `Merge ${wanted} into ${base}`;
  const sha = await writeCommit(git, { tree, parents: [tip, head], author: who, committer: who, message });
  const [before, after] = await Promise.all([tip, sha].map(async (at) => (await entryAt(git, at, WORKFLOWS))?.sha));
  const refused = before === after ? undefined : refuseWorkflows(caller);
  if (refused !== undefined) return refused;
  if (!(await moveRef(git, ref, tip, sha))) return refusal(409, "Base branch was modified");
  refMoved(github, repository, { ref, before: tip, after: sha }, actor);
  return answer(201, toBranchCommit(github, repository, await readCommit(git, sha)));
};
