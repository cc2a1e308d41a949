import type { Kysely } from "kysely";
import { connectEmbedded, connectPostgres } from "#adapters/store/connect.ts";
import { migrate } from "#adapters/store/migrations.ts";
import type { Schema } from "#adapters/store/schema.ts";
import { bindStore } from "#adapters/store/store.ts";
import type { Store } from "#ports/store.ts";
import { freshDatabase } from "#playground/postgres.ts";

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
