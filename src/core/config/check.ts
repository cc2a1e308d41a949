import { publishable } from "../change/publishable.ts";
import { describe, type Problem } from "../wire/failure.ts";
import { err, ok, type Result } from "../wire/result.ts";
import type { Said } from "./changes.ts";
import { parseConfig, placesIn } from "./parse.ts";
import { CONFIG_FILE, type Policy, POLICY_REPOSITORY } from "./policy.ts";
import { policyChanges } from "./policy-change.ts";
import { parsePolicy } from "./policy-file.ts";
import { DEFAULT_SETTINGS, Settings } from "./settings.ts";
import { settingsChanges } from "./settings-change.ts";

/** The file at one commit. `unreadable`: not text, or too much of it. */
export type FileText = { readonly text: string } | "missing" | "unreadable";

/** To be shown at one line of the file. Lines and columns count from 1. */
export type Annotation = {
  readonly line: number;
  readonly column: number;
  readonly level: "failure" | "warning";
  readonly message: string;
};

/** What a check run says of a configuration file: `summary` in Markdown, everything publishable. */
export type ConfigCheck = {
  readonly conclusion: "success" | "failure";
  readonly title: string;
  readonly summary: string;
  readonly annotations: readonly Annotation[];
};

/** GitHub takes no more annotations in one request, and 65,535 characters of summary. Source: its REST reference, "Create a check run", 2026-11. */
export const MAX_ANNOTATIONS = 50;
const MAX_SUMMARY = 60_000;

const WHERE = {
  policy:
    "Once this is on the default branch, it holds for new plans only: what waits in the queue is planned anew, what has begun goes on as it was planned.",
  settings: "Once this is on the default branch, it holds for new plans only: what is planned already goes on as it was planned.",
} as const;

/** Whether a repository's configuration file is the owner's policy, or its own settings. */
export function kindOf(repository: string): "policy" | "settings" {
  return repository.toLowerCase() === POLICY_REPOSITORY ? "policy" : "settings";
}

/**
 * What a commit does to the configuration file: whether it is valid there, and what is different from before. undefined: it is
 * the same text. Everything of the file is somebody else's text. Pure.
 */
export function checkConfig(owner: string, repository: string, before: FileText, after: FileText): ConfigCheck | undefined {
  if (isSameText(before, after)) return undefined;
  const kind = kindOf(repository);
  if (after === "unreadable")
    return unfit(kind, [
      { line: 1, column: 1, level: "failure", message: `\`${CONFIG_FILE}\` is not a text file of less than 500 kB.` },
    ]);
  if (after === "missing") return removed(kind);
  const changed = kind === "policy" ? policyOf(owner, before, after.text) : settingsOf(repository, before, after.text);
  return changed.ok ? fit(kind, changed.value) : unfit(kind, changed.error);
}

function isSameText(before: FileText, after: FileText): boolean {
  if (typeof before === "string" || typeof after === "string") return before === after;
  return before.text === after.text;
}

/** `warnings`: of what is said, what to look at twice. */
type Changed = { readonly said: readonly Said[]; readonly warnings: readonly Annotation[]; readonly isFirst: boolean };
type Read = Result<Changed, readonly Annotation[]>;

function policyOf(owner: string, before: FileText, text: string): Read {
  const policy = parsePolicy(owner, text);
  if (!policy.ok)
    return err(
      policy.error.reason === "config-invalid"
        ? policy.error.problems.map(toAnnotation)
        : [{ ...placesIn(text)(["runner", "repository"]), level: "failure" as const, message: describe(policy.error) }],
    );
  const old = typeof before === "string" ? undefined : parsePolicy(owner, before.text);
  const inForce = old?.ok === true ? old.value : undefined;
  const said = policyChanges(inForce, policy.value);
  return ok({ said, warnings: warningsOf(said, text, (path) => pathIn(policy.value, path)), isFirst: inForce === undefined });
}

function settingsOf(repository: string, before: FileText, text: string): Read {
  const settings = parseConfig(`${repository}: ${CONFIG_FILE}`, text, Settings);
  if (!settings.ok) return err(settings.error.problems.map(toAnnotation));
  const old = typeof before === "string" ? ok(DEFAULT_SETTINGS) : parseConfig(repository, before.text, Settings);
  const said = settingsChanges(old.ok ? old.value : DEFAULT_SETTINGS, settings.value);
  return ok({ said, warnings: warningsOf(said, text, (path) => path), isFirst: !old.ok });
}

function warningsOf(
  said: readonly Said[],
  text: string,
  toPath: (path: Said["path"]) => readonly PropertyKey[],
): readonly Annotation[] {
  const placeOf = placesIn(text);
  return said
    .filter(({ warning }) => warning)
    .slice(0, MAX_ANNOTATIONS)
    .map(({ path, text: message }) => ({ ...placeOf(toPath(path)), level: "warning", message }));
}

/** A credential is spoken of by its name, and stands in a list. */
function pathIn({ pool }: Policy, path: readonly string[]): readonly PropertyKey[] {
  const [first, name, ...rest] = path;
  const at = first === "pool" ? pool.findIndex((entry) => entry.name === name) : -1;
  return at < 0 ? path : ["pool", at, ...rest];
}

function toAnnotation({ line, column, path, found, expected }: Problem): Annotation {
  return { line, column, level: "failure", message: `${path}: found ${found}; ${expected}` };
}

function fit(kind: "policy" | "settings", { said, warnings, isFirst }: Changed): ConfigCheck {
  const first =
    kind === "policy"
      ? "No valid policy was in force before: this one is."
      : "The file before was not valid, so no work started here.";
  const twice = warnings.length === 0 ? "" : `, ${String(warnings.length)} to look at twice`;
  return {
    conclusion: "success",
    title: said.length === 0 ? "Valid, and nothing changes" : `Valid: ${counted(said.length, "change")}${twice}`,
    summary: assemble([
      ...(isFirst ? [first, ""] : []),
      ...(said.length === 0 ? ["What is in force stays as it is."] : []),
      ...said.map(({ text, warning }) => `- ${warning ? "**Look twice.** " : ""}${text}`),
      "",
      WHERE[kind],
    ]),
    annotations: warnings.map(annotation),
  };
}

function unfit(kind: "policy" | "settings", problems: readonly Annotation[]): ConfigCheck {
  const rest = problems.length - MAX_ANNOTATIONS;
  const effect = kind === "policy" ? "no work starts in any repository of this owner" : "no work starts in this repository";
  return {
    conclusion: "failure",
    title: `Not valid: ${counted(problems.length, "problem")}`,
    summary: assemble([
      `While this stands on the default branch, ${effect}: a file that can't be read never falls back to looser rules.`,
      "",
      ...problems
        .slice(0, MAX_ANNOTATIONS)
        .map(({ line, column, message }) => `- line ${String(line)}, column ${String(column)}: ${message}`),
      ...(rest > 0 ? [`- and ${String(rest)} more`] : []),
    ]),
    annotations: problems.slice(0, MAX_ANNOTATIONS).map(annotation),
  };
}

function removed(kind: "policy" | "settings"): ConfigCheck {
  const effect =
    kind === "policy"
      ? "Without a policy no work starts in any repository of this owner."
      : "The repository's own settings are gone: the defaults hold, within the owner's policy.";
  return { conclusion: "success", title: "The file is removed", summary: assemble([effect, "", WHERE[kind]]), annotations: [] };
}

function annotation({ message, ...rest }: Annotation): Annotation {
  return { ...rest, message: publishable(message) };
}

/** Whole lines, as many as GitHub takes. */
function assemble(lines: readonly string[]): string {
  const kept: string[] = [];
  let length = 0;
  for (const line of lines) {
    const shown = publishable(line);
    length += shown.length + 1;
    if (length > MAX_SUMMARY) return [...kept, "- and more, which does not fit here"].join("\n");
    kept.push(shown);
  }
  return kept.join("\n");
}

function counted(count: number, what: string): string {
  return `${String(count)} ${what}${count === 1 ? "" : "s"}`;
}
