import { execFileSync, spawnSync } from "node:child_process";
import { appendFileSync, chmodSync, existsSync, mkdirSync, mkdtempSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

/** Root may enter every folder, so what permissions hide is only hidden from another user: what follows runs as `nobody`. */
const NOBODY = 65_534;
const asNobody = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
const SNAPSHOT = fileURLToPath(new URL("../../action/src/snapshot.ts", import.meta.url));

/** The Action's own reading of the work tree, in a process that gives root up once its modules are loaded. */
const READ = `
import { takeSnapshot } from ${JSON.stringify(SNAPSHOT)};
const [repo, hidden, base] = process.argv.slice(1);
if (process.getuid() === 0) { process.setgroups([]); process.setgid(${String(NOBODY)}); process.setuid(${String(NOBODY)}); }
const git = { workTree: repo, home: hidden, path: process.env.PATH };
console.log(JSON.stringify(await takeSnapshot(git, { repo, hidden }, base)));
`;

type Trap = { readonly repo: string; readonly hidden: string; readonly base: string; readonly marker: string };

/**
 * A checkout whose base has a submodule, in whose place sandboxed code has made a repository of its own, at the very commit,
 * with a filter that runs a command and a file that git must look at again.
 */
function setTrap(path: string): Trap {
  const root = mkdtempSync(join(tmpdir(), "nested-"));
  const [repo, hidden, marker] = [join(root, "repo"), join(root, "hidden"), join(root, "marker")];
  const nested = join(repo, path);
  for (const folder of [repo, hidden, nested]) mkdirSync(folder, { recursive: true });
  const git = (cwd: string, ...args: string[]): string =>
    execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.com", ...args], { cwd, encoding: "utf8" }).trim();
  git(nested, "init", "-q");
  writeFileSync(join(nested, "f.txt"), "text\n");
  git(nested, "add", "-A");
  git(nested, "commit", "-qm", "nested");
  git(repo, "init", "-q");
  writeFileSync(join(repo, "a.txt"), "a\n");
  git(repo, "add", "a.txt");
  git(repo, "update-index", "--add", "--cacheinfo", `160000,${git(nested, "rev-parse", "HEAD")},${path}`);
  git(repo, "commit", "-qm", "base");
  appendFileSync(join(nested, ".git/config"), `[filter "x"]\n\tclean = "touch ${marker}; cat"\n`);
  mkdirSync(join(nested, ".git/info"), { recursive: true });
  writeFileSync(join(nested, ".git/info/attributes"), "* filter=x\n");
  utimesSync(join(nested, "f.txt"), 1, 1);
  if (asNobody.uid !== undefined) execFileSync("chown", ["-R", `${String(NOBODY)}:${String(NOBODY)}`, root]);
  return { repo, hidden, base: git(repo, "-c", "safe.directory=*", "rev-parse", "HEAD"), marker };
}

function readAsAction({ repo, hidden, base }: Trap): { ok: boolean; error?: { detail: string } } {
  const ran = spawnSync(process.execPath, ["--input-type=module", "-e", READ, repo, hidden, base], { encoding: "utf8" });
  return JSON.parse(ran.stdout) as ReturnType<typeof readAsAction>;
}

const LAYOUTS: readonly [string, string, (repo: string) => void][] = [
  ["that can be seen", "vendor/lib", () => undefined],
  ["below a folder that can't be listed", "vendor/lib", (repo) => chmodSync(join(repo, "vendor"), 0o311)],
  ["in a checkout that can't be listed", "lib", (repo) => chmodSync(repo, 0o311)],
];

describe("a repository in the place of a submodule", () => {
  it.each(LAYOUTS)("%s is refused, and nothing in it runs", (_name, path, hide) => {
    const trap = setTrap(path);
    hide(trap.repo);

    const read = readAsAction(trap);

    expect(read.ok).toBe(false);
    expect(read.error?.detail).toMatch(/submodule|can't be read|repository of its own/);
    expect(existsSync(trap.marker)).toBe(false);
  });

  it.each(LAYOUTS)("%s runs its command when git adds it as it is, so that each case above can fail", (_name, path, hide) => {
    const trap = setTrap(path);
    hide(trap.repo);

    spawnSync("git", ["add", "--all", "--", "."], {
      cwd: trap.repo,
      env: { PATH: process.env["PATH"], HOME: trap.hidden },
      ...asNobody,
    });

    expect(existsSync(trap.marker)).toBe(true);
  });

  it("keeps an empty submodule folder as it is, which is how a checkout leaves one", () => {
    const trap = setTrap("vendor/lib");
    execFileSync("rm", ["-rf", join(trap.repo, "vendor/lib")]);
    mkdirSync(join(trap.repo, "vendor/lib"));
    if (asNobody.uid !== undefined) execFileSync("chown", ["-R", `${String(NOBODY)}:${String(NOBODY)}`, trap.repo]);

    expect(readAsAction(trap)).toMatchObject({ ok: true });
  });
});
