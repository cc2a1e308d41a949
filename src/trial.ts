import { existsSync } from "node:fs";
import { joinStore } from "#adapters/store/store.ts";
import { ask, askRunning } from "#cli/local.ts";
import { openTerminal } from "#cli/terminal.ts";
import { runTrial } from "#cli/trial.ts";
import { readTrialOptions, TRIAL_HELP } from "#cli/trial-options.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { readVariables } from "./env-file.ts";
import { readStoreEnv } from "./env.ts";
import type { CommandFailure } from "./operator-tools.ts";

/** `agent-pool trial …`: the app does it, and is asked by its socket, or by the database that it works off. */
export async function trial(args: readonly string[]): Promise<Result<void, CommandFailure>> {
  const options = readTrialOptions(args);
  if (!options.ok) return err({ message: options.error, code: 2 });
  if (options.value === "help") {
    process.stdout.write(TRIAL_HELP);
    return ok(undefined);
  }
  const where = readStoreEnv(readVariables(process.env));
  if (!where.ok) return err({ message: `${where.error.variable} ${where.error.problem}`, code: 2 });
  const tools = {
    terminal: openTerminal((line) => process.stderr.write(`${line}\n`)),
    print: (text: string) => void process.stdout.write(text),
    tell: (line: string) => void process.stderr.write(`${line}\n`),
  };
  if ("directory" in where.value) {
    const { directory } = where.value;
    const away = existsSync(directory) ? "the app is not running" : `there is no store in ${directory}`;
    const asking = async (what: string, of: string) =>
      (await askRunning(directory, what, of)) ??
      err(`${away}, and it does a trial's work; start it, or set AGENT_POOL_DATA or DATABASE_URL as it has them`);
    return failed(await runTrial(options.value, { ...tools, ask: asking }));
  }
  const store = await joinStore(where.value);
  try {
    return failed(await runTrial(options.value, { ...tools, ask: (what, of) => ask(store, what, of) }));
  } finally {
    await store.close();
  }
}

function failed(done: Result<void, string>): Result<void, CommandFailure> {
  return done.ok ? done : err({ message: done.error, code: 1 });
}
