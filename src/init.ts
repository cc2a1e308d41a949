import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { connectOperator } from "#adapters/github/operator.ts";
import { INIT_HELP, readInitOptions } from "#cli/init-options.ts";
import { runInit, type InitTools } from "#cli/init.ts";
import { openTerminal } from "#cli/terminal.ts";
import { runUndo } from "#cli/undo.ts";
import { pagesOf } from "#core/setup/app-manifest.ts";
import type { ActionPin } from "#core/setup/answers.ts";
import { WORKFLOW_FILE } from "#core/setup/files.ts";
import { Journal } from "#core/setup/journal.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { readVariables, writeWhole } from "./env-file.ts";
import { readOperatorEnv } from "./env.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const run = promisify(execFile);

/** `agent-pool init …`. The error is one line, for exit code 1 or 2. */
export async function init(args: readonly string[]): Promise<Result<void, { readonly message: string; readonly code: 1 | 2 }>> {
  const options = readInitOptions(args);
  if (!options.ok) return err({ message: options.error, code: 2 });
  if (options.value === "help") {
    process.stdout.write(INIT_HELP);
    return ok(undefined);
  }
  const env = readOperatorEnv(readVariables(process.env));
  if (!env.ok) return err({ message: `${env.error.variable} ${env.error.problem}`, code: 2 });
  const { apiUrl, publicUrl } = env.value;
  const token = await findToken(apiUrl);
  if (token === undefined)
    return err({ message: "there is no login of yours: run `gh auth login`, or set GH_TOKEN to a token of an owner's", code: 2 });
  const journalFile = `.agent-pool-init.${options.value.owner.toLowerCase()}.json`;
  const tools: InitTools = {
    operator: connectOperator(apiUrl, token),
    terminal: openTerminal((line) => process.stdout.write(`${line}\n`)),
    template: await readFile(`${ROOT}/${WORKFLOW_FILE}`, "utf8"),
    action: await findAction(),
    appUrl: publicUrl,
    pages: pagesOf(apiUrl),
    readJournal: () => readJournal(journalFile),
    writeJournal: (journal) =>
      journal.done.length === 0
        ? rm(journalFile, { force: true })
        : writeWhole(journalFile, `${JSON.stringify(journal, null, 2)}\n`),
  };
  const done = await (options.value.undo ? runUndo : runInit)(options.value, tools);
  return done.ok ? done : err({ message: done.error, code: 1 });
}

/** As `gh` finds it: the environment first, then its own login of that server. */
async function findToken(apiUrl: string): Promise<string | undefined> {
  const set = process.env["GH_TOKEN"] || process.env["GITHUB_TOKEN"];
  if (set) return set;
  const { hostname } = new URL(pagesOf(apiUrl));
  try {
    const { stdout } = await run("gh", ["auth", "token", "--hostname", hostname]);
    return stdout.trim() || undefined;
  } catch {
    // Not installed, or not logged in there.
    return undefined;
  }
}

/** The repository stands in the workflow file; the commit is the one that these files are of. */
async function findAction(): Promise<ActionPin | undefined> {
  const release = `${ROOT}/release.json`;
  if (existsSync(release)) return JSON.parse(await readFile(release, "utf8")) as ActionPin;
  try {
    const { stdout } = await run("git", ["rev-parse", "HEAD"], { cwd: ROOT });
    return { repository: "agent-pool/agent-pool", commit: stdout.trim() };
  } catch {
    return undefined;
  }
}

async function readJournal(file: string): Promise<Journal | undefined> {
  if (!existsSync(file)) return undefined;
  const journal = Journal.safeParse(JSON.parse(await readFile(file, "utf8")));
  if (!journal.success) throw new Error(`${file} is not what init wrote; take it away if you know what it was`);
  return journal.data;
}
