import { rm } from "node:fs/promises";
import { join } from "node:path";
import { randomUUID } from "node:crypto";
import type { Conclusion, QueuedRun, RunnerHost } from "../types.ts";
import type { JobIdentity } from "../oidc.ts";
import { holds, recordOf, textOf, type JobStatus, type Scope } from "./expressions.ts";
import type { Artifacts } from "./artifacts.ts";
import type { IdTokens } from "./id-tokens.ts";
import { githubContext, makeFolders, type RunnerSettings } from "./job-context.ts";
import { runJob } from "./job.ts";
import type { Log } from "./log.ts";
import { parseWorkflowFile, type Workflow, type WorkflowJob } from "./workflow.ts";

export type RunnerEvent =
  | { readonly kind: "runStarted"; readonly runId: number; readonly title: string }
  | { readonly kind: "jobStarted"; readonly runId: number; readonly job: string; readonly environment: string | undefined }
  | { readonly kind: "line"; readonly runId: number; readonly line: string }
  | { readonly kind: "runCompleted"; readonly runId: number; readonly conclusion: Conclusion };

/** What the runs of one runner share. */
export type Fleet = {
  readonly host: RunnerHost;
  readonly tempDir: string;
  readonly onEvent: (event: RunnerEvent) => void;
  readonly settings: RunnerSettings;
  readonly idTokens: IdTokens;
  readonly artifacts: Artifacts;
  readonly shutdown: AbortSignal;
  /** Check runs numbered so far. */
  checkRuns: number;
};

type RunUnderway = {
  readonly fleet: Fleet;
  readonly run: QueuedRun;
  readonly workflow: Workflow;
  readonly cancelled: AbortSignal;
  readonly log: Log;
};

type JobResult = JobStatus | "skipped";
type Needs = Readonly<Record<string, { readonly result: JobResult }>>;

/** GitHub's default for a job, minutes. */
const JOB_TIMEOUT_MINUTES = 360;

/** Executes one run from its workflow file to its conclusion, and tells the host. */
export async function executeRun(fleet: Fleet, run: QueuedRun, log: Log): Promise<void> {
  let conclusion: Conclusion;
  try {
    conclusion = await concludeRun(fleet, run, log);
  } catch (error) {
    // A defect of the runner: the run must still end, and say why.
    log.write(`##[error]the playground's runner failed: ${error instanceof Error ? error.stack : String(error)}`);
    conclusion = "failure";
  }
  if (fleet.shutdown.aborted) return;
  await fleet.host.completeRun(run.id, conclusion);
  fleet.onEvent({ kind: "runCompleted", runId: run.id, conclusion });
}

async function concludeRun(fleet: Fleet, run: QueuedRun, log: Log): Promise<Conclusion> {
  const cancelled = fleet.host.cancelled(run.id);
  if (cancelled.aborted) return "cancelled";
  const parsed = await parseWorkflowFile(run.workflow.path, run.workflow.text);
  if (!parsed.ok) {
    log.write("This workflow is not valid; no job was started.");
    for (const line of parsed.error) log.write(`##[error]${line}`);
    return "failure";
  }
  const workflow = parsed.value;
  const underway: RunUnderway = { fleet, run, workflow, cancelled, log };
  const title = textOf(workflow.runName, runScope(underway, {}, "success")) || workflow.name;
  await fleet.host.startRun(run.id, title);
  fleet.onEvent({ kind: "runStarted", runId: run.id, title });

  const results: Record<string, { result: JobResult }> = {};
  const waiting = new Set(workflow.jobs);
  while (waiting.size > 0) {
    const job = [...waiting].find((candidate) => candidate.needs.every((need) => need in results));
    if (job === undefined) throw new Error("GitHub's parser let a cycle of `needs` pass");
    waiting.delete(job);
    const needs = Object.fromEntries(Object.entries(results).filter(([id]) => job.needs.includes(id)));
    results[job.id] = { result: await executeJob(underway, job, needs) };
  }
  const all = Object.values(results).map((each) => each.result);
  if (cancelled.aborted || all.includes("cancelled")) return "cancelled";
  return all.includes("failure") ? "failure" : "success";
}

async function executeJob(underway: RunUnderway, job: WorkflowJob, needs: Needs): Promise<JobResult> {
  const { fleet, run, cancelled, log } = underway;
  const scope = runScope(underway, needs, statusOf(cancelled, needs));
  if (!holds(job.condition, scope)) return cancelled.aborted ? "cancelled" : "skipped";

  // An empty name is a job without an environment (the idiom `condition && 'production' || ''`).
  const named = environmentName(job, scope);
  const environment = named === "" ? undefined : await fleet.host.enterEnvironment(run.id, named);
  if (named !== "" && environment === undefined) {
    const branch = run.ref.replace(/^refs\/heads\//, "");
    log.write(`##[error]Branch "${branch}" is not allowed to deploy to ${named} due to environment protection rules.`);
    return "failure";
  }
  fleet.onEvent({ kind: "jobStarted", runId: run.id, job: job.id, environment: environment?.name });
  for (const secret of Object.values(environment?.secrets ?? {})) log.mask(secret);

  fleet.checkRuns += 1;
  using tokens = job.mayMintIdTokens ? fleet.idTokens.open(identityOf(underway, fleet.checkRuns, named)) : undefined;
  if (tokens !== undefined) log.mask(tokens.bearer);
  using uploads = fleet.artifacts.open(run.id);
  log.mask(uploads.bearer);
  const minutes = Number(textOf(job.timeoutMinutes, scope) || JOB_TIMEOUT_MINUTES);
  const timeout = AbortSignal.timeout(minutes * 60_000);
  const folders = makeFolders(join(fleet.tempDir, `${run.id}-${job.id}-${randomUUID().slice(0, 8)}`), run);
  const result = await runJob({
    settings: fleet.settings,
    run,
    workflow: underway.workflow,
    job,
    environment,
    folders,
    log,
    trackingId: `github_${randomUUID()}`,
    idTokenVariables:
      tokens === undefined ? {} : { ACTIONS_ID_TOKEN_REQUEST_URL: tokens.url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: tokens.bearer },
    actionVariables: { ACTIONS_RESULTS_URL: uploads.url, ACTIONS_RUNTIME_TOKEN: uploads.bearer },
    needs,
    cancel: AbortSignal.any([cancelled, timeout]),
    shutdown: fleet.shutdown,
    status: "success",
    steps: {},
    added: {},
    paths: [],
  });
  if (timeout.aborted && !cancelled.aborted) {
    log.write(`##[error]The job has exceeded the maximum execution time of ${minutes} minutes.`);
  }
  await rm(folders.root, { recursive: true, force: true }).catch((error: unknown) => log.write(String(error)));
  return result;
}

/** Status functions of a job's `if:` look at the jobs it needs. */
function statusOf(cancelled: AbortSignal, needs: Needs): JobStatus {
  if (cancelled.aborted) return "cancelled";
  return Object.values(needs).every((need) => need.result === "success") ? "success" : "failure";
}

function environmentName(job: WorkflowJob, scope: Scope): string {
  if (job.environment === undefined) return "";
  if (job.environment.isScalar) return textOf(job.environment, scope);
  return recordOf(job.environment, scope)["name"] ?? "";
}

/** What is known before a job has an environment: no variables and no secrets. */
function runScope({ fleet, run, workflow }: RunUnderway, needs: Needs, status: JobStatus): Scope {
  const github = githubContext(fleet.settings, run, workflow.name);
  return { status, contexts: { github, inputs: run.inputs, vars: {}, needs } };
}

function identityOf({ run, workflow }: RunUnderway, checkRunId: number, environment: string): JobIdentity {
  return {
    repository: run.repository,
    run: { id: run.id, number: run.number, attempt: 1 },
    checkRunId,
    actor: run.actor,
    workflow: { name: workflow.name, path: run.workflow.path },
    event: run.event,
    ref: run.ref,
    refProtected: run.refProtected,
    sha: run.sha,
    environment: environment === "" ? undefined : environment,
  };
}
