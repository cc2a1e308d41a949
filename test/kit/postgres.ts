import { existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";

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
