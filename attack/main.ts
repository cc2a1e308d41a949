import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { whyNoSandbox } from "#playground/programs.ts";
import { ROOT } from "#playground/world.ts";
import { loadCorpus } from "./corpus.ts";
import { HARNESSES } from "./harnesses.ts";
import { loadDefences } from "./mutant.ts";
import { isProven, playsOf, runAttacks } from "./run.ts";

const HELP = `npm run attack -- [--json] [--corpus DIR] [--defences FILE] [--only NAME,…] [--harness NAME]
Harnesses: ${HARNESSES.map(({ name }) => name).join(", ")}. Exit code 0: every attack was blocked and every control leaked; 1: not so; 2: nothing was played.
`;

function refuse(why: string): never {
  process.stderr.write(`attack: ${why}; \`npm run attack -- --help\` names what there is\n`);
  process.exit(2);
}

function readOptions() {
  try {
    return parseArgs({
      options: {
        help: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        corpus: { type: "string", default: join(ROOT, "attack", "corpus") },
        defences: { type: "string", default: join(ROOT, "attack", "defences.yml") },
        only: { type: "string" },
        harness: { type: "string" },
      },
    }).values;
  } catch (cause) {
    return refuse(cause instanceof Error ? cause.message : String(cause));
  }
}

const values = readOptions();
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
if (!existsSync(values.corpus)) refuse(`there is no folder ${values.corpus}`);
if (values.harness !== undefined && !HARNESSES.some(({ name }) => name === values.harness))
  refuse(`there is no harness ${values.harness}`);
const noSandbox = whyNoSandbox();
if (noSandbox !== undefined) {
  process.stderr.write(`attack: ${noSandbox}\n`);
  process.exit(2);
}
const corpus = loadCorpus(values.corpus);
const only = values.only?.split(",") ?? corpus.map(({ name }) => name);
const unknown = only.filter((wanted) => !corpus.some(({ name }) => name === wanted));
if (unknown.length > 0) refuse(`no attack of ${values.corpus} is named ${unknown.join(", ")}`);
const plays = playsOf(corpus.filter(({ name }) => only.includes(name))).filter(
  ({ harness }) => values.harness === undefined || harness.name === values.harness,
);
if (plays.length === 0) refuse(`${values.harness ?? "no harness"} plays none of these`);
const started = performance.now();
let done = 0;
const report = await runAttacks(plays, loadDefences(values.defences), (line) => {
  done += 1;
  const seconds = ((performance.now() - started) / 1000).toFixed(0).padStart(4);
  process.stderr.write(`${seconds} s  ${String(done)}/${String(2 * plays.length)}  ${line}\n`);
});
if (values.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
else {
  for (const { attack, harness, result, control, why } of report.cells)
    process.stdout.write(`${result.padEnd(8)} control ${control.padEnd(7)} ${attack} (${harness}) ${why}\n`);
  const { tried, blocked, leaked, controls } = report;
  process.stdout.write(
    `tried ${String(tried)}, blocked ${String(blocked)}, leaked ${String(leaked)}, controls ${String(controls)}\n`,
  );
}
process.exit(isProven(report) ? 0 : 1);
