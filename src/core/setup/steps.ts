import { CONFIG_FILE, POLICY_REPOSITORY } from "../config/policy.ts";
import { webhookUrlOf } from "./app-manifest.ts";
import { TRIGGER_LABEL } from "../request/command.ts";
import { unreachable } from "../wire/result.ts";
import type { Answers } from "./answers.ts";
import type { EnvironmentFacts, InitFacts, RepositoryFacts } from "./facts.ts";
import { FORM_FILE, fillWorkflow, ISSUE_FORM, KEY_SECRET, POLICY_README, renderPolicy, workflowPath } from "./files.ts";
import { proposedIn, type Journal } from "./journal.ts";

/** One thing that is done to an organisation, and that `init --undo` can take back. */
export type Step =
  /** By the App's own key, and only where it stands on this machine. */
  | { readonly do: "point-webhooks"; readonly repository: null; readonly url: string; readonly before: string }
  | { readonly do: "create-repository"; readonly repository: string; readonly description: string }
  | {
      readonly do: "write-file";
      readonly repository: string;
      readonly path: string;
      readonly text: string;
      /** What stands there, for GitHub and for the way back; null: nothing. */
      readonly before: { readonly text: string; readonly blob: string } | null;
    }
  | { readonly do: "protect-branch"; readonly repository: string }
  | {
      readonly do: "lock-environment";
      readonly repository: string;
      readonly environment: string;
      /** null: there is none yet. */
      readonly before: EnvironmentFacts["deploys"] | null;
    }
  | { readonly do: "set-key"; readonly repository: string; readonly environment: string }
  | { readonly do: "create-label"; readonly repository: string; readonly label: string }
  | {
      readonly do: "propose-files";
      readonly repository: string;
      readonly branch: string;
      readonly title: string;
      readonly body: string;
      readonly files: Readonly<Record<string, string>>;
    }
  /** `pull`: null where the step before opens it. Only a change of this one file to this text is merged, whoever proposed it. */
  | {
      readonly do: "merge";
      readonly repository: string;
      readonly branch: string;
      readonly pull: number | null;
      readonly path: string;
      readonly text: string;
    };

/** The branch that proposed files stand on. */
export const INIT_BRANCH = "agent-pool/init";

export function policyRepository(owner: string): string {
  return `${owner}/${POLICY_REPOSITORY}`;
}

/** What an organisation is set up by, beside what stands there. */
export type Plan = {
  readonly answers: Answers;
  /** This release's workflow file. */
  readonly template: string;
  /** Credentials whose key is at hand. */
  readonly keys: ReadonlySet<string>;
  readonly journal: Journal;
};

/**
 * What is still to be done so that an organisation is set up as answered, in the order in which it is safe: a key is set where
 * its environment is locked, and an environment is locked to a branch that is protected. Nothing is planned that is there already. Pure.
 */
export function planSteps(plan: Plan, facts: InitFacts): readonly Step[] {
  return [
    ...runnerSteps(plan, facts.runner),
    ...policySteps(plan, facts.policy),
    ...facts.served.flatMap((served) => servedSteps(served)),
    // Last: it is the App's, and so of every owner that it serves.
    ...webhookSteps(plan.answers, facts.webhookUrl),
  ];
}

function webhookSteps({ appUrl }: Answers, before: string | null): readonly Step[] {
  const url = webhookUrlOf(appUrl);
  return before === null || before === url ? [] : [{ do: "point-webhooks", repository: null, url, before }];
}

function runnerSteps({ answers, template, keys }: Plan, found: InitFacts["runner"]): readonly Step[] {
  const { runner, pool } = answers;
  const steps: Step[] = [];
  if (found === null)
    steps.push({ do: "create-repository", repository: runner, description: "Runs the jobs of agent-pool, and holds its keys." });
  const before = found?.workflow ?? null;
  // One that has no place for what changes is its operator's own, and is left to them and to `doctor`.
  const text = fillWorkflow(answers.freshWorkflow ? template : (before?.text ?? template), answers);
  if (text !== undefined && text !== before?.text)
    steps.push({ do: "write-file", repository: runner, path: workflowPath(answers.workflow), text, before });
  if (!isProtected(found)) steps.push({ do: "protect-branch", repository: runner });
  for (const { name, kind } of pool) {
    const environment = found?.environments.find((each) => each.name.toLowerCase() === name);
    if (!isLocked(environment, found))
      steps.push({ do: "lock-environment", repository: runner, environment: name, before: environment?.deploys ?? null });
    const isKeyless = kind === "workload-identity";
    if (!isKeyless && environment?.hasKey !== true && keys.has(name))
      steps.push({ do: "set-key", repository: runner, environment: name });
  }
  return steps;
}

/** Whether jobs of the default branch, and of no other, see the environment's key. */
export function isLocked(environment: EnvironmentFacts | undefined, repository: RepositoryFacts | null): boolean {
  if (environment === undefined || repository === null || !Array.isArray(environment.deploys)) return false;
  const [rule, ...more] = environment.deploys as readonly string[];
  return rule === `branch:${repository.defaultBranch}` && more.length === 0;
}

function policySteps({ answers, journal }: Plan, found: InitFacts["policy"]): readonly Step[] {
  const repository = policyRepository(answers.owner);
  const steps: Step[] = [];
  if (found === null)
    steps.push({
      do: "create-repository",
      repository,
      description: "Says how agent-pool works for this organisation, and other defaults.",
    });
  if (found === null || found.head === null)
    steps.push({ do: "write-file", repository, path: "README.md", text: POLICY_README, before: null });
  const pull = found?.proposed ?? null;
  // A policy that is there is its owners', whatever was answered.
  if (found?.policy == null) {
    const text = proposedIn(journal, repository, pull)?.[CONFIG_FILE] ?? renderPolicy(answers);
    if (pull === null)
      steps.push({
        do: "propose-files",
        repository,
        branch: INIT_BRANCH,
        title: "agent-pool's policy",
        body: `Which credentials agent-pool draws on, and how much it may spend. It counts once this is merged.`,
        files: { [CONFIG_FILE]: text },
      });
    if (answers.merge) steps.push({ do: "merge", repository, branch: INIT_BRANCH, pull, path: CONFIG_FILE, text });
  }
  if (!isProtected(found)) steps.push({ do: "protect-branch", repository });
  return steps;
}

function servedSteps({ name: repository, hasLabel, hasForm, proposed }: InitFacts["served"][number]): readonly Step[] {
  const steps: Step[] = [];
  if (!hasLabel) steps.push({ do: "create-label", repository, label: TRIGGER_LABEL });
  if (!hasForm && proposed === null)
    steps.push({
      do: "propose-files",
      repository,
      branch: INIT_BRANCH,
      title: "A form by which agents are asked",
      body: `It sets the label \`${TRIGGER_LABEL}\`, so that people can ask who may not set labels. Who may start work is decided by agent-pool's policy.`,
      files: { [FORM_FILE]: ISSUE_FORM },
    });
  return steps;
}

function isProtected(repository: RepositoryFacts | null): boolean {
  return repository?.protection === "reviewed";
}

/** What a step will do, for a person. */
export function describeStep(step: Step): string {
  if (step.do === "point-webhooks") return `have GitHub send the App's events to ${step.url}`;
  const { repository } = step;
  switch (step.do) {
    case "create-repository":
      return `create the private repository ${repository}`;
    case "write-file":
      return `${step.before === null ? "write" : "bring up to date"} ${step.path} in ${repository}`;
    case "protect-branch":
      return `protect the default branch of ${repository}: changes by reviewed pull requests, admins excepted`;
    case "lock-environment":
      return `${step.before === null ? "create" : "change"} the environment ${step.environment} of ${repository}: jobs of the default branch alone see it`;
    case "set-key":
      return `put the key of ${step.environment} there, as ${KEY_SECRET}, sealed on this machine`;
    case "create-label":
      return `create the label ${step.label} in ${repository}`;
    case "propose-files":
      return `open a pull request in ${repository}: ${Object.keys(step.files).join(", ")}`;
    case "merge":
      return `merge ${step.pull === null ? "that pull request" : `pull request #${String(step.pull)}`} in ${repository}, if it still changes ${step.path} alone, and to what is shown here`;
    default:
      return unreachable(step);
  }
}
