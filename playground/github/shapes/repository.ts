import { fullName, iso, type GitHub, type Repository } from "../state.ts";
import { toOrganization, toUser, type Shape } from "./account.ts";
import { cloneUrl, nodeId, repositoryHtmlUrl, repositoryUrl } from "./urls.ts";

/** What a workflow run and other places embed: identity and addresses (`minimal-repository`, `repository-lite`). */
export function toRepositoryLite(github: GitHub, repository: Repository): Shape {
  const url = repositoryUrl(github, repository);
  return {
    id: repository.id,
    node_id: nodeId("Repository", repository.id),
    name: repository.name,
    full_name: fullName(repository),
    private: repository.private,
    owner: toUser(github, repository.owner),
    html_url: repositoryHtmlUrl(github, repository),
    description: repository.description,
    fork: false,
    url,
    forks_url: `${url}/forks`,
    keys_url: `${url}/keys{/key_id}`,
    collaborators_url: `${url}/collaborators{/collaborator}`,
    teams_url: `${url}/teams`,
    hooks_url: `${url}/hooks`,
    issue_events_url: `${url}/issues/events{/number}`,
    events_url: `${url}/events`,
    assignees_url: `${url}/assignees{/user}`,
    branches_url: `${url}/branches{/branch}`,
    tags_url: `${url}/tags`,
    blobs_url: `${url}/git/blobs{/sha}`,
    git_tags_url: `${url}/git/tags{/sha}`,
    git_refs_url: `${url}/git/refs{/sha}`,
    trees_url: `${url}/git/trees{/sha}`,
    statuses_url: `${url}/statuses/{sha}`,
    languages_url: `${url}/languages`,
    stargazers_url: `${url}/stargazers`,
    contributors_url: `${url}/contributors`,
    subscribers_url: `${url}/subscribers`,
    subscription_url: `${url}/subscription`,
    commits_url: `${url}/commits{/sha}`,
    git_commits_url: `${url}/git/commits{/sha}`,
    comments_url: `${url}/comments{/number}`,
    issue_comment_url: `${url}/issues/comments{/number}`,
    contents_url: `${url}/contents/{+path}`,
    compare_url: `${url}/compare/{base}...{head}`,
    merges_url: `${url}/merges`,
    archive_url: `${url}/{archive_format}{/ref}`,
    downloads_url: `${url}/downloads`,
    issues_url: `${url}/issues{/number}`,
    pulls_url: `${url}/pulls{/number}`,
    milestones_url: `${url}/milestones{/number}`,
    notifications_url: `${url}/notifications{?since,all,participating}`,
    labels_url: `${url}/labels{/name}`,
    releases_url: `${url}/releases{/id}`,
    deployments_url: `${url}/deployments`,
  };
}

/** `repository` of the REST API and of webhooks. */
export function toRepository(github: GitHub, repository: Repository): Shape {
  const html = repositoryHtmlUrl(github, repository);
  const open = [...repository.issues.values()].filter(({ state }) => state === "open").length;
  return {
    ...toRepositoryLite(github, repository),
    created_at: iso(repository.createdAt),
    updated_at: iso(repository.pushedAt),
    pushed_at: iso(repository.pushedAt),
    git_url: `git://${html.replace(/^https?:\/\//, "")}.git`,
    ssh_url: `git@${html.replace(/^https?:\/\//, "").replace("/", ":")}.git`,
    clone_url: cloneUrl(github, repository),
    svn_url: html,
    homepage: null,
    size: 1,
    stargazers_count: 0,
    watchers_count: 0,
    language: null,
    has_issues: true,
    has_projects: true,
    has_downloads: true,
    has_wiki: false,
    has_pages: false,
    has_discussions: false,
    forks_count: 0,
    mirror_url: null,
    archived: repository.archived,
    disabled: false,
    open_issues_count: open,
    license: null,
    allow_forking: true,
    is_template: false,
    web_commit_signoff_required: false,
    topics: [],
    visibility: repository.private ? "private" : "public",
    forks: 0,
    open_issues: open,
    watchers: 0,
    default_branch: repository.defaultBranch,
  };
}

/** In webhooks: the same with an organisation's custom properties, of which there are none. */
export function toWebhookRepository(github: GitHub, repository: Repository): Shape {
  return { ...toRepository(github, repository), custom_properties: {} };
}

export function toFullRepository(github: GitHub, repository: Repository): Shape {
  const organization = repository.owner.type === "Organization" ? { organization: toUser(github, repository.owner) } : {};
  return { ...toRepository(github, repository), ...organization, network_count: 0, subscribers_count: 0 };
}

export function ownerOfPayload(github: GitHub, repository: Repository): Shape {
  return repository.owner.type === "Organization" ? { organization: toOrganization(github, repository.owner) } : {};
}
