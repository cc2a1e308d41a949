import { CredentialName, type DeliveryId } from "#core/wire/ids.ts";
import type { Failure } from "#core/wire/failure.ts";
import { ok, type Result } from "#core/wire/result.ts";
import type { Credential } from "#core/config/credential.ts";
import { CONFIG_FILE, POLICY_REPOSITORY } from "#core/config/policy.ts";
import { isOwner } from "#core/pool/consent.ts";
import type { Brief } from "#core/request/brief.ts";
import type { Command } from "#core/request/command.ts";
import { mayWrite, type Role } from "#core/request/role.ts";
import type { GitHubFailure } from "#ports/github.ts";
import type { Deps, Triggered } from "./deps.ts";
import { readPolicy } from "./policy.ts";

type Asked = { readonly seat: CredentialName; readonly brief: Brief; readonly delivery: DeliveryId };

/** The owner of a seat says whether it serves others. Starts nothing, and needs no right to start anything. */
export async function lendOrUnlend(
  deps: Deps,
  command: Extract<Command, { kind: "lend" | "unlend" }>,
  brief: Brief,
  delivery: DeliveryId,
): Promise<Triggered> {
  const asked = { seat: CredentialName(command.seat), brief, delivery };
  return command.kind === "lend" ? lend(deps, asked) : unlend(deps, asked);
}

/** By the id that the webhook brings, whatever has become of login, role and policy: nothing stands in the way of taking back. */
async function unlend({ store, github, runtime }: Deps, { seat, brief }: Asked): Promise<Triggered> {
  const { owner, requester } = brief;
  const { login } = requester;
  if (await store.revokeConsent(owner.id, seat, requester)) {
    runtime.log.info({ seat, actor: requester.id }, "seat taken back");
    await store.notice(brief, { answer: "seat-taken-back", seat, login }, false);
    return { note: "a seat was taken back", followed: true };
  }
  const role = await github.readRole(brief, login);
  if (!role.ok) return { failed: role.error };
  await store.notice(brief, { reason: "nothing-lent", seat, login }, !mayWrite(role.value));
  return { note: "the actor has lent no such seat", ...unfollowed(role.value) };
}

async function lend(deps: Deps, asked: Asked): Promise<Triggered> {
  const { store, github, runtime } = deps;
  const { seat, brief, delivery } = asked;
  const { owner, requester } = brief;
  const role = await github.readRole(brief, requester.login);
  if (!role.ok) return { failed: role.error };
  const entry = await findOwnSeat(deps, asked, role.value);
  if (!entry.ok) return { failed: entry.error };
  if ("reason" in entry.value) {
    // Who may not start work takes the place of nothing that the app has said.
    await store.notice(brief, entry.value, !mayWrite(role.value));
    return { note: "a seat could not be lent", ...unfollowed(role.value) };
  }
  if (!(await store.giveConsent(owner.id, seat, requester, delivery)))
    return { note: "its owner has taken it back since", followed: false };
  runtime.log.info({ seat, actor: requester.id }, "seat lent");
  const inPolicy = entry.value.serves === "everyone";
  await store.notice(brief, { answer: "seat-lent", seat, login: requester.login, inPolicy }, false);
  return { note: "a seat is lent", followed: true };
}

/** Who could not have started work is shown nothing. */
function unfollowed(role: Role | undefined): { readonly followed?: false } {
  return mayWrite(role) ? { followed: false } : {};
}

/**
 * The sender's seat: of the login that the policy names as it stands now, and whose id GitHub says is the sender's. A login
 * that has changed hands since the comment is not taken for its former owner.
 */
async function findOwnSeat(
  { store, github }: Deps,
  { seat, brief }: Asked,
  role: Role | undefined,
): Promise<Result<Failure | Credential, GitHubFailure>> {
  const { requester, owner } = brief;
  const { login } = requester;
  if (role === undefined || role.permission === "none" || role.userId !== requester.id)
    return ok({ reason: "lender-unverified", login });
  const readAt = await store.now();
  const setUp = await github.readSetUp(brief);
  if (!setUp.ok) return setUp;
  const found = readPolicy(owner, setUp.value.policy);
  if (!found.ok) return ok(found.error);
  const { policy, text, commit } = found.value;
  const entry = policy.pool.find(({ name, kind }) => name === seat && kind === "seat");
  if (entry === undefined || !isOwner(entry, login)) {
    return ok({ reason: "seat-not-yours", seat, login, repository: `${owner.login}/${POLICY_REPOSITORY}`, file: CONFIG_FILE });
  }
  // The next grant goes by what the answer says of the policy.
  await store.recordPolicy(owner.id, { text, commit, readAt });
  return ok(entry);
}
