import { convertManifest } from "../app-creation.ts";
import type { Route } from "../routes.ts";
import * as actions from "./actions.ts";
import * as artifacts from "./artifacts.ts";
import * as app from "./app.ts";
import * as checks from "./checks.ts";
import * as data from "./git-data.ts";
import * as refs from "./git-refs.ts";
import type { Handler, RepositoryHandler } from "./handler.ts";
import * as issue from "./issue.ts";
import * as pulls from "./pulls.ts";
import * as repository from "./repository.ts";
import * as teams from "./teams.ts";

type OfNoRepository = Extract<
  Route,
  `${string} /${"app" | "app-manifests" | "installation" | "users" | "orgs" | "rate_limit"}${string}` | `${string}/installation`
>;

/** Who answers each route. A route without an answer does not compile. */
export const HANDLERS: { readonly [R in OfNoRepository]: Handler } & {
  readonly [R in Exclude<Route, OfNoRepository>]: RepositoryHandler;
} = {
  "POST /app-manifests/{code}/conversions": convertManifest,
  "GET /app": app.getApp,
  "GET /app/installations": app.listInstallations,
  "GET /app/installations/{installation_id}": app.getInstallation,
  "POST /app/installations/{installation_id}/access_tokens": app.createAccessToken,
  "GET /repos/{owner}/{repo}/installation": app.getRepositoryInstallation,
  "DELETE /installation/token": app.revokeToken,
  "GET /installation/repositories": app.listAccessibleRepositories,
  "GET /rate_limit": app.getRateLimit,
  "GET /users/{username}": app.getUser,
  "GET /orgs/{org}/teams/{team_slug}/memberships/{username}": teams.getMembership,
  "GET /repos/{owner}/{repo}": repository.getRepository,
  "GET /repos/{owner}/{repo}/branches/{branch}": repository.getBranch,
  "GET /repos/{owner}/{repo}/collaborators/{username}/permission": repository.getPermission,
  "GET /repos/{owner}/{repo}/contents/{path}": repository.getContents,
  "GET /repos/{owner}/{repo}/issues": issue.listIssues,
  "GET /repos/{owner}/{repo}/issues/{issue_number}": issue.getIssue,
  "GET /repos/{owner}/{repo}/issues/{issue_number}/comments": issue.listComments,
  "POST /repos/{owner}/{repo}/issues/{issue_number}/comments": issue.createComment,
  "GET /repos/{owner}/{repo}/issues/comments/{comment_id}": issue.getComment,
  "PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}": issue.updateComment,
  "DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}": issue.removeComment,
  "POST /repos/{owner}/{repo}/git/blobs": data.createBlob,
  "GET /repos/{owner}/{repo}/git/blobs/{file_sha}": data.getBlob,
  "POST /repos/{owner}/{repo}/git/trees": data.createTree,
  "GET /repos/{owner}/{repo}/git/trees/{tree_sha}": data.getTree,
  "POST /repos/{owner}/{repo}/git/commits": data.createCommit,
  "GET /repos/{owner}/{repo}/git/commits/{commit_sha}": data.getCommit,
  "GET /repos/{owner}/{repo}/git/ref/{ref}": refs.getRef,
  "POST /repos/{owner}/{repo}/git/refs": refs.createRef,
  "PATCH /repos/{owner}/{repo}/git/refs/{ref}": refs.updateRef,
  "DELETE /repos/{owner}/{repo}/git/refs/{ref}": refs.deleteRef,
  "GET /repos/{owner}/{repo}/pulls": pulls.listPulls,
  "POST /repos/{owner}/{repo}/pulls": pulls.createPull,
  "GET /repos/{owner}/{repo}/pulls/{pull_number}": pulls.getPull,
  "PATCH /repos/{owner}/{repo}/pulls/{pull_number}": pulls.updatePull,
  "GET /repos/{owner}/{repo}/pulls/{pull_number}/files": pulls.listPullFiles,
  "GET /repos/{owner}/{repo}/commits/{ref}/check-runs": checks.listCheckRuns,
  "POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches": actions.dispatchWorkflow,
  "GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs": actions.listWorkflowRuns,
  "GET /repos/{owner}/{repo}/actions/runs/{run_id}": actions.getRun,
  "POST /repos/{owner}/{repo}/actions/runs/{run_id}/cancel": actions.cancelWorkflowRun,
  "GET /repos/{owner}/{repo}/actions/runs/{run_id}/artifacts": artifacts.listRunArtifacts,
  "GET /repos/{owner}/{repo}/actions/artifacts/{artifact_id}/{archive_format}": artifacts.downloadArtifact,
  "GET /repos/{owner}/{repo}/environments/{environment_name}": actions.getEnvironment,
  "GET /repos/{owner}/{repo}/environments/{environment_name}/deployment-branch-policies": actions.listBranchPolicies,
};

const NO_REPOSITORY = new Set<Route>([
  "POST /app-manifests/{code}/conversions",
  "GET /app",
  "GET /app/installations",
  "GET /app/installations/{installation_id}",
  "POST /app/installations/{installation_id}/access_tokens",
  "GET /repos/{owner}/{repo}/installation",
  "DELETE /installation/token",
  "GET /installation/repositories",
  "GET /rate_limit",
  "GET /users/{username}",
  "GET /orgs/{org}/teams/{team_slug}/memberships/{username}",
] satisfies OfNoRepository[]);

export function isOfNoRepository(route: Route): route is OfNoRepository {
  return NO_REPOSITORY.has(route);
}
