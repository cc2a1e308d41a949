import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { parseConfig } from "#core/config/parse.ts";
import { Policy } from "#core/config/policy.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { parseScript, type Script } from "../model/script.ts";
import { parsePool, policyOf, type DemoPool } from "./pool.ts";

const PLAYGROUND = dirname(dirname(fileURLToPath(import.meta.url)));

type Repository = { readonly folder: string; readonly branch: string; readonly notes: readonly string[] };

export const USAGE = `npm run demo -- [options], or npx agent-pool demo [options]
  --repo DIR        a local git repository to work on (default: a bundled sample with a failing test)
  --issue FILE.md   the issue: first line title, rest body
  --comment TEXT    ask by a comment, like "/agent use frontier", instead of by the label
  --script FILE     what the scripted model does: [{"write":{"path","content"}},{"run":"…"},{"say":"…"}]
  --live            the real provider, with ANTHROPIC_API_KEY; costs money
  --policy FILE     the organisation's policy, .github/agent-pool.yml (default: README's six lines); the owners of its seats are
                    people of the demo, and lend what the policy says serves everyone.
                    The issue is opened by \`maintainer\`, who is in no team
  --pool FILE       instead, seats with what is used of their windows, and how they are drawn on: {strategy, seats: {NAME: {owner,
                    five-hour, week, calls-left}}}; shares from 0 to 1, and after how many calls the provider refuses
  --keep            leave everything running at the end and print the addresses
  --verbose         every call, webhook and log line instead of the story
  --json            the last line is one JSON object

A script's steps run twice: by the harness in its sandbox, and in a clone of their own (in bubblewrap where there is one)
to tell what tree the pull request must have.`;

export type DemoOptions = {
  /** undefined: the bundled sample. */
  readonly repo: Repository | undefined;
  readonly issue: { readonly title: string; readonly body: string };
  readonly comment: string | undefined;
  readonly script: Script;
  readonly live: { readonly key: string } | undefined;
  /** The policy's text; undefined: the six lines of README. */
  readonly policy: string | undefined;
  /** Its pool, where it is valid; the app says what is wrong with one that isn't. */
  readonly pool: Policy["pool"] | undefined;
  /** Seats, and their provider's side of them. */
  readonly seats: DemoPool | undefined;
  readonly keep: boolean;
  readonly verbose: boolean;
  readonly json: boolean;
  /** What the user may not expect of what was given, or was not. */
  readonly notes: readonly string[];
};

/** The command line → what the demo does, or one line that says what is wrong with it. */
export function readOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Result<DemoOptions | "help", string> {
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
        policy: { type: "string" },
        pool: { type: "string" },
        keep: { type: "boolean", default: false },
        verbose: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    }));
  } catch (error) {
    // Node's advice behind the first sentence is about programs that take more than options.
    const [wrong = ""] = (error instanceof Error ? error.message : "the options are not valid").split(/\.?\n|\. /);
    return err(`${wrong}; \`npm run demo -- --help\` names what there is`);
  }
  if (values.help) return ok("help");
  if (values.json && values.keep) return err("--json and --keep don't go together: the last line could not be the JSON");
  if (values.comment !== undefined && !/^[ \t]*\/agent(\s|$)/im.test(values.comment)) {
    return err('--comment: a comment that asks for work has a line that begins with /agent, like "/agent use frontier"');
  }
  const repo = values.repo === undefined ? ok(undefined) : readRepository(values.repo);
  if (!repo.ok) return repo;
  // A script or an issue of one's own goes with a repository of one's own, but each may be given alone.
  const issue = readText(values.issue ?? join(PLAYGROUND, "sample-issue.md"), "--issue");
  if (!issue.ok) return issue;
  const [first = "", ...rest] = issue.value.replace(/^\uFEFF/, "").split("\n");
  const title = first.replace(/^#+(\s|$)/, "").trim();
  if (title === "") return err("--issue: the first line should be the title");
  const text = readText(values.script ?? join(PLAYGROUND, "sample-script.json"), "--script");
  if (!text.ok) return text;
  const script = parseScript(text.value);
  if (!script.ok) return err(`--script: ${script.error}`);
  if (values.policy !== undefined && values.pool !== undefined)
    return err("--pool makes the policy from its seats: give it, or --policy");
  const seats = values.pool === undefined ? ok(undefined) : readPool(values.pool);
  if (!seats.ok) return seats;
  const made = seats.value === undefined ? undefined : policyOf(seats.value);
  const policy = values.policy === undefined ? ok(made) : readText(values.policy, "--policy");
  if (!policy.ok) return policy;
  const key = env["ANTHROPIC_API_KEY"];
  const parsed = policy.value === undefined ? undefined : parseConfig("--policy", policy.value, Policy);
  const pool = parsed?.ok === true ? parsed.value.pool : undefined;
  if (values.live && pool?.some(({ kind }) => kind === "seat") === true)
    return err("--live pays with ANTHROPIC_API_KEY, and the policy's pool has seats: leave them out, or try it without --live");
  if (values.live && !key) return err("--live needs ANTHROPIC_API_KEY, the key the run is paid with");
  return ok({
    repo: repo.value,
    issue: { title, body: rest.join("\n").trim() },
    comment: values.comment,
    script: script.value,
    live: values.live && key !== undefined ? { key } : undefined,
    policy: policy.value,
    pool,
    seats: seats.value,
    keep: values.keep,
    verbose: values.verbose,
    json: values.json,
    notes: [
      ...(repo.value?.notes ?? []),
      ...(values.repo !== undefined && !values.live && (values.issue === undefined || values.script === undefined)
        ? ["without --issue and --script, the bundled sample's issue and script are used on your repository"]
        : []),
    ],
  });
}

function readPool(file: string): Result<DemoPool, string> {
  const text = readText(file, "--pool");
  if (!text.ok) return text;
  const pool = parsePool(text.value);
  return pool.ok ? pool : err(`--pool: ${pool.error}`);
}

function readRepository(folder: string): Result<Repository, string> {
  if (folder === "" || !statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    return err(`--repo: "${folder}" is not a folder`);
  const ask = (...args: string[]) => spawnSync("git", ["-C", folder, ...args], { encoding: "utf8" });
  if (ask("--version").error !== undefined) return err("git is not on the PATH; install it, then try again");
  if (ask("rev-parse", "--verify", "HEAD").status !== 0) return err(`--repo: ${folder} is not a git repository with a commit`);
  const top = ask("rev-parse", "--show-toplevel");
  if (ask("rev-parse", "--is-shallow-repository").stdout.trim() === "true")
    return err(`--repo: ${folder} is a shallow clone, which can't be cloned again; run \`git fetch --unshallow\` there first`);
  const notes: string[] = [];
  const head = ask("symbolic-ref", "--short", "HEAD");
  if (head.status !== 0) notes.push("HEAD is detached there: its commit becomes the branch main");
  if (top.status === 0 && ask("status", "--porcelain").stdout !== "") notes.push("what is not committed there takes no part");
  return ok({
    folder: top.status === 0 ? top.stdout.trim() : folder,
    branch: head.status === 0 ? head.stdout.trim() : "main",
    notes,
  });
}

function readText(file: string, option: string): Result<string, string> {
  try {
    return ok(readFileSync(file, "utf8"));
  } catch {
    return err(`${option}: ${file} can't be read`);
  }
}
