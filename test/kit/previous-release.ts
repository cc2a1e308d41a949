import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, realpathSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { git } from "#playground/independent.ts";
import { ROOT, TOOL_CACHE } from "#playground/world.ts";

const MIGRATIONS = "src/adapters/store/migrations.ts";

/** A commit of this repository as an operator has it deployed. */
export type Release = { readonly commit: string; readonly tree: string; readonly migrations: readonly string[] };

/** The names of the present migrations, in their order. */
export function presentMigrations(): readonly string[] {
  return namesOf(readFileSync(join(ROOT, MIGRATIONS), "utf8"));
}

/**
 * Puts the newest commit below `folder` whose schema this program brings up to date: its migrations are the first of the present ones,
 * and not all. One that was renamed before a release (as 0003 was) belongs to no such commit. Packages are the present ones.
 */
export async function extractPreviousRelease(folder: string): Promise<Release> {
  const commits = await schemaCommits();
  const present = presentMigrations();
  for (const commit of commits) {
    const text = await git(ROOT, "show", `${commit}:${MIGRATIONS}`).catch(() => "");
    const migrations = namesOf(text);
    const isOlder = migrations.length > 0 && migrations.length < present.length;
    if (!isOlder || migrations.some((name, at) => name !== present[at])) continue;
    const tree = join(folder, "previous-release");
    mkdirSync(tree);
    await git(ROOT, "archive", "--format=tar", `--output=${tree}.tar`, commit);
    execFileSync("tar", ["--extract", "--file", `${tree}.tar`, "--directory", tree]);
    symlinkSync(join(ROOT, "node_modules"), join(tree, "node_modules"));
    // Its Action may run other versions of the CLIs; those that are there already cost nothing.
    execFileSync(process.execPath, [join(tree, "action/src/prefetch.ts"), TOOL_CACHE], { cwd: tree, stdio: "pipe" });
    return { commit, tree, migrations };
  }
  throw new Error(`no commit of this history has an older schema than ${present.join(", ")}; see test/kit/previous-release.ts`);
}

/** The newest commit, and each one just before a change of the schema, newest first. */
async function schemaCommits(): Promise<readonly string[]> {
  const needed = "the upgrade test takes the previous release from git's history";
  const about = await git(ROOT, "rev-parse", "--show-toplevel", "--is-shallow-repository").catch((error: unknown) => {
    throw new Error(`${needed}, which can't be read here: run it in a full clone (git clone)`, { cause: error });
  });
  const [top = "", shallow] = about.split("\n");
  if (realpathSync(top) !== realpathSync(ROOT))
    throw new Error(`${needed}, and this folder is no clone: run it in a full one (git clone)`);
  if (shallow === "true") throw new Error(`${needed}, and this clone is shallow: git fetch --unshallow, then run it again`);
  const changes = await git(ROOT, "log", "--format=%H", "--", MIGRATIONS);
  return ["HEAD", ...changes.split("\n").map((change) => `${change}^`)];
}

function namesOf(migrations: string): readonly string[] {
  return [...migrations.matchAll(/^ {2}"(\d{4}_\w+)":/gm)].map((match) => match[1] ?? "");
}
