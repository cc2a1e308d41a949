import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "#playground/world.ts";

/**
 * What a person has on the PATH when they paste a fix: `npx agent-pool`, and of GitHub's own `gh` what our fixes say: `gh api [-X METHOD]
 * PATH [-f NAME=TEXT] [-F NAME=VALUE]` and `gh secret set NAME --repo R --env E`, which reads the secret from standard input.
 * Answers the folder to be put first on PATH.
 */
export async function makeTools(folder: string): Promise<string> {
  const bin = join(folder, "bin");
  await mkdir(bin);
  const program = async (name: string, text: string): Promise<void> => {
    await writeFile(join(bin, name), text);
    await chmod(join(bin, name), 0o755);
  };
  await program("npx", `#!/bin/sh\nshift\nexec "${process.execPath}" "${join(ROOT, "bin/agent-pool.js")}" "$@"\n`);
  await program("gh", `#!/bin/sh\nexec "${process.execPath}" "${join(ROOT, "test/kit/gh-stand-in.ts")}" "$@"\n`);
  return bin;
}
