import type { Failure } from "#core/wire/failure.ts";
import type { TaskId } from "#core/wire/ids.ts";
import { ok } from "#core/wire/result.ts";
import { LEASE } from "#core/pool/lease.ts";
import type { WorkflowRun } from "#ports/github.ts";
import type { ClaimedTask, LeaseRow } from "#ports/store.ts";
import type { TrialPart } from "#ports/trial.ts";
import type { Deps, Next } from "./deps.ts";
import { mayStillStart } from "./who-may.ts";

/** dispatching → awaiting: every lock checked, then the run started once; or refused, with the lease given back. */
export async function dispatch(deps: Deps, task: ClaimedTask, lease: LeaseRow): Promise<Next> {
  const { github, store } = deps;
  const { brief, plan } = task;
  if (plan === null) throw new Error(`task ${task.id} is dispatching without a plan`);
  const refuse = (failure: Failure): Next => ({
    go: "refuse",
    patch: { failure },
    lease: { lease: lease.id, lose: true, verdict: { verdict: "refused", why: null } },
  });

  const may = task.trial === null ? await mayStillStart(deps, brief) : ok(await whyTrialOver(deps, task.id, task.trial));
  if (!may.ok) return { failed: may.error };
  if (may.value !== undefined) return refuse(may.value);

  const name = plan.runner.repository;
  const runner = await github.readRunner(brief.installation, name);
  if (!runner.ok) return { failed: runner.error };
  if (runner.value === undefined) return refuse({ reason: "runner-not-installed", runner: name });
  const { value: repository } = runner;
  if (repository.owner.id !== brief.owner.id) {
    return refuse({ reason: "runner-of-another-owner", runner: name, owner: brief.owner.login });
  }
  if (!repository.private) return refuse({ reason: "runner-is-public", runner: name });
  const branch = repository.defaultBranch;
  const branches = await github.readDeploymentBranches(brief.installation, repository, lease.credential);
  if (!branches.ok) return { failed: branches.error };
  if (branches.value?.length !== 1 || branches.value[0] !== `branch:${branch}`) {
    return refuse({ reason: "environment-not-locked", credential: lease.credential, runner: name, branch });
  }

  const { workflow } = plan.runner;
  await store.expectRun(lease.id, {
    repositoryId: repository.id,
    ownerId: brief.owner.id,
    workflowRef: `${repository.owner.login}/${repository.name}/.github/workflows/${workflow}@refs/heads/${branch}`,
    ref: `refs/heads/${branch}`,
  });
  const started = (run: (Pick<WorkflowRun, "id" | "url"> & { readonly status?: string }) | undefined): Next => ({
    go: "dispatch",
    patch: { dueInMs: run?.status === "completed" ? 0 : LEASE.offerMs },
    ...(run === undefined ? {} : { lease: { lease: lease.id, run: { id: run.id, url: run.url } } }),
  });

  // `expected` was set by a try that came this far: its dispatch may have happened, and its answer was lost.
  if (lease.expected !== null) {
    const found = await github.findRun(brief.installation, repository, workflow, lease.id);
    if (!found.ok) return { failed: found.error };
    if (found.value !== undefined) return started(found.value);
  }
  const run = await github.dispatchRun(brief.installation, repository, workflow, {
    attempt: lease.id,
    credential: lease.credential,
  });
  if (run.ok) return started(run.value);
  if (run.error.reason === "github-unavailable") {
    // What was looked for in vain and then not even asked for needn't be looked for again.
    if (run.error.made === false) await store.expectRun(lease.id, null);
    return { failed: run.error };
  }
  return refuse({ reason: "workflow-refused", runner: name, workflow, message: run.error.message });
}

/** A trial is nobody's request on GitHub; but once it is stopped, nothing of it starts that no run has claimed yet. undefined = may. */
async function whyTrialOver({ store }: Deps, task: TaskId, { id }: TrialPart): Promise<Failure | undefined> {
  if ((await store.readTrial(id))?.trial.state === "running") return undefined;
  const hasBegun = (await store.readLeases(task)).some(({ deadlineInMs }) => deadlineInMs !== null);
  return hasBegun ? undefined : { reason: "trial-over", why: "stopped" };
}
