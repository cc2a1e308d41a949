import { readFileSync } from "node:fs";
import { realpath, rename, rm, writeFile } from "node:fs/promises";
import { parseEnv } from "node:util";

/** Variables beside the environment's own, which count before them. */
export const ENV_FILE = ".env";

/** The environment's variables, and below them the file's. An empty one is one that isn't set. Throws where the file is there and can't be read. */
export function readVariables(env: NodeJS.ProcessEnv): Readonly<Record<string, string | undefined>> {
  const set = Object.entries(env).filter(([, value]) => value !== "");
  return { ...parseEnv(textOf(ENV_FILE) ?? ""), ...Object.fromEntries(set) };
}

/**
 * Sets variables in the file, keeps its other lines, and lets only this user read it. Values stand without quotes, as Docker and kubectl
 * read them too; the lines of a key are joined by `\\n`.
 */
export async function writeEnvFile(path: string, set: Readonly<Record<string, string>>): Promise<void> {
  const kept = (textOf(path) ?? "").split("\n").filter((line) => !Object.keys(set).some((name) => line.startsWith(`${name}=`)));
  const lines = Object.entries(set).map(([name, value]) => `${name}=${value.trim().replaceAll("\n", "\\n")}`);
  const text = `${[...kept.filter((line, at) => line !== "" || at < kept.length - 1), ...lines].join("\n").replace(/^\n+/, "")}\n`;
  await writeWhole(path, text);
}

/** Writes a file for this user alone, in whole or not at all. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const target = await realpath(path).catch(() => path);
  const draft = `${target}.new`;
  await rm(draft, { force: true });
  await writeFile(draft, text, { mode: 0o600, flag: "wx" });
  await rename(draft, target);
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && Reflect.get(error, "code") === "ENOENT") return undefined;
    throw error;
  }
}
