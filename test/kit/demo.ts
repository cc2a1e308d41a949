import { spawn } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const ROOT = join(import.meta.dirname, "../..");

export type Ended = { code: number | null; lines: string[]; stderr: string; json: Record<string, unknown> };

/** `npm run demo` as a user's shell would start it, with only what it needs in its environment. */
export async function demo(args: readonly string[], path = process.env["PATH"] ?? ""): Promise<Ended> {
  const network = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => /^(npm_config_|NODE_EXTRA_CA|https?_proxy)/i.test(name)),
  );
  const child = spawn(process.execPath, [join(ROOT, "playground/demo/main.ts"), ...args], {
    cwd: ROOT,
    env: { ...network, PATH: path, HOME: process.env["HOME"] },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.on("exit", resolve));
  const lines = stdout.trimEnd().split("\n");
  const last = lines.at(-1) ?? "";
  return { code, lines, stderr, json: last.startsWith("{") ? (JSON.parse(last) as Record<string, unknown>) : {} };
}

export function inputFile(name: string, content: string): string {
  const path = join(mkdtempSync(join(tmpdir(), "demo-input-")), name);
  writeFileSync(path, content);
  return path;
}
