import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "#playground/world.ts";
import { readPains } from "./pains.ts";

const HELP = `npm run pains -- [--json] [--only NAME,…]
Runs the test of each pain as the sources are, and with the one line that would bring the pain back.
Exit code 0: each passes, and fails with its line; 1: not so.
`;

const { values } = parseArgs({
  options: { help: { type: "boolean", default: false }, json: { type: "boolean", default: false }, only: { type: "string" } },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const only = values.only?.split(",");
const rows = [...readPains()].flatMap(([name, { what, threads }]) => {
  if (only !== undefined && !only.includes(name)) return [];
  const row = { name, what, threads, passes: passes(name), failsWithPain: !passes(name, name) };
  process.stderr.write(`${row.passes && row.failsWithPain ? "ok  " : "FAIL"} ${name}\n`);
  return [row];
});
if (values.json) process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
process.exitCode = rows.length > 0 && rows.every((row) => row.passes && row.failsWithPain) ? 0 : 1;

/** `pain`: put in while its test runs (vitest.config.ts). */
function passes(test: string, pain = ""): boolean {
  const args = [join(ROOT, "node_modules/vitest/vitest.mjs"), "run", "test/pains/pains.test.ts", "-t", `${test}: `];
  const env = { ...process.env, AGENT_POOL_PAIN: pain };
  return spawnSync(process.execPath, args, { cwd: ROOT, env, stdio: "ignore" }).status === 0;
}
