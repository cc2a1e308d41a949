import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { dirname, join, relative } from "node:path";
import { ROOT } from "./import-table.ts";

/**
 * Writes what `npm pack` packs into `dist`: the house as it stands, file by file, its types blanked out, since Node takes none off
 * below node_modules. So each file has its place and each line its number.
 */
const OUT = join(ROOT, "dist");
const PACKED = ["src", "playground", "action", ".github/workflows", "app.yml"];

const { imports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { imports: Record<string, string> };

/** `#core/wire/json.ts`, as seen from the file that imports it; a package's own map leads to the sources. */
function resolveImport(specifier: string, from: string): string {
  const [head = "", ...rest] = specifier.split("/");
  const target = imports[`${head}/*`];
  const path = target === undefined ? specifier : relative(dirname(from), target.replace("*", rest.join("/")));
  return `${path.startsWith(".") ? "" : "./"}${path}`.replace(/\.ts$/, ".js");
}

const IMPORT = /(\b(?:from|import)\s*\(?\s*)"([#.][^"]*\.ts)"/g;
/** A program that is started by its path. */
const PROGRAM = /"((?:src|action\/src|playground)\/[\w/-]+)\.ts"/g;

function toScript(file: string, text: string): string {
  return stripTypeScriptTypes(text)
    .replaceAll(IMPORT, (_, before: string, specifier: string) => `${before}"${resolveImport(specifier, file)}"`)
    .replaceAll(PROGRAM, '"$1.js"');
}

rmSync(OUT, { recursive: true, force: true });
const listed = execFileSync("git", ["ls-files", "-z", "--", ...PACKED], { cwd: ROOT, encoding: "utf8" });
const files = listed.split("\0").filter((file) => file !== "");
for (const file of files) {
  const out = join(OUT, file);
  mkdirSync(dirname(out), { recursive: true });
  const text = (): string => readFileSync(join(ROOT, file), "utf8");
  // What stands for an Action names its program by its file.
  if (file.startsWith("playground/") && file.endsWith("/action.yml"))
    writeFileSync(out, text().replaceAll(/(\bmain: [\w/-]+)\.ts\b/g, "$1.js"));
  else if (!file.endsWith(".ts") || file.startsWith("playground/sample/")) cpSync(join(ROOT, file), out);
  else writeFileSync(out.replace(/\.ts$/, ".js"), toScript(file, text()));
}
// Where `init` has the workflow take the Action from: the commit that these files are of.
const commit = execFileSync("git", ["rev-parse", "HEAD"], { cwd: ROOT, encoding: "utf8" }).trim();
writeFileSync(join(OUT, "release.json"), `${JSON.stringify({ repository: "agent-pool/agent-pool", commit })}\n`);
process.stdout.write(`dist: ${String(files.length)} files, without types.\n`);
