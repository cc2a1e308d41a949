import type { Failure } from "#core/wire/failure.ts";
import { ok, type Result } from "#core/wire/result.ts";
import type { Brief } from "#core/task/brief.ts";
import { mayWrite } from "#core/task/role.ts";
import type { GitHub, GitHubFailure } from "#ports/github.ts";

/**
 * Whether the requester may start work: write, maintain or admin in the repository, by what GitHub's API says of them
 * now. Never by `author_association`, and never by the label's presence: templates label for outsiders, triage may
 * label. Asked at plan, dispatch and publish. undefined = may.
 */
export async function mayStart(github: GitHub, brief: Brief): Promise<Result<Failure | undefined, GitHubFailure>> {
  const { id, login } = brief.requester;
  const read = await github.readRole(brief, login);
  if (!read.ok) return read;
  // Nobody's, or changed hands since the request: its new owner didn't ask.
  const role = read.value?.userId === id ? read.value : undefined;
  return ok(mayWrite(role) ? undefined : { reason: "actor-may-not-start", login, role: role?.name ?? "none" });
}

/** Whether the text is by somebody who could write to the repository anyway. The requester was asked about already. */
export async function isTrustedAuthor(github: GitHub, brief: Brief): Promise<Result<boolean, GitHubFailure>> {
  if (brief.author.id === brief.requester.id) return ok(true);
  const role = await github.readRole(brief, brief.author.login);
  if (!role.ok) return role;
  return ok(role.value?.userId === brief.author.id && mayWrite(role.value));
}
