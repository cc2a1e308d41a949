import { createHash, hash as digest, randomBytes } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { access, constants, copyFile, mkdir, open, readdir, readlink, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { err, ok, type Result } from "#core/wire/result.ts";
import { cut } from "#core/wire/text.ts";
import { MINUTE_MS } from "#core/wire/units.ts";
import PINS from "./pins.json" with { type: "json" };
import { blocked, type Blocked, messageOf } from "./runner/failure.ts";
import type { Surroundings } from "./runner/inputs.ts";
import { run } from "./runner/process.ts";

/**
 * The programs a job installs: exact versions, pinned twice. `action/tools/<id>/package-lock.json` holds the sha512 of
 * every package's archive, which `npm ci` insists on; `tree` is the hash of the files as unpacked, checked at every
 * start, because an earlier job on the same self-hosted runner could write to the tool cache. `executable` is the native
 * binary in the platform's own package: the packages around it only link it, by an install script.
 * To raise a version: change the lockfile (`npm install --package-lock-only --ignore-scripts
 * --omit-lockfile-registry-resolved`), the version in pins.json, and the hash, which a failed check prints.
 */
export const TOOLS = PINS;

export type ToolId = keyof typeof TOOLS;
export type Tool = { readonly version: string; readonly folder: string; readonly executable: string };

/** What is pinned was built for this platform and no other. */
const PLATFORM = "linux-x64";
/** Beside dist/ in the published Action and beside src/ here: the same relative place from both. */
const LOCKS = join(dirname(fileURLToPath(import.meta.url)), "..", "tools");

/**
 * Finds a tool in the cache, or installs it there. Several jobs may do so at once: each installs in a folder of its
 * own, and the first rename wins.
 * Errors: harnessUnavailable (sandboxUnavailable for srt).
 */
export async function installTool(
  id: ToolId,
  surroundings: Pick<Surroundings, "toolCache" | "path" | "network">,
): Promise<Result<Tool, Blocked>> {
  const { version, executable, tree } = TOOLS[id];
  const refuse = (detail: string): Result<never, Blocked> =>
    err(blocked(id === "srt" ? "sandboxUnavailable" : "harnessUnavailable", detail));
  if (`${process.platform}-${process.arch}` !== PLATFORM)
    return refuse(`${id} is pinned for ${PLATFORM}; this runner is ${process.platform}-${process.arch}.`);
  const shelf = join(surroundings.toolCache, "agent-pool");
  const folder = join(shelf, `${id}-${version}-${PLATFORM}`);
  const tool: Tool = { version, folder, executable: join(folder, executable) };
  try {
    await mkdir(shelf, { recursive: true });
    if (await isIntact(folder, tree)) return ok(tool);
    const fresh = join(shelf, `.${id}-${randomBytes(6).toString("hex")}`);
    try {
      const installed = await npmCi(id, fresh, surroundings);
      if (!installed.ok) return refuse(installed.error);
      const found = await hashTree(fresh);
      if (found !== tree) return refuse(`${id} ${version} as installed has the hash ${found}, not the pinned one.`);
      await replace(fresh, folder, tree);
    } finally {
      await rm(fresh, { recursive: true, force: true });
    }
    // Another job may be exchanging the same broken copy at this moment.
    for (let tries = 0; tries < 5; tries += 1) {
      if (await isIntact(folder, tree)) return ok(tool);
      await sleep(500);
    }
    return refuse(`${folder} does not hold what was installed there: another job is changing it.`);
  } catch (cause) {
    return refuse(`${id} ${version} could not be installed: ${messageOf(cause)}`);
  }
}

async function npmCi(
  id: ToolId,
  folder: string,
  surroundings: Pick<Surroundings, "path" | "network">,
): Promise<Result<void, string>> {
  await mkdir(folder);
  for (const name of ["package.json", "package-lock.json"]) await copyFile(join(LOCKS, id, name), join(folder, name));
  const home = join(folder, ".home");
  await mkdir(home);
  const ended = await run({
    file: "npm",
    args: ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
    cwd: folder,
    env: { ...surroundings.network, PATH: surroundings.path, HOME: home, LANG: "C.UTF-8", npm_config_update_notifier: "false" },
    until: performance.now() + 10 * MINUTE_MS,
  });
  await rm(home, { recursive: true, force: true });
  if (ended.exitCode === 0) return ok(undefined);
  const said = cut(ended.stderr.trim().split("\n").slice(0, 3).join(" "), 500);
  return err(
    `npm could not install ${id} ${TOOLS[id].version} (exit ${String(ended.exitCode)}): ${said || "is npm on the PATH?"}`,
  );
}

/** Puts a verified folder in place, unless another job's good copy is there by now. */
async function replace(fresh: string, folder: string, tree: string): Promise<void> {
  try {
    await rename(fresh, folder);
  } catch {
    if (await isIntact(folder, tree)) return;
    const aside = `${fresh}-old`;
    await rename(folder, aside).catch(() => {});
    await rename(fresh, folder).catch(() => {}); // lost the race: the caller checks the winner's
    await rm(aside, { recursive: true, force: true });
  }
}

/** False also while another job is moving the folder away. */
async function isIntact(folder: string, tree: string): Promise<boolean> {
  return (await hashTree(folder).catch(() => undefined)) === tree;
}

/**
 * sha256 over every file below `node_modules`: path, kind, content. npm's own record and its `.bin`
 * links are left out: nothing here runs through them. Undefined when there is no such folder.
 */
export async function hashTree(folder: string): Promise<string | undefined> {
  const root = join(folder, "node_modules");
  const hash = createHash("sha256");
  async function add(relative: string): Promise<void> {
    const entries = await readdir(join(root, relative), { withFileTypes: true });
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      const path = join(relative, entry.name);
      if (path === ".bin" || path === ".package-lock.json") continue;
      if (entry.isDirectory()) await add(path);
      else if (entry.isSymbolicLink()) hash.update(`link ${path}\0${await readlink(join(root, path))}\0`);
      else if (entry.isFile()) {
        hash.update(`file ${path}\0`);
        hash.update(await hashFile(join(root, path)));
      } else hash.update(`other ${path}\0`);
    }
  }
  try {
    await access(root, constants.R_OK);
  } catch {
    return undefined;
  }
  await add("");
  return hash.digest("hex");
}

/** At once up to here: srt's 891 files, 19 MB in all, took 450 ms as streams and take 45 to 85 ms so. */
const PIECE_BYTES = 1024 * 1024;

/** Read by turns into two buffers, one piece while the other is hashed. As a stream, 381 MB took 320 ms of processor time, and 265 so. */
async function hashFile(path: string): Promise<Buffer> {
  if (statSync(path).size <= PIECE_BYTES) return digest("sha256", readFileSync(path), "buffer");
  const content = createHash("sha256");
  await using file = await open(path);
  let [reads, waits] = [Buffer.allocUnsafeSlow(PIECE_BYTES), Buffer.allocUnsafeSlow(PIECE_BYTES)];
  let reading = file.read(reads, 0, PIECE_BYTES);
  for (;;) {
    const { bytesRead } = await reading;
    if (bytesRead === 0) return content.digest();
    [reads, waits] = [waits, reads];
    reading = file.read(reads, 0, PIECE_BYTES);
    content.update(waits.subarray(0, bytesRead));
  }
}
