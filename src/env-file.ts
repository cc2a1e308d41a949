import { readFileSync } from "node:fs";
import { chmod, rename, writeFile } from "node:fs/promises";
import { parseEnv } from "node:util";

/** Variables beside the environment's own, which count before them. */
export const ENV_FILE = ".env";

/** Empty where there is no file. Throws where there is one that can't be read. */
export function readEnvFile(path: string): Readonly<Record<string, string | undefined>> {
  const text = textOf(path);
  return text === undefined ? {} : parseEnv(text);
}

/** Sets variables in the file, keeps its other lines, and lets only this user read it. One value is one line. */
export async function writeEnvFile(path: string, set: Readonly<Record<string, string>>): Promise<void> {
  const kept = (textOf(path) ?? "").split("\n").filter((line) => !Object.keys(set).some((name) => line.startsWith(`${name}=`)));
  const lines = Object.entries(set).map(([name, value]) => `${name}="${value.trim().replaceAll("\n", "\\n")}"`);
  const text = `${[...kept.filter((line, at) => line !== "" || at < kept.length - 1), ...lines].join("\n").replace(/^\n+/, "")}\n`;
  const draft = `${path}.new`;
  await writeFile(draft, text, { mode: 0o600 });
  await chmod(draft, 0o600);
  await rename(draft, path);
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && Reflect.get(error, "code") === "ENOENT") return undefined;
    throw error;
  }
}
