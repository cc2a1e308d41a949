import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { parseArgs, promisify } from "node:util";
import { z } from "zod";
import { readSpecialist } from "#app/agent.ts";
import { configure, makePlan, type Configured } from "#app/plan.ts";
import { NOTHING_KNOWN } from "#app/known.ts";
import { parseConfig } from "#core/config/parse.ts";
import { CONFIG_FILE, Policy } from "#core/config/policy.ts";
import { chooseRoute, type Prospect } from "#core/plan/ladder.ts";
import type { FullPlan } from "#core/plan/plan.ts";
import { CODE_OWNERS_FILES } from "#core/plan/signals/code-owners.ts";
import { LIST_FILES, listedFiles } from "#core/plan/signals/files.ts";
import { signalsOf, type Signals, type Surroundings } from "#core/plan/signals/signals.ts";
import { sizeOf } from "#core/plan/size.ts";
import { cleanText, type Brief } from "#core/request/brief.ts";
import { ActorId, InstallationId, OwnerId, RepositoryId } from "#core/wire/ids.ts";
import { describe, type Failure } from "#core/wire/failure.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import type { FileAt, SetUp } from "#ports/github.ts";
import { renderPlan, type DryRun } from "./plan-words.ts";
import { wrongOptions } from "./text.ts";

export const PLAN_HELP = `agent-pool plan --issue FILE --repo DIR [options]    what would be done with an issue, and what it is expected to cost; spends nothing, asks nobody

  --issue FILE     the issue: JSON as GitHub's API has it, or Markdown, whose first line that begins with \`# \` is the title
  --repo DIR       the repository, a clone of it or its git directory: the files, settings and CODEOWNERS of its HEAD count
  --policy FILE    the owner's policy; without, that of a pool of one Anthropic key
  --json           {issue, repository, policy, signals, estimate, plan, refused, follows}

Costs and chances are those of a pool that has done nothing yet: the owner's own record is not read, nor what GitHub knows beside the issue.
`;

export type PlanOptions = {
  readonly issue: string;
  readonly repo: string;
  readonly policy: string | undefined;
  readonly json: boolean;
};

/** The words after `plan` → what is asked for, or one line that says what is wrong. Pure. */
export function readPlanOptions(args: readonly string[]): Result<PlanOptions | "help", string> {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        issue: { type: "string" },
        repo: { type: "string" },
        policy: { type: "string" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) return ok("help");
    const { issue, repo, policy, json } = values;
    if (issue === undefined || repo === undefined)
      return err("`plan` needs --issue FILE and --repo DIR; see agent-pool plan --help");
    return ok({ issue, repo, policy, json });
  } catch (error) {
    return err(wrongOptions(error, "agent-pool plan"));
  }
}

/** `agent-pool plan …`: the text to print, or what of its input can't be read. */
export async function runPlan({ issue, repo, policy, json }: PlanOptions): Promise<Result<string, string>> {
  const asked = await readText(issue, "--issue");
  if (!asked.ok) return asked;
  const named = policy === undefined ? ok(DEFAULT_POLICY) : await readText(policy, "--policy");
  if (!named.ok) return named;
  const repository = await readRepository(repo);
  if (!repository.ok) return repository;
  const parsed = parseIssue(asked.value);
  if (!parsed.ok) return err(`--issue ${issue} ${parsed.error}`);
  const made = await dryRun(parsed.value, repository.value, { text: named.value, file: policy });
  if (!made.ok) return made;
  return ok(json ? `${JSON.stringify(made.value, rounded, 2)}\n` : renderPlan(made.value));
}

/** To millionths: further digits are those of a machine's arithmetic. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === "number" ? Math.round(value * 1_000_000) / 1_000_000 : value;
}

/** What most begin with, where no policy is given. */
const DEFAULT_POLICY = `version: 1
pool: [{ name: platform-api, provider: anthropic }]
runner: owner/agent-runner
budget: $200/month
`;

type Issue = { readonly number: number; readonly title: string; readonly body: string; readonly labels: readonly string[] };

/** Of GitHub's answer only what sizing reads; `gh issue view --json` has it too. */
const GitHubIssue = z.object({
  number: z.int().min(0).default(0),
  title: z.string(),
  body: z
    .string()
    .nullish()
    .transform((body) => body ?? ""),
  labels: z.array(z.union([z.string(), z.object({ name: z.string() }).transform(({ name }) => name)])).default([]),
});

/** JSON or Markdown → the issue, cleaned as a brief is. Pure. */
export function parseIssue(text: string): Result<Issue, string> {
  const found = /^\s*\{/.test(text) ? readJson(text) : ok(readMarkdown(text));
  if (!found.ok) return found;
  const { number, title, body, labels } = found.value;
  return ok({ number, title: cleanText(title), body: cleanText(body), labels });
}

function readJson(text: string): Result<Issue, string> {
  try {
    const parsed = GitHubIssue.safeParse(JSON.parse(text));
    if (parsed.success) return ok(parsed.data);
    const [issue] = parsed.error.issues;
    return err(`is no issue as GitHub's API has it: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`);
  } catch {
    return err("begins as JSON and is none");
  }
}

function readMarkdown(text: string): Issue {
  const title = /^# +(.*)$/m.exec(text);
  if (title === null) return { number: 0, title: "", body: text, labels: [] };
  const body = `${text.slice(0, title.index)}${text.slice(title.index + title[0].length)}`.trim();
  return { number: 0, title: title[1] ?? "", body, labels: [] };
}

type Repository = {
  readonly name: string;
  readonly base: NonNullable<SetUp["base"]>;
  readonly settings: SetUp["settings"];
  readonly tree: NonNullable<Surroundings["tree"]>;
  readonly codeOwners: string;
  readonly readText: (path: string) => Promise<FileAt>;
};

/** The repository at its HEAD, read by git and never checked out. */
async function readRepository(dir: string): Promise<Result<Repository, string>> {
  try {
    const [commit = "", tree = ""] = (await git(dir, "rev-parse", "HEAD", "HEAD^{tree}")).trim().split("\n");
    const branch = await git(dir, "rev-parse", "--abbrev-ref", "HEAD");
    const files = listedFiles(await git(dir, ...LIST_FILES));
    const blob = async (path: string): Promise<string | undefined> =>
      files.some((file) => file.path === path) ? git(dir, "cat-file", "blob", `HEAD:${path}`) : undefined;
    const settings = await blob(CONFIG_FILE);
    const owners = CODE_OWNERS_FILES.find((path) => files.some((file) => file.path === path));
    return ok({
      name: basename(resolve(dir)).replace(/(?<=.)\.git$/, ""),
      base: { branch: branch.trim(), commit, tree },
      settings: settings === undefined ? "missing" : { text: settings },
      tree: { files, isCut: false },
      codeOwners: (owners === undefined ? undefined : await blob(owners)) ?? "",
      readText: async (path) => {
        const text = await blob(path);
        return text === undefined ? "missing" : { text };
      },
    });
  } catch (error) {
    const said = error instanceof Error ? (error.message.split("\n").find((line) => line.startsWith("fatal:")) ?? "") : "";
    return err(`--repo ${dir} is no git repository with a commit${said === "" ? "" : ` (${said})`}`);
  }
}

/** Lists of 100,000 files are some 10 MB. */
const MAX_OUTPUT = 256 * 1024 * 1024;

async function git(dir: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)("git", ["-C", dir, ...args], { maxBuffer: MAX_OUTPUT });
  return stdout;
}

async function readText(path: string, option: string): Promise<Result<string, string>> {
  try {
    return ok(await readFile(path, "utf8"));
  } catch {
    return err(`${option} ${path} can't be read`);
  }
}

/** The same functions as the app's, on what is at hand. */
async function dryRun(
  issue: Issue,
  repository: Repository,
  policy: { readonly text: string; readonly file: string | undefined },
): Promise<Result<DryRun, string>> {
  const read = parseConfig(policy.file ?? "policy", policy.text, Policy);
  if (!read.ok) return err(describe(read.error));
  const [login = ""] = read.value.runner.repository.split("/");
  const brief = briefOf(issue, repository.name, login);
  const signals = signalsOf(brief.issue, { tree: repository.tree, codeOwners: repository.codeOwners, links: null });
  const configured = configure(brief, {
    base: repository.base,
    settings: repository.settings,
    policy: { commit: "0".repeat(40), file: { text: policy.text } },
  });
  const made = configured.ok ? await planOf(brief, configured.value, signals, repository) : configured;
  const { name, base, tree } = repository;
  return ok({
    issue: { number: issue.number, title: issue.title },
    repository: { name, branch: base.branch, commit: base.commit, files: tree.files.length },
    policy: policy.file ?? null,
    signals,
    estimate: sizeOf(brief, signals),
    plan: made.ok ? made.value : null,
    refused: made.ok ? null : made.error,
    follows: made.ok ? whatFollows(made.value) : null,
  });
}

async function planOf(
  brief: Brief,
  configured: Configured,
  signals: Signals,
  { readText }: Repository,
): Promise<Result<FullPlan, Failure>> {
  const github = { readText: async (_place: unknown, _commit: unknown, path: string) => ok(await readText(path)) };
  const by = await readSpecialist(github, brief, configured.read.policy, configured.base);
  if (!by.ok) throw new Error("a file of a local repository was refused");
  if (by.value !== undefined && "reason" in by.value) return err(by.value);
  return makePlan(brief, configured, true, ANYBODY, NOTHING_KNOWN, { signals, classified: null, by: by.value });
}

/** The attempts as they would follow one another if none were verified: the plan's own first. */
function whatFollows({ size, confidence, ladder, route }: FullPlan): NonNullable<DryRun["follows"]> {
  const attempts: Prospect[] = [];
  for (;;) {
    const tried = attempts.map(({ option: { route, model } }) => ({ route, model }));
    const decided = attempts.length === 0 ? { anyhow: true, at: route.tier } : {};
    const choice = chooseRoute(ladder, { size, confidence }, tried, decided);
    if ("stop" in choice) return { attempts, end: choice.stop };
    attempts.push(choice.go);
  }
}

const ANYBODY = { tiers: null, team: "everyone", operator: false };

/** Nobody in particular asks, who may use every tier. */
function briefOf(issue: Issue, name: string, login: string): Brief {
  const you = { id: ActorId(0), login: "you" };
  return {
    installation: InstallationId(0),
    owner: { id: OwnerId(0), login },
    repository: { id: RepositoryId(0), name, private: true },
    issue,
    author: you,
    requester: you,
    comment: null,
  };
}
