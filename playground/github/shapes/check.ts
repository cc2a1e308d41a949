import { readCommit } from "../git-repository.ts";
import { iso, type CheckRun, type CheckSuite, type GitHub, type Repository } from "../state.ts";
import { toApp, type Shape } from "./account.ts";
import { nodeId, repositoryHtmlUrl, repositoryUrl } from "./urls.ts";

/** GitHub's own App for workflows, by its id on github.com. */
const ACTIONS = { id: 15_368, slug: "github-actions", name: "GitHub Actions" };

function appOf(github: GitHub, { own, app }: CheckSuite): Shape {
  const other = app === undefined ? ACTIONS : { id: ACTIONS.id + 1, slug: app, name: app };
  return own ? toApp(github) : { ...toApp(github), ...other, node_id: nodeId("App", other.id) };
}

/** `check-run` of the REST API. */
export function toCheckRun(
  github: GitHub,
  repository: Repository,
  suite: CheckSuite,
  name: string,
  { id, conclusion, startedAt, output }: CheckRun,
): Shape {
  const url = `${repositoryUrl(github, repository)}/check-runs/${String(id)}`;
  const page = repositoryHtmlUrl(github, repository);
  const isJob = !suite.own && suite.app === undefined;
  const html = isJob ? `${page}/actions/runs/${String(suite.id)}/job/${String(id)}` : `${page}/runs/${String(id)}`;
  return {
    id,
    node_id: nodeId("CheckRun", id),
    head_sha: suite.sha,
    external_id: "",
    url,
    html_url: html,
    details_url: html,
    status: conclusion === null ? "in_progress" : "completed",
    conclusion,
    started_at: iso(startedAt),
    completed_at: conclusion === null ? null : iso(suite.updatedAt),
    output: {
      title: output?.title ?? null,
      summary: output?.summary ?? null,
      text: null,
      annotations_count: output?.annotations.length ?? 0,
      annotations_url: `${url}/annotations`,
    },
    name,
    check_suite: { id: suite.id },
    app: appOf(github, suite),
    pull_requests: [],
  };
}

/** `check_suite` of webhooks, of one that has ended. */
export async function toCheckSuite(github: GitHub, repository: Repository, suite: CheckSuite): Promise<Shape> {
  const url = `${repositoryUrl(github, repository)}/check-suites/${String(suite.id)}`;
  const { sha, tree, message, author, committer } = await readCommit(repository.git, suite.sha);
  const passed = [...suite.runs.values()].every(({ conclusion }) => ["success", "neutral", "skipped"].includes(conclusion ?? ""));
  return {
    id: suite.id,
    node_id: nodeId("CheckSuite", suite.id),
    head_branch: suite.branch,
    head_sha: sha,
    status: "completed",
    conclusion: passed ? "success" : "failure",
    url,
    before: null,
    after: sha,
    pull_requests: [],
    app: appOf(github, suite),
    created_at: iso(suite.createdAt),
    updated_at: iso(suite.updatedAt),
    rerequestable: true,
    runs_rerequestable: true,
    latest_check_runs_count: suite.runs.size,
    check_runs_url: `${url}/check-runs`,
    head_commit: {
      id: sha,
      tree_id: tree,
      message,
      timestamp: committer.date,
      author: { name: author.name, email: author.email },
      committer: { name: committer.name, email: committer.email },
    },
  };
}
