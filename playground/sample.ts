import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";

/** The bundled repository, by path: a pagination bug, a test that fails, and the settings that name it. */
export function sampleFiles(): Record<string, string> {
  const folder = join(import.meta.dirname, "sample");
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => join(folder, name));
  return Object.fromEntries(
    files.filter((file) => statSync(file).isFile()).map((file) => [relative(folder, file), readFileSync(file, "utf8")]),
  );
}
