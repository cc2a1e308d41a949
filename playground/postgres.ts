import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Client } from "pg";

export type RunningPostgres = AsyncDisposable & {
  /** Of the server, without a database. */
  readonly url: string;
};

/** The tests' own Postgres, on loopback, in a folder that goes with it. `programs`: where its programs are; default: npm's. */
export async function startPostgres(programs?: string): Promise<RunningPostgres> {
  const script = join(import.meta.dirname, "../test/kit/postgres-process.ts");
  const server = spawn(process.execPath, [script, ...(programs === undefined ? [] : [programs])], {
    stdio: ["pipe", "pipe", "inherit"],
  });
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

/** A database of its own on that server: its address. */
export async function freshDatabase(server: string): Promise<string> {
  const name = `fresh_${randomUUID().replaceAll("-", "")}`;
  const client = new Client({ connectionString: `${server}/postgres` });
  await client.connect();
  await client.query(`create database ${name}`);
  await client.end();
  return `${server}/${name}`;
}
