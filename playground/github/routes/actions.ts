import {
  answer,
  isRecord,
  notFound,
  page,
  refusal,
  textField,
  unprocessable,
  type Answer,
  type RepositoryRequest,
} from "../answers.ts";
import { cancelRun, findWorkflow, queueRun, readWorkflow, resolveInputs } from "../actions.ts";
import { actorOf } from "../credentials.ts";
import { resolve } from "../git-repository.ts";
import { toJob, toRun, toWorkflow } from "../shapes/run.ts";
import { repositoryHtmlUrl, repositoryUrl } from "../shapes/urls.ts";
import { iso, listed, type GitHub, type Run, type Workflow } from "../state.ts";
import type { RepositoryHandler } from "./handler.ts";

/** Without `return_run_details` the answer is an empty 204 and the run must be looked for. Source: changelog of 2026-02-19. */
export const dispatchWorkflow: RepositoryHandler = async (github, { repository, params, body, caller }) => {
  const ref = (textField(body, "ref") ?? "").replace(/^refs\/heads\//, "");
  const workflow = await findWorkflow(github, repository, params["workflow_id"] ?? "", ref);
  if (workflow === undefined) return notFound();
  const sha = await resolve(repository.git, `refs/heads/${ref}`);
  if (sha === undefined) return unprocessable(`No ref found for: ${ref}`);
  const file = await readWorkflow(repository, workflow, sha);
  if (file === undefined) return notFound();
  if (!workflow.enabled) return unprocessable("Cannot trigger a 'workflow_dispatch' on a disabled workflow");
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
    actor: actorOf(github, caller),
  });
  if (body["return_run_details"] !== true) return answer(204);
  const id = String(run.id);
  return answer(200, {
    workflow_run_id: run.id,
    run_url: `${repositoryUrl(github, repository)}/actions/runs/${id}`,
    html_url: `${repositoryHtmlUrl(github, repository)}/actions/runs/${id}`,
  });
};

export const getWorkflow: RepositoryHandler = async (github, request) => {
  const { repository } = request;
  const { defaultBranch: branch } = repository;
  const workflow = await workflowOf(github, request);
  const sha = await resolve(repository.git, `refs/heads/${branch}`);
  if (workflow === undefined || sha === undefined) return notFound();
  const file = await readWorkflow(repository, workflow, sha);
  return answer(200, toWorkflow(github, { repository, workflow, branch, workflowName: file?.name ?? workflow.path }));
};

export const enableWorkflow: RepositoryHandler = (github, request) => setEnabled(github, request, true);

export const disableWorkflow: RepositoryHandler = (github, request) => setEnabled(github, request, false);

async function setEnabled(github: GitHub, request: RepositoryRequest, enabled: boolean): Promise<Answer> {
  const workflow = await workflowOf(github, request);
  if (workflow === undefined) return notFound();
  workflow.enabled = enabled;
  return answer(204);
}

/** As the default branch has it. */
function workflowOf(github: GitHub, { repository, params }: RepositoryRequest): Promise<Workflow | undefined> {
  return findWorkflow(github, repository, params["workflow_id"] ?? "", repository.defaultBranch);
}

export const listWorkflowRuns: RepositoryHandler = async (github, request) => {
  const { repository, query } = request;
  const workflow = await workflowOf(github, request);
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

/** One job a run, as agent-pool's workflow has it; none where GitHub has refused the run whole. */
export const listRunJobs: RepositoryHandler = (github, request) => {
  const run = runOf(request);
  if (run === undefined) return notFound();
  const jobs = run.hasJob ? [toJob(github, run)] : [];
  return answer(200, { total_count: jobs.length, jobs });
};

export const cancelWorkflowRun: RepositoryHandler = (github, request) => {
  const run = runOf(request);
  if (run === undefined) return notFound();
  if (run.status === "completed") return refusal(409, "Cannot cancel a workflow run that is completed.");
  cancelRun(github, run);
  return answer(202, {});
};

function runOf({ repository, params }: RepositoryRequest): Run | undefined {
  return repository.runs.get(Number(params["run_id"]));
}
