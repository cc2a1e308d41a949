import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject } from "vitest";
import { connectEmbedded, connectPostgres, type Connection } from "#adapters/store/connect.ts";
import { migrate } from "#adapters/store/migrations.ts";
import { bindStore } from "#adapters/store/store.ts";
import type { Store } from "#ports/store.ts";
import { beginEmbeddedStore } from "#playground/embedded-store.ts";
import { freshDatabase as freshDatabaseOn } from "#playground/postgres.ts";

/** A database of its own on the run's Postgres. */
export function freshDatabase(): Promise<string> {
  return freshDatabaseOn(inject("postgresUrl"));
}

/** An embedded store without a schema, which is gone once it is closed. */
export async function connectFresh(): Promise<Connection> {
  const directory = mkdtempSync(join(tmpdir(), "agent-pool-store-"));
  await beginEmbeddedStore(directory);
  const { db, close } = await connectEmbedded(directory);
  return {
    db,
    close: async () => {
      await close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export type Engine = "PGlite" | "Postgres";
export const ENGINES: readonly Engine[] = ["PGlite", "Postgres"];

/** A store of its own, empty and with today's schema, and the connection below it. */
export async function openFresh(engine: Engine): Promise<{ readonly connection: Connection; readonly store: Store }> {
  const connection = engine === "PGlite" ? await connectFresh() : connectPostgres(await freshDatabase());
  await migrate(connection.db);
  return { connection, store: bindStore(connection) };
}
