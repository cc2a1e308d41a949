import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { git } from "#playground/independent.ts";
import type { World } from "#playground/world.ts";
import type { Attack, Place } from "./corpus.ts";

/** The product repository as an attack has it, and the maintainer's role in it. */
export async function makeRepository(world: World, repository: string, { files, submodules }: Attack): Promise<void> {
  const [owner = "", name = ""] = repository.split("/");
  const all = { "README.md": `# ${name}\n`, ...files };
  if (submodules.length === 0) await world.github.createRepository({ owner, name, private: true, files: all });
  else {
    // Only git itself can make an entry for a submodule.
    const folder = mkdtempSync(join(world.dataDir, "base-"));
    for (const [path, content] of Object.entries(all)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), content);
    }
    await git(folder, "init", "--quiet", "--initial-branch=main");
    await git(folder, "add", "--all");
    for (const path of submodules) await git(folder, "update-index", "--add", "--cacheinfo", `160000,${"1".repeat(40)},${path}`);
    await git(folder, "-c", "user.name=base", "-c", "user.email=base@example.com", "commit", "--quiet", "-m", "base");
    await world.github.createRepository({ owner, name, private: true, fromGit: folder });
    rmSync(folder, { recursive: true, force: true });
  }
  world.github.setRole(repository, world.maintainer.login, "write");
}

/** What the app wrote to GitHub for an issue. */
export async function readPublished(
  world: World,
  repository: string,
  issue: number,
): Promise<Record<"tree" | "commit" | "pull" | "comment", string>> {
  const { github } = world;
  const gitDir = join(world.dataDir, "repositories", `${repository}.git`);
  const run = (...args: readonly string[]) =>
    execFileSync("git", ["--git-dir", gitDir, "-c", "core.quotePath=false", ...args], { maxBuffer: 64 * 1024 * 1024 }).toString(
      "latin1",
    );
  const branches = (await github.branches(repository)).filter(({ name }) => name !== "main");
  const pulls = await github.pulls(repository);
  const own = github.comments(repository, issue).filter(({ login }) => login === github.app.botLogin);
  return {
    tree: branches.map(({ sha }) => `${run("ls-tree", "-r", "--format=%(objectmode) %(path)", sha)}\n${run("diff", "--no-renames", "--text", "main", sha)}`).join("\n"), // prettier-ignore
    commit: branches.map(({ name, sha }) => `${name}\n${run("log", "--format=%B", `main..${sha}`)}`).join("\n"),
    pull: pulls.map(({ title, body }) => `${title}\n${body}`).join("\n"),
    comment: own.map(({ body }) => body).join("\n"),
  } satisfies Partial<Record<Place, string>>;
}
