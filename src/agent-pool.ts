import { existsSync } from "node:fs";
import { joinStore, openStore } from "#adapters/store/store.ts";
import { ask, askRunning } from "#cli/local.ts";
import { HELP, readCommand, render } from "#cli/command.ts";
import { PLAN_HELP, readPlanOptions, runPlan } from "#cli/plan.ts";
import { ok } from "#core/wire/result.ts";
import { readVariables } from "./env-file.ts";
import { readStoreEnv } from "./env.ts";
import { doctor } from "./doctor.ts";
import { init } from "./init.ts";
import { trial } from "./trial.ts";

/** The `agent-pool` command but for `start` and `demo` (bin/agent-pool.js). Of tasks and the pool it asks the running app, or opens the store itself. */
async function main(): Promise<void> {
  const [command, ...words] = process.argv.slice(2);
  if (command === "init") {
    const done = await init(words);
    return done.ok ? undefined : fail(done.error.message, done.error.code);
  }
  if (command === "doctor") {
    const well = await doctor(words);
    if (!well.ok) return fail(well.error.message, well.error.code);
    if (!well.value) process.exitCode = 1;
    return;
  }
  if (command === "plan") {
    const options = readPlanOptions(words);
    if (!options.ok) return fail(options.error, 2);
    const planned = options.value === "help" ? ok(PLAN_HELP) : await runPlan(options.value);
    if (!planned.ok) return fail(planned.error, 2);
    process.stdout.write(planned.value);
    return;
  }
  if (command === "trial") {
    const done = await trial(words);
    return done.ok ? undefined : fail(done.error.message, done.error.code);
  }
  const asked = readCommand(process.argv.slice(2));
  if (!asked.ok) return fail(asked.error, 2);
  if (asked.value === "help") {
    process.stdout.write(HELP);
    return;
  }
  const { what, of } = asked.value;
  const where = readStoreEnv(readVariables(process.env));
  if (!where.ok) return fail(`${where.error.variable} ${where.error.problem}`, 2);
  const running = "directory" in where.value ? await askRunning(where.value.directory, what, of) : undefined;
  if (running === undefined && "directory" in where.value && !existsSync(where.value.directory))
    return fail(
      `there is no store in ${where.value.directory}; start the app, or set AGENT_POOL_DATA or DATABASE_URL as it has them`,
      1,
    );
  const answer = running ?? (await askStore(where.value, what, of));
  if (!answer.ok) return fail(answer.error, 1);
  process.stdout.write(render(asked.value, answer.value));
}

async function askStore(where: Parameters<typeof openStore>[0], what: string, of: string | undefined): ReturnType<typeof ask> {
  const store = await ("databaseUrl" in where ? joinStore(where) : openStore(where));
  try {
    return await ask(store, what, of);
  } finally {
    await store.close();
  }
}

function fail(message: string, code: number): void {
  process.stderr.write(`agent-pool: ${message}\n`);
  process.exitCode = code;
}

await main().catch((error: unknown) => {
  fail(error instanceof Error ? error.message : "unknown error", 1);
});
