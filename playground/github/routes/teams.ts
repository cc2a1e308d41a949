import { answer, invalid, notFound, notSupplied, textField, type ApiRequest } from "../answers.ts";
import { toFullTeam } from "../shapes/organization.ts";
import { nextId, type Account, type GitHub, type Team } from "../state.ts";
import type { Handler } from "./handler.ts";
import { belongs, organizationOf } from "./organization.ts";

export const getTeam: Handler = (github, request) => {
  const found = teamOf(github, request);
  return found === undefined ? notFound() : answer(200, toFullTeam(github, found.organization, found.team));
};

/** Who makes one is in it. */
export const createTeam: Handler = (github, request) => {
  const organization = organizationOf(github, request);
  if (organization === undefined || !belongs(github, request, organization)) return notFound();
  const name = textField(request.body, "name");
  if (name === undefined) return notSupplied("name");
  const slug = name.toLowerCase().replaceAll(/[^a-z0-9_]+/g, "-");
  const key = `${organization.login}/${slug}`.toLowerCase();
  if (github.teams.has(key)) return invalid({ resource: "Team", code: "already_exists", field: "name" });
  const members = request.caller.party === "user" ? [request.caller.account.login.toLowerCase()] : [];
  const team: Team = { id: nextId(github), slug, members: new Map(members.map((login) => [login, "active"])) };
  github.teams.set(key, team);
  return answer(201, toFullTeam(github, organization, team));
};

/** 404 says either: no such team, or not in it. An invited person's membership is there, and pending. */
export const getMembership: Handler = (github, request) => {
  const { username = "" } = request.params;
  const found = teamOf(github, request);
  const state = found?.team.members.get(username.toLowerCase());
  if (found === undefined || state === undefined) return notFound();
  const { organization, team } = found;
  const url = `${github.url}/organizations/${String(organization.id)}/team/${team.slug}/memberships/${username}`;
  return answer(200, { url, role: "member", state });
};

/** Only who is of an organisation sees its teams; a person's account has none. */
function teamOf(github: GitHub, request: ApiRequest): { readonly organization: Account; readonly team: Team } | undefined {
  const organization = organizationOf(github, request);
  if (organization === undefined || !belongs(github, request, organization)) return undefined;
  const team = github.teams.get(`${organization.login}/${request.params["team_slug"] ?? ""}`.toLowerCase());
  return team === undefined ? undefined : { organization, team };
}
