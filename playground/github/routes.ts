import type { Role } from "./emulated-github.ts";

/**
 * Every REST route the emulated GitHub answers, with what it takes to call it. One list: the server routes by it (the
 * first that fits), permissions are checked by it, and `scripts/github-contract.ts` cuts exactly these out of GitHub's OpenAPI.
 *
 * `by`: who may call; `either` is an installation or a person. `needs`: an installation's permission and level;
 * `issue-or-pull` is `issues` or, on a pull request's number, `pull_requests`, as GitHub's own table of permissions has it.
 * `role`: a person's in the repository, `read` where none is named. `scope`: what their token needs where `repo` won't do.
 * `hides`: who lacks the role is told 404, not 403. `creates`: counts towards the secondary limit on content: GitHub lists
 * no such routes, so all do here that leave behind what others can see, and commits.
 * Source: docs.github.com/en/rest/authentication/permissions-required-for-github-apps and the routes' own pages (read as of
 * 2026-11); that people's secrets take `write`: cli/cli#7100.
 */
export const ROUTES = {
  "POST /app-manifests/{code}/conversions": { by: "anyone" },
  "GET /app": { by: "app-jwt" },
  "GET /app/hook/config": { by: "app-jwt" },
  "PATCH /app/hook/config": { by: "app-jwt" },
  "GET /app/hook/deliveries": { by: "app-jwt" },
  "POST /app/hook/deliveries/{delivery_id}/attempts": { by: "app-jwt" },
  "GET /app/installations": { by: "app-jwt" },
  "GET /app/installations/{installation_id}": { by: "app-jwt" },
  "POST /app/installations/{installation_id}/access_tokens": { by: "app-jwt" },
  "GET /repos/{owner}/{repo}/installation": { by: "app-jwt" },
  "DELETE /installation/token": { by: "installation" },
  "GET /installation/repositories": { by: "installation" },
  "GET /rate_limit": { by: "either" },
  "GET /user": { by: "user" },
  "POST /user/repos": { by: "user" },
  "PUT /user/installations/{installation_id}/repositories/{repository_id}": { by: "user" },
  "GET /user/memberships/orgs/{org}": { by: "user", scope: "read:org" },
  "GET /users/{username}": { by: "anyone" },
  "GET /orgs/{org}": { by: "either" },
  "POST /orgs/{org}/repos": { by: "either", needs: { administration: "write" } },
  "DELETE /orgs/{org}/actions/secrets/{secret_name}": {
    by: "either",
    needs: { organization_secrets: "write" },
    scope: "admin:org",
  },
  "GET /orgs/{org}/installations": { by: "either", needs: { organization_administration: "read" }, scope: "read:org" },
  "POST /orgs/{org}/teams": { by: "either", needs: { members: "write" }, scope: "read:org" },
  "GET /orgs/{org}/teams/{team_slug}": { by: "either", needs: { members: "read" }, scope: "read:org" },
  "GET /orgs/{org}/teams/{team_slug}/memberships/{username}": { by: "either", needs: { members: "read" }, scope: "read:org" },
  "GET /repos/{owner}/{repo}": { by: "either", needs: { metadata: "read" } },
  "PATCH /repos/{owner}/{repo}": { by: "either", needs: { administration: "write" }, role: "admin" },
  "DELETE /repos/{owner}/{repo}": { by: "either", needs: { administration: "write" }, role: "admin", scope: "delete_repo" },
  "GET /repos/{owner}/{repo}/branches": { by: "either", needs: { contents: "read" } },
  "GET /repos/{owner}/{repo}/branches/{branch}": { by: "either", needs: { contents: "read" } },
  "GET /repos/{owner}/{repo}/branches/{branch}/protection": {
    by: "either",
    needs: { administration: "read" },
    role: "admin",
    hides: true,
  },
  "PUT /repos/{owner}/{repo}/branches/{branch}/protection": {
    by: "either",
    needs: { administration: "write" },
    role: "admin",
    hides: true,
  },
  "DELETE /repos/{owner}/{repo}/branches/{branch}/protection": {
    by: "either",
    needs: { administration: "write" },
    role: "admin",
    hides: true,
  },
  "GET /repos/{owner}/{repo}/rules/branches/{branch}": { by: "either", needs: { metadata: "read" } },
  "GET /repos/{owner}/{repo}/collaborators": { by: "either", needs: { metadata: "read" } },
  "DELETE /repos/{owner}/{repo}/collaborators/{username}": { by: "either", needs: { administration: "write" }, role: "admin" },
  "GET /repos/{owner}/{repo}/collaborators/{username}/permission": { by: "either", needs: { metadata: "read" } },
  "GET /repos/{owner}/{repo}/contents/{path}": { by: "either", needs: { contents: "read" } },
  "PUT /repos/{owner}/{repo}/contents/{path}": { by: "either", needs: { contents: "write" }, role: "write", hides: true },
  "DELETE /repos/{owner}/{repo}/contents/{path}": { by: "either", needs: { contents: "write" }, role: "write", hides: true },
  "GET /repos/{owner}/{repo}/labels/{name}": { by: "either", needs: { issues: "read" } },
  "POST /repos/{owner}/{repo}/labels": { by: "either", needs: { issues: "write" }, role: "write", hides: true },
  "DELETE /repos/{owner}/{repo}/labels/{name}": { by: "either", needs: { issues: "write" }, role: "write", hides: true },
  "GET /repos/{owner}/{repo}/issues": { by: "either", needs: { issues: "read" } },
  "POST /repos/{owner}/{repo}/issues": { by: "either", needs: { issues: "write" }, creates: true },
  // Before the next, which would take `comments` for a number.
  "GET /repos/{owner}/{repo}/issues/comments": { by: "either", needs: { issues: "read" } },
  "GET /repos/{owner}/{repo}/issues/{issue_number}": { by: "either", needs: "issue-or-pull-read" },
  "POST /repos/{owner}/{repo}/issues/{issue_number}/labels": { by: "either", needs: "issue-or-pull-write", role: "triage" },
  "GET /repos/{owner}/{repo}/issues/{issue_number}/comments": { by: "either", needs: "issue-or-pull-read" },
  "POST /repos/{owner}/{repo}/issues/{issue_number}/comments": { by: "either", needs: "issue-or-pull-write", creates: true },
  "GET /repos/{owner}/{repo}/issues/comments/{comment_id}": { by: "either", needs: "issue-or-pull-read" },
  "PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}": { by: "either", needs: "issue-or-pull-write", creates: true },
  "POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions": {
    by: "either",
    needs: "issue-or-pull-write",
    creates: true,
  },
  "DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}": { by: "either", needs: "issue-or-pull-write" },
  "POST /repos/{owner}/{repo}/git/blobs": { by: "either", needs: { contents: "write" }, role: "write", hides: true },
  "GET /repos/{owner}/{repo}/git/blobs/{file_sha}": { by: "either", needs: { contents: "read" } },
  "POST /repos/{owner}/{repo}/git/trees": { by: "either", needs: { contents: "write" }, role: "write", hides: true },
  "GET /repos/{owner}/{repo}/git/trees/{tree_sha}": { by: "either", needs: { contents: "read" } },
  "POST /repos/{owner}/{repo}/git/commits": {
    by: "either",
    needs: { contents: "write" },
    role: "write",
    hides: true,
    creates: true,
  },
  "GET /repos/{owner}/{repo}/git/commits/{commit_sha}": { by: "either", needs: { contents: "read" } },
  "GET /repos/{owner}/{repo}/git/ref/{ref}": { by: "either", needs: { contents: "read" } },
  "POST /repos/{owner}/{repo}/git/refs": {
    by: "either",
    needs: { contents: "write" },
    role: "write",
    hides: true,
    creates: true,
  },
  "PATCH /repos/{owner}/{repo}/git/refs/{ref}": { by: "either", needs: { contents: "write" }, role: "write", hides: true },
  "DELETE /repos/{owner}/{repo}/git/refs/{ref}": { by: "either", needs: { contents: "write" }, role: "write", hides: true },
  "GET /repos/{owner}/{repo}/pulls": { by: "either", needs: { pull_requests: "read" } },
  "POST /repos/{owner}/{repo}/pulls": { by: "either", needs: { pull_requests: "write" }, creates: true },
  "GET /repos/{owner}/{repo}/pulls/{pull_number}": { by: "either", needs: { pull_requests: "read" } },
  "PATCH /repos/{owner}/{repo}/pulls/{pull_number}": { by: "either", needs: { pull_requests: "write" } },
  "POST /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers": {
    by: "either",
    needs: { pull_requests: "write" },
    role: "triage",
    creates: true,
  },
  "POST /repos/{owner}/{repo}/pulls/{pull_number}/comments/{comment_id}/replies": {
    by: "either",
    needs: { pull_requests: "write" },
    creates: true,
  },
  "GET /repos/{owner}/{repo}/pulls/{pull_number}/files": { by: "either", needs: { pull_requests: "read" } },
  "PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge": {
    by: "either",
    needs: { contents: "write" },
    role: "write",
    hides: true,
  },
  "POST /repos/{owner}/{repo}/merges": {
    by: "either",
    needs: { contents: "write" },
    role: "write",
    hides: true,
    creates: true,
  },
  "GET /repos/{owner}/{repo}/compare/{basehead}": { by: "either", needs: { contents: "read" } },
  "GET /repos/{owner}/{repo}/commits/{ref}/check-runs": { by: "either", needs: { checks: "read" } },
  // Apps alone make check runs; whose repository it is makes none by hand.
  "POST /repos/{owner}/{repo}/check-runs": { by: "installation", needs: { checks: "write" }, creates: true },
  "PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}": { by: "installation", needs: { checks: "write" } },
  "GET /repos/{owner}/{repo}/actions/permissions": { by: "either", needs: { administration: "read" }, role: "admin" },
  "PUT /repos/{owner}/{repo}/actions/permissions": { by: "either", needs: { administration: "write" }, role: "admin" },
  "GET /repos/{owner}/{repo}/actions/permissions/selected-actions": {
    by: "either",
    needs: { administration: "read" },
    role: "admin",
  },
  "PUT /repos/{owner}/{repo}/actions/permissions/selected-actions": {
    by: "either",
    needs: { administration: "write" },
    role: "admin",
  },
  "GET /repos/{owner}/{repo}/actions/secrets": { by: "either", needs: { secrets: "read" }, role: "write" },
  "DELETE /repos/{owner}/{repo}/actions/secrets/{secret_name}": { by: "either", needs: { secrets: "write" }, role: "write" },
  "GET /repos/{owner}/{repo}/actions/organization-secrets": { by: "either", needs: { secrets: "read" }, role: "write" },
  "GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}": { by: "either", needs: { actions: "read" } },
  "PUT /repos/{owner}/{repo}/actions/workflows/{workflow_id}/enable": {
    by: "either",
    needs: { actions: "write" },
    role: "write",
  },
  "PUT /repos/{owner}/{repo}/actions/workflows/{workflow_id}/disable": {
    by: "either",
    needs: { actions: "write" },
    role: "write",
  },
  "POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches": {
    by: "either",
    needs: { actions: "write" },
    role: "write",
    creates: true,
  },
  "GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs": { by: "either", needs: { actions: "read" } },
  "GET /repos/{owner}/{repo}/actions/runs/{run_id}": { by: "either", needs: { actions: "read" } },
  "GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs": { by: "either", needs: { actions: "read" } },
  "POST /repos/{owner}/{repo}/actions/runs/{run_id}/cancel": { by: "either", needs: { actions: "write" }, role: "write" },
  "GET /repos/{owner}/{repo}/actions/runs/{run_id}/artifacts": { by: "either", needs: { actions: "read" } },
  "GET /repos/{owner}/{repo}/actions/jobs/{job_id}/logs": { by: "either", needs: { actions: "read" } },
  "GET /repos/{owner}/{repo}/actions/artifacts/{artifact_id}/{archive_format}": { by: "either", needs: { actions: "read" } },
  "GET /repos/{owner}/{repo}/environments": { by: "either", needs: { actions: "read" } },
  "GET /repos/{owner}/{repo}/environments/{environment_name}": { by: "either", needs: { actions: "read" } },
  "PUT /repos/{owner}/{repo}/environments/{environment_name}": {
    by: "either",
    needs: { administration: "write" },
    role: "admin",
  },
  "DELETE /repos/{owner}/{repo}/environments/{environment_name}": {
    by: "either",
    needs: { administration: "write" },
    role: "admin",
  },
  "GET /repos/{owner}/{repo}/environments/{environment_name}/deployment-branch-policies": {
    by: "either",
    needs: { actions: "read" },
  },
  "POST /repos/{owner}/{repo}/environments/{environment_name}/deployment-branch-policies": {
    by: "either",
    needs: { administration: "write" },
    role: "admin",
  },
  "DELETE /repos/{owner}/{repo}/environments/{environment_name}/deployment-branch-policies/{branch_policy_id}": {
    by: "either",
    needs: { administration: "write" },
    role: "admin",
  },
  "GET /repos/{owner}/{repo}/environments/{environment_name}/secrets": {
    by: "either",
    needs: { environments: "read" },
    role: "write",
  },
  "GET /repos/{owner}/{repo}/environments/{environment_name}/secrets/public-key": {
    by: "either",
    needs: { environments: "read" },
    role: "write",
  },
  "GET /repos/{owner}/{repo}/environments/{environment_name}/secrets/{secret_name}": {
    by: "either",
    needs: { environments: "read" },
    role: "write",
  },
  "PUT /repos/{owner}/{repo}/environments/{environment_name}/secrets/{secret_name}": {
    by: "either",
    needs: { environments: "write" },
    role: "write",
  },
  "DELETE /repos/{owner}/{repo}/environments/{environment_name}/secrets/{secret_name}": {
    by: "either",
    needs: { environments: "write" },
    role: "write",
  },
} as const satisfies Record<string, RouteRule>;

export type Level = "read" | "write" | "admin";
export type RouteRule = {
  readonly by: "app-jwt" | "installation" | "user" | "either" | "anyone";
  readonly needs?: Readonly<Record<string, Level>> | "issue-or-pull-read" | "issue-or-pull-write";
  readonly role?: Exclude<Role, "none">;
  readonly scope?: string;
  readonly hides?: true;
  readonly creates?: true;
};
export type Route = keyof typeof ROUTES;
