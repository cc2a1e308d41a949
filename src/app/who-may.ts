import type { Failure } from "#core/wire/failure.ts";
import { ok, type Result } from "#core/wire/result.ts";
import type { Brief } from "#core/task/brief.ts";
import type { GitHub, GitHubFailure } from "#ports/github.ts";

/**
 * Whether the requester may start work: write, maintain or admin in the repository, by what GitHub's API says of them
 * now. Never by `author_association`, and never by the label's presence: templates label for outsiders, triage may
 * label. Asked at plan, dispatch and publish. undefined = may.
 */
export async function mayStart(github: GitHub, brief: Brief): Promise<Result<Failure | undefined, GitHubFailure>> {
  const role = await github.readRole(brief, brief.requester.login);
  if (!role.ok) {
    // Someone who was removed, or a login GitHub doesn't know here, has no role.
    const unknown = role.error.reason === "github-refused" && role.error.status === 404;
    return unknown ? ok({ reason: "actor-may-not-start", login: brief.requester.login, role: "none" }) : role;
  }
  // GitHub's `permission` maps maintain to write, triage to read, and a custom role to what it is built on.
  if (role.value.userId !== brief.requester.id) {
    // The login has changed hands since the request: its new owner didn't ask.
    return ok({ reason: "actor-may-not-start", login: brief.requester.login, role: "none" });
  }
  if (["write", "admin"].includes(role.value.permission)) return ok(undefined);
  return ok({ reason: "actor-may-not-start", login: brief.requester.login, role: role.value.name });
}

/** Whether the text is by somebody who could write to the repository anyway. The requester was asked about already. */
export async function isTrustedAuthor(github: GitHub, brief: Brief): Promise<Result<boolean, GitHubFailure>> {
  if (brief.author.id === brief.requester.id) return ok(true);
  const role = await github.readRole(brief, brief.author.login);
  if (!role.ok) return role.error.reason === "github-refused" && role.error.status === 404 ? ok(false) : role;
  return ok(role.value.userId === brief.author.id && ["write", "admin"].includes(role.value.permission));
}
