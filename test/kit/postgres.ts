import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";

export type RunningPostgres = AsyncDisposable & {
  /** Of the server, without a database. */
  readonly url: string;
};

/** A Postgres of its own, in a folder that goes with it. `programs`: where its programs are; default: npm's. */
export async function startPostgres(programs?: string): Promise<RunningPostgres> {
  const args = [join(import.meta.dirname, "postgres-process.ts"), ...(programs === undefined ? [] : [programs])];
  const server = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(server, "exit");
  const first: unknown[] = await Promise.race([
    once(createInterface({ input: server.stdout }), "line"),
    exited.then(() => Promise.reject(new Error("Postgres did not start; see above"))),
  ]);
  return {
    url: String(first[0]),
    async [Symbol.asyncDispose]() {
      server.stdin.end();
      await exited;
    },
  };
}

/** Debian puts each version's programs into a folder of its own, and a server's on no PATH. */
const DEBIAN = "/usr/lib/postgresql";

/** A folder of this machine with a server and an operator's tools of one version, the newest of Debian's first; npm's Postgres has no tools. */
export function installedPostgres(): string | undefined {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).toSorted((a, b) => Number(b) - Number(a)) : [];
  const folders = [...versions.map((version) => join(DEBIAN, version, "bin")), ...(process.env["PATH"] ?? "").split(delimiter)];
  return folders.find((folder) =>
    ["initdb", "postgres", "pg_dump", "pg_restore"].every((program) => existsSync(join(folder, program))),
  );
}
