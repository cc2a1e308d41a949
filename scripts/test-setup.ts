import { spawnSync } from "node:child_process";
import { chmodSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { onPath, SANDBOX_PROGRAMS } from "../playground/programs.ts";
import { installedPostgres } from "../test/kit/postgres.ts";
import { ROOT } from "./import-table.ts";

/**
 * What the tests need beside npm's packages: Node 24, the sandbox's programs, a Postgres with an operator's tools (npm's has
 * none), the pinned harness in the tool cache. What is missing is installed where that is allowed (root, or sudo without a
 * password); otherwise this fails and says what to install. Nothing is skipped for want of it.
 */
const PROGRAMS = { ...SANDBOX_PROGRAMS, iptables: "iptables", ip: "iproute2", git: "git", bash: "bash" } as const;

function fail(message: string): never {
  console.error(`test set-up: ${message}`);
  process.exit(1);
}

function missing(): string[] {
  const programs = Object.entries(PROGRAMS).flatMap(([program, name]) => (onPath(program) ? [] : [name]));
  return [...programs, ...(installedPostgres() === undefined ? ["postgresql"] : [])];
}

const major = Number(process.versions.node.split(".")[0]);
if (major < 24)
  fail(
    `Node 24 is needed and this is ${process.version}; run it through npm after \`npm ci\`, which brings 24 for Linux x64, or install it`,
  );

if (missing().length > 0) {
  const wanted = missing();
  const sudo = process.getuid?.() === 0 ? [] : ["sudo", "-n"];
  const run = (...command: string[]) =>
    spawnSync(command[0] ?? "", command.slice(1), {
      stdio: "inherit",
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    }).status === 0;
  console.log(`test set-up: installing ${wanted.join(", ")}`);
  const installed =
    onPath("apt-get") &&
    run(...sudo, "apt-get", "update", "-qq") &&
    run(...sudo, "apt-get", "install", "-y", "-qq", "--no-install-recommends", ...wanted);
  if (!installed || missing().length > 0)
    fail(
      `${missing().join(", ")} is missing and could not be installed; install it with the system's package manager, then run this again`,
    );
}

// The tests of the sandbox that is a separate user need a way to this folder for others, to pass and not to look: `mktemp -d`
// makes a folder that has none.
for (let folder = ROOT; folder !== dirname(folder); folder = dirname(folder)) {
  const { mode } = statSync(folder);
  if ((mode & 0o001) !== 0) continue;
  console.log(`test set-up: chmod o+x ${folder}, for the separate user that some tests make`);
  chmodSync(folder, (mode & 0o7777) | 0o001);
}

const fetched = spawnSync(process.execPath, [join(ROOT, "action/src/prefetch.ts"), join(ROOT, ".cache/tools")], {
  stdio: "inherit",
});
if (fetched.status !== 0) fail("the pinned harness could not be fetched from npm; check the registry, then run this again");
