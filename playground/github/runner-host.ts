import type { JobEnvironment, QueuedRun, RunnerHost } from "../types.ts";
import { storeArtifact } from "./artifacts.ts";
import { completeRun, startRun } from "./actions.ts";
import { environmentOfJob } from "./environments.ts";
import { protectedBranches } from "./plans.ts";
import { matchesPattern } from "./protection.ts";
import { secretsSeen } from "./secrets.ts";
import { cloneUrl } from "./shapes/urls.ts";
import type { Environment } from "./environments.ts";
import type { GitHub, Run } from "./state.ts";

/** What runners ask of GitHub, over the same state the API reads. */
export function makeRunnerHost(github: GitHub): RunnerHost {
  return {
    takeRun: (signal) => takeRun(github, signal),
    startRun(runId, title) {
      startRun(github, runOf(github, runId), title);
      return Promise.resolve();
    },
    enterEnvironment: (runId, name) => Promise.resolve(enterEnvironment(github, runOf(github, runId), name)),
    storeArtifact: (runId, artifact) => Promise.resolve(storeArtifact(github, runOf(github, runId), artifact)),
    cancelled: (runId) => runOf(github, runId).cancel.signal,
    completeRun(runId, conclusion) {
      completeRun(github, runOf(github, runId), conclusion);
      return Promise.resolve();
    },
  };
}

async function takeRun(github: GitHub, signal: AbortSignal): Promise<QueuedRun | undefined> {
  while (!signal.aborted) {
    const run = github.runQueue.shift();
    if (run?.status === "queued") return toQueuedRun(github, run);
    if (run !== undefined) continue;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        github.runWaiters.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      github.runWaiters.add(wake);
      signal.addEventListener("abort", wake);
    });
  }
  return undefined;
}

function toQueuedRun(github: GitHub, run: Run): QueuedRun {
  const { repository } = run;
  return {
    id: run.id,
    number: run.number,
    repository: {
      id: repository.id,
      name: repository.name,
      owner: repository.owner.login,
      ownerId: repository.owner.id,
      private: repository.private,
      cloneUrl: cloneUrl(github, repository),
    },
    workflow: { path: run.workflow.path, text: run.workflowText },
    event: "workflow_dispatch",
    ref: `refs/heads/${run.branch}`,
    refProtected: protectedBranches(github, repository).has(run.branch),
    sha: run.sha,
    inputs: run.inputs,
    actor: { id: run.actor.id, login: run.actor.login },
  };
}

function enterEnvironment(github: GitHub, run: Run, name: string): JobEnvironment | undefined {
  const { repository } = run;
  const known = environmentOfJob(github, repository, name);
  if (!mayDeploy(protectedBranches(github, repository), run.branch, known)) return undefined;
  return { name: known.name, secrets: secretsSeen(github, repository, known), variables: known.variables };
}

/** "Protected branches only" lets every branch deploy while the repository protects none (docs, "Deployments and environments"). */
function mayDeploy(guarded: ReadonlySet<string>, branch: string, { branches }: Environment): boolean {
  if (branches === "all") return true;
  if (branches === "protected") return guarded.size === 0 || guarded.has(branch);
  return branches.some(({ name, type }) => type === "branch" && matchesPattern(name, branch));
}

function runOf(github: GitHub, runId: number): Run {
  for (const repository of github.repositories.values()) {
    const run = repository.runs.get(runId);
    if (run !== undefined) return run;
  }
  throw new Error(`no run ${String(runId)}`);
}
