import { setImmediate } from "node:timers/promises";
import { PGlite } from "@electric-sql/pglite";
import { Kysely, PGliteDialect, PostgresDialect, sql, type DatabaseConnection } from "kysely";
import { Pool, TypeOverrides } from "pg";
import { guardDirectory } from "./guard.ts";
import { HOUR_MS, MINUTE_MS } from "#core/wire/units.ts";
import type { Schema } from "./schema.ts";

/**
 * PGlite has no autovacuum: without ours, 20,000 updates of a queue's rows leave 0.5 MB in its index, for good. The first one comes soon,
 * so that an app which is often started anew has one as well.
 */
const FIRST_VACUUM_MS = MINUTE_MS;
const VACUUM_EVERY_MS = 6 * HOUR_MS;

export type Connection = { readonly db: Kysely<Schema>; readonly close: () => Promise<void> };

/** Postgres' bigint (OID 20) as a number: every one of ours is an id, a time or micro-dollars, all below 2^53. */
const INT8 = 20;
const toNumber = (text: string) => Number(text);

/** A real server, shared by any number of processes. */
export function connectPostgres(url: string): Connection {
  const types = new TypeOverrides();
  types.setTypeParser(INT8, toNumber);
  const pool = new Pool({ connectionString: url, max: 10, types });
  // An idle connection that the server ends would otherwise be an uncaught exception; the next query gets a new one.
  pool.on("error", () => undefined);
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
  return { db, close: () => db.destroy() };
}

/** The embedded default: PGlite in a folder of this process alone. */
export async function connectEmbedded(directory: string): Promise<Connection> {
  const guard = await guardDirectory(directory);
  const pglite = await PGlite.create({ dataDir: `${directory}/postgres`, parsers: { [INT8]: toNumber } });
  const dialect = new PGliteDialect({ pglite, onCreateConnection: (connection) => Promise.resolve(takeTurns(connection)) });
  const db = new Kysely<Schema>({ dialect });
  let vacuumed = Promise.resolve();
  // One that fails is tried again in six hours: nothing depends on it.
  const run = () => void (vacuumed = vacuumed.then(() => vacuum(db)).catch(() => {}));
  const first = setTimeout(run, FIRST_VACUUM_MS).unref();
  const rest = setInterval(run, VACUUM_EVERY_MS).unref();
  return {
    db,
    async close() {
      clearTimeout(first);
      clearInterval(rest);
      await vacuumed;
      await db.destroy();
      if (!pglite.closed) await pglite.close();
      await guard[Symbol.asyncDispose]();
    },
  };
}

/** Room of rows that were changed is used again, and queries are planned by what there is. Table by table: each holds up all others. */
async function vacuum(db: Kysely<Schema>): Promise<void> {
  for (const { name } of await db.introspection.getTables()) await sql`vacuum (analyze) ${sql.table(name)}`.execute(db);
}

/**
 * PGlite runs on this thread, and one statement's end starts the next one that waits before anything else has its turn: with eight lanes
 * at work webhooks were seen to wait for seconds. Between two statements, what has come by network is read.
 */
function takeTurns(connection: DatabaseConnection): void {
  const execute = connection.executeQuery.bind(connection);
  connection.executeQuery = async (query, options) => {
    await setImmediate();
    return execute(query, options);
  };
}
