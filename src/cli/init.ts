import { describe } from "#core/wire/failure.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { parseConfig } from "#core/config/parse.ts";
import { CONFIG_FILE, Policy } from "#core/config/policy.ts";
import { NOTICE } from "#core/pool/consent.ts";
import type { ActionPin, Answers, NewCredential } from "#core/setup/answers.ts";
import type { InitFacts } from "#core/setup/facts.ts";
import { FORM_FILE, KEY_SECRET, renderPolicy } from "#core/setup/files.ts";
import { TRIGGER_LABEL } from "#core/request/command.ts";
import { note, type Journal } from "#core/setup/journal.ts";
import { ownerOf } from "#core/setup/names.ts";
import { missingScopes } from "#core/setup/scopes.ts";
import { describeStep, isLocked, planSteps, policyRepository, type Step } from "#core/setup/steps.ts";
import { performStep, readInitFacts, type Hands, type Performed } from "#app/init.ts";
import { explainInitProblem, explainScopes } from "./init-words.ts";
import type { InitOptions } from "./init-options.ts";
import type { Terminal } from "./terminal.ts";

/** What `init` works with; all of it belongs to the operator's own machine. */
export type InitTools = Hands & {
  readonly terminal: Terminal;
  /** This release's workflow file. */
  readonly template: string;
  /** This release's Action; undefined where it can't be told, as in a folder without git. */
  readonly action: ActionPin | undefined;
  /** `PUBLIC_URL`, from the environment or `.env`. */
  readonly appUrl: string | undefined;
  /** What was done before, on this GitHub and to this owner. */
  readonly readJournal: () => Promise<Journal>;
  readonly writeJournal: (journal: Journal) => Promise<void>;
  /** Where GitHub's pages are. */
  readonly pages: string;
};

/** `agent-pool init`: looks, says what it would do, and does it. Answers what it went by; the error is one line that says what to do. */
export async function runInit(options: InitOptions, tools: InitTools): Promise<Result<Initialised, string>> {
  const { terminal } = tools;
  const answered = await completeAnswers(options, tools);
  if (!answered.ok) return answered;
  const answers = answered.value;
  const facts = await readInitFacts(tools, answers);
  if (!facts.ok) return err(explainInitProblem(facts.error));
  const refused = refusal(facts.value);
  if (refused !== undefined) return err(refused);
  const { template } = tools;
  const journal = await tools.readJournal();

  const all = new Set(answers.pool.map(({ name }) => name));
  const wanted = planSteps({ answers, template, journal, keys: all }, facts.value);
  tellPlan(tools, answers, facts.value, wanted);
  const scopes = missingScopes(facts.value.operator, facts.value.owner.kind, wanted);
  if (wanted.length > 0 && scopes.length > 0) return err(explainScopes(scopes, tools.pages));
  if (options.dryRun) return ok({ answers, left: [] });
  if (wanted.length > 0 && !options.yes) {
    if (!terminal.interactive) return err("nothing was done: nobody can be asked here. Run it in a terminal, or with --yes");
    if (!(await terminal.confirm(`Do ${count(wanted.length, "step")}?`))) return err("nothing was done");
  }
  const keyless = wanted.flatMap((step) => (step.do === "set-key" ? [step.environment] : []));
  const keys = await terminal.readKeys(keyless);
  if (!keys.ok) return keys;

  const steps = planSteps({ answers, template, journal, keys: new Set(keys.value.keys()) }, facts.value);
  const performed = await perform(steps, keys.value, journal, tools);
  if (!performed.ok) return performed;
  const withoutKey = keyless.filter((name) => !keys.value.has(name));
  const forms = steps.flatMap((step) => (step.do === "propose-files" && FORM_FILE in step.files ? [step.repository] : []));
  return ok({ answers, left: leftFor(answers, tools, { withoutKey, unmerged: performed.value, forms }) });
}

/** What was gone by, and what is left for the operator, a line each. */
export type Initialised = { readonly answers: Answers; readonly left: readonly string[] };

/** The answers: what the policy says where there is one, what the options say, what is asked where somebody can answer, and else what is usual. */
async function completeAnswers(options: InitOptions, tools: InitTools): Promise<Result<Answers, string>> {
  const { owner } = options;
  const ask = options.yes || !tools.terminal.interactive ? undefined : tools.terminal;
  const action = options.action ?? tools.action;
  if (action === undefined)
    return err(
      "which commit of the Action this release belongs to can't be told here; say it: --action agent-pool/agent-pool@COMMIT",
    );
  const appUrl = options.appUrl ?? tools.appUrl ?? (await ask?.askAppUrl());
  if (appUrl === undefined)
    return err("the app's public address isn't known; start the app here first, or say it: --app-url https://agents.example.com");
  const file = await tools.operator.readFile(policyRepository(owner), CONFIG_FILE);
  if (!file.ok) return err(explainInitProblem(file.error));
  const stands = file.value === undefined ? undefined : parseConfig(CONFIG_FILE, file.value.text, Policy);
  if (stands?.ok === false) return err(`the policy that is there is not valid, and is not gone by: ${describe(stands.error)}`);
  if (stands !== undefined && ownerOf(stands.value.runner.repository) !== owner.toLowerCase())
    return err(`the policy that is there names ${stands.value.runner.repository} as its runner, which is not ${owner}'s`);
  const policy = stands === undefined ? await ofOperator(options, ask) : ofPolicy(stands.value, options, tools.terminal);
  // Of what was answered only the schema knows whether it goes together: who gives out seats, what an identity needs.
  const made = stands ?? parseConfig(`the policy of these answers`, renderPolicy(policy), Policy);
  if (!made.ok) return err(describe(made.error));
  const repositories = options.repositories.length > 0 ? options.repositories : ((await ask?.askRepositories(owner)) ?? []);
  const { baseUrls, freshWorkflow, merge } = options;
  return ok({ owner, appUrl, action, ...policy, baseUrls, freshWorkflow, repositories, merge });
}

type PolicyAnswers = Pick<Answers, "runner" | "workflow" | "pool" | "budget">;

/** What the policy says already is its owners', whatever the options say. */
function ofPolicy({ pool, runner }: Policy, options: InitOptions, terminal: Terminal): PolicyAnswers {
  const others = options.pool.filter(({ name }) => !pool.some((each) => each.name === name)).map(({ name }) => name);
  if (others.length > 0)
    terminal.say(`The policy is there, and doesn't have ${others.join(", ")}: add what is new to it, then run this again.`);
  return { pool: pool.map(toCredential), runner: runner.repository, workflow: runner.workflow, budget: USUAL.budget };
}

function toCredential({ name, provider, kind, owner }: Policy["pool"][number]): NewCredential {
  return { name, provider, kind, ...(owner === undefined ? {} : { owner }) };
}

async function ofOperator({ owner, ...said }: InitOptions, ask: Terminal | undefined): Promise<PolicyAnswers> {
  const usualRunner = `${owner}/agent-runner`;
  const runner = said.runner ?? (await ask?.askRunner(usualRunner)) ?? usualRunner;
  const pool = said.pool.length > 0 ? said.pool : ((await ask?.askPool()) ?? USUAL.pool);
  const budget = said.budget ?? (await ask?.askBudget(USUAL.budget)) ?? USUAL.budget;
  return { runner, workflow: USUAL.workflow, pool, budget };
}

const USUAL = {
  workflow: "agent-pool.yml",
  pool: [{ name: "platform-api", provider: "anthropic", kind: "api-key" }],
  budget: "$200/month",
} as const;

/** What no step can mend. */
function refusal({ owner, runner, policy, served }: InitFacts): string | undefined {
  if (owner.plan === "free")
    return `${owner.login} is on GitHub Free, where a private repository has neither protected branches nor secrets that only one environment's jobs see: a pooled key would be open to all who can write there. Upgrade to Team (a personal account: to Pro), and run this again.`;
  const shut = [runner, policy, ...served].find((repository) => repository?.archived === true);
  if (shut != null) return `${shut.name} is archived: bring it back on its settings page, or choose another`;
  const foreign = [runner, policy, ...served].find((repository) => repository?.administered === false);
  if (foreign != null) return `you are no admin of ${foreign.name}: ask somebody who is to run this`;
  const hidden = [runner, policy].find((repository) => repository?.protection === "unseen");
  if (hidden != null)
    return `${hidden.defaultBranch} of ${hidden.name} is protected in a way that GitHub doesn't show to your token: have an admin of it run this`;
  const loose = [runner, policy].find((repository) => repository?.protection === "other");
  if (loose != null)
    return `${loose.defaultBranch} of ${loose.name} is protected by a rule that lets any writer push to it. Have it ask for an approving review as well, then run this again: a rule that stands is not replaced`;
  const waiting = runner?.environments.find((environment) => environment.waits && !isLocked(environment, runner));
  if (waiting !== undefined)
    return `the environment ${waiting.name} of ${runner?.name ?? ""} has reviewers or a timer, and is open to other branches: let exactly the branch ${runner?.defaultBranch ?? ""} deploy to it, on its settings page, then run this again`;
  if (runner?.private === false)
    return `${runner.name} is not private: what runs there holds your keys. Choose a private one with --runner`;
  return undefined;
}

function tellPlan({ terminal, template }: InitTools, answers: Answers, facts: InitFacts, steps: readonly Step[]): void {
  const { owner, operator } = facts;
  terminal.say(
    `${owner.login}, as ${operator.login}; the app is at ${answers.appUrl}, its Action ${answers.action.repository}@${answers.action.commit.slice(0, 7)}`,
  );
  if (!owner.administered && owner.kind === "Organization")
    terminal.say(`You are no owner of ${owner.login}: GitHub may refuse some of this.`);
  if (answers.pool.some(({ kind }) => kind === "seat")) terminal.say(`\n${NOTICE}\n`);
  if (facts.webhookUrl === null)
    terminal.say(
      "The App's key isn't in this folder: if the App is made, run this where its .env is; else `npx agent-pool start` makes one.",
    );
  if (steps.length === 0) return terminal.say("Everything is there; nothing to do.");
  terminal.say(["To be done:", ...steps.map((step, at) => `  ${String(at + 1)}. ${describeStep(step)}`)].join("\n"));
  for (const step of steps) {
    if (step.do === "propose-files")
      for (const [path, text] of Object.entries(step.files)) terminal.say(`\n${path}:\n${indented(text)}`);
    if (step.do === "write-file") terminal.say(`\n${describeFile(step, template)}`);
  }
  terminal.say("");
}

/** Of the workflow, which is long, what is not this release's file, or not as it stands. */
function describeFile({ path, text, before }: Extract<Step, { do: "write-file" }>, template: string): string {
  if (before !== null) return `${path}, as it stands but for:\n${changedLines(before.text, text)}`;
  return path.startsWith(".github/workflows/")
    ? `${path}, this release's but for:\n${changedLines(template, text)}`
    : `${path}:\n${indented(text)}`;
}

function indented(text: string): string {
  return text.trimEnd().replaceAll(/^/gm, "  ");
}

/** The lines of a text that another doesn't have, and that one's that it lost. */
function changedLines(from: string, to: string): string {
  const [before, after] = [from.split("\n"), to.split("\n")];
  const gone = before.filter((line) => !after.includes(line)).map((line) => `  - ${line.trim()}`);
  const added = after.filter((line) => !before.includes(line)).map((line) => `  + ${line.trim()}`);
  return [...gone, ...added].join("\n");
}

/** Does the steps in turn. Answers the repositories whose pull request waits for a review. */
async function perform(
  steps: readonly Step[],
  keys: ReadonlyMap<string, string>,
  before: Journal,
  { operator, app, terminal, writeJournal }: InitTools,
): Promise<Result<readonly string[], string>> {
  let journal = before;
  const unmerged: string[] = [];
  for (const [at, step] of steps.entries()) {
    const performed = await performStep({ operator, app }, step, keys, {
      remember: async (done) => {
        journal = note(journal, done);
        await writeJournal(journal);
      },
      hasBegun: ({ repository }) =>
        journal.done.some((each) => each.did === "propose-files" && each.repository === repository && each.pull === null),
    });
    if (!performed.ok)
      return err(
        `${describeStep(step)}: ${explainInitProblem(performed.error)}\n${count(at, "step")} of ${String(steps.length)} done; run it again to go on, or with --undo to take that back`,
      );
    if (performed.value !== "done") unmerged.push(step.repository ?? "");
    terminal.say(`${PERFORMED[performed.value]}: ${describeStep(step)}`);
  }
  return ok(unmerged);
}

const PERFORMED: Record<Performed, string> = {
  done: "done",
  waits: "waits for a review",
  other: "left to you, since it changes something else",
};

type Left = { readonly withoutKey: readonly string[]; readonly unmerged: readonly string[]; readonly forms: readonly string[] };

function leftFor(
  { owner, runner, merge }: Answers,
  { pages }: InitTools,
  { withoutKey, unmerged, forms }: Left,
): readonly string[] {
  return [
    ...withoutKey.map((name) => `set the key of ${name}:  gh secret set ${KEY_SECRET} --repo ${runner} --env ${name}`),
    ...(merge ? [] : [`have the policy's pull request merged:  ${pages}/${owner}/.github/pulls`]),
    ...unmerged.map((name) => `have the pull request looked at, and merged:  ${pages}/${name}/pulls`),
    ...forms.map((name) => `have the form for asking merged:  ${pages}/${name}/pulls`),
    `where your plan has workflow execution policies, let the App alone dispatch the workflow of ${runner}: on the organisation's settings page, under Actions, allow the actor of the App and the event workflow_dispatch, and nothing else`,
    `mend what doctor has found, if anything; then label an issue ${TRIGGER_LABEL}`,
  ];
}

function count(number: number, what: string): string {
  return `${String(number)} ${what}${number === 1 ? "" : "s"}`;
}
