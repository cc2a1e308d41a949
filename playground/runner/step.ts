import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { randomUUID } from "node:crypto";
import { err, ok, type Result } from "#core/wire/result.ts";
import { readAction, resolveAction, type LocalAction } from "./action-file.ts";
import { runChild } from "./child.ts";
import { makeCommandFiles, type StepFiles } from "./command-files.ts";
import { holds, interpolate, recordOf, textOf } from "./expressions.ts";
import { defaultVariables, jobScope, type JobContext } from "./job-context.ts";
import type { WorkflowStep } from "./workflow.ts";

/** The post step of an action whose main has been started. */
export type PostStep = {
  readonly title: string;
  readonly action: LocalAction;
  readonly inputs: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly state: Readonly<Record<string, string>>;
};

type Process = { readonly file: string; readonly args: readonly string[]; readonly cwd: string };

/** Used where the settings give none. */
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What a finished step leaves: how it ended, its outputs, and the post step it asks for. */
export type StepEnd = {
  readonly ended: "success" | "failure" | "cancelled";
  readonly outputs: Readonly<Record<string, string>>;
  readonly post?: PostStep;
};

/**
 * Runs one step of a job. Effects: processes, the log, and the job's environment for later steps.
 * Throws when an expression cannot be evaluated; the caller makes that the step's failure.
 */
export async function runStep(context: JobContext, step: WorkflowStep, cancel: AbortSignal): Promise<StepEnd> {
  const before = baseEnv(context);
  const env = { ...before, ...recordOf(step.env, jobScope(context, before)) };
  const scope = jobScope(context, env);
  const minutes = Number(textOf(step.timeoutMinutes, scope) || "360");
  const timeout = AbortSignal.timeout(minutes * 60_000);
  const signal = AbortSignal.any([cancel, timeout]);

  const end = await runWork(context, step, env, signal);
  if (!timeout.aborted || cancel.aborted) return end;
  context.log.write(`##[error]The step has timed out after ${minutes} minutes.`);
  return { ...end, ended: "failure" };
}

async function runWork(
  context: JobContext,
  step: WorkflowStep,
  env: Record<string, string>,
  signal: AbortSignal,
): Promise<StepEnd> {
  const { work } = step;
  if (work.kind === "unsupported") return failed(context, `the playground's runner does not know ${work.what}`);
  const scope = jobScope(context, env);
  if (work.kind === "run") {
    const cwd = resolve(context.folders.workspace, textOf(work.directory, scope));
    const process = await scriptProcess(context, textOf(work.script, scope), textOf(work.shell, scope), cwd);
    if (!process.ok) return failed(context, process.error);
    return toEnd(context, await runProcess(context, process.value, env, signal));
  }
  const action = await loadAction(context, work.reference);
  if (!action.ok) return failed(context, action.error);
  const inputs = inputsOf(action.value, recordOf(work.inputs, scope), (text) => interpolate(text, scope));
  const process = nodeProcess(context, action.value.main);
  const ran = await runProcess(context, process, { ...env, ...inputVariables(inputs), ...context.actionVariables }, signal);
  const state = ran.files.ok ? ran.files.value.state : {};
  const title = work.reference;
  return { ...toEnd(context, ran), post: { title, action: action.value, inputs, env, state } };
}

/** Runs an action's `post` when its `post-if` holds. Returns undefined when there was nothing to run. */
export async function runPost(context: JobContext, post: PostStep, cancel: AbortSignal): Promise<StepEnd | undefined> {
  const { action } = post;
  if (action.post === undefined || !holds(action.postIf, jobScope(context, post.env))) return undefined;
  const state = Object.fromEntries(Object.entries(post.state).map(([name, value]) => [`STATE_${name}`, value]));
  const env = { ...post.env, ...context.added, ...inputVariables(post.inputs), ...context.actionVariables, ...state };
  context.log.write(`##[group]Post Run ${post.title}`);
  return toEnd(context, await runProcess(context, nodeProcess(context, action.post), env, cancel));
}

/** Checks before the first step that every action can be had, as GitHub does in "Set up job". */
export async function loadAction(context: Pick<JobContext, "settings">, reference: string): Promise<Result<LocalAction, string>> {
  const folder = resolveAction(reference, context.settings.actions);
  return folder.ok ? readAction(folder.value) : folder;
}

type Ran = {
  readonly exitCode: number | null;
  readonly cancelled: boolean;
  readonly files: Result<StepFiles, string>;
};

async function runProcess(
  context: JobContext,
  process: Process,
  env: Readonly<Record<string, string>>,
  cancel: AbortSignal,
): Promise<Ran> {
  const { folders, log, shutdown, settings } = context;
  const files = await makeCommandFiles(folders.commands);
  const path = [...context.paths, env["PATH"] ?? DEFAULT_PATH].join(":");
  const exitCode = await runChild({
    ...process,
    env: { ...env, ...defaultVariables(context), ...files.variables, PATH: path },
    log,
    cancel,
    shutdown,
    ladder: settings.ladder,
  });
  if (cancel.aborted) log.write("##[error]The operation was canceled.");
  else if (exitCode !== 0) log.write(`##[error]Process completed with exit code ${exitCode ?? "unknown"}.`);
  log.write("##[endgroup]");
  const read = await files.read();
  if (read.ok) absorb(context, read.value);
  else log.write(`##[error]${read.error}`);
  return { exitCode, cancelled: cancel.aborted, files: read };
}

function absorb(context: JobContext, files: StepFiles): void {
  Object.assign(context.added, files.env);
  context.paths.unshift(...files.paths.toReversed());
  for (const line of files.summary === "" ? [] : ["Job summary:", ...files.summary.trimEnd().split("\n")]) {
    context.log.write(line);
  }
}

function toEnd(context: JobContext, ran: Ran): StepEnd {
  const outputs = ran.files.ok ? ran.files.value.outputs : {};
  if (ran.cancelled || context.shutdown.aborted) return { ended: "cancelled", outputs };
  return { ended: ran.exitCode === 0 && ran.files.ok ? "success" : "failure", outputs };
}

function failed(context: JobContext, message: string): StepEnd {
  context.log.write(`##[error]${message}`);
  return { ended: "failure", outputs: {} };
}

function nodeProcess(context: JobContext, main: string): Process {
  return { file: process.execPath, args: [main], cwd: context.folders.workspace };
}

/** `run:` in a file of its own, with the options GitHub gives to each shell (workflow-syntax, shell). */
async function scriptProcess(context: JobContext, script: string, shell: string, cwd: string): Promise<Result<Process, string>> {
  const path = join(context.folders.temp, `${randomUUID()}.sh`);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${script}\n`);
  if (shell === "bash") return ok({ file: "bash", args: ["--noprofile", "--norc", "-eo", "pipefail", path], cwd });
  if (shell === "") return ok({ file: "bash", args: ["-e", path], cwd });
  if (shell === "sh") return ok({ file: "sh", args: ["-e", path], cwd });
  return err(`the playground's runner does not know \`shell: ${shell}\``);
}

/** Given inputs, then defaults; one given as "" stays "", as on GitHub. Names are compared without case. */
function inputsOf(
  action: LocalAction,
  given: Readonly<Record<string, string>>,
  evaluateDefault: (text: string) => string,
): Record<string, string> {
  const inputs = Object.fromEntries(Object.entries(given).map(([name, value]) => [name.toLowerCase(), value]));
  for (const [name, text] of Object.entries(action.defaults)) {
    inputs[name.toLowerCase()] ??= evaluateDefault(text);
  }
  return inputs;
}

/** `app-url` is INPUT_APP-URL: only spaces change (@actions/core, getInput). */
function inputVariables(inputs: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, value]) => [`INPUT_${name.replaceAll(" ", "_").toUpperCase()}`, value]),
  );
}

/** Everything a step sees but GitHub's own variables. Built from nothing: the runner's environment has no part in it. */
export function baseEnv(context: JobContext): Record<string, string> {
  const { settings, folders, workflow, job, added } = context;
  const start = { PATH: DEFAULT_PATH, HOME: folders.home, LANG: "C.UTF-8", CI: "true", ...settings.env };
  const ofWorkflow = { ...start, ...recordOf(workflow.env, jobScope(context, {})) };
  const ofJob = { ...ofWorkflow, ...recordOf(job.env, jobScope(context, ofWorkflow)) };
  return { ...ofJob, ...added };
}
