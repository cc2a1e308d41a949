import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import type { Workspace } from "#action/runner/workspace.ts";
import { MINUTE_MS } from "#core/wire/units.ts";
import { type Git, runGit } from "./git.ts";

const GUIDES = ["AGENTS.md", "CLAUDE.md"] as const;
const MAX_GUIDE_BYTES = 48 * 1024;

/**
 * The repository's own instructions for agents, as they are at base, written where the sandbox can read them. The
 * harness's own loading of them is off, together with everything else a checkout could configure.
 * @returns the file's path, or undefined when base has none.
 */
export async function writeGuides(git: Git, workspace: Workspace, base: string): Promise<string | undefined> {
  const texts: string[] = [];
  for (const name of GUIDES) {
    const shown = await runGit(git, {
      args: ["cat-file", "blob", `${base}:${name}`],
      until: performance.now() + MINUTE_MS,
      keepBytes: 1024 * 1024,
    });
    const text = shown.exitCode === 0 ? shown.stdout.subarray(0, MAX_GUIDE_BYTES).toString("utf8") : "";
    if (text.trim() !== "" && !texts.includes(text)) texts.push(text);
  }
  if (texts.length === 0) return undefined;
  const path = join(workspace.given, "guide.md");
  await writeFile(path, ["The repository's own notes for agents, from its default branch:", ...texts].join("\n\n"), {
    mode: 0o400,
  });
  return path;
}
