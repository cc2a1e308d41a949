/**
 * Every REST route the emulated GitHub answers, with what an installation needs for it. One list: the server routes by
 * it, permissions are checked by it, and `scripts/github-contract.ts` cuts exactly these out of GitHub's OpenAPI.
 *
 * `by`: who may call. `needs`: permission and level; `issue-or-pull` is `issues` or, on a pull request's number,
 * `pull_requests`, as GitHub's own table of permissions has it. `creates`: counts towards the secondary limit on content.
 * Source: docs.github.com/en/rest/authentication/permissions-required-for-github-apps (read as of 2026-11).
 */
export const ROUTES = {
  "POST /app-manifests/{code}/conversions": { by: "anyone" },
  "GET /app": { by: "app-jwt" },
  "GET /app/installations": { by: "app-jwt" },
  "GET /app/installations/{installation_id}": { by: "app-jwt" },
  "POST /app/installations/{installation_id}/access_tokens": { by: "app-jwt" },
  "GET /repos/{owner}/{repo}/installation": { by: "app-jwt" },
  "DELETE /installation/token": { by: "installation" },
  "GET /installation/repositories": { by: "installation" },
  "GET /rate_limit": { by: "installation" },
  "GET /users/{username}": { by: "anyone" },
  "GET /orgs/{org}/teams/{team_slug}/memberships/{username}": { by: "installation", needs: { members: "read" } },
  "GET /repos/{owner}/{repo}": { by: "installation", needs: { metadata: "read" } },
  "GET /repos/{owner}/{repo}/branches/{branch}": { by: "installation", needs: { contents: "read" } },
  "GET /repos/{owner}/{repo}/collaborators/{username}/permission": { by: "installation", needs: { metadata: "read" } },
  "GET /repos/{owner}/{repo}/contents/{path}": { by: "installation", needs: { contents: "read" } },
  "GET /repos/{owner}/{repo}/issues": { by: "installation", needs: { issues: "read" } },
  "GET /repos/{owner}/{repo}/issues/{issue_number}": { by: "installation", needs: "issue-or-pull-read" },
  "GET /repos/{owner}/{repo}/issues/{issue_number}/comments": { by: "installation", needs: "issue-or-pull-read" },
  "POST /repos/{owner}/{repo}/issues/{issue_number}/comments": {
    by: "installation",
    needs: "issue-or-pull-write",
    creates: true,
  },
  "GET /repos/{owner}/{repo}/issues/comments/{comment_id}": { by: "installation", needs: "issue-or-pull-read" },
  "PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}": { by: "installation", needs: "issue-or-pull-write" },
  "DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}": { by: "installation", needs: "issue-or-pull-write" },
  "POST /repos/{owner}/{repo}/git/blobs": { by: "installation", needs: { contents: "write" } },
  "GET /repos/{owner}/{repo}/git/blobs/{file_sha}": { by: "installation", needs: { contents: "read" } },
  "POST /repos/{owner}/{repo}/git/trees": { by: "installation", needs: { contents: "write" } },
  "GET /repos/{owner}/{repo}/git/trees/{tree_sha}": { by: "installation", needs: { contents: "read" } },
  "POST /repos/{owner}/{repo}/git/commits": { by: "installation", needs: { contents: "write" } },
  "GET /repos/{owner}/{repo}/git/commits/{commit_sha}": { by: "installation", needs: { contents: "read" } },
  "GET /repos/{owner}/{repo}/git/ref/{ref}": { by: "installation", needs: { contents: "read" } },
  "POST /repos/{owner}/{repo}/git/refs": { by: "installation", needs: { contents: "write" } },
  "PATCH /repos/{owner}/{repo}/git/refs/{ref}": { by: "installation", needs: { contents: "write" } },
  "DELETE /repos/{owner}/{repo}/git/refs/{ref}": { by: "installation", needs: { contents: "write" } },
  "GET /repos/{owner}/{repo}/pulls": { by: "installation", needs: { pull_requests: "read" } },
  "POST /repos/{owner}/{repo}/pulls": { by: "installation", needs: { pull_requests: "write" }, creates: true },
  "GET /repos/{owner}/{repo}/pulls/{pull_number}": { by: "installation", needs: { pull_requests: "read" } },
  "PATCH /repos/{owner}/{repo}/pulls/{pull_number}": { by: "installation", needs: { pull_requests: "write" } },
  "GET /repos/{owner}/{repo}/pulls/{pull_number}/files": { by: "installation", needs: { pull_requests: "read" } },
  "GET /repos/{owner}/{repo}/commits/{ref}/check-runs": { by: "installation", needs: { checks: "read" } },
  "POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches": { by: "installation", needs: { actions: "write" } },
  "GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs": { by: "installation", needs: { actions: "read" } },
  "GET /repos/{owner}/{repo}/actions/runs/{run_id}": { by: "installation", needs: { actions: "read" } },
  "POST /repos/{owner}/{repo}/actions/runs/{run_id}/cancel": { by: "installation", needs: { actions: "write" } },
  "GET /repos/{owner}/{repo}/actions/runs/{run_id}/artifacts": { by: "installation", needs: { actions: "read" } },
  "GET /repos/{owner}/{repo}/actions/artifacts/{artifact_id}/{archive_format}": {
    by: "installation",
    needs: { actions: "read" },
  },
  "GET /repos/{owner}/{repo}/environments/{environment_name}": { by: "installation", needs: { actions: "read" } },
  "GET /repos/{owner}/{repo}/environments/{environment_name}/deployment-branch-policies": {
    by: "installation",
    needs: { actions: "read" },
  },
} as const satisfies Record<string, RouteRule>;

export type Level = "read" | "write" | "admin";
export type RouteRule = {
  readonly by: "app-jwt" | "installation" | "anyone";
  readonly needs?: Readonly<Record<string, Level>> | "issue-or-pull-read" | "issue-or-pull-write";
  readonly creates?: true;
};
export type Route = keyof typeof ROUTES;
