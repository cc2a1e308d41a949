import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Kysely } from "kysely";
import { Client } from "pg";
import { connectEmbedded, connectPostgres } from "#adapters/store/connect.ts";
import { migrate } from "#adapters/store/migrations.ts";
import type { Schema } from "#adapters/store/schema.ts";
import { bindStore } from "#adapters/store/store.ts";
import type { Store } from "#ports/store.ts";

export const ENGINES = ["Postgres", "PGlite"] as const;
export type EngineName = (typeof ENGINES)[number];

/** An empty store, and its tables. `stores`: as many as there are processes at one database; PGlite has one. */
export type Engine = {
  readonly name: EngineName;
  readonly stores: readonly Store[];
  readonly db: Kysely<Schema>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

const PROCESSES = 4;

export async function openEngine(name: EngineName, server: string): Promise<Engine> {
  const connections =
    name === "PGlite"
      ? [await connectEmbedded(":memory:")]
      : await freshDatabase(server).then((url) => Array.from({ length: PROCESSES }, () => connectPostgres(url)));
  const [first] = connections;
  if (first === undefined) throw new Error("no connection");
  await migrate(first.db);
  return {
    name,
    stores: connections.map(bindStore),
    db: first.db,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(connections.map((each) => each.close()));
    },
  };
}

export async function freshDatabase(server: string): Promise<string> {
  const name = `bench_${randomUUID().replaceAll("-", "")}`;
  const client = new Client({ connectionString: `${server}/postgres` });
  await client.connect();
  await client.query(`create database ${name}`);
  await client.end();
  return `${server}/${name}`;
}

/** The tests' own Postgres, for as long as this runs. */
export async function startPostgres(): Promise<{ readonly url: string; readonly [Symbol.asyncDispose]: () => Promise<void> }> {
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
