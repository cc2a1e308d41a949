import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Client } from "pg";

/** The tests' own Postgres, on loopback, for as long as this runs. */
export async function startPostgres(): Promise<AsyncDisposable & { readonly url: string }> {
  const server = spawn(process.execPath, [join(import.meta.dirname, "../test/kit/postgres-process.ts")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exited = once(server, "exit");
  const first: unknown[] = await Promise.race([
    once(createInterface({ input: server.stdout }), "line"),
    exited.then(() => Promise.reject(new Error("Postgres did not start; see above"))),
  ]);
  return {
    url: String(first[0]),
    [Symbol.asyncDispose]: async () => {
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
