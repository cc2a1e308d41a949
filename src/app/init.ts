import { TRIGGER_LABEL } from "#core/request/command.ts";
import type { Answers } from "#core/setup/answers.ts";
import type { InitFacts, ServedFacts } from "#core/setup/facts.ts";
import { FORM_FILE, KEY_SECRET } from "#core/setup/files.ts";
import type { Done } from "#core/setup/journal.ts";
import { INIT_BRANCH, policyRepository, type Step } from "#core/setup/steps.ts";
import { err, ok, unreachable, type Result } from "#core/wire/result.ts";
import type { GitHubFailure } from "#ports/github.ts";
import type { AppView } from "#ports/app-view.ts";
import type { Operator } from "#ports/operator.ts";
import { readPolicyRepository, readRunner } from "./set-up-facts.ts";

/** Why `init` can't begin: GitHub's failure, or something that the operator has to change, in a sentence. */
export type InitProblem = GitHubFailure | { readonly reason: "cannot-begin"; readonly message: string };

/** What stands there now, as far as `init` has to do with it. */
export async function readInitFacts(
  { operator, app }: Hands,
  answers: Pick<Answers, "owner" | "runner" | "workflow" | "pool" | "repositories">,
): Promise<Result<InitFacts, InitProblem>> {
  const me = await operator.readSelf();
  if (!me.ok) return me;
  const owner = await operator.readOwner(answers.owner);
  if (!owner.ok) return owner;
  if (owner.value === undefined) return cannot(`GitHub knows no ${answers.owner}, or doesn't show it to ${me.value.login}`);
  const runner = await readRunner(operator, answers.runner, {
    workflow: answers.workflow,
    credentials: answers.pool.map(({ name }) => name),
  });
  if (!runner.ok) return runner;
  const policy = await readPolicyRepository(operator, policyRepository(answers.owner));
  if (!policy.ok) return policy;
  const served: ServedFacts[] = [];
  for (const repository of answers.repositories) {
    const read = await readServed(operator, repository);
    if (!read.ok) return read;
    if (read.value === null) return cannot(`there is no repository ${repository}, or ${me.value.login} can't see it`);
    served.push(read.value);
  }
  const self = app === undefined ? undefined : await app.readApp();
  if (self?.ok === false) return self;
  return ok({
    operator: me.value,
    owner: owner.value,
    runner: runner.value,
    policy: policy.value,
    served,
    webhookUrl: self?.value.webhookUrl ?? null,
  });
}

function cannot(message: string): Result<never, InitProblem> {
  return err({ reason: "cannot-begin", message });
}

async function readServed(operator: Operator, name: string): Promise<Result<ServedFacts | null, GitHubFailure>> {
  const repository = await operator.readRepository(name);
  if (!repository.ok || repository.value === undefined) return repository.ok ? ok(null) : repository;
  const label = await operator.hasLabel(name, TRIGGER_LABEL);
  if (!label.ok) return label;
  const form = await operator.readFile(name, FORM_FILE);
  if (!form.ok) return form;
  const proposed = await operator.findPull(name, INIT_BRANCH);
  if (!proposed.ok) return proposed;
  return ok({ ...repository.value, hasLabel: label.value, hasForm: form.value !== undefined, proposed: proposed.value ?? null });
}

/** The journal, as a step uses it. */
export type Memory = {
  readonly remember: (done: Done) => Promise<void>;
  /** Whether an earlier try has come as far as a branch. */
  readonly hasBegun: (step: Extract<Step, { do: "propose-files" }>) => boolean;
};

/** Under whose token a step is done. */
export type Hands = { readonly operator: Operator; readonly app: AppView | undefined };

/** How a step went. `waits`: GitHub wants somebody's review before it merges; `other`: a person has to look before anything is merged. */
export type Performed = "done" | "waits" | "other";

/**
 * Does one step. What it does is written to the journal before (`remember`), as it may happen without an answer; taking back what
 * never happened finds nothing. What is known only afterwards replaces that line.
 */
export async function performStep(
  { operator, app }: Hands,
  step: Step,
  keys: ReadonlyMap<string, string>,
  { remember, hasBegun }: Memory,
): Promise<Result<Performed, GitHubFailure>> {
  if (step.do === "point-webhooks") {
    if (app === undefined) throw new Error("webhooks are pointed by the App's own key");
    await remember({ did: "point-webhooks", repository: null, wrote: step.url, before: step.before });
    return whenDone(await app.setWebhookUrl(step.url));
  }
  const { repository } = step;
  switch (step.do) {
    case "create-repository": {
      await remember({ did: "create-repository", repository, id: null });
      const made = await operator.createRepository(repository, step.description);
      if (!made.ok) return made;
      await remember({ did: "create-repository", repository, id: made.value });
      return ok("done");
    }
    case "write-file": {
      const { path, text, before } = step;
      await remember({ did: "write-file", repository, path, wrote: text, before: before?.text ?? null });
      return whenDone(await operator.writeFile(repository, path, text, before?.blob ?? null));
    }
    case "protect-branch": {
      const branch = await defaultBranch(operator, repository);
      if (!branch.ok) return branch;
      await remember({ did: "protect-branch", repository, branch: branch.value });
      return whenDone(await operator.protectBranch(repository, branch.value));
    }
    case "lock-environment": {
      const branch = await defaultBranch(operator, repository);
      if (!branch.ok) return branch;
      const { environment } = step;
      const before = typeof step.before === "object" && step.before !== null ? [...step.before] : step.before;
      await remember({ did: "lock-environment", repository, environment, before });
      return whenDone(await operator.setEnvironment(repository, environment, [`branch:${branch.value}`]));
    }
    case "set-key": {
      const { environment } = step;
      const key = keys.get(environment);
      if (key === undefined) throw new Error(`no key was read for ${environment}`);
      await remember({ did: "set-key", repository, environment });
      return whenDone(await operator.setSecret(repository, environment, KEY_SECRET, key));
    }
    case "create-label":
      await remember({ did: "create-label", repository, label: step.label });
      return whenDone(await operator.createLabel(repository, step.label));
    case "propose-files": {
      const { branch, files } = step;
      const begun = hasBegun(step);
      await remember({ did: "propose-files", repository, branch, pull: null, files });
      const opened = await operator.propose(repository, { ...step, begun });
      if (!opened.ok) return opened;
      await remember({ did: "propose-files", repository, branch, pull: opened.value, files });
      return ok("done");
    }
    case "merge":
      return merge(operator, step, remember);
    default:
      return unreachable(step);
  }
}

type MergeStep = Extract<Step, { do: "merge" }>;

async function merge(
  operator: Operator,
  { repository, branch, pull: known, path, text }: MergeStep,
  remember: (done: Done) => Promise<void>,
): Promise<Result<Performed, GitHubFailure>> {
  const pull = known === null ? await operator.findPull(repository, branch) : ok(known);
  if (!pull.ok) return pull;
  if (pull.value === undefined) return ok("waits");
  await remember({ did: "merge", repository, path, wrote: text });
  const merged = await operator.merge(repository, pull.value, { branch, path, text });
  if (!merged.ok) return merged;
  return ok(merged.value === "merged" ? "done" : merged.value);
}

async function defaultBranch(operator: Operator, name: string): Promise<Result<string, GitHubFailure>> {
  const repository = await operator.readRepository(name);
  if (!repository.ok) return repository;
  if (repository.value !== undefined) return ok(repository.value.defaultBranch);
  const message = "GitHub doesn't know the repository that it has just made";
  return err({
    reason: "github-unavailable",
    route: "GET /repos/{owner}/{repo}",
    message,
    retryAfterMs: null,
    tokenRefused: false,
  });
}

function whenDone(answered: Result<void, GitHubFailure>): Result<Performed, GitHubFailure> {
  return answered.ok ? ok("done") : answered;
}
