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
