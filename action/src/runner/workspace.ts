import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { MINUTE_MS } from "#core/wire/units.ts";
import { run } from "./process.ts";

/** The run's folders. What the sandbox sees of them is decided in sandbox.ts. */
export type Workspace = AsyncDisposable & {
  readonly repo: string;
  /** HOME of the harness and of the repository's commands, with TMPDIR beside it. What stands there: homes.ts. */
  readonly home: string;
  readonly tmp: string;
  /** Files handed in, readable inside. */
  readonly given: string;
  /** Settings, git's index: never visible inside. */
  readonly hidden: string;
  /** srt's sockets. Under the system's temporary folder because a socket's path is limited to 107 bytes. */
  readonly sockets: string;
};

/** Effects: makes the folders; deletes them all when disposed. */
export async function makeWorkspace(temp: string): Promise<Workspace> {
  await mkdir(temp, { recursive: true });
  const root = await mkdtemp(join(temp, "agent-pool-"));
  const sockets = await mkdtemp(join(tmpdir(), "ap-"));
  const names = ["repo", "home", "tmp", "given", "hidden"] as const;
  for (const name of names) await mkdir(join(root, name), { mode: 0o700 });
  return {
    repo: join(root, "repo"),
    home: join(root, "home"),
    tmp: join(root, "tmp"),
    given: join(root, "given"),
    hidden: join(root, "hidden"),
    sockets,
    async [Symbol.asyncDispose]() {
      for (const folder of [root, sockets]) await removeTree(folder);
    },
  };
}

/** Where the system's own programs are. */
export const SYSTEM_PATH = "/usr/bin:/bin";

/** A command may have closed folders against deletion (Go's module cache is read-only): these are opened once. */
export async function removeTree(folder: string): Promise<void> {
  try {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  } catch {
    const env = { PATH: SYSTEM_PATH };
    await run({ file: "chmod", args: ["-R", "u+rwX", "--", folder], cwd: "/", env, until: performance.now() + MINUTE_MS });
    await rm(folder, { recursive: true, force: true }).catch(() => {}); // the runner clears its temporary folder itself
  }
}
