import { lstat, readdir } from "node:fs/promises";
import { type Blocked, unreadable } from "#action/runner/failure.ts";
import { ok, type Result } from "#core/wire/result.ts";
import { type Entry, type IndexCall, NO_ID, updateIndex, withoutIgnored } from "./git-index.ts";
import { below, hasRealFolder } from "./walk.ts";

const GITLINK = "160000";

/**
 * Repositories within the repository. For every gitlink in the index, `git add` runs `git status` inside that folder, and
 * so the filters and the fsmonitor that a configuration written there names: outside the sandbox, next to the key. No
 * setting stops it (git 2.39: neither `diff.ignoreSubmodules=all` nor `submodule.recurse=false` do). So the index has no
 * gitlink while git reads the work tree. What is left is a folder like any other, of which git reads `.git/HEAD` at most.
 */
export type Gitlinks = { readonly standing: readonly Entry[] };

/**
 * Effects: the index holds no gitlink. Whatever stands in one's place is refused, except for the empty folder that a
 * checkout makes.
 * Errors: changesUnreadable, naming the path.
 */
export async function takeOutGitlinks(
  call: IndexCall,
  repo: string,
  tracked: readonly Entry[],
): Promise<Result<Gitlinks, Blocked>> {
  const links = tracked.filter((it) => it.mode === GITLINK);
  const standing: Entry[] = [];
  for (const link of links) {
    const found = (await hasRealFolder(repo, link.path)) ? await lstat(below(repo, link.path)).catch(() => undefined) : undefined;
    if (found === undefined) continue;
    if (!found.isDirectory() || (await readdir(below(repo, link.path))).length > 0)
      return unreadable(
        `\`${link.path.toString("utf8")}\` is a submodule, which can't be filled or replaced here. Nothing of this change was kept.`,
      );
    standing.push(link);
  }
  const taken = await updateIndex(
    call,
    links.map((it) => ({ ...it, mode: "0", id: NO_ID })),
  );
  return taken.ok ? ok({ standing }) : taken;
}

/** Effects: the index has those gitlinks again whose folder still stands. Errors: changesUnreadable. */
export function putBackGitlinks(call: IndexCall, links: Gitlinks): Promise<Result<void, Blocked>> {
  return updateIndex(call, links.standing);
}

/**
 * Refuses folders with a `.git`, which would become gitlinks. An ignored one (a package manager's own clone) is never
 * added, so git doesn't look into it.
 * Errors: changesUnreadable, naming the first.
 */
export async function refuseRepositories(call: IndexCall, repositories: readonly Buffer[]): Promise<Result<void, Blocked>> {
  const own = await withoutIgnored(call, repositories);
  if (!own.ok) return own;
  const [first] = own.value;
  if (first === undefined) return ok(undefined);
  return unreadable(`\`${first.toString("utf8")}\` holds a git repository of its own. Nothing of this change was kept.`);
}
