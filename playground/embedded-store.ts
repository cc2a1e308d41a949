import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";

/** What an embedded store begins as: its `initdb` takes five seconds, a copy of another's less than one. Set where many are begun. */
const BEGUN = "PLAYGROUND_EMBEDDED_STORE";

/** Makes one in `directory`, empty and without a schema, that others of this process and its children begin as. */
export async function shareEmbeddedStore(directory: string): Promise<void> {
  const dataDir = join(directory, "postgres");
  await (await PGlite.create({ dataDir })).close();
  process.env[BEGUN] = dataDir;
}

/** For an embedded store that is about to be opened in `directory`, and isn't there yet. */
export async function beginEmbeddedStore(directory: string): Promise<void> {
  const begun = process.env[BEGUN];
  if (begun === undefined) return;
  await mkdir(directory, { recursive: true });
  await cp(begun, join(directory, "postgres"), { recursive: true });
}
