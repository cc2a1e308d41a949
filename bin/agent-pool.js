#!/usr/bin/env node
import { existsSync } from "node:fs";

const [major] = process.versions.node.split(".");
if (Number(major) < 24) {
  process.stderr.write(
    `agent-pool: Node 24 or newer is needed, and this is ${process.version}; npm brings it along on Linux x64, unless optional packages are left out\n`,
  );
  process.exit(2);
}

/** Programs of their own, which take all words after their name. */
const PROGRAMS = new Map([
  ["start", "src/main"],
  ["demo", "playground/demo/main"],
]);
const words = process.argv.slice(3);
if (process.argv[2] === "start" && words.length > 0) {
  if (!words.includes("--help") && !words.includes("-h")) {
    process.stderr.write(
      `agent-pool: \`start\` takes no words, and \`${words.join(" ")}\` is some; it goes by variables, see agent-pool --help\n`,
    );
    process.exit(2);
  }
  process.argv.splice(2, words.length + 1, "--help");
}
const own = PROGRAMS.get(process.argv[2] ?? "");
if (own !== undefined) process.argv.splice(2, 1);
const program = own ?? "src/agent-pool";
// In the repository the sources run as they are; a package has them without their types (scripts/build-package.ts), since Node takes
// none off below node_modules.
const source = new URL(`../${program}.ts`, import.meta.url);
await import(existsSync(source) ? source.href : new URL(`../dist/${program}.js`, import.meta.url).href);
