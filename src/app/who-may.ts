import type { Failure } from "#core/wire/failure.ts";
import { ok, type Result } from "#core/wire/result.ts";
import type { EpochMs } from "#core/wire/units.ts";
import type { Policy } from "#core/config/policy.ts";
import { mayDecide } from "#core/plan/approval.ts";
import { standingOf, teamsNamed, teamsOfRoles, type Standing } from "#core/request/standing.ts";
import { mayBeUnseen, type Brief, type Edit } from "#core/request/brief.ts";
import { mayWrite, roleOf, type Role } from "#core/request/role.ts";
import type { GitHub, GitHubFailure } from "#ports/github.ts";
import type { Deps } from "./deps.ts";
import { parsePolicy } from "#core/config/policy-file.ts";
import { currentPolicy, readPolicy } from "./policy.ts";

/**
 * The requester's role in the repository, by what GitHub's API says now. Never by `author_association`, and never by the
 * label's presence: templates label for outsiders, triage may label. undefined: none.
 */
export async function readRequester(github: GitHub, brief: Brief): Promise<Result<Role | undefined, GitHubFailure>> {
  const read = await github.readRole(brief, brief.requester.login);
  return read.ok ? ok(roleOf(brief.requester, read.value)) : read;
}

/** What the requester may do under this policy. What GitHub doesn't answer is a failure, never a standing. */
export async function readStanding(
  github: GitHub,
  brief: Brief,
  policy: Policy,
  role: Role | undefined,
  teams = teamsNamed(policy),
): Promise<Result<Standing, GitHubFailure>> {
  const { requester } = brief;
  const read = role === undefined || teams.length === 0 ? ok([]) : await github.readTeams(brief, requester.login, teams);
  return read.ok ? ok(standingOf(policy, requester, read.value, role)) : read;
}

/**
 * Whether the requester of a planned task may still start work: asked before its dispatch and before anything is
 * published. undefined = may.
 */
export async function mayStillStart(deps: Deps, brief: Brief): Promise<Result<Failure | undefined, GitHubFailure>> {
  const { store, github } = deps;
  const kept = await store.readPolicy(brief.owner.id);
  if (kept === undefined) throw new Error(`owner ${String(brief.owner.id)} has a planned task and no policy`);
  const current = await currentPolicy(deps, kept, brief);
  if (!current.ok) return current;
  // A file that was broken meanwhile changes nobody's role, and throws no paid work away.
  const policy = "refused" in current.value ? parsePolicy(brief.owner.login, kept.text) : ok(current.value.policy);
  if (!policy.ok) return ok(policy.error);
  const role = await readRequester(github, brief);
  if (!role.ok) return role;
  const standing = await readStanding(github, brief, policy.value, role.value, teamsOfRoles(policy.value));
  if (!standing.ok) return standing;
  return ok(standing.value.start ? undefined : standing.value.why);
}

/** Whether the text is by somebody who could write to the repository anyway. `role`: the requester's. */
export async function isTrustedAuthor(
  github: GitHub,
  { author, requester, ...place }: Brief,
  role: Role | undefined,
): Promise<Result<boolean, GitHubFailure>> {
  if (author.id === requester.id) return ok(mayWrite(role));
  const read = await github.readRole(place, author.login);
  return read.ok ? ok(mayWrite(roleOf(author, read.value))) : read;
}

/**
 * What somebody who may not write has put into the text so shortly before the request that its requester may not have
 * seen it. undefined = nothing.
 */
export async function readUnseenEdit(
  github: GitHub,
  brief: Brief,
  edit: Edit | null,
  now: EpochMs,
): Promise<Result<Failure | undefined, GitHubFailure>> {
  if (edit === null || !mayBeUnseen(edit, brief, now)) return ok(undefined);
  const { editor } = edit;
  const unseen: Failure = { reason: "edited-lately", login: brief.requester.login, editor: editor?.login ?? null };
  if (editor === null) return ok(unseen);
  const role = await github.readRole(brief, editor.login);
  return role.ok ? ok(mayWrite(roleOf(editor, role.value)) ? undefined : unseen) : role;
}

/** `decides`: about what others ask for, and about what a role may not do alone. */
export type Decider = { readonly policy: Policy; readonly standing: Standing; readonly decides: boolean };

/** The sender of a request, by the policy as it stands now, which is kept; or what is wrong with that. */
export async function readDecider({ store, github }: Deps, brief: Brief): Promise<Result<Decider | Failure, GitHubFailure>> {
  const role = await readRequester(github, brief);
  if (!role.ok) return role;
  const readAt = await store.now();
  const setUp = await github.readSetUp(brief);
  if (!setUp.ok) return setUp;
  const read = readPolicy(brief.owner, setUp.value.policy);
  if (!read.ok) return ok(read.error);
  const { policy, text, commit } = read.value;
  const standing = await readStanding(github, brief, policy, role.value, teamsOfRoles(policy));
  if (!standing.ok) return standing;
  await store.recordPolicy(brief.owner.id, { text, commit, readAt });
  return ok({ policy, standing: standing.value, decides: mayDecide(policy, standing.value) });
}
