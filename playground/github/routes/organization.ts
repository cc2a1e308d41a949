import { answer, notFound, page, refusal, type ApiRequest } from "../answers.ts";
import { toInstallation, toPublicUser } from "../shapes/account.ts";
import { toFullOrganization, toMembership } from "../shapes/organization.ts";
import { accountOf, installationOf, organizationRole, roleOf, type Account, type GitHub } from "../state.ts";
import type { Handler } from "./handler.ts";

export const getOrganization: Handler = (github, request) => {
  const organization = organizationOf(github, request);
  if (organization === undefined) return notFound();
  return answer(200, toFullOrganization(github, organization, isAdmin(github, request, organization)));
};

export const getOwnMembership: Handler = (github, request) => {
  const { caller } = request;
  const organization = organizationOf(github, request);
  if (organization === undefined || caller.party !== "user") return notFound();
  const role = organizationRole(github, organization, caller.account);
  return role === undefined ? notFound() : answer(200, toMembership(github, organization, caller.account, role));
};

export const listOrganizationInstallations: Handler = (github, request) => {
  const organization = organizationOf(github, request);
  if (organization === undefined || !belongs(github, request, organization)) return notFound();
  if (!isAdmin(github, request, organization)) return refusal(403, "Must be an organization owner.");
  const installation = installationOf(github, organization);
  const all = installation === undefined ? [] : [toInstallation(github, installation)];
  const { items, headers } = page(request, `${github.url}/orgs/${organization.login}/installations`, all);
  return answer(200, { total_count: all.length, installations: items }, headers);
};

/** By a classic token of an admin of the repository; one that is covered already is left so. */
export const addToInstallation: Handler = (github, { params, caller }) => {
  const installation = github.installations.get(Number(params["installation_id"]));
  const repository = github.repositories.get(Number(params["repository_id"]));
  if (installation === undefined || repository === undefined || caller.party !== "user") return notFound();
  if (repository.owner.id !== installation.account.id || roleOf(github, repository, caller.account) !== "admin")
    return notFound();
  const { repositoryIds } = installation;
  if (repositoryIds !== "all" && !repositoryIds.includes(repository.id))
    installation.repositoryIds = [...repositoryIds, repository.id];
  return answer(204);
};

export const deleteOrganizationSecret: Handler = (github, request) => {
  const organization = organizationOf(github, request);
  if (organization === undefined || !belongs(github, request, organization)) return notFound();
  if (!isAdmin(github, request, organization))
    return refusal(403, "You must be an org admin or have the actions secrets fine-grained permission.");
  const name = (request.params["secret_name"] ?? "").toUpperCase();
  return github.organizationSecrets.get(organization.id)?.delete(name) === true ? answer(204) : notFound();
};

export const getAuthenticatedUser: Handler = (github, { caller }) =>
  caller.party === "user" ? answer(200, toPublicUser(github, caller.account)) : notFound();

export function organizationOf(github: GitHub, { params }: ApiRequest): Account | undefined {
  const account = accountOf(github, params["org"] ?? "");
  return account?.type === "Organization" ? account : undefined;
}

/** Whether a caller is of the organisation: its member, or the App as it is installed there. */
export function belongs(github: GitHub, { caller }: ApiRequest, organization: Account): boolean {
  if (caller.party === "installation") return caller.token.installation.account.id === organization.id;
  return caller.party === "user" && organizationRole(github, organization, caller.account) !== undefined;
}

/** An installation that has the permission of a route may do what an admin may there. */
function isAdmin(github: GitHub, { caller }: ApiRequest, organization: Account): boolean {
  if (caller.party === "installation") return caller.token.installation.account.id === organization.id;
  return caller.party === "user" && organizationRole(github, organization, caller.account) === "admin";
}
