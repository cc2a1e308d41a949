import type { Octokit } from "@octokit/rest";
import { ok, type Result } from "#core/wire/result.ts";
import type { GitHubFailure } from "#ports/github.ts";
import { answer, timeout } from "./client.ts";

const ROUTE = "GET /orgs/{org}/teams/{team_slug}/memberships/{username}";

/**
 * Whether a team has this login as an active member; who was invited and has not accepted is `pending`. GitHub counts a
 * child team's members for its parent. 404 says either: no such team, or not in it. Any other refusal is a failure.
 */
export async function isActiveMember(
  client: Octokit,
  organization: string,
  team: string,
  login: string,
): Promise<Result<boolean, GitHubFailure>> {
  const read = await answer(ROUTE, () =>
    client.request(ROUTE, { org: organization, team_slug: team, username: login, request: timeout() }),
  );
  if (read.ok) return ok(read.value.data.state === "active");
  return read.error.reason === "github-refused" && read.error.status === 404 ? ok(false) : read;
}
