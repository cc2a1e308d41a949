import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readSurroundings, type Surroundings } from "../../../action/src/runner/inputs.ts";
import { installTool, type Tool, type ToolId } from "../../../action/src/tools.ts";

/** Kept between runs of the tests: the harness alone is 364 MB. */
export const TOOL_CACHE = process.env["RUNNER_TOOL_CACHE"] ?? fileURLToPath(new URL("../../../.cache/tools", import.meta.url));

export function testSurroundings(): Surroundings {
  const temp = join(tmpdir(), `agent-pool-tests-${String(process.getuid?.())}`);
  return readSurroundings({ ...process.env, RUNNER_TEMP: temp, RUNNER_TOOL_CACHE: TOOL_CACHE }, []);
}

export async function installed(id: ToolId): Promise<Tool> {
  const tool = await installTool(id, testSurroundings());
  if (!tool.ok) throw new Error(tool.error.detail);
  return tool.value;
}

/** These tests prove the sandbox; without one they fail, they are never skipped. */
export function requireSandbox(): void {
  try {
    execFileSync("bwrap", ["--unshare-all", "--ro-bind", "/", "/", "true"], { stdio: "ignore" });
    execFileSync("socat", ["-V"], { stdio: "ignore" });
    execFileSync("rg", ["--version"], { stdio: "ignore" });
  } catch {
    throw new Error(
      "The sandbox tests need bubblewrap, socat and ripgrep: sudo apt-get install -y bubblewrap socat ripgrep (on ubuntu-24.04 also: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0)",
    );
  }
}
