import { posix } from "node:path";
import { err, ok, type Result } from "#core/wire/result.ts";
import type { ToolStep } from "./script.ts";

export type ToolCall = { readonly name: string; readonly input: Readonly<Record<string, unknown>> };

/**
 * A script's step as a call of a Claude Code tool (names and inputs: sdk-tools.d.ts of 2.1.330).
 * `Write` wants an absolute path, so the folder is learned from the request.
 * Errors: the tool is not among those offered, or no folder is named.
 */
export function toClaudeTool(step: ToolStep, offered: readonly string[], texts: readonly string[]): Result<ToolCall, string> {
  const name = step.kind === "write" ? "Write" : "Bash";
  if (!offered.includes(name)) {
    return err(`the script needs the tool ${name}; the request offers only ${offered.join(", ")}`);
  }
  if (step.kind === "run") {
    return ok({ name, input: { command: step.command, description: "Run a command of the script" } });
  }
  const folder = workingFolder(texts);
  if (folder === undefined) return err("the request does not tell the working directory");
  return ok({ name, input: { file_path: posix.resolve(folder, step.path), content: step.content } });
}

/**
 * Claude Code 2.1.330 says ` - Primary working directory: /path` in an environment block of the first user message
 * (seen on 2026-11-24); earlier ones say `Working directory: /path` in the system prompt. The first mention counts.
 */
function workingFolder(texts: readonly string[]): string | undefined {
  for (const text of texts) {
    const found = /working directory: (\/[^\n]*)/i.exec(text)?.[1];
    if (found !== undefined) return found.trim();
  }
  return undefined;
}
