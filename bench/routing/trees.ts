import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { LIST_FILES, listedFiles } from "#core/plan/signals/files.ts";
import type { TreeFile } from "#core/plan/signals/places.ts";

/** By `owner/name`. */
export type Trees = ReadonlyMap<string, readonly TreeFile[]>;

/**
 * The files at HEAD of the clones in `directory`, each called `owner__name`, with a work tree or without. HEAD stands for the
 * commits that the issues are of: files come and go, but most have been there for long.
 */
export function readTrees(directory: string, repositories: readonly string[]): Trees {
  return new Map(
    [...new Set(repositories)].flatMap((repository) => {
      const clone = join(directory, repository.replace("/", "__"));
      return existsSync(clone) ? [[repository, readTree(clone)] as const] : [];
    }),
  );
}

function readTree(clone: string): TreeFile[] {
  return listedFiles(execFileSync("git", ["-C", clone, ...LIST_FILES], { encoding: "utf8", maxBuffer: 256 * 1024 * 1024 }));
}
