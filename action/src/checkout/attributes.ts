import type { Stats } from "node:fs";
import { lstat, readFile, readlink, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Blocked, whyFailed, unreadable } from "#action/runner/failure.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { type Entry, type IndexCall, NO_ID, updateIndex, withoutIgnored } from "./git-index.ts";
import { ATTRIBUTES, below, hasRealFolder } from "./walk.ts";

/**
 * `git add` reads `.gitattributes` from the work tree, where the agent may have rewritten it. So each one that differs
 * from base is moved aside, base's put in its place while everything else is added, and afterwards the agent's version
 * goes back to its place and into the index as it was, byte for byte. (`git --attr-source` would do this, from git 2.41
 * on; runners of 2022 and Debian 12 have older ones.)
 */
export type HeldBack = {
  readonly path: Buffer;
  /** Where the agent's own waits; undefined when it deleted base's. */
  readonly aside: string | undefined;
  /** As git stores it; undefined when there is nothing to store (deleted, or a pipe). */
  readonly stored: Stored | undefined;
};
type Stored = { readonly mode: "100644" | "100755" | "120000"; readonly content: Buffer };

/** The largest that git itself would read (`ATTR_MAX_FILE_SIZE`, git 2.39.1). */
const MAX_BYTES = 100 * 1024 * 1024;

type ToHoldBack = {
  /** Of the work tree. */
  readonly found: readonly Buffer[];
  /** Of base. */
  readonly tracked: readonly Entry[];
  /** A folder of the same file system. */
  readonly aside: string;
};

/**
 * Effects: the work tree's `.gitattributes` are base's afterwards; the agent's are in `aside`.
 * Errors: changesUnreadable.
 */
export async function holdBackAttributes(
  call: IndexCall,
  repo: string,
  { found, tracked, aside }: ToHoldBack,
): Promise<Result<HeldBack[], Blocked>> {
  const ofBase = new Map(tracked.filter((it) => isAttributes(it.path)).map((it) => [it.path.toString("latin1"), it]));
  // Those in ignored folders (node_modules has many) are no part of the change.
  const own = await withoutIgnored(call, found.filter((it) => !ofBase.has(it.toString("latin1")))); // prettier-ignore
  if (!own.ok) return own;
  const heldBack: HeldBack[] = [];
  for (const path of [...own.value, ...[...ofBase.values()].map((it) => it.path)]) {
    if (!(await hasRealFolder(repo, path))) continue;
    const full = below(repo, path);
    const there = await lstat(full).catch(() => undefined);
    if (there?.isDirectory()) continue; // git reads no attributes from a folder
    const stored = there === undefined ? ok(undefined) : await readStored(full, there);
    if (!stored.ok) return unreadable(`\`${path.toString("utf8")}\` can't be read: ${stored.error}`);
    const entry = ofBase.get(path.toString("latin1"));
    const old = entry === undefined ? undefined : await call(["cat-file", "blob", entry.id]);
    if (old !== undefined && old.exitCode !== 0) return unreadable(`git could not read attributes: ${whyFailed(old)}`);
    if (stored.value !== undefined && stored.value.mode !== "120000" && old?.stdout.equals(stored.value.content)) continue;
    const moved = there === undefined ? undefined : join(aside, `attributes-${heldBack.length}`);
    if (moved !== undefined) await rename(full, moved);
    if (old !== undefined) await writeFile(full, old.stdout);
    heldBack.push({ path, aside: moved, stored: stored.value });
  }
  return ok(heldBack);
}

/** Effects: work tree and index hold the agent's versions. Errors: changesUnreadable. */
export async function putBackAttributes(
  call: IndexCall,
  repo: string,
  heldBack: readonly HeldBack[],
): Promise<Result<void, Blocked>> {
  const entries: Entry[] = [];
  for (const { path, aside, stored } of heldBack) {
    const full = below(repo, path);
    await rm(full, { force: true });
    if (aside !== undefined) await rename(aside, full);
    if (stored === undefined) {
      entries.push({ mode: "0", id: NO_ID, path });
      continue;
    }
    const hashed = await call(["hash-object", "-w", "--no-filters", "--stdin"], { input: stored.content });
    if (hashed.exitCode !== 0) return unreadable(`git could not store attributes: ${whyFailed(hashed)}`);
    entries.push({ mode: stored.mode, id: hashed.stdout.toString("latin1").trim(), path });
  }
  return updateIndex(call, entries);
}

async function readStored(full: Buffer, there: Stats): Promise<Result<Stored | undefined, string>> {
  if (there.isSymbolicLink()) return ok({ mode: "120000", content: await readlink(full, "buffer") });
  if (!there.isFile()) return ok(undefined);
  if (there.size > MAX_BYTES) return err(`it has ${there.size} bytes`);
  const content = await readFile(full).catch(() => undefined);
  if (content === undefined) return err("its permissions don't allow it");
  return ok({ mode: (there.mode & 0o100) === 0 ? "100644" : "100755", content });
}

function isAttributes(path: Buffer): boolean {
  return path.subarray(path.lastIndexOf("/") + 1).equals(Buffer.from(ATTRIBUTES));
}
