import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { ActionPin } from "#core/setup/answers.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const run = promisify(execFile);

/** The commit that these files are of: a package says it, a checkout has it. */
export async function findRelease(): Promise<ActionPin | undefined> {
  const release = `${ROOT}/release.json`;
  if (existsSync(release)) return JSON.parse(await readFile(release, "utf8")) as ActionPin;
  try {
    const { stdout } = await run("git", ["rev-parse", "--show-toplevel", "HEAD"], { cwd: ROOT });
    const [top = "", commit = ""] = stdout.trim().split("\n");
    // Not the commit of a repository that this was unpacked into.
    return resolve(top) === resolve(ROOT) ? { repository: "agent-pool/agent-pool", commit } : undefined;
  } catch {
    return undefined;
  }
}
