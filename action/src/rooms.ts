import { mkdir, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { err, ok, type Result } from "#core/wire/result.ts";
import { blocked, type Blocked, lastLine } from "./failure.ts";
import { run } from "./process.ts";
import type { Surroundings } from "./inputs.ts";
import type { Rooms, Workspace } from "./workspace.ts";

/**
 * The checks must not run in a home that the model could write to: a line in `~/.npmrc` (`script-shell=/bin/true`) was seen to
 * turn a failing `npm test` green. What set-up left there they do need (package managers' caches, user installs), so it is
 * copied before the harness starts, to where nothing in the sandbox sees it, and each verification gets a copy of its own.
 */
export type Rooming = { readonly workspace: Workspace; readonly surroundings: Surroundings; readonly until: number };

const kept = ({ hidden }: Workspace): string => join(hidden, "home-after-setup");

/** Effects: keeps HOME as it is now. Errors: setupFailed. */
export async function keepHome(rooming: Rooming): Promise<Result<void, Blocked>> {
  await mkdir(kept(rooming.workspace));
  return copy(rooming, rooming.workspace.home, kept(rooming.workspace));
}

/** A home as set-up left it and an empty temporary folder. Errors: setupFailed. */
export async function freshRooms(rooming: Rooming): Promise<Result<Rooms, Blocked>> {
  const folder = await mkdtemp(join(rooming.workspace.root, "verify-"));
  const rooms = { home: join(folder, "home"), tmp: join(folder, "tmp") };
  await mkdir(rooms.home, { mode: 0o700 });
  await mkdir(rooms.tmp, { mode: 0o700 });
  const copied = await copy(rooming, kept(rooming.workspace), rooms.home);
  return copied.ok ? ok(rooms) : copied;
}

async function copy({ surroundings, until }: Rooming, from: string, to: string): Promise<Result<void, Blocked>> {
  const env = { PATH: surroundings.path, LANG: "C.UTF-8" };
  const copied = await run({ file: "cp", args: ["-a", "--reflink=auto", "--", `${from}/.`, to], cwd: to, env, until });
  if (copied.exitCode === 0) return ok(undefined);
  return err(
    blocked("setupFailed", `What set-up left in its home could not be copied for the checks: ${lastLine(copied.stderr)}`),
  );
}
