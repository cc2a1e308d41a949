import { answer, notFound, notSupplied, page, refusal, textField, type Answer, type ApiRequest } from "../answers.ts";
import type { Role } from "../emulated-github.ts";
import { listRefs, readCommit, resolve } from "../git-repository.ts";
import { hasScope } from "../permissions.ts";
import { protectedBranches } from "../plans.ts";
import { actorOf } from "../credentials.ts";
import { commitFiles, deleteRepository, isRepositoryName, makeRepository } from "../repositories.ts";
import { atLeast } from "../rank.ts";
import { toUser } from "../shapes/account.ts";
import { toBranchCommit } from "../shapes/git.ts";
import { toFullRepository } from "../shapes/repository.ts";
import { repositoryHtmlUrl, repositoryUrl } from "../shapes/urls.ts";
import { accountOf, findRepository, organizationRole, roleOf, type Account, type GitHub, type Repository } from "../state.ts";
import type { Handler, RepositoryHandler } from "./handler.ts";
import { belongs, organizationOf } from "./organization.ts";

export const getRepository: RepositoryHandler = (github, { repository, caller }) =>
  answer(200, {
    ...toFullRepository(github, repository),
    ...(caller.party === "user" ? { permissions: permissionsOf(roleOf(github, repository, caller.account)) } : {}),
  });

export const createInOrganization: Handler = (github, request) => {
  const organization = organizationOf(github, request);
  if (organization === undefined) return notFound();
  if (!belongs(github, request, organization))
    return refusal(403, "You need admin access to the organization before adding a repository to it.");
  return create(github, request, organization);
};

export const createOwn: Handler = (github, request) =>
  request.caller.party === "user" ? create(github, request, request.caller.account) : notFound();

async function create(github: GitHub, { body, caller }: ApiRequest, owner: Account): Promise<Answer> {
  if (caller.party !== "user" && caller.party !== "installation") return notFound();
  const hidden = body["private"] === true || body["visibility"] === "private";
  // Without the scope GitHub doesn't say so (docs, "Troubleshooting the REST API": 404 for what a token may not see).
  if (caller.party === "user" && !hasScope(caller.scopes, hidden ? "repo" : "public_repo")) return notFound();
  const name = textField(body, "name");
  if (name === undefined) return notSupplied("name");
  const wrong = !isRepositoryName(name)
    ? "name is invalid"
    : findRepository(github, owner.login, name) !== undefined
      ? "name already exists on this account"
      : undefined;
  if (wrong !== undefined)
    return refusal(422, "Repository creation failed.", {
      errors: [{ resource: "Repository", code: "custom", field: "name", message: wrong }],
    });
  const actor = actorOf(github, caller);
  const description = textField(body, "description") ?? null;
  const repository = await makeRepository(github, owner, { name, private: hidden, description }, actor);
  // Who makes one is its admin, be they an admin of the organisation or not.
  if (caller.party === "user" && organizationRole(github, owner, actor) === "member")
    repository.roles.set(actor.login.toLowerCase(), "admin");
  if (body["auto_init"] === true) {
    const readme = description === null ? `# ${name}` : `# ${name}\n${description}\n`;
    await commitFiles(github, repository, repository.defaultBranch, { "README.md": readme }, "Initial commit", actor);
  }
  const shape = toFullRepository(github, repository);
  const permissions = { permissions: permissionsOf(roleOf(github, repository, actor)) };
  return answer(201, { ...shape, ...permissions }, { location: String(shape["url"]) });
}

/** Of what can be changed, who sees it and whether it is archived. */
export const updateRepository: RepositoryHandler = (github, { repository, body }) => {
  if (typeof body["private"] === "boolean") repository.private = body["private"];
  if (typeof body["archived"] === "boolean") repository.archived = body["archived"];
  return answer(200, toFullRepository(github, repository));
};

/** Takes away what a person was given here, not what they have as a member. */
export const removeCollaborator: RepositoryHandler = (_, { repository, params }) => {
  repository.roles.delete((params["username"] ?? "").toLowerCase());
  return answer(204);
};

export const removeRepository: RepositoryHandler = (github, { repository, caller }) => {
  deleteRepository(github, repository, actorOf(github, caller));
  return answer(204);
};

/** Everybody who has a role, and the organisation's members, who have one by that. */
export const listCollaborators: RepositoryHandler = (github, request) => {
  const { repository, query, caller } = request;
  if (caller.party === "user" && !atLeast(roleOf(github, repository, caller.account), "write"))
    return refusal(403, "Must have push access to view repository collaborators.");
  const { affiliation = "all", permission } = query;
  const all = [...github.accounts.values()]
    .filter((account) => account.type === "User" && roleOf(github, repository, account) !== "none")
    .filter((account) => isOf(github, repository, account, affiliation))
    .map((account) => ({ ...toUser(github, account), ...toRole(roleOf(github, repository, account)) }))
    .filter(({ permissions }) => permission === undefined || permissions[permission] === true);
  const { items, headers } = page(request, `${repositoryUrl(github, repository)}/collaborators`, all);
  return answer(200, items, headers);
};

/** `outside`: no member of the organisation. `direct`: added to this repository. */
function isOf(github: GitHub, repository: Repository, account: Account, affiliation: string): boolean {
  const isMember = repository.owner.id === account.id || organizationRole(github, repository.owner, account) !== undefined;
  const isDirect = (repository.roles.get(account.login.toLowerCase()) ?? "none") !== "none" || repository.owner.id === account.id;
  if (affiliation === "outside") return isDirect && !isMember;
  return affiliation === "direct" ? isDirect : isDirect || isMember;
}

export const listBranches: RepositoryHandler = async (github, request) => {
  const { repository } = request;
  const refs = await listRefs(repository.git, "refs/heads/");
  const url = repositoryUrl(github, repository);
  const { items, headers } = page(request, `${url}/branches`, refs);
  const guarded = protectedBranches(github, repository);
  const branches = items.map(({ ref, sha }) => {
    const name = ref.slice("refs/heads/".length);
    return { name, commit: { sha, url: `${url}/commits/${sha}` }, protected: guarded.has(name) };
  });
  return answer(200, branches, headers);
};

export const getBranch: RepositoryHandler = async (github, { repository, params }) => {
  const name = params["branch"] ?? "";
  const sha = await resolve(repository.git, `refs/heads/${name}`);
  if (sha === undefined) return refusal(404, "Branch not found");
  const url = `${repositoryUrl(github, repository)}/branches/${encodeURIComponent(name)}`;
  const enabled = protectedBranches(github, repository).has(name);
  return answer(200, {
    name,
    commit: toBranchCommit(github, repository, await readCommit(repository.git, sha)),
    _links: { self: url, html: `${repositoryHtmlUrl(github, repository)}/tree/${name}` },
    protected: enabled,
    protection: { enabled, required_status_checks: { enforcement_level: "off", contexts: [], checks: [] } },
    protection_url: `${url}/protection`,
  });
};

/** The legacy `permission` knows four words; `role_name` says which role it really is. */
const LEGACY: Readonly<Record<Role, string>> = {
  admin: "admin",
  maintain: "write",
  write: "write",
  triage: "read",
  read: "read",
  none: "none",
};

export const getPermission: RepositoryHandler = (github, { repository, params }) => {
  const account = accountOf(github, params["username"] ?? "");
  if (account === undefined) return notFound();
  const role = roleOf(github, repository, account);
  return answer(200, { permission: LEGACY[role], role_name: role, user: { ...toUser(github, account), ...toRole(role) } });
};

function toRole(role: Role): { readonly permissions: Readonly<Record<string, boolean>>; readonly role_name: string } {
  return { permissions: permissionsOf(role), role_name: role };
}

function permissionsOf(role: Role): Readonly<Record<string, boolean>> {
  return {
    admin: role === "admin",
    maintain: atLeast(role, "maintain"),
    push: atLeast(role, "write"),
    triage: atLeast(role, "triage"),
    pull: atLeast(role, "read"),
  };
}
