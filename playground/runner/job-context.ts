import { join } from "node:path";
import type { JobEnvironment, QueuedRun } from "../types.ts";
import type { CancelLadder } from "./child.ts";
import type { JobStatus, Scope } from "./expressions.ts";
import type { Log } from "./log.ts";
import type { Workflow, WorkflowJob } from "./workflow.ts";

/** What is the same for every job of a runner. */
export type RunnerSettings = {
  /** `owner/repository/path` of an action to the local folder that stands for it. */
  readonly actions: Readonly<Record<string, string>>;
  readonly serverUrl: string;
  readonly apiUrl: string;
  readonly toolCache: string;
  /** Added to every step's environment, which is otherwise built from nothing. */
  readonly env: Readonly<Record<string, string>>;
  readonly ladder: CancelLadder;
};

export type JobFolders = {
  readonly root: string;
  readonly workspace: string;
  readonly temp: string;
  readonly home: string;
  readonly commands: string;
  readonly eventPath: string;
};

export type StepResult = {
  readonly outputs: Readonly<Record<string, string>>;
  readonly outcome: "success" | "failure" | "cancelled" | "skipped";
  readonly conclusion: "success" | "failure" | "cancelled" | "skipped";
};

/** One job under way. The mutable fields are what its steps change for those after them. */
export type JobContext = {
  readonly settings: RunnerSettings;
  readonly run: QueuedRun;
  readonly workflow: Workflow;
  readonly job: WorkflowJob;
  readonly environment: JobEnvironment | undefined;
  readonly folders: JobFolders;
  readonly log: Log;
  readonly trackingId: string;
  /** `ACTIONS_ID_TOKEN_REQUEST_URL` and `_TOKEN`, or empty. */
  readonly idTokenVariables: Readonly<Record<string, string>>;
  /** What the steps that use an action see, and those that run a script don't. */
  readonly actionVariables: Readonly<Record<string, string>>;
  readonly needs: Readonly<Record<string, { result: JobStatus | "skipped" }>>;
  readonly cancel: AbortSignal;
  readonly shutdown: AbortSignal;
  status: JobStatus;
  readonly steps: Record<string, StepResult>;
  /** From GITHUB_ENV. */
  readonly added: Record<string, string>;
  /** From GITHUB_PATH, newest first. */
  readonly paths: string[];
};

export function makeFolders(root: string, run: QueuedRun): JobFolders {
  return {
    root,
    workspace: join(root, run.repository.name, run.repository.name),
    temp: join(root, "_temp"),
    home: join(root, "home"),
    commands: join(root, "_commands"),
    eventPath: join(root, "_workflow", "event.json"),
  };
}

/** The payload of `workflow_dispatch` as far as jobs use it (webhooks-and-events, workflow_dispatch). */
export function eventPayload(run: QueuedRun) {
  const { id, name, owner, ownerId, cloneUrl } = run.repository;
  return {
    inputs: run.inputs,
    ref: run.ref,
    repository: {
      id,
      name,
      full_name: `${owner}/${name}`,
      private: run.repository.private,
      clone_url: cloneUrl,
      owner: { login: owner, id: ownerId },
    },
    sender: { login: run.actor.login, id: run.actor.id },
    workflow: run.workflow.path,
  };
}

/**
 * The `github` context. The GITHUB_* variables are made from it.
 * There is no `token`: with `permissions: {}` GitHub's has no rights either, and the playground mints none.
 */
export function githubContext(settings: Pick<RunnerSettings, "serverUrl" | "apiUrl">, run: QueuedRun, workflowName: string) {
  const fullName = `${run.repository.owner}/${run.repository.name}`;
  return {
    actor: run.actor.login,
    actor_id: String(run.actor.id),
    triggering_actor: run.actor.login,
    api_url: settings.apiUrl,
    graphql_url: `${settings.apiUrl}/graphql`,
    server_url: settings.serverUrl,
    event_name: run.event,
    ref: run.ref,
    ref_name: run.ref.replace(/^refs\/(heads|tags)\//, ""),
    ref_type: run.ref.startsWith("refs/tags/") ? "tag" : "branch",
    ref_protected: run.refProtected,
    repository: fullName,
    repository_id: String(run.repository.id),
    repository_owner: run.repository.owner,
    repository_owner_id: String(run.repository.ownerId),
    retention_days: "90",
    run_id: String(run.id),
    run_number: String(run.number),
    run_attempt: "1",
    sha: run.sha,
    workflow: workflowName,
    workflow_ref: `${fullName}/${run.workflow.path}@${run.ref}`,
    workflow_sha: run.sha,
  };
}

/** What expressions of a job or its steps see. `secrets` are those of the job's own environment and no others. */
export function jobScope(context: JobContext, env: Readonly<Record<string, string>>): Scope {
  const { settings, run, workflow, job, environment, folders } = context;
  return {
    status: context.status,
    contexts: {
      github: {
        ...githubContext(settings, run, workflow.name),
        event: eventPayload(run),
        event_path: folders.eventPath,
        workspace: folders.workspace,
        job: job.id,
      },
      inputs: run.inputs,
      vars: environment?.variables ?? {},
      secrets: environment?.secrets ?? {},
      env,
      needs: context.needs,
      steps: context.steps,
      job: { status: context.status },
      runner: { os: "Linux", arch: "X64", name: "playground", temp: folders.temp, tool_cache: settings.toolCache },
      strategy: {},
      matrix: {},
    },
  };
}

/** The default variables of a step; a workflow's `env:` cannot replace those that begin with GITHUB_ or RUNNER_. */
export function defaultVariables(context: JobContext): Record<string, string> {
  const { settings, run, workflow, job, folders } = context;
  const github = Object.entries(githubContext(settings, run, workflow.name)).map(
    ([name, value]) => [`GITHUB_${name.toUpperCase()}`, String(value)] as const,
  );
  return {
    ...Object.fromEntries(github),
    GITHUB_ACTIONS: "true",
    GITHUB_EVENT_PATH: folders.eventPath,
    GITHUB_WORKSPACE: folders.workspace,
    GITHUB_JOB: job.id,
    RUNNER_OS: "Linux",
    RUNNER_ARCH: process.arch.toUpperCase(),
    RUNNER_NAME: "playground",
    // The machine is whoever's runs the demo: a workflow that prepares hosted machines must leave it as it is.
    RUNNER_ENVIRONMENT: "self-hosted",
    RUNNER_TEMP: folders.temp,
    RUNNER_TOOL_CACHE: settings.toolCache,
    RUNNER_TRACKING_ID: context.trackingId,
    ...context.idTokenVariables,
  };
}
