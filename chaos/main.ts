import { parseArgs } from "node:util";
import { isWhole } from "./count.ts";
import { freshDatabase, startPostgres } from "#playground/postgres.ts";
import { runChaos } from "./run.ts";

const HELP = `npm run chaos -- [--json] [--tasks N] [--engine pglite|postgres] [--replicas N] [--seed N] [--minutes N]
Issues are labelled while the app is killed, deliveries are doubled, late or lost, and GitHub fails one call in ten.
Exit code 0: of each thing there is one a task, and nothing is left; 1: not so.
`;

function refuse(why: string): never {
  process.stderr.write(`chaos: ${why}; \`npm run chaos -- --help\` names what there is\n`);
  process.exit(2);
}

function readOptions() {
  try {
    return parseArgs({
      options: {
        help: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        tasks: { type: "string", default: "200" },
        engine: { type: "string", default: "pglite" },
        replicas: { type: "string", default: "1" },
        seed: { type: "string", default: "1" },
        minutes: { type: "string", default: "20" },
      },
    }).values;
  } catch (cause) {
    return refuse(cause instanceof Error ? cause.message : String(cause));
  }
}

function count(name: string, text: string): number {
  const number = Number(text);
  return Number.isInteger(number) && number > 0 ? number : refuse(`--${name} should be a number from 1 on`);
}

const values = readOptions();
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const { engine } = values;
if (engine !== "pglite" && engine !== "postgres") refuse("--engine should be pglite or postgres");
const replicas = count("replicas", values.replicas);
if (engine === "pglite" && replicas > 1) refuse("the embedded store is one process's: --replicas needs --engine postgres");

const started = performance.now();
await using server = engine === "postgres" ? await startPostgres() : undefined;
const figures = await runChaos({
  tasks: count("tasks", values.tasks),
  replicas,
  databaseUrl: server === undefined ? undefined : await freshDatabase(server.url),
  seed: count("seed", values.seed),
  withinMs: count("minutes", values.minutes) * 60_000,
  say: (line) => process.stderr.write(`${((performance.now() - started) / 1000).toFixed(0).padStart(4)} s  ${line}\n`),
});
if (values.json) process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
else for (const [name, figure] of Object.entries(figures)) process.stdout.write(`${name.padEnd(16)} ${String(figure)}\n`);
process.exitCode = isWhole(figures) ? 0 : 1;
