import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { holds, textOf, type JobStatus } from "./expressions.ts";
import { eventPayload, jobScope, type JobContext, type StepResult } from "./job-context.ts";
import { killTracked } from "./process-tree.ts";
import { baseEnv, loadAction, runPost, runStep, type PostStep, type StepEnd } from "./step.ts";
import type { WorkflowStep } from "./workflow.ts";

/** `always()` steps and post steps of a cancelled job may take this long (workflow-cancellation, read 2026-11-23). */
const CLEANUP_MS = 5 * 60_000;

/**
 * Runs a job's steps in order, then the post steps backwards, then ends what they left running.
 * Effects: processes, files under the job's folders, the log.
 */
export async function runJob(context: JobContext): Promise<JobStatus> {
  const { job, log, folders, run, cancel } = context;
  const problem = await problemOf(context);
  if (problem !== undefined) {
    log.write(`##[error]${problem}`);
    return "failure";
  }
  for (const folder of [folders.workspace, folders.temp, folders.home, dirname(folders.eventPath)]) {
    await mkdir(folder, { recursive: true });
  }
  await writeFile(folders.eventPath, JSON.stringify(eventPayload(run), undefined, 2));

  const cleanup = new AbortController();
  let cleanupTimer: NodeJS.Timeout | undefined;
  const onCancel = () => {
    cleanupTimer = setTimeout(() => cleanup.abort(), CLEANUP_MS);
  };
  if (cancel.aborted) onCancel();
  cancel.addEventListener("abort", onCancel, { once: true });
  // A step begun after the cancellation is there to clean up, and only its own deadline ends it.
  const stepCancel = () => (cancel.aborted ? cleanup.signal : cancel);

  const posts: PostStep[] = [];
  for (const step of job.steps) {
    if (context.shutdown.aborted) break;
    if (cancel.aborted) context.status = "cancelled";
    const post = await runOneStep(context, step, stepCancel());
    if (post !== undefined) posts.push(post);
  }
  if (cancel.aborted) context.status = "cancelled";
  for (const post of posts.toReversed()) {
    if (context.shutdown.aborted) break;
    const end = await attempt(context, () => runPost(context, post, stepCancel()));
    if (end !== undefined && end.ended !== "success" && context.status === "success") context.status = end.ended;
  }

  clearTimeout(cleanupTimer);
  cancel.removeEventListener("abort", onCancel);
  const orphans = killTracked(context.trackingId);
  if (orphans > 0) log.write(`Cleaning up orphan processes: ${orphans}`);
  return context.status;
}

/** Runs one step if its condition holds and records the result. Returns the post step it asks for. */
async function runOneStep(context: JobContext, step: WorkflowStep, cancel: AbortSignal): Promise<PostStep | undefined> {
  const end = await attempt(context, async () => {
    if (!holds(step.condition, jobScope(context, baseEnv(context)))) return undefined;
    context.log.write(`##[group]${titleOf(context, step)}`);
    return runStep(context, step, cancel);
  });
  if (end === undefined) {
    context.steps[step.id] = { outputs: {}, outcome: "skipped", conclusion: "skipped" };
    return undefined;
  }
  const forgiven = end.ended === "failure" && textOf(step.continueOnError, jobScope(context, {})).toLowerCase() === "true";
  const result: StepResult = { outputs: end.outputs, outcome: end.ended, conclusion: forgiven ? "success" : end.ended };
  context.steps[step.id] = result;
  if (result.conclusion !== "success" && context.status !== "cancelled") {
    context.status = result.conclusion === "failure" ? "failure" : "cancelled";
  }
  return end.post;
}

/** The seam for expressions that do not evaluate: a throw inside a step is that step's failure. */
async function attempt(context: JobContext, work: () => Promise<StepEnd | undefined>): Promise<StepEnd | undefined> {
  try {
    return await work();
  } catch (error) {
    context.log.write(`##[error]${error instanceof Error ? error.message : String(error)}`);
    return { ended: "failure", outputs: {} };
  }
}

/** What keeps the job from starting at all. */
async function problemOf(context: JobContext): Promise<string | undefined> {
  const { job } = context;
  if (job.unsupported.length > 0) {
    return `job ${job.id}: the playground's runner does not know ${job.unsupported.join(", ")}`;
  }
  for (const step of job.steps) {
    if (step.work.kind !== "uses") continue;
    const action = await loadAction(context, step.work.reference);
    if (!action.ok) return action.error;
  }
  return undefined;
}

function titleOf(context: JobContext, step: WorkflowStep): string {
  const scope = jobScope(context, baseEnv(context));
  const name = textOf(step.name, scope);
  if (name !== "") return name;
  if (step.work.kind === "uses") return `Run ${step.work.reference}`;
  return step.work.kind === "run" ? `Run ${textOf(step.work.script, scope).split("\n")[0] ?? ""}` : step.id;
}
