import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { CONSTANTS, type Constants } from "#core/pool/constants.ts";
import { renderPlot } from "./pool/plot.ts";
import { loadScenarios } from "./pool/scenario.ts";
import { policiesOf } from "./pool/policies.ts";
import { BOUND, rowsOf, runTask, type Asked, type Results, type Task } from "./pool/series.ts";
import { renderTable } from "./pool/table.ts";

/**
 * The pool's benchmark: `npm run bench:pool -- [--scenario a,b] [--policies a,b] [--seeds 20] [--first-seed 101] [--constants FILE]
 * [--scenarios DIR] [--json]`. Without --scenario the settings that have targets, and what they are sensitive to.
 */
const HEADLINE = [
  "headline",
  "hidden-none",
  "hidden-25",
  "hidden-40",
  "hidden-steady",
  "hints-60",
  "hints-75",
  "hints-95",
  "sigma-30",
  "sigma-90",
  "observation-1",
  "observation-15",
  "no-observation",
];

/** Numbers by group, over the product's: `{"room": {"margin": 0.05}}`. A name that isn't one of them is a mistake. */
function readConstants(file: string | undefined): Constants {
  if (file === undefined) return CONSTANTS;
  const given = JSON.parse(readFileSync(file, "utf8")) as Record<string, Record<string, number>>;
  const groups = Object.entries(CONSTANTS).map(([group, own]) => {
    const unknown = Object.keys(given[group] ?? {}).filter((key) => !(key in own));
    if (unknown.length > 0) throw new Error(`${file}: there is no ${group}.${unknown.join(", ")}`);
    return [group, { ...own, ...given[group] }];
  });
  const unknown = Object.keys(given).filter((group) => !(group in CONSTANTS));
  if (unknown.length > 0) throw new Error(`${file}: there is no ${unknown.join(", ")}`);
  return Object.fromEntries(groups) as Constants;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      json: { type: "boolean", default: false },
      scenarios: { type: "string", default: join(import.meta.dirname, "scenarios") },
      scenario: { type: "string" },
      policies: { type: "string" },
      seeds: { type: "string", default: "20" },
      "first-seed": { type: "string", default: "101" },
      constants: { type: "string" },
    },
  });
  const known = loadScenarios(values.scenarios);
  const names = values.scenario === "all" ? known.map(({ name }) => name) : (values.scenario?.split(",") ?? HEADLINE);
  const scenarios = names.map(
    (name) =>
      known.find((each) => each.name === name) ??
      fail(`--scenario: there is no ${name}; there are ${known.map((each) => each.name).join(", ")}`),
  );
  const seeds = readCount("--seeds", values.seeds);
  const firstSeed = readCount("--first-seed", values["first-seed"]);
  const tasks = scenarios.flatMap((scenario) =>
    scenario.loads.flatMap((load) =>
      Array.from({ length: Math.min(seeds, scenario.maxSeeds ?? seeds) }, (_, n) => ({
        scenario,
        load,
        seed: firstSeed + n,
      })),
    ),
  );
  const constants = readConstants(values.constants);
  const policies = values.policies?.split(",") ?? null;
  const all = [...policiesOf(constants).map(({ name }) => name), BOUND];
  for (const name of policies ?? [])
    if (!all.includes(name)) fail(`--policies: there is no ${name}; there are ${all.join(", ")}`);
  const asked = { policies, constants };
  const results = await runAll(tasks, asked);
  const found = rowsOf(tasks.flatMap((task, at) => (results[at] === undefined ? [] : [{ task, results: results[at] }])));
  const out = join(import.meta.dirname, "out");
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, "pool.svg"), renderPlot(found.rows));
  process.stdout.write(values.json ? `${JSON.stringify(found, null, 2)}\n` : renderTable(found.rows, found.differences));
}

function readCount(option: string, text: string): number {
  const count = Number(text);
  return Number.isSafeInteger(count) && count > 0 ? count : fail(`${option}: "${text}" is no whole number from 1`);
}

function fail(message: string): never {
  process.stderr.write(`bench:pool: ${message}\n`);
  process.exit(2);
}

/** On all cores: each worker takes the next task. */
async function runAll(tasks: readonly Task[], asked: Asked): Promise<readonly (Results | undefined)[]> {
  const results: (Results | undefined)[] = [];
  let next = 0;
  let done = 0;
  // A worker thread has no origin to name.
  /* oxlint-disable unicorn/require-post-message-target-origin */
  const work = () =>
    new Promise<void>((resolve, reject) => {
      const worker = new Worker(import.meta.filename, { workerData: asked });
      let at = next;
      const send = () => {
        at = next++;
        const task = tasks[at];
        if (task !== undefined) return worker.postMessage(task);
        void worker.terminate();
        resolve();
      };
      worker.on("error", reject);
      worker.on("message", (found: Results) => {
        results[at] = found;
        process.stderr.write(`\r${String(++done)} of ${String(tasks.length)} `);
        send();
      });
      send();
    });
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), tasks.length) }, work));
  process.stderr.write("\n");
  return results;
}

if (isMainThread) await main();
else parentPort?.on("message", (task: Task) => parentPort?.postMessage(runTask(task, workerData as Asked)));
