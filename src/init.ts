import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { INIT_HELP, readInitOptions } from "#cli/init-options.ts";
import { runInit, type InitTools } from "#cli/init.ts";
import { openTerminal } from "#cli/terminal.ts";
import { runUndo } from "#cli/undo.ts";
import { Journal } from "#core/setup/journal.ts";
import { parseRecord } from "#core/wire/json.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { lookAt } from "./doctor.ts";
import { writeWhole } from "./env-file.ts";
import { openOperatorTools, type CommandFailure } from "./operator-tools.ts";

const NO_LOGIN = "there is no login of yours: run `gh auth login`, or set GH_TOKEN to a token of an owner's";

/** `agent-pool init …`. What is set up is looked at by `doctor`, whose findings are told, and are no failure of `init`. */
export async function init(args: readonly string[]): Promise<Result<void, CommandFailure>> {
  const options = readInitOptions(args);
  if (!options.ok) return err({ message: options.error, code: 2 });
  if (options.value === "help") {
    process.stdout.write(INIT_HELP);
    return ok(undefined);
  }
  const opened = await openOperatorTools();
  if (!opened.ok) return err({ message: `${opened.error.variable} ${opened.error.problem}`, code: 2 });
  const { operator, app, appUrl, apiUrl, pages, release } = opened.value;
  if (operator === undefined) return err({ message: NO_LOGIN, code: 2 });
  const { owner, undo, dryRun } = options.value;
  const file = `.agent-pool-init.${owner.toLowerCase()}.json`;
  const tools: InitTools = {
    operator,
    app,
    terminal: openTerminal((line) => process.stdout.write(`${line}\n`)),
    template: release.template,
    action: release.action,
    appUrl,
    pages,
    readJournal: () => readJournal(file, { version: 1, api: apiUrl, owner: owner.toLowerCase(), done: [] }),
    writeJournal: (journal) =>
      journal.done.length === 0 ? rm(file, { force: true }) : writeWhole(file, `${JSON.stringify(journal, null, 2)}\n`),
  };
  if (undo) {
    const undone = await runUndo(options.value, tools);
    return undone.ok ? undone : err({ message: undone.error, code: 1 });
  }
  const done = await runInit(options.value, tools);
  if (!done.ok) return err({ message: done.error, code: 1 });
  if (dryRun) return ok(undefined);
  const { answers, left } = done.value;
  const { action, repositories } = answers;
  const asked = { owner, repositories, probe: false, json: false, brief: true } as const;
  tools.terminal.say(`\nagent-pool doctor ${owner} looks at all of it; here is what fails:`);
  await lookAt(asked, { ...opened.value, appUrl: answers.appUrl, release: { ...release, action } });
  tools.terminal.say(["", "Left for you:", ...left.map((line) => `  - ${line}`)].join("\n"));
  return ok(undefined);
}

/** What was done before; `empty`: nothing, on this GitHub and to this owner. */
async function readJournal(file: string, empty: Journal): Promise<Journal> {
  if (!existsSync(file)) return empty;
  const journal = Journal.safeParse(parseRecord(await readFile(file, "utf8")));
  if (!journal.success) throw new Error(`${file} is not what init wrote; take it away if you know what it was`);
  const { api, owner, done } = journal.data;
  if (api !== empty.api || owner !== empty.owner)
    throw new Error(`${file} is of ${owner} at ${api}; run this with the same GITHUB_API_URL, or in another folder`);
  return { ...empty, done };
}
