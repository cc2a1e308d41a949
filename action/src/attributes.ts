import { lstat, readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type GitCall, splitNul } from "./git.ts";
import type { Ended } from "./process.ts";

/**
 * `git add` reads `.gitattributes` from the work tree, where the agent may have rewritten it. So each one that differs
 * from base is taken out, base's put in its place while everything else is added, and afterwards the agent's version
 * goes into the index as it was, byte for byte. (`git --attr-source` would do this, from git 2.41 on; runners of 2022
 * and Debian 12 have older ones.)
 */
export type HeldBack = { readonly path: string; readonly mode: "100644" | "100755" | "120000"; readonly content: Buffer };

type Call = (args: readonly string[], more?: Partial<GitCall>) => Promise<Ended>;

const NAME = ".gitattributes";

/** Effects: the work tree's `.gitattributes` are base's afterwards. */
export async function holdBackAttributes(repo: string, base: string, call: Call): Promise<HeldBack[]> {
  const listed = splitNul((await call(["ls-tree", "-r", "-z", "--name-only", base])).stdout).map((it) => it.toString("utf8"));
  const ofBase = new Set(listed.filter((it) => it === NAME || it.endsWith(`/${NAME}`)));
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
    const held = await readHeld(repo, path);
    const old = ofBase.has(path) ? (await call(["cat-file", "blob", `${base}:${path}`])).stdout : undefined;
    if (held !== undefined && old !== undefined && held.mode !== "120000" && held.content.equals(old)) continue;
    if (held !== undefined) heldBack.push(held);
    await rm(join(repo, path), { force: true, recursive: true });
    if (old !== undefined) await writeFile(join(repo, path), old);
    if (held === undefined && old !== undefined) heldBack.push({ path, mode: "100644", content: GONE });
  }
  return heldBack;
}

/** Marks a file that the agent deleted. Compared by identity. */
const GONE = Buffer.alloc(0);

/** Effects: the index holds the agent's versions. */
export async function putBackAttributes(heldBack: readonly HeldBack[], call: Call): Promise<void> {
  for (const { path, mode, content } of heldBack) {
    if (content === GONE) {
      await call(["update-index", "--force-remove", "--", path]);
      continue;
    }
    const blob = (await call(["hash-object", "-w", "--no-filters", "--stdin"], { input: content })).stdout
      .toString("latin1")
      .trim();
    await call(["update-index", "--add", "--cacheinfo", `${mode},${blob},${path}`]);
  }
}

async function readHeld(repo: string, path: string): Promise<HeldBack | undefined> {
  const full = join(repo, path);
  const found = await lstat(full).catch(() => undefined);
  if (found?.isSymbolicLink()) return { path, mode: "120000", content: Buffer.from(await readlink(full)) };
  if (found?.isFile()) return { path, mode: (found.mode & 0o100) === 0 ? "100644" : "100755", content: await readFile(full) };
  return undefined;
}

async function findAttributes(repo: string): Promise<string[]> {
  const found: string[] = [];
  async function look(folder: string): Promise<void> {
    for (const entry of await readdir(join(repo, folder), { withFileTypes: true }).catch(() => [])) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.name === ".git") continue;
      if (entry.name === NAME) found.push(path);
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
