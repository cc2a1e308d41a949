import { randomUUID } from "node:crypto";
import { Client } from "pg";
import { inject } from "vitest";
import { connectEmbedded, connectPostgres, type Connection } from "#adapters/store/connect.ts";
import { migrate } from "#adapters/store/migrations.ts";
import { bindStore } from "#adapters/store/store.ts";
import type { Store } from "#ports/store.ts";

/** A database of its own on the run's Postgres. */
export async function freshDatabase(): Promise<string> {
  const server = inject("postgresUrl");
  const name = `test_${randomUUID().replaceAll("-", "")}`;
  const client = new Client({ connectionString: `${server}/postgres` });
  await client.connect();
  await client.query(`create database ${name}`);
  await client.end();
  return `${server}/${name}`;
}

export type Engine = "PGlite" | "Postgres";
export const ENGINES: readonly Engine[] = ["PGlite", "Postgres"];

/** A store of its own, empty and with today's schema, and the connection below it. */
export async function openFresh(engine: Engine): Promise<{ readonly connection: Connection; readonly store: Store }> {
  const connection = engine === "PGlite" ? await connectEmbedded(":memory:") : connectPostgres(await freshDatabase());
  await migrate(connection.db);
  return { connection, store: bindStore(connection) };
}
