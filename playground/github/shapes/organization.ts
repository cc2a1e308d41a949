import { iso, type Account, type GitHub, type Team } from "../state.ts";
import { toOrganization, toUser, type Shape } from "./account.ts";
import { nodeId } from "./urls.ts";

/** `organization-full`. `forAdmin`: with what only its admins are told. */
export function toFullOrganization(github: GitHub, account: Account, forAdmin: boolean): Shape {
  const at = iso(account.createdAt);
  const repositories = [...github.repositories.values()].filter(({ owner }) => owner.id === account.id);
  const hidden = repositories.filter((repository) => repository.private).length;
  return {
    ...toOrganization(github, account),
    name: account.login,
    is_verified: false,
    has_organization_projects: true,
    has_repository_projects: true,
    public_repos: repositories.length - hidden,
    public_gists: 0,
    followers: 0,
    following: 0,
    html_url: `${github.htmlUrl}/${account.login}`,
    type: "Organization",
    created_at: at,
    updated_at: at,
    archived_at: null,
    ...(forAdmin ? toAdmins(github, account, hidden) : {}),
  };
}

function toAdmins(github: GitHub, account: Account, hidden: number): Shape {
  const seats = membersOf(github, account).length;
  return {
    total_private_repos: hidden,
    owned_private_repos: hidden,
    private_gists: 0,
    disk_usage: 1,
    collaborators: 0,
    billing_email: null,
    default_repository_permission: "read",
    members_can_create_repositories: true,
    two_factor_requirement_enabled: false,
    plan: {
      name: github.plans.get(account.id) ?? "team",
      space: 976_562_499,
      private_repos: 999_999,
      filled_seats: seats,
      seats,
    },
  };
}

function membersOf(github: GitHub, { login }: Account): string[] {
  return [...github.organizationRoles.keys()].filter((key) => key.startsWith(`${login.toLowerCase()}/`));
}

/** `org-membership`. */
export function toMembership(github: GitHub, organization: Account, account: Account, role: string): Shape {
  const url = `${github.url}/orgs/${organization.login}`;
  return {
    url: `${url}/memberships/${account.login}`,
    state: "active",
    role,
    organization_url: url,
    organization: toOrganization(github, organization),
    user: toUser(github, account),
  };
}

/** `team`. */
export function toTeam(github: GitHub, organization: Account, { id, slug }: Team): Shape {
  const url = `${github.url}/organizations/${String(organization.id)}/team/${String(id)}`;
  return {
    id,
    node_id: nodeId("Team", id),
    name: slug,
    slug,
    description: null,
    privacy: "closed",
    notification_setting: "notifications_enabled",
    permission: "pull",
    url,
    html_url: `${github.htmlUrl}/orgs/${organization.login}/teams/${slug}`,
    members_url: `${url}/members{/member}`,
    repositories_url: `${url}/repos`,
    type: "organization",
    organization_id: organization.id,
    parent: null,
  };
}

/** As webhooks name one: GitHub's description of them knows neither its kind nor its organisation. */
export function toWebhookTeam(github: GitHub, organization: Account, team: Team): Shape {
  const { type: _kind, organization_id: _organization, ...rest } = toTeam(github, organization, team);
  return rest;
}

/** `team-full`. */
export function toFullTeam(github: GitHub, organization: Account, team: Team): Shape {
  const at = iso(organization.createdAt);
  return {
    ...toTeam(github, organization, team),
    members_count: [...team.members.values()].filter((state) => state === "active").length,
    repos_count: 0,
    created_at: at,
    updated_at: at,
    organization: toFullOrganization(github, organization, false),
  };
}
