import type { Stats } from "node:fs";
import { lstat, readdir, readFile, readlink, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type GitCall, splitNul } from "./git.ts";
import type { Ended } from "./process.ts";

/**
 * `git add` reads `.gitattributes` from the work tree, where the agent may have rewritten it. So each one that differs
 * from base is moved aside, base's put in its place while everything else is added, and afterwards the agent's version
 * goes back to its place and into the index as it was, byte for byte. (`git --attr-source` would do this, from git 2.41
 * on; runners of 2022 and Debian 12 have older ones.)
 */
export type HeldBack = {
  readonly path: string;
  /** Where the agent's own waits; undefined when it deleted base's. */
  readonly aside: string | undefined;
  /** As git stores it; undefined when there is nothing to store (deleted, or a pipe). */
  readonly stored: Stored | undefined;
};
type Stored = { readonly mode: "100644" | "100755" | "120000"; readonly content: Buffer };

type Call = (args: readonly string[], more?: Partial<GitCall>) => Promise<Ended>;

export const ATTRIBUTES = ".gitattributes";

/** Effects: the work tree's `.gitattributes` are base's afterwards; the agent's are in `aside`, a folder of the same file system. */
export async function holdBackAttributes(repo: string, aside: string, base: string, call: Call): Promise<HeldBack[]> {
  const listed = splitNul((await call(["ls-tree", "-r", "-z", "--name-only", base])).stdout).map((it) => it.toString("utf8"));
  const ofBase = new Set(listed.filter((it) => it === ATTRIBUTES || it.endsWith(`/${ATTRIBUTES}`)));
  const found = (await findAttributes(repo)).filter((it) => !ofBase.has(it));
  // Those in ignored folders (node_modules has many) are no part of the change.
  const ignored =
    found.length === 0
      ? []
      : splitNul((await call(["check-ignore", "-z", "--stdin"], { input: found.map((it) => `./${it}\0`).join("") })).stdout);
  const isIgnored = new Set(ignored.map((it) => it.toString("utf8").replace(/^\.\//, "")));
  const ownFound = found.filter((it) => !isIgnored.has(it));
  const heldBack: HeldBack[] = [];
  for (const path of [...ownFound, ...ofBase]) {
    if (!(await hasRealFolder(repo, path))) continue;
    const full = join(repo, path);
    const there = await lstat(full).catch(() => undefined);
    if (there?.isDirectory()) continue; // git reads no attributes from a folder
    const stored = there === undefined ? undefined : await readStored(full, there);
    const old = ofBase.has(path) ? (await call(["cat-file", "blob", `${base}:${path}`])).stdout : undefined;
    if (stored !== undefined && stored.mode !== "120000" && old?.equals(stored.content)) continue;
    const own = there === undefined ? undefined : join(aside, `attributes-${heldBack.length}`);
    if (own !== undefined) await rename(full, own);
    if (old !== undefined) await writeFile(full, old);
    heldBack.push({ path, aside: own, stored });
  }
  return heldBack;
}

/** Effects: work tree and index hold the agent's versions. */
export async function putBackAttributes(repo: string, heldBack: readonly HeldBack[], call: Call): Promise<void> {
  for (const { path, aside, stored } of heldBack) {
    await rm(join(repo, path), { force: true });
    if (aside !== undefined) await rename(aside, join(repo, path));
    if (stored === undefined) {
      await call(["update-index", "--force-remove", "--", path]);
      continue;
    }
    const hashed = await call(["hash-object", "-w", "--no-filters", "--stdin"], { input: stored.content });
    await call(["update-index", "--add", "--cacheinfo", `${stored.mode},${hashed.stdout.toString("latin1").trim()},${path}`]);
  }
}

async function readStored(full: string, there: Stats): Promise<Stored | undefined> {
  if (there.isSymbolicLink()) return { mode: "120000", content: Buffer.from(await readlink(full)) };
  if (!there.isFile()) return undefined;
  return { mode: (there.mode & 0o100) === 0 ? "100644" : "100755", content: await readFile(full) };
}

async function findAttributes(repo: string): Promise<string[]> {
  const found: string[] = [];
  async function look(folder: string): Promise<void> {
    for (const entry of await readdir(join(repo, folder), { withFileTypes: true }).catch(() => [])) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.name === ".git") continue;
      if (entry.name === ATTRIBUTES) found.push(path);
      else if (entry.isDirectory()) await look(path);
    }
  }
  await look("");
  return found;
}

/**
 * True when every folder above a path is a folder and not a link. Sandboxed code may have put a link to anywhere in
 * the place of one; nothing outside the checkout may be touched through it.
 */
export async function hasRealFolder(repo: string, path: string): Promise<boolean> {
  const parts = path.split("/").slice(0, -1);
  for (let at = 1; at <= parts.length; at += 1) {
    const found = await lstat(join(repo, ...parts.slice(0, at))).catch(() => undefined);
    if (found === undefined || !found.isDirectory()) return false;
  }
  return true;
}
