import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** What the sandbox runs on, by the package that brings it. */
export const SANDBOX_PROGRAMS = { bwrap: "bubblewrap", socat: "socat", rg: "ripgrep" } as const;

/** Whether a program is found on this process's PATH. */
export function onPath(program: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Why this machine can't run the sandbox, and what would mend it; undefined where it can. */
export function whyNoSandbox(): string | undefined {
  const missing = Object.entries(SANDBOX_PROGRAMS).flatMap(([program, name]) => (onPath(program) ? [] : [name]));
  if (missing.length > 0)
    return `${missing.join(", ")} is missing (\`apt-get install ${Object.values(SANDBOX_PROGRAMS).join(" ")}\`)`;
  const tried = spawnSync("bwrap", ["--unshare-user", "--unshare-pid", "--unshare-net", "--ro-bind", "/", "/", "true"], {
    encoding: "utf8",
  });
  if (tried.status === 0) return undefined;
  const said = tried.stderr.trim().split("\n")[0] ?? "";
  return `bubblewrap can't make a sandbox here (${said}; on Ubuntu 24.04 \`sysctl kernel.apparmor_restrict_unprivileged_userns=0\` as root)`;
}
