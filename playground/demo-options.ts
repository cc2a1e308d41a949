import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { err, ok, type Result } from "#core/wire/result.ts";
import { parseScript, type Script } from "./model/script.ts";

const HERE = dirname(fileURLToPath(import.meta.url));

export const USAGE = `npm run demo -- [options]
  --repo DIR        a local git repository to work on (default: a bundled sample with a failing test)
  --issue FILE.md   the issue: first line title, rest body
  --comment TEXT    ask by a comment, like "/agent use frontier", instead of by the label
  --script FILE     what the scripted model does: [{"write":{"path","content"}},{"run":"…"},{"say":"…"}]
  --live            the real provider, with ANTHROPIC_API_KEY; costs money
  --keep            leave everything running and print the addresses
  --json            the last line is one JSON object`;

export type DemoOptions = {
  /** undefined: the bundled sample. */
  readonly repo: { readonly folder: string; readonly branch: string } | undefined;
  readonly issue: { readonly title: string; readonly body: string };
  readonly comment: string | undefined;
  readonly script: Script;
  readonly live: { readonly key: string } | undefined;
  readonly keep: boolean;
  readonly json: boolean;
  /** Something the user may not expect of what was not given. */
  readonly note: string | undefined;
};

/** The command line → what the demo does, or one line that says what is wrong with it. */
export function readOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Result<DemoOptions, string> {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        repo: { type: "string" },
        issue: { type: "string" },
        comment: { type: "string" },
        script: { type: "string" },
        live: { type: "boolean", default: false },
        keep: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    }));
  } catch (error) {
    return err(`${error instanceof Error ? error.message : "the options are not valid"}\n\n${USAGE}`);
  }
  if (values.comment !== undefined && !/^\s*\/agent(\s|$)/i.test(values.comment)) {
    return err('--comment: a comment that asks for work begins with /agent, like "/agent use frontier"');
  }
  const repo = values.repo === undefined ? ok(undefined) : readRepository(values.repo);
  if (!repo.ok) return repo;
  // A script or an issue of one's own goes with a repository of one's own, but each may be given alone.
  const issue = readText(values.issue ?? join(HERE, "sample-issue.md"), "--issue");
  if (!issue.ok) return issue;
  const [title = "", ...rest] = issue.value.split("\n");
  if (title.trim() === "") return err("--issue: the first line should be the title");
  const text = readText(values.script ?? join(HERE, "sample-script.json"), "--script");
  if (!text.ok) return text;
  const script = parseScript(text.value);
  if (!script.ok) return err(`--script: ${script.error}`);
  const key = env["ANTHROPIC_API_KEY"];
  if (values.live && !key) return err("--live needs ANTHROPIC_API_KEY, the key the run is paid with");
  return ok({
    repo: repo.value,
    issue: { title: title.replace(/^#+\s*/, "").trim(), body: rest.join("\n").trim() },
    comment: values.comment,
    script: script.value,
    live: values.live && key !== undefined ? { key } : undefined,
    keep: values.keep,
    json: values.json,
    note:
      values.repo !== undefined && !values.live && (values.issue === undefined || values.script === undefined)
        ? "without --issue and --script, the bundled sample's issue and script are used on your repository"
        : undefined,
  });
}

function readRepository(folder: string): Result<{ folder: string; branch: string }, string> {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return err(`--repo: ${folder} is not a folder`);
  const ask = (...args: string[]) => spawnSync("git", ["-C", folder, ...args], { encoding: "utf8" });
  if (ask("rev-parse", "--verify", "HEAD").status !== 0) return err(`--repo: ${folder} is not a git repository with a commit`);
  const head = ask("symbolic-ref", "--short", "HEAD");
  return ok({ folder, branch: head.status === 0 ? head.stdout.trim() : "main" });
}

function readText(file: string, option: string): Result<string, string> {
  try {
    return ok(readFileSync(file, "utf8"));
  } catch {
    return err(`${option}: ${file} can't be read`);
  }
}
