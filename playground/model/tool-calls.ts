import { posix } from "node:path";
import { err, ok, type Result } from "#core/wire/result.ts";
import type { ToolStep } from "./script.ts";

/** A tool that a request offers. `custom`: its input is a text, not JSON. */
export type Tool = { readonly name: string; readonly custom: boolean };

/** `input`: a text of a custom tool, the arguments of any other. */
export type ToolCall = { readonly name: string; readonly input: string | Readonly<Record<string, unknown>> };

type Write = ToolStep & { readonly kind: "write" };
type Run = ToolStep & { readonly kind: "run" };
type Read = ToolStep & { readonly kind: "read" };
type Row<Step> = Tool & { readonly input: (step: Step) => ToolCall["input"] };

const DESCRIPTION = "Run a command of the script";
/** Longest that Codex waits before it lets a command go on by itself. */
const YIELD_MS = 30_000;

/**
 * The tools of Claude Code 2.1.330, opencode 1.18.33 and Codex 0.169.0, as their requests offer them (seen on 2026-11-25).
 * The first that is offered is called. Codex's `exec` runs JavaScript around its other tools; opencode has the same
 * `apply_patch` for models of OpenAI's as Codex, as a function.
 */
const WRITES: readonly (Row<Write> & { readonly path: "absolute" | "patch" })[] = [
  { name: "Write", custom: false, path: "absolute", input: ({ path, content }) => ({ file_path: path, content }) },
  { name: "write", custom: false, path: "absolute", input: ({ path, content }) => ({ filePath: path, content }) },
  { name: "apply_patch", custom: true, path: "patch", input: toPatch },
  { name: "apply_patch", custom: false, path: "patch", input: (step) => ({ patchText: toPatch(step) }) },
  {
    name: "exec",
    custom: true,
    path: "patch",
    input: (step) => `text(await tools.apply_patch(${JSON.stringify(toPatch(step))}));`,
  },
];
const RUNS: readonly Row<Run>[] = [
  { name: "Bash", custom: false, input: ({ command }) => ({ command, description: DESCRIPTION }) },
  { name: "bash", custom: false, input: ({ command }) => ({ command, description: DESCRIPTION }) },
  { name: "exec_command", custom: false, input: toExecCommand },
  { name: "exec", custom: true, input: (step) => `text(await tools.exec_command(${JSON.stringify(toExecCommand(step))}));` },
];

/** Codex has no such tool: a command reads for it. */
const READS: readonly Row<Read>[] = [
  { name: "Read", custom: false, input: ({ path }) => ({ file_path: path }) },
  { name: "read", custom: false, input: ({ path }) => ({ filePath: path }) },
];

/**
 * A script's step as a call of a tool that the request offers, whatever harness it is of.
 * Errors: no tool for the step is offered, or one wants an absolute path and no folder is named.
 */
export function toToolCall(step: ToolStep, offered: readonly Tool[], texts: readonly string[]): Result<ToolCall, string> {
  const isOffered = (row: Tool): boolean => offered.some(({ name, custom }) => name === row.name && custom === row.custom);
  if (step.kind === "run") {
    const row = RUNS.find(isOffered);
    return row === undefined ? err(noToolOf(RUNS, offered)) : ok({ name: row.name, input: row.input(step) });
  }
  if (step.kind === "read") {
    const row = READS.find(isOffered);
    if (row === undefined) return toToolCall({ kind: "run", command: `cat ${quote(step.path)}` }, offered, texts);
    const folder = workingFolder(texts);
    if (folder === undefined) return err("the request does not tell the working directory");
    return ok({ name: row.name, input: row.input({ ...step, path: posix.resolve(folder, step.path) }) });
  }
  const row = WRITES.find(isOffered);
  if (row === undefined) return err(noToolOf(WRITES, offered));
  if (row.path === "patch") {
    return isPatchable(step) ? ok({ name: row.name, input: row.input(step) }) : toToolCall(toCommand(step), offered, texts);
  }
  const folder = workingFolder(texts);
  if (folder === undefined) return err("the request does not tell the working directory");
  return ok({ name: row.name, input: row.input({ ...step, path: posix.resolve(folder, step.path) }) });
}

function noToolOf(rows: readonly Tool[], offered: readonly Tool[]): string {
  const names = (tools: readonly Tool[]): string => [...new Set(tools.map(({ name }) => name))].join(", ");
  return `the script needs one of the tools ${names(rows)}; the request offers only ${names(offered)}`;
}

/** A patch that adds a file puts it in another's place, and writes whole lines. */
function toPatch({ path, content }: Write): string {
  const lines = content.split("\n").slice(0, -1);
  return ["*** Begin Patch", `*** Add File: ${path}`, ...lines.map((line) => `+${line}`), "*** End Patch"].join("\n");
}

/** A patch can't end a file in the middle of a line, and takes a carriage return at a line's end for a part of the end. */
function isPatchable({ content }: Write): boolean {
  return content.endsWith("\n") && !content.includes("\r");
}

function toCommand({ path, content }: Write): Run {
  const [folder, file, text] = [posix.dirname(path), path, content].map(quote);
  return { kind: "run", command: `mkdir -p ${folder} && printf %s ${text} > ${file}` };
}

function quote(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

function toExecCommand({ command }: Run): Readonly<Record<string, unknown>> {
  return { cmd: command, yield_time_ms: YIELD_MS };
}

/**
 * Claude Code 2.1.330 says ` - Primary working directory: /path` in an environment block of the first user message
 * (seen on 2026-11-24), earlier ones and opencode `Working directory: /path` in the system prompt. The first mention counts.
 */
function workingFolder(texts: readonly string[]): string | undefined {
  for (const text of texts) {
    const found = /working directory: (\/[^\n]*)/i.exec(text)?.[1];
    if (found !== undefined) return found.trim();
  }
  return undefined;
}
