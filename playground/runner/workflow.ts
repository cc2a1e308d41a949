import "./json-imports.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import type { TemplateToken } from "@actions/workflow-parser/templates/tokens/template-token";
import type { Job, Step, WorkflowTemplate } from "@actions/workflow-parser/model/workflow-template";
import { isMapping, isSequence, isString } from "@actions/workflow-parser/templates/tokens/type-guards";

/** A workflow as the runner needs it: GitHub's own parse, with the keys its converted model leaves out. */
export type Workflow = {
  readonly name: string;
  readonly runName: TemplateToken | undefined;
  readonly env: TemplateToken | undefined;
  readonly jobs: readonly WorkflowJob[];
};

export type WorkflowJob = {
  readonly id: string;
  readonly needs: readonly string[];
  /** Already wrapped in `success() && (…)` where it has no status function of its own. */
  readonly condition: string;
  readonly env: TemplateToken | undefined;
  /** The whole `environment:`, a name or a mapping. */
  readonly environment: TemplateToken | undefined;
  readonly timeoutMinutes: TemplateToken | undefined;
  /** Whether `permissions` in force say `id-token: write`. */
  readonly mayMintIdTokens: boolean;
  readonly steps: readonly WorkflowStep[];
  /** Keys whose meaning this runner lacks; a job that has one fails and says so. */
  readonly unsupported: readonly string[];
};

export type WorkflowStep = {
  readonly id: string;
  readonly name: TemplateToken | undefined;
  readonly condition: string;
  readonly env: TemplateToken | undefined;
  readonly timeoutMinutes: TemplateToken | undefined;
  readonly continueOnError: TemplateToken | undefined;
  readonly work:
    | {
        readonly kind: "run";
        readonly script: TemplateToken;
        readonly shell: TemplateToken | undefined;
        readonly directory: TemplateToken | undefined;
      }
    | { readonly kind: "uses"; readonly reference: string; readonly inputs: TemplateToken | undefined }
    | { readonly kind: "unsupported"; readonly what: string };
};

const JOB_KEYS = new Set(["name", "needs", "if", "permissions", "runs-on", "environment", "env", "steps", "timeout-minutes"]);

const WORKFLOW_KEYS = new Set(["name", "description", "run-name", "on", "permissions", "env", "jobs"]);

/**
 * Parses and checks a workflow with GitHub's parser.
 * Errors: one line for each thing GitHub would reject, with its position in the file.
 */
export async function parseWorkflowFile(path: string, text: string): Promise<Result<Workflow, readonly string[]>> {
  const { parseWorkflow, convertWorkflowTemplate, NoOperationTraceWriter } = await import("@actions/workflow-parser");
  const parsed = parseWorkflow({ name: path, content: text }, new NoOperationTraceWriter());
  const root = parsed.value;
  if (root === undefined || parsed.context.errors.count > 0) {
    const errors = parsed.context.errors.getErrors().map((error) => error.message);
    return err(errors.length > 0 ? errors : [`${path}: the file is empty`]);
  }
  const template = await convertWorkflowTemplate(parsed.context, root);
  if (template.errors !== undefined && template.errors.length > 0) {
    return err(template.errors.map((error) => error.Message));
  }
  const unknown = keys(root).filter((key) => !WORKFLOW_KEYS.has(key));
  if (unknown.length > 0) return err(unknown.map((key) => `the playground's runner does not know \`${key}\``));
  return ok(toWorkflow(path, root, template));
}

function toWorkflow(path: string, root: TemplateToken, template: WorkflowTemplate): Workflow {
  const name = child(root, "name");
  const permissions = child(root, "permissions");
  const jobs = child(root, "jobs");
  return {
    name: name !== undefined && isString(name) ? name.value : path,
    runName: child(root, "run-name"),
    env: template.env,
    jobs: template.jobs.map((job) => {
      const token = child(jobs, job.id.value);
      return toJob(job.type === "job" ? job : undefined, job, token, permissions);
    }),
  };
}

function toJob(
  job: Job | undefined,
  base: WorkflowTemplate["jobs"][number],
  token: TemplateToken | undefined,
  workflowPermissions: TemplateToken | undefined,
): WorkflowJob {
  const stepTokens = items(child(token, "steps"));
  return {
    id: base.id.value,
    needs: (base.needs ?? []).map((need) => need.value),
    condition: base.if.expression,
    env: job?.env,
    environment: job?.environment,
    timeoutMinutes: child(token, "timeout-minutes"),
    mayMintIdTokens: grantsIdToken(child(token, "permissions") ?? workflowPermissions),
    steps: (job?.steps ?? []).map((step, index) => toStep(step, stepTokens[index])),
    unsupported: keys(token).filter((key) => !JOB_KEYS.has(key)),
  };
}

function toStep(step: Step, token: TemplateToken | undefined): WorkflowStep {
  return {
    id: step.id,
    name: child(token, "name"),
    condition: step.if?.expression ?? "success()",
    env: child(token, "env"),
    timeoutMinutes: child(token, "timeout-minutes"),
    continueOnError: child(token, "continue-on-error"),
    work: toWork(step, token),
  };
}

function toWork(step: Step, token: TemplateToken | undefined): WorkflowStep["work"] {
  if (child(token, "background") !== undefined) return { kind: "unsupported", what: "background" };
  if ("run" in step) {
    const shell = child(token, "shell");
    return { kind: "run", script: step.run, shell, directory: child(token, "working-directory") };
  }
  if ("uses" in step) return { kind: "uses", reference: step.uses.value, inputs: child(token, "with") };
  return { kind: "unsupported", what: keys(token).join(", ") };
}

/**
 * A job's `permissions` replace the workflow's, they do not add to them. With neither, GitHub's default never includes
 * `id-token` (docs.github.com, workflow-syntax, permissions; read 2026-11-23).
 */
function grantsIdToken(permissions: TemplateToken | undefined): boolean {
  if (permissions === undefined) return false;
  if (isString(permissions)) return permissions.value === "write-all";
  const level = child(permissions, "id-token");
  return level !== undefined && isString(level) && level.value === "write";
}

function child(token: TemplateToken | undefined, key: string): TemplateToken | undefined {
  return token !== undefined && isMapping(token) ? token.find(key) : undefined;
}

function keys(token: TemplateToken | undefined): string[] {
  return token !== undefined && isMapping(token) ? [...token].map((pair) => pair.key.toString()) : [];
}

function items(token: TemplateToken | undefined): TemplateToken[] {
  return token !== undefined && isSequence(token) ? [...token] : [];
}
