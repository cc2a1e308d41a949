import { parse } from "yaml";
import { isRecord } from "./answers.ts";
import type { RunConclusion } from "./emulated-github.ts";
import { entryAt, readBlob, readTree, resolve } from "./git-repository.ts";
import { toRun, toWorkflow } from "./shapes/run.ts";
import { fullName, nextId, nowOf, type Account, type GitHub, type Repository, type Run, type Workflow } from "./state.ts";
import { interpolate } from "../runner/expressions.ts";
import { emit, emitLater } from "./webhooks.ts";

const FOLDER = ".github/workflows";

export type WorkflowInput = {
  readonly required: boolean;
  readonly fallback: string | undefined;
  readonly type: string;
  readonly options: readonly string[];
};
export type WorkflowFile = {
  readonly name: string;
  /** With its expressions; undefined where the file gives none. */
  readonly runName: string | undefined;
  readonly text: string;
  /** undefined: the file does not declare `workflow_dispatch`. */
  readonly inputs: ReadonlyMap<string, WorkflowInput> | undefined;
};

/** A workflow by file name or id. GitHub knows those on the default branch; this also finds one that only `ref` has. */
export async function findWorkflow(
  github: GitHub,
  repository: Repository,
  wanted: string,
  ref: string,
): Promise<Workflow | undefined> {
  for (const revision of [repository.defaultBranch, ref]) {
    const sha = await resolve(repository.git, revision);
    if (sha === undefined || (await entryAt(repository.git, sha, FOLDER)) === undefined) continue;
    for (const { path, type } of await readTree(repository.git, `${sha}:${FOLDER}`, false)) {
      if (type !== "blob" || !/\.ya?ml$/.test(path)) continue;
      const full = `${FOLDER}/${path}`;
      const known = repository.workflows.get(full) ?? { id: nextId(github), path: full, createdAt: nowOf(github), enabled: true };
      repository.workflows.set(full, known);
      if (path === wanted || full === wanted || String(known.id) === wanted) return known;
    }
  }
  return undefined;
}

/** The workflow's file at a commit; undefined when it isn't there or is no YAML mapping. */
export async function readWorkflow(repository: Repository, workflow: Workflow, sha: string): Promise<WorkflowFile | undefined> {
  const entry = await entryAt(repository.git, sha, workflow.path);
  if (entry?.type !== "blob") return undefined;
  const text = (await readBlob(repository.git, entry.sha)).toString();
  const parsed: unknown = parseYaml(text);
  if (!isRecord(parsed)) return undefined;
  const name = typeof parsed["name"] === "string" ? parsed["name"] : workflow.path;
  const runName = typeof parsed["run-name"] === "string" ? parsed["run-name"] : undefined;
  return { name, runName, text, inputs: inputsOf(parsed["on"]) };
}

function parseYaml(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

function inputsOf(on: unknown): ReadonlyMap<string, WorkflowInput> | undefined {
  if (on === "workflow_dispatch" || (Array.isArray(on) && on.includes("workflow_dispatch"))) return new Map();
  if (!isRecord(on) || !("workflow_dispatch" in on)) return undefined;
  const dispatch = on["workflow_dispatch"];
  const inputs = isRecord(dispatch) && isRecord(dispatch["inputs"]) ? dispatch["inputs"] : {};
  return new Map(
    Object.entries(inputs).map(([name, given]) => {
      const input = isRecord(given) ? given : {};
      const preset = input["default"];
      return [
        name,
        {
          required: input["required"] === true,
          fallback: ["string", "number", "boolean"].includes(typeof preset) ? String(preset) : undefined,
          type: typeof input["type"] === "string" ? input["type"] : "string",
          options: Array.isArray(input["options"]) ? input["options"].map(String) : [],
        },
      ];
    }),
  );
}

/** Fills in defaults, or says what GitHub says about inputs that don't fit the declaration. */
export function resolveInputs(
  declared: ReadonlyMap<string, WorkflowInput>,
  given: Readonly<Record<string, unknown>>,
): { readonly inputs: Record<string, string> } | { readonly wrong: string } {
  const unknown = Object.keys(given).filter((name) => !declared.has(name));
  if (unknown.length > 0) return { wrong: `Unexpected inputs provided: ${JSON.stringify(unknown)}` };
  const inputs: Record<string, string> = {};
  for (const [name, input] of declared) {
    const sent = given[name];
    const value =
      typeof sent === "string" || typeof sent === "number" || typeof sent === "boolean" ? String(sent) : input.fallback;
    if (input.required && (value === undefined || value === "")) return { wrong: `Required input '${name}' not provided` };
    if (value !== undefined && !fits(input, value)) {
      return { wrong: `Provided value '${value}' for input '${name}' not in the list of allowed values` };
    }
    inputs[name] = value ?? (input.type === "boolean" ? "false" : "");
  }
  return { inputs };
}

function fits(input: WorkflowInput, value: string): boolean {
  if (input.type === "choice") return input.options.includes(value);
  if (input.type === "boolean") return value === "true" || value === "false";
  return input.type !== "number" || value === "" || Number.isFinite(Number(value));
}

export function queueRun(
  github: GitHub,
  what: Pick<Run, "repository" | "workflow" | "workflowName" | "workflowText" | "branch" | "sha" | "inputs" | "actor"> & {
    readonly runName: string | undefined;
  },
): Run {
  const now = nowOf(github);
  const { runName, ...known } = what;
  const { repository, workflow, inputs, actor } = known;
  // Evaluated when the run is made, not when a runner takes it: a queued run is found by its name.
  const contexts = { inputs, github: { actor: actor.login, repository: fullName(repository), event_name: "workflow_dispatch" } };
  const run: Run = {
    ...known,
    id: nextId(github),
    number: [...repository.runs.values()].filter((other) => other.workflow === workflow).length + 1,
    title: (runName === undefined ? "" : interpolate(runName, { contexts, status: "success" })) || what.workflowName,
    status: "queued",
    conclusion: null,
    hasJob: repository.refusedRuns === null,
    createdAt: now,
    startedAt: now,
    updatedAt: now,
    cancel: new AbortController(),
  };
  repository.runs.set(run.id, run);
  emitRun(github, run, "requested", run.actor);
  if (repository.refusedRuns !== null) {
    completeRun(github, run, repository.refusedRuns);
    return run;
  }
  github.runQueue.push(run);
  for (const wake of github.runWaiters) wake();
  return run;
}

export function startRun(github: GitHub, run: Run, title: string): void {
  if (run.status === "completed") return;
  run.title = title;
  run.status = "in_progress";
  run.startedAt = nowOf(github);
  run.updatedAt = run.startedAt;
  emitRun(github, run, "in_progress", run.actor);
}

export function completeRun(github: GitHub, run: Run, conclusion: RunConclusion): void {
  if (run.status === "completed") return;
  run.status = "completed";
  run.conclusion = conclusion;
  run.updatedAt = nowOf(github);
  emitRun(github, run, "completed", run.actor);
}

/** A queued run ends at once; one in progress ends when its runner has stopped. */
export function cancelRun(github: GitHub, run: Run): void {
  run.cancel.abort();
  if (run.status === "queued") completeRun(github, run, "cancelled");
}

function emitRun(github: GitHub, run: Run, action: string, sender: Account): void {
  const snapshot = { ...run };
  emitLater(github, async () => {
    emit(github, "workflow_run", run.repository, sender, {
      action,
      workflow_run: await toRun(github, snapshot),
      workflow: toWorkflow(github, snapshot),
    });
  });
}
