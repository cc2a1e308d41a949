import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { appendFile, chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { checkOut, put } from "./checkout.ts";

/**
 * A program of its own, because permissions don't bind root: as root it becomes `nobody`, once its modules are loaded.
 * In a checkout whose base has a submodule, it puts there what sandboxed code could: a repository whose filter runs a
 * command, and a folder closed over it. It takes a snapshot and then, as the control, runs a plain `git add` on the same
 * files. Prints the snapshot's end, and which of the two ran the command.
 */
const NOBODY = 65_534;
if (process.getuid?.() === 0) {
  process.setgroups?.([NOBODY]);
  process.setgid?.(NOBODY);
  process.setuid?.(NOBODY);
}

const [submodule = "", closed = "", mode = ""] = process.argv.slice(2);
const env = { PATH: process.env["PATH"], GIT_CONFIG_GLOBAL: "/dev/null" };
await using checkout = await checkOut({ "a.txt": "a\n" }, async (repo) => {
  const inner = join(repo, submodule);
  await mkdir(inner, { recursive: true });
  const git = (...args: string[]): unknown =>
    execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.com", ...args], { cwd: inner, env });
  git("init", "-q");
  await put(inner, "b.txt", "b\n");
  git("add", "b.txt");
  git("commit", "-qm", "inner");
});
const inner = join(checkout.repo, submodule);
const marker = join(checkout.repo, ".git", "marker");
await appendFile(join(inner, ".git", "config"), `[filter "x"]\n\tclean = touch ${marker}; cat\n`);
await put(inner, ".gitattributes", "* filter=x\n");
await put(inner, "b.txt", "c\n");
await chmod(join(checkout.repo, closed), Number.parseInt(mode, 8));

const end = await checkout.snapshot().catch((error: unknown) => (error instanceof Error ? error.message : ""));
const ran = existsSync(marker);
rmSync(marker, { force: true });
spawnSync("git", ["add", "--all"], { cwd: checkout.repo, env });
const control = existsSync(marker);

await chmod(join(checkout.repo, closed), 0o755);
process.stdout.write(JSON.stringify({ uid: process.getuid?.(), end, ran, control }));
