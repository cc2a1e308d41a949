import { convertManifest } from "../app-creation.ts";
import type { Route } from "../routes.ts";
import * as permissions from "./actions-permissions.ts";
import * as actions from "./actions.ts";
import * as artifacts from "./artifacts.ts";
import * as app from "./app.ts";
import * as checks from "./checks.ts";
import { compareCommits } from "./compare.ts";
import * as contents from "./contents.ts";
import * as environments from "./environments.ts";
import * as data from "./git-data.ts";
import * as refs from "./git-refs.ts";
import type { Handler, RepositoryHandler } from "./handler.ts";
import * as hook from "./hook.ts";
import * as issue from "./issue.ts";
import * as labels from "./labels.ts";
import { mergeBranch } from "./merge-branch.ts";
import { merge } from "./merge.ts";
import * as organization from "./organization.ts";
import * as protection from "./protection.ts";
import * as pulls from "./pulls.ts";
import * as reactions from "./reactions.ts";
import * as repository from "./repository.ts";
import { replyInThread } from "./review-threads.ts";
import * as secrets from "./secrets.ts";
import * as teams from "./teams.ts";

type OfNoRepository = Extract<
  Route,
  | `${string} /${"app" | "app-manifests" | "installation" | "user" | "users" | "orgs" | "rate_limit"}${string}`
  | `${string}/installation`
>;

/** Who answers each route. A route without an answer does not compile. */
export const HANDLERS: { readonly [R in OfNoRepository]: Handler } & {
  readonly [R in Exclude<Route, OfNoRepository>]: RepositoryHandler;
} = {
  "POST /app-manifests/{code}/conversions": convertManifest,
  "GET /app": app.getApp,
  "GET /app/hook/config": hook.getHookConfig,
  "PATCH /app/hook/config": hook.updateHookConfig,
  "GET /app/hook/deliveries": hook.listDeliveries,
  "POST /app/hook/deliveries/{delivery_id}/attempts": hook.redeliverDelivery,
  "GET /app/installations": app.listInstallations,
  "GET /app/installations/{installation_id}": app.getInstallation,
  "POST /app/installations/{installation_id}/access_tokens": app.createAccessToken,
  "GET /repos/{owner}/{repo}/installation": app.getRepositoryInstallation,
  "DELETE /installation/token": app.revokeToken,
  "GET /installation/repositories": app.listAccessibleRepositories,
  "GET /rate_limit": app.getRateLimit,
  "GET /user": organization.getAuthenticatedUser,
  "POST /user/repos": repository.createOwn,
  "PUT /user/installations/{installation_id}/repositories/{repository_id}": organization.addToInstallation,
  "GET /user/memberships/orgs/{org}": organization.getOwnMembership,
  "GET /users/{username}": app.getUser,
  "GET /orgs/{org}": organization.getOrganization,
  "POST /orgs/{org}/repos": repository.createInOrganization,
  "DELETE /orgs/{org}/actions/secrets/{secret_name}": organization.deleteOrganizationSecret,
  "GET /orgs/{org}/installations": organization.listOrganizationInstallations,
  "POST /orgs/{org}/teams": teams.createTeam,
  "GET /orgs/{org}/teams/{team_slug}": teams.getTeam,
  "GET /orgs/{org}/teams/{team_slug}/memberships/{username}": teams.getMembership,
  "GET /repos/{owner}/{repo}": repository.getRepository,
  "PATCH /repos/{owner}/{repo}": repository.updateRepository,
  "DELETE /repos/{owner}/{repo}": repository.removeRepository,
  "GET /repos/{owner}/{repo}/branches": repository.listBranches,
  "GET /repos/{owner}/{repo}/branches/{branch}": repository.getBranch,
  "GET /repos/{owner}/{repo}/branches/{branch}/protection": protection.getProtection,
  "PUT /repos/{owner}/{repo}/branches/{branch}/protection": protection.putProtection,
  "DELETE /repos/{owner}/{repo}/branches/{branch}/protection": protection.deleteProtection,
  "GET /repos/{owner}/{repo}/rules/branches/{branch}": protection.listBranchRules,
  "GET /repos/{owner}/{repo}/collaborators": repository.listCollaborators,
  "DELETE /repos/{owner}/{repo}/collaborators/{username}": repository.removeCollaborator,
  "GET /repos/{owner}/{repo}/collaborators/{username}/permission": repository.getPermission,
  "GET /repos/{owner}/{repo}/contents/{path}": contents.getContents,
  "PUT /repos/{owner}/{repo}/contents/{path}": contents.putContents,
  "DELETE /repos/{owner}/{repo}/contents/{path}": contents.deleteContents,
  "GET /repos/{owner}/{repo}/labels/{name}": labels.getLabel,
  "POST /repos/{owner}/{repo}/labels": labels.createLabel,
  "DELETE /repos/{owner}/{repo}/labels/{name}": labels.deleteLabel,
  "GET /repos/{owner}/{repo}/issues": issue.listIssues,
  "POST /repos/{owner}/{repo}/issues": issue.createIssue,
  "GET /repos/{owner}/{repo}/issues/{issue_number}": issue.getIssue,
  "POST /repos/{owner}/{repo}/issues/{issue_number}/labels": issue.addLabels,
  "GET /repos/{owner}/{repo}/issues/{issue_number}/comments": issue.listComments,
  "POST /repos/{owner}/{repo}/issues/{issue_number}/comments": issue.createComment,
  "GET /repos/{owner}/{repo}/issues/comments": issue.listAllComments,
  "GET /repos/{owner}/{repo}/issues/comments/{comment_id}": issue.getComment,
  "PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}": issue.updateComment,
  "POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions": reactions.addReaction,
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
  "POST /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers": pulls.requestReviewers,
  "POST /repos/{owner}/{repo}/pulls/{pull_number}/comments/{comment_id}/replies": replyInThread,
  "GET /repos/{owner}/{repo}/pulls/{pull_number}/files": pulls.listPullFiles,
  "PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge": merge,
  "POST /repos/{owner}/{repo}/merges": mergeBranch,
  "GET /repos/{owner}/{repo}/compare/{basehead}": compareCommits,
  "GET /repos/{owner}/{repo}/commits/{ref}/check-runs": checks.listCheckRuns,
  "POST /repos/{owner}/{repo}/check-runs": checks.createCheckRun,
  "PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}": checks.updateCheckRun,
  "GET /repos/{owner}/{repo}/actions/permissions": permissions.getActionsPermissions,
  "PUT /repos/{owner}/{repo}/actions/permissions": permissions.putActionsPermissions,
  "GET /repos/{owner}/{repo}/actions/permissions/selected-actions": permissions.getSelectedActions,
  "PUT /repos/{owner}/{repo}/actions/permissions/selected-actions": permissions.putSelectedActions,
  "GET /repos/{owner}/{repo}/actions/secrets": secrets.listRepositorySecrets,
  "DELETE /repos/{owner}/{repo}/actions/secrets/{secret_name}": secrets.deleteRepositorySecret,
  "GET /repos/{owner}/{repo}/actions/organization-secrets": secrets.listOrganizationSecrets,
  "GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}": actions.getWorkflow,
  "PUT /repos/{owner}/{repo}/actions/workflows/{workflow_id}/enable": actions.enableWorkflow,
  "PUT /repos/{owner}/{repo}/actions/workflows/{workflow_id}/disable": actions.disableWorkflow,
  "POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches": actions.dispatchWorkflow,
  "GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs": actions.listWorkflowRuns,
  "GET /repos/{owner}/{repo}/actions/runs/{run_id}": actions.getRun,
  "GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs": actions.listRunJobs,
  "POST /repos/{owner}/{repo}/actions/runs/{run_id}/cancel": actions.cancelWorkflowRun,
  "GET /repos/{owner}/{repo}/actions/runs/{run_id}/artifacts": artifacts.listRunArtifacts,
  "GET /repos/{owner}/{repo}/actions/jobs/{job_id}/logs": checks.downloadJobLog,
  "GET /repos/{owner}/{repo}/actions/artifacts/{artifact_id}/{archive_format}": artifacts.downloadArtifact,
  "GET /repos/{owner}/{repo}/environments": environments.listEnvironments,
  "GET /repos/{owner}/{repo}/environments/{environment_name}": environments.getEnvironment,
  "PUT /repos/{owner}/{repo}/environments/{environment_name}": environments.putEnvironment,
  "DELETE /repos/{owner}/{repo}/environments/{environment_name}": environments.deleteEnvironment,
  "GET /repos/{owner}/{repo}/environments/{environment_name}/deployment-branch-policies": environments.listBranchPolicies,
  "POST /repos/{owner}/{repo}/environments/{environment_name}/deployment-branch-policies": environments.createBranchPolicy,
  "DELETE /repos/{owner}/{repo}/environments/{environment_name}/deployment-branch-policies/{branch_policy_id}":
    environments.deleteBranchPolicy,
  "GET /repos/{owner}/{repo}/environments/{environment_name}/secrets": secrets.listEnvironmentSecrets,
  "GET /repos/{owner}/{repo}/environments/{environment_name}/secrets/public-key": secrets.getEnvironmentKey,
  "GET /repos/{owner}/{repo}/environments/{environment_name}/secrets/{secret_name}": secrets.getEnvironmentSecret,
  "PUT /repos/{owner}/{repo}/environments/{environment_name}/secrets/{secret_name}": secrets.putEnvironmentSecret,
  "DELETE /repos/{owner}/{repo}/environments/{environment_name}/secrets/{secret_name}": secrets.deleteEnvironmentSecret,
};

/** The routes of one repository all begin alike; the one that asks for its installation is asked by the App itself. */
export function isOfNoRepository(route: Route): route is OfNoRepository {
  return !route.includes(" /repos/") || route.endsWith("/installation");
}
