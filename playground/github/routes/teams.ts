import { answer, notFound } from "../answers.ts";
import { accountOf } from "../state.ts";
import type { Handler } from "./handler.ts";

/** 404 says either: no such team, or not in it. An invited person's membership is there, and pending. */
export const getMembership: Handler = (github, { params, token }) => {
  const { org = "", team_slug: slug = "", username = "" } = params;
  const organization = accountOf(github, org);
  // An installation sees its own organisation's teams; a person's account has none.
  if (organization?.type !== "Organization" || organization.id !== token?.installation.account.id) return notFound();
  const state = github.teams.get(`${organization.login}/${slug}`.toLowerCase())?.get(username.toLowerCase());
  if (state === undefined) return notFound();
  const url = `${github.url}/organizations/${String(organization.id)}/team/${slug}/memberships/${username}`;
  return answer(200, { url, role: "member", state });
};
