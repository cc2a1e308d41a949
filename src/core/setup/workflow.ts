import { parse } from "yaml";
import { record, textOf } from "../wire/json.ts";

/** What of the runner repository's workflow keys depend on. */
export type WorkflowReading = {
  readonly triggers: readonly string[];
  /** Of the job that works on an attempt. */
  readonly permissions: Readonly<Record<string, string>>;
  readonly environment: string;
  readonly runsOn: string;
  /** The Action's reference and what it is handed. */
  readonly action: string;
  readonly handed: Readonly<Record<string, string>>;
  /** Every action that some job uses, with its reference. */
  readonly uses: readonly string[];
  readonly jobs: number;
  /** Of the job: what runs beside its steps, or in their place. */
  readonly beside: readonly string[];
  /** Those that its expressions read, each as often as they do; undefined: one that may be any. */
  readonly secrets: readonly (string | undefined)[];
};

/** What our Action can't work without. By its name alone, code that others wrote would pass for it. */
const INPUTS = ["attempt", "key", "app-url"];
const BESIDE = ["container", "services", "uses"];

/** undefined: it is no workflow with a job that hands an action what ours takes. Pure. */
export function readWorkflow(text: string): WorkflowReading | undefined {
  const workflow = tryParse(text);
  const jobs = records(Object.values(record(workflow?.["jobs"]) ?? {}));
  const steps = jobs.flatMap((job) => stepsOf(job));
  const job = jobs.find((each) => stepsOf(each).some(isOurs));
  const step = job === undefined ? undefined : stepsOf(job).find(isOurs);
  if (workflow === undefined || job === undefined || step === undefined) return undefined;
  const environment = job["environment"];
  return {
    triggers: triggersOf(workflow["on"]),
    permissions: permissionsOf(job["permissions"] ?? workflow["permissions"]),
    environment: textOf(record(environment)?.["name"] ?? environment),
    runsOn: textOf(job["runs-on"]),
    action: textOf(step["uses"]),
    handed: texts(step["with"]),
    uses: [...steps, ...jobs].map((each) => textOf(each["uses"])).filter(Boolean),
    jobs: jobs.length,
    beside: BESIDE.filter((name) => job[name] != null),
    secrets: secretsIn(workflow),
  };
}

function isOurs(step: Record<string, unknown>): boolean {
  const handed = record(step["with"]) ?? {};
  return INPUTS.every((name) => name in handed);
}

const EXPRESSION = /\$\{\{[\s\S]*\}\}/;
const SECRET = /\bsecrets\b(?:\s*\.\s*(\w+))?/gi;

/**
 * The secrets that expressions read, in capitals, as GitHub compares them; undefined: one that isn't named plainly, which may be any. `secrets: inherit` hands over all. Pure.
 */
export function secretsIn(node: unknown): readonly (string | undefined)[] {
  if (typeof node === "string")
    return [...(EXPRESSION.exec(node)?.[0] ?? "").matchAll(SECRET)].map(([, name]) => name?.toUpperCase());
  if (Array.isArray(node)) return node.flatMap(secretsIn);
  return Object.entries(record(node) ?? {}).flatMap(([name, value]) =>
    name === "secrets" && value === "inherit" ? [undefined] : secretsIn(value),
  );
}

/** The events that start a workflow; none where that can't be read. Pure. */
export function triggersOf(on: unknown): readonly string[] {
  if (typeof on === "string") return [on];
  return Array.isArray(on) ? on.map(String) : Object.keys(record(on) ?? {});
}

export function tryParse(text: string): Record<string, unknown> | undefined {
  try {
    return record(parse(text, { maxAliasCount: 100 }));
  } catch {
    return undefined;
  }
}

function stepsOf(job: Record<string, unknown>): readonly Record<string, unknown>[] {
  return Array.isArray(job["steps"]) ? records(job["steps"]) : [];
}

function records(values: readonly unknown[]): readonly Record<string, unknown>[] {
  return values.map(record).filter((value) => value !== undefined);
}

/** None said is what the repository gives by default; one word is all of them. */
function permissionsOf(given: unknown): Readonly<Record<string, string>> {
  if (given === undefined) return { "(default)": "write" };
  return typeof given === "string" ? { "(all)": given } : texts(given);
}

function texts(given: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(record(given) ?? {}).map(([name, value]) => [name, String(value)]));
}
