import { access, constants, lstat, readdir } from "node:fs/promises";
import { type Blocked, messageOf, unreadable } from "#action/runner/failure.ts";
import { ok, type Result } from "#core/wire/result.ts";

export const ATTRIBUTES = ".gitattributes";

/** What a walk found, as paths relative to the checkout. In bytes: a name need not be UTF-8, and one that isn't hides nothing. */
export type Found = {
  /** Folders that have an entry `.git`. */
  readonly repositories: readonly Buffer[];
  readonly attributes: readonly Buffer[];
};

/**
 * Looks into every folder of the checkout but its own `.git`. Links are not followed. A folder that can't be listed or
 * entered ends the walk: sandboxed code may have closed one (`chmod 0311`) over what it doesn't want to be seen, and git
 * would still go in where it knows the names.
 * Errors: changesUnreadable, naming the folder.
 */
export async function walk(repo: string): Promise<Result<Found, Blocked>> {
  const repositories: Buffer[] = [];
  const attributes: Buffer[] = [];
  let at = Buffer.from(".");
  async function look(folder: Buffer): Promise<void> {
    if (folder.length > 0) at = Buffer.from(folder);
    const full = below(repo, folder);
    await access(full, constants.R_OK | constants.X_OK);
    for (const entry of await readdir(full, { withFileTypes: true, encoding: "buffer" })) {
      const path = folder.length === 0 ? entry.name : Buffer.concat([folder, Buffer.from("/"), entry.name]);
      const name = entry.name.toString("latin1");
      if (name.toLowerCase() === ".git") {
        if (folder.length > 0) repositories.push(folder);
      } else if (name === ATTRIBUTES) attributes.push(path);
      else if (entry.isDirectory()) await look(path);
    }
  }
  try {
    await look(Buffer.alloc(0));
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? messageOf(cause);
    return unreadable(`The folder \`${at.toString("utf8")}\` can't be read (${code}). Nothing of this change was kept.`);
  }
  return ok({ repositories, attributes });
}

/** The full path of one that is relative to a folder, in bytes. */
export function below(folder: string, path: Buffer): Buffer {
  return path.length === 0 ? Buffer.from(folder) : Buffer.concat([Buffer.from(`${folder}/`), path]);
}

/**
 * True when every folder above a path is a folder and not a link. Sandboxed code may have put a link to anywhere in
 * the place of one; nothing outside the checkout may be touched through it.
 */
export async function hasRealFolder(repo: string, path: Buffer): Promise<boolean> {
  for (let at = path.indexOf("/"); at !== -1; at = path.indexOf("/", at + 1)) {
    const found = await lstat(below(repo, path.subarray(0, at))).catch(() => undefined);
    if (found === undefined || !found.isDirectory()) return false;
  }
  return true;
}
