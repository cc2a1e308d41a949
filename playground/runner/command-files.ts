import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { randomUUID } from "node:crypto";
import { err, ok, type Result } from "#core/wire/result.ts";

const NAMES = ["GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_STATE", "GITHUB_STEP_SUMMARY", "GITHUB_PATH"] as const;

/** What a step wrote into its command files. */
export type StepFiles = {
  readonly outputs: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly state: Readonly<Record<string, string>>;
  readonly summary: string;
  readonly paths: readonly string[];
};

/** Makes the empty files of one step. `variables` are what the step's environment names them by. */
export async function makeCommandFiles(folder: string) {
  await mkdir(folder, { recursive: true });
  const variables = Object.fromEntries(NAMES.map((name) => [name, join(folder, `${name.toLowerCase()}_${randomUUID()}`)]));
  await Promise.all(Object.values(variables).map((path) => writeFile(path, "")));

  async function read(): Promise<Result<StepFiles, string>> {
    const text = async (name: (typeof NAMES)[number]) => readFile(variables[name] ?? "", "utf8").catch(() => "");
    const outputs = parsePairs(await text("GITHUB_OUTPUT"));
    const env = parsePairs(await text("GITHUB_ENV"));
    const state = parsePairs(await text("GITHUB_STATE"));
    if (!outputs.ok) return outputs;
    if (!env.ok) return env;
    if (!state.ok) return state;
    if (Object.keys(env.value).some((name) => name.toUpperCase() === "NODE_OPTIONS")) {
      return err("Can't store NODE_OPTIONS output parameter using '$GITHUB_ENV' command.");
    }
    return ok({
      outputs: outputs.value,
      env: env.value,
      state: state.value,
      summary: await text("GITHUB_STEP_SUMMARY"),
      paths: (await text("GITHUB_PATH")).split(/\r?\n/).filter((line) => line !== ""),
    });
  }

  return { variables, read };
}

/** `name=value`, or `name<<END` … `END` for several lines. Pure. Errors: the line that is neither. */
export function parsePairs(text: string): Result<Record<string, string>, string> {
  const pairs: Record<string, string> = {};
  const lines = text.split(/\r?\n/);
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? "";
    if (line === "") continue;
    const heredoc = /^([^=]+?)<<(.+)$/.exec(line);
    const equals = line.indexOf("=");
    if (heredoc?.[1] !== undefined && heredoc[2] !== undefined) {
      const end = lines.indexOf(heredoc[2], at + 1);
      if (end === -1) return err(`Invalid value. Matching delimiter not found '${heredoc[2]}'`);
      pairs[heredoc[1]] = lines.slice(at + 1, end).join("\n");
      at = end;
    } else if (equals > 0) pairs[line.slice(0, equals)] = line.slice(equals + 1);
    else return err(`Invalid format '${line}'`);
  }
  return ok(pairs);
}
