import { join } from "node:path";
import { parseArgs } from "node:util";
import { whyNoSandbox } from "#playground/programs.ts";
import { ROOT } from "#playground/world.ts";
import { loadCorpus } from "./corpus.ts";
import { loadDefences } from "./mutant.ts";
import { isProven, playsOf, runAttacks } from "./run.ts";

/** `npm run attack -- [--json] [--corpus DIR] [--defences FILE] [--only NAME,…] [--harness NAME]`. Exits 1 unless every attack was blocked and every control leaked. */
const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    corpus: { type: "string", default: join(ROOT, "attack", "corpus") },
    defences: { type: "string", default: join(ROOT, "attack", "defences.yml") },
    only: { type: "string" },
    harness: { type: "string" },
  },
});

const noSandbox = whyNoSandbox();
if (noSandbox !== undefined) {
  process.stderr.write(`attack: ${noSandbox}\n`);
  process.exit(2);
}
const corpus = loadCorpus(values.corpus);
const only = values.only?.split(",") ?? corpus.map(({ name }) => name);
const unknown = only.filter((wanted) => !corpus.some(({ name }) => name === wanted));
const plays = playsOf(corpus.filter(({ name }) => only.includes(name))).filter(
  ({ harness }) => values.harness === undefined || harness.name === values.harness,
);
if (unknown.length > 0 || plays.length === 0) {
  process.stderr.write(
    `attack: ${unknown.length > 0 ? `no attack is named ${unknown.join(", ")}` : "nothing to play"}; the corpus is ${values.corpus}\n`,
  );
  process.exit(2);
}
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
