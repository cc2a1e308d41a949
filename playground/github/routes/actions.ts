import { answer, isRecord, notFound, page, refusal, textField, unprocessable, type RepositoryRequest } from "../answers.ts";
import { cancelRun, findWorkflow, queueRun, readWorkflow, resolveInputs } from "../actions.ts";
import { resolve } from "../git-repository.ts";
import { findEnvironment } from "../plans.ts";
import { toRun } from "../shapes/run.ts";
import { nodeId, repositoryHtmlUrl, repositoryUrl } from "../shapes/urls.ts";
import { iso, listed, type Environment, type GitHub, type Run } from "../state.ts";
import type { RepositoryHandler } from "./handler.ts";

/** Without `return_run_details` the answer is an empty 204 and the run must be looked for. Source: changelog of 2026-02-19. */
export const dispatchWorkflow: RepositoryHandler = async (github, { repository, params, body }) => {
  const ref = (textField(body, "ref") ?? "").replace(/^refs\/heads\//, "");
  const workflow = await findWorkflow(github, repository, params["workflow_id"] ?? "", ref);
  if (workflow === undefined) return notFound();
  const sha = await resolve(repository.git, `refs/heads/${ref}`);
  if (sha === undefined) return unprocessable(`No ref found for: ${ref}`);
  const file = await readWorkflow(repository, workflow, sha);
  if (file === undefined) return notFound();
  if (file.inputs === undefined) return unprocessable("Workflow does not have 'workflow_dispatch' trigger");
  const resolved = resolveInputs(file.inputs, isRecord(body["inputs"]) ? body["inputs"] : {});
  if ("wrong" in resolved) return unprocessable(resolved.wrong);
  const run = queueRun(github, {
    repository,
    workflow,
    workflowName: file.name,
    runName: file.runName,
    workflowText: file.text,
    branch: ref,
    sha,
    inputs: resolved.inputs,
    actor: github.app.bot,
  });
  if (body["return_run_details"] !== true) return answer(204);
  const id = String(run.id);
  return answer(200, {
    workflow_run_id: run.id,
    run_url: `${repositoryUrl(github, repository)}/actions/runs/${id}`,
    html_url: `${repositoryHtmlUrl(github, repository)}/actions/runs/${id}`,
  });
};

export const listWorkflowRuns: RepositoryHandler = async (github, request) => {
  const { repository, query, params } = request;
  const workflow = await findWorkflow(github, repository, params["workflow_id"] ?? "", repository.defaultBranch);
  if (workflow === undefined) return notFound();
  const is = (name: string, value: string): boolean => query[name] === undefined || query[name] === value;
  const status = query["status"];
  const chosen = listed(github, repository.runs.values())
    .filter((run) => run.workflow === workflow && is("event", "workflow_dispatch") && is("branch", run.branch))
    .filter((run) => is("actor", run.actor.login) && is("head_sha", run.sha))
    .filter((run) => status === undefined || status === run.status || status === run.conclusion)
    .filter((run) => isWithin(query["created"], run.createdAt))
    .toReversed();
  const { items, headers } = page(
    request,
    `${repositoryUrl(github, repository)}/actions/workflows/${String(workflow.id)}/runs`,
    chosen,
  );
  return answer(
    200,
    { total_count: chosen.length, workflow_runs: await Promise.all(items.map((run) => toRun(github, run))) },
    headers,
  );
};

/** GitHub's date search: `>=2026-01-01T00:00:00Z`, `<…`, `from..to`, or one day. Compared by whole seconds, as shown. */
function isWithin(range: string | undefined, at: number): boolean {
  if (range === undefined) return true;
  const time = Date.parse(iso(at));
  const [from = "", to] = range.split("..");
  if (to !== undefined) return (from === "*" || time >= Date.parse(from)) && (to === "*" || time <= Date.parse(to));
  const [, sign = "", date = ""] = /^(>=|<=|>|<)?(.*)$/.exec(range) ?? [];
  const limit = Date.parse(date);
  if (sign === ">=") return time >= limit;
  if (sign === "<=") return time <= limit;
  if (sign === ">") return time > limit;
  if (sign === "<") return time < limit;
  return iso(at).startsWith(date);
}

export const getRun: RepositoryHandler = async (github, request) => {
  const run = runOf(request);
  return run === undefined ? notFound() : answer(200, await toRun(github, run));
};

export const cancelWorkflowRun: RepositoryHandler = (github, request) => {
  const run = runOf(request);
  if (run === undefined) return notFound();
  if (run.status === "completed") return refusal(409, "Cannot cancel a workflow run that is completed.");
  cancelRun(github, run);
  return answer(202, {});
};

export const getEnvironment: RepositoryHandler = (github, request) => {
  const environment = environmentOf(github, request);
  if (environment === undefined) return notFound();
  const { repository } = request;
  const name = encodeURIComponent(environment.name);
  const at = iso(environment.createdAt);
  const { branches } = environment;
  const rule = { id: environment.id + 1, node_id: nodeId("BranchPolicy", environment.id), type: "branch_policy" };
  return answer(200, {
    id: environment.id,
    node_id: nodeId("Environment", environment.id),
    name: environment.name,
    url: `${repositoryUrl(github, repository)}/environments/${name}`,
    html_url: `${repositoryHtmlUrl(github, repository)}/deployments/activity_log?environments_filter=${name}`,
    created_at: at,
    updated_at: at,
    protection_rules: branches === "all" ? [] : [rule],
    deployment_branch_policy:
      branches === "all"
        ? null
        : { protected_branches: branches === "protected", custom_branch_policies: branches !== "protected" },
  });
};

/** 404 unless the environment exists and lists branches of its own (safe-settings#746). */
export const listBranchPolicies: RepositoryHandler = (github, request) => {
  const environment = environmentOf(github, request);
  if (environment === undefined || typeof environment.branches === "string") return notFound();
  const policies = environment.branches.map((name, index) => {
    const id = environment.id * 100 + index;
    return { id, node_id: nodeId("DeploymentBranchPolicy", id), name, type: "branch" };
  });
  const { items, headers } = page(
    request,
    `${repositoryUrl(github, request.repository)}/environments/${encodeURIComponent(environment.name)}/deployment-branch-policies`,
    policies,
  );
  return answer(200, { total_count: policies.length, branch_policies: items }, headers);
};

function runOf({ repository, params }: RepositoryRequest): Run | undefined {
  return repository.runs.get(Number(params["run_id"]));
}

function environmentOf(github: GitHub, { repository, params }: RepositoryRequest): Environment | undefined {
  return findEnvironment(github, repository, params["environment_name"] ?? "");
}
