import { grantOf } from "../permissions.ts";
import { iso, organizationRole, roleOf, type Account, type GitHub, type Installation, type Repository } from "../state.ts";
import { nodeId, userHtmlUrl, userUrl } from "./urls.ts";

export type Shape = Readonly<Record<string, unknown>>;

/** `simple-user` of the REST API and `user` of webhooks, which are the same. */
export function toUser(github: GitHub, account: Account): Shape {
  const url = userUrl(github, account);
  return {
    login: account.login,
    id: account.id,
    node_id: nodeId(account.type, account.id),
    avatar_url: `${github.htmlUrl}/avatars/u/${String(account.id)}?v=4`,
    gravatar_id: "",
    url,
    html_url: userHtmlUrl(github, account),
    followers_url: `${url}/followers`,
    following_url: `${url}/following{/other_user}`,
    gists_url: `${url}/gists{/gist_id}`,
    starred_url: `${url}/starred{/owner}{/repo}`,
    subscriptions_url: `${url}/subscriptions`,
    organizations_url: `${url}/orgs`,
    repos_url: `${url}/repos`,
    events_url: `${url}/events{/privacy}`,
    received_events_url: `${url}/received_events`,
    type: account.type,
    site_admin: false,
  };
}

export function toPublicUser(github: GitHub, account: Account): Shape {
  const at = iso(account.createdAt);
  return {
    ...toUser(github, account),
    name: null,
    company: null,
    blog: "",
    location: null,
    email: null,
    hireable: null,
    bio: null,
    twitter_username: null,
    public_repos: 0,
    public_gists: 0,
    followers: 0,
    following: 0,
    created_at: at,
    updated_at: at,
  };
}

export function toOrganization(github: GitHub, account: Account): Shape {
  const url = `${github.url}/orgs/${account.login}`;
  return {
    login: account.login,
    id: account.id,
    node_id: nodeId("Organization", account.id),
    url,
    repos_url: `${url}/repos`,
    events_url: `${url}/events`,
    hooks_url: `${url}/hooks`,
    issues_url: `${url}/issues`,
    members_url: `${url}/members{/member}`,
    public_members_url: `${url}/public_members{/member}`,
    avatar_url: `${github.htmlUrl}/avatars/u/${String(account.id)}?v=4`,
    description: null,
  };
}

export function toInstallation(github: GitHub, installation: Installation): Shape {
  const { id, account, repositoryIds, suspendedAt } = installation;
  const at = iso(installation.createdAt);
  return {
    id,
    account: toUser(github, account),
    repository_selection: repositoryIds === "all" ? "all" : "selected",
    access_tokens_url: `${github.url}/app/installations/${String(id)}/access_tokens`,
    repositories_url: `${github.url}/installation/repositories`,
    html_url:
      account.type === "Organization"
        ? `${github.htmlUrl}/organizations/${account.login}/settings/installations/${String(id)}`
        : `${github.htmlUrl}/settings/installations/${String(id)}`,
    app_id: github.app.id,
    app_slug: github.app.slug,
    target_id: account.id,
    target_type: account.type,
    ...grantOf(github, installation),
    created_at: at,
    updated_at: at,
    single_file_name: null,
    has_multiple_single_files: false,
    single_file_paths: [],
    suspended_by: suspendedAt === null ? null : toUser(github, account),
    suspended_at: suspendedAt === null ? null : iso(suspendedAt),
  };
}

/** The App itself. Its owner is whoever made it; here the bot's own account, since nobody else exists at the start. */
export function toApp(github: GitHub): Shape {
  const at = iso(github.app.createdAt);
  return {
    id: github.app.id,
    slug: github.app.slug,
    node_id: nodeId("App", github.app.id),
    owner: toUser(github, github.app.bot),
    name: github.manifest.name,
    description: "",
    external_url: `${github.htmlUrl}/apps/${github.app.slug}`,
    html_url: `${github.htmlUrl}/apps/${github.app.slug}`,
    created_at: at,
    updated_at: at,
    permissions: github.manifest.default_permissions,
    events: github.manifest.default_events,
  };
}

/** How an author stands to a repository. The product must not rely on it; it is here because payloads carry it. */
export function associationOf(github: GitHub, repository: Repository, account: Account): string {
  if (repository.owner.id === account.id) return "OWNER";
  if (organizationRole(github, repository.owner, account) !== undefined) return "MEMBER";
  const role = account.type === "Bot" ? "none" : (repository.roles.get(account.login.toLowerCase()) ?? "none");
  if (role === "none") return "NONE";
  return roleOf(github, repository, account) === "read"
    ? "CONTRIBUTOR"
    : repository.owner.type === "Organization"
      ? "MEMBER"
      : "COLLABORATOR";
}

export function toReactions(url: string): Shape {
  return {
    url: `${url}/reactions`,
    total_count: 0,
    "+1": 0,
    "-1": 0,
    laugh: 0,
    hooray: 0,
    confused: 0,
    heart: 0,
    rocket: 0,
    eyes: 0,
  };
}
