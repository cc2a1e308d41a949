import { readCommit } from "../git-repository.ts";
import { iso, type GitHub, type Run } from "../state.ts";
import { toUser, type Shape } from "./account.ts";
import { toRepositoryLite } from "./repository.ts";
import { nodeId, repositoryHtmlUrl, repositoryUrl } from "./urls.ts";

/** `workflow-run` of the REST API and of webhooks. */
export async function toRun(github: GitHub, run: Run): Promise<Shape> {
  const root = repositoryUrl(github, run.repository);
  const url = `${root}/actions/runs/${String(run.id)}`;
  const commit = await readCommit(run.repository.git, run.sha);
  const actor = toUser(github, run.actor);
  const repository = toRepositoryLite(github, run.repository);
  // A suite per run; nothing reads it, and its number need only be stable.
  const suite = run.id * 10;
  return {
    id: run.id,
    name: run.workflowName,
    node_id: nodeId("WorkflowRun", run.id),
    head_branch: run.branch,
    head_sha: run.sha,
    path: run.workflow.path,
    display_title: run.title,
    run_number: run.number,
    event: "workflow_dispatch",
    status: run.status,
    conclusion: run.conclusion,
    workflow_id: run.workflow.id,
    check_suite_id: suite,
    check_suite_node_id: nodeId("CheckSuite", suite),
    url,
    html_url: `${repositoryHtmlUrl(github, run.repository)}/actions/runs/${String(run.id)}`,
    pull_requests: [],
    created_at: iso(run.createdAt),
    updated_at: iso(run.updatedAt),
    run_started_at: iso(run.startedAt),
    run_attempt: 1,
    referenced_workflows: [],
    previous_attempt_url: null,
    actor,
    triggering_actor: actor,
    jobs_url: `${url}/jobs`,
    logs_url: `${url}/logs`,
    check_suite_url: `${root}/check-suites/${String(suite)}`,
    artifacts_url: `${url}/artifacts`,
    cancel_url: `${url}/cancel`,
    rerun_url: `${url}/rerun`,
    workflow_url: `${root}/actions/workflows/${String(run.workflow.id)}`,
    head_commit: {
      id: commit.sha,
      tree_id: commit.tree,
      message: commit.message,
      timestamp: commit.committer.date,
      author: { name: commit.author.name, email: commit.author.email },
      committer: { name: commit.committer.name, email: commit.committer.email },
    },
    repository,
    head_repository: repository,
  };
}

/** `job` of the REST API. Its steps, its name and its runner are the runner's business, and nothing reads them here. */
export function toJob(github: GitHub, run: Run): Shape {
  const root = repositoryUrl(github, run.repository);
  const html = `${repositoryHtmlUrl(github, run.repository)}/actions/runs/${String(run.id)}`;
  const id = run.id * 10 + 1;
  return {
    id,
    node_id: nodeId("Job", id),
    run_id: run.id,
    run_url: `${root}/actions/runs/${String(run.id)}`,
    run_attempt: 1,
    head_sha: run.sha,
    head_branch: run.branch,
    workflow_name: run.workflowName,
    name: "job",
    url: `${root}/actions/jobs/${String(id)}`,
    html_url: `${html}/job/${String(id)}`,
    check_run_url: `${root}/check-runs/${String(id)}`,
    status: run.status,
    conclusion: run.conclusion,
    created_at: iso(run.createdAt),
    started_at: iso(run.startedAt),
    completed_at: run.status === "completed" ? iso(run.updatedAt) : null,
    labels: [],
    runner_id: null,
    runner_name: null,
    runner_group_id: null,
    runner_group_name: null,
  };
}

/** `workflow`, as a branch has it. */
export function toWorkflow(
  github: GitHub,
  { repository, workflow, workflowName, branch }: Pick<Run, "repository" | "workflow" | "workflowName" | "branch">,
): Shape {
  const html = repositoryHtmlUrl(github, repository);
  const file = workflow.path.split("/").at(-1) ?? "";
  return {
    id: workflow.id,
    node_id: nodeId("Workflow", workflow.id),
    name: workflowName,
    path: workflow.path,
    state: workflow.enabled ? "active" : "disabled_manually",
    created_at: iso(workflow.createdAt),
    updated_at: iso(workflow.createdAt),
    url: `${repositoryUrl(github, repository)}/actions/workflows/${String(workflow.id)}`,
    html_url: `${html}/blob/${branch}/${workflow.path}`,
    badge_url: `${html}/actions/workflows/${file}/badge.svg`,
  };
}
