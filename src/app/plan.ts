import type { Provider } from "#core/wire/contract.ts";
import type { Failure } from "#core/wire/failure.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { formatUsd, MicroUsd } from "#core/wire/units.ts";
import { parseConfig } from "#core/config/parse.ts";
import { CONFIG_FILE, Policy, POLICY_REPOSITORY } from "#core/config/policy.ts";
import { DEFAULT_SETTINGS, Settings } from "#core/config/settings.ts";
import type { Plan } from "#core/plan/plan.ts";
import { routeOf, servedModels } from "#core/plan/route.ts";
import { sizeOf } from "#core/plan/size.ts";
import type { Brief } from "#core/task/brief.ts";
import { parseCommand, type Override } from "#core/task/command.ts";
import type { SetUp } from "#ports/github.ts";
import type { ClaimedTask } from "#ports/store.ts";
import type { Deps, Next } from "./deps.ts";
import { isTrustedAuthor, mayStart } from "./who-may.ts";

/** planning → queued: who may, the configuration as it stands, size, route, budget; or refused, saying why. */
export async function plan(deps: Deps, task: ClaimedTask): Promise<Next> {
  const { brief } = task;
  const may = await mayStart(deps.github, brief);
  if (!may.ok) return { failed: may.error };
  if (may.value !== undefined) return refuse(may.value);
  const setUp = await deps.github.readSetUp(brief);
  if (!setUp.ok) return { failed: setUp.error };
  const configured = configure(brief, setUp.value);
  if (!configured.ok) return refuse(configured.error);
  await deps.store.recordPolicy(brief.owner.id, configured.value.policy, configured.value.policyCommit);
  const trusted = await isTrustedAuthor(deps.github, brief);
  if (!trusted.ok) return { failed: trusted.error };
  const made = makePlan(brief, configured.value, trusted.value);
  return made.ok ? { go: "plan", patch: { plan: made.value } } : refuse(made.error);
}

function refuse(failure: Failure): Next {
  return { go: "refuse", patch: { failure } };
}

type Configured = {
  readonly policy: Policy;
  readonly policyCommit: string;
  readonly settings: Settings;
  readonly base: NonNullable<SetUp["base"]>;
};

/** Both files → one effective configuration. A broken or missing one refuses work; none falls back to looser rules. */
export function configure(brief: Brief, setUp: SetUp): Result<Configured, Failure> {
  const login = brief.owner.login;
  const policyRepository = `${login}/${POLICY_REPOSITORY}`;
  if (setUp.policy === null || setUp.policy.file === "missing") {
    return err({ reason: "policy-missing", repository: policyRepository, file: CONFIG_FILE });
  }
  if (setUp.policy.file === "unreadable")
    return err({ reason: "policy-unreadable", repository: policyRepository, file: CONFIG_FILE });
  const policy = parseConfig(`${policyRepository}: ${CONFIG_FILE}`, setUp.policy.file.text, Policy);
  if (!policy.ok) return policy;
  const repository = `${login}/${brief.repository.name}`;
  const runner = policy.value.runner.repository;
  if (runner.split("/")[0]?.toLowerCase() !== login.toLowerCase()) {
    return err({ reason: "runner-of-another-owner", runner, owner: login });
  }
  const reserved = [runner, policyRepository].map((name) => name.toLowerCase());
  if (reserved.includes(repository.toLowerCase())) return err({ reason: "repository-reserved", repository });
  if (setUp.base === null) return err({ reason: "base-unreadable", repository });
  if (setUp.settings === "unreadable") return err({ reason: "policy-unreadable", repository, file: CONFIG_FILE });
  const settings =
    setUp.settings === "missing"
      ? ok(DEFAULT_SETTINGS)
      : parseConfig(`${repository}: ${CONFIG_FILE}`, setUp.settings.text, Settings);
  if (!settings.ok) return settings;
  return ok({ policy: policy.value, policyCommit: setUp.policy.commit, settings: settings.value, base: setUp.base });
}

/** Pure: the request and the configuration give the plan, or the reason why there is none. */
export function makePlan(
  brief: Brief,
  { policy, policyCommit, settings, base }: Configured,
  trustedAuthor: boolean,
): Result<Plan, Failure> {
  let use: Override = {};
  if (brief.comment !== null) {
    const command = parseCommand(brief.comment, servedModels(policy));
    if (command?.ok === false) return command;
    use = command?.value.use ?? {};
  }
  const estimate = sizeOf(brief);
  const routed = routeOf(policy, estimate.size, use);
  if (!routed.ok) return routed;
  const budget = policy.task.budget;
  const ceiling = largestBudget(policy, routed.value.route.provider);
  if (budget > ceiling) return err({ reason: "budget-too-small", neededUsd: formatUsd(budget), budgetUsd: formatUsd(ceiling) });
  return ok({
    size: estimate.size,
    confidence: estimate.confidence,
    sizeReasons: estimate.reasons,
    route: routed.value.route,
    routeReasons: routed.value.reasons,
    budget,
    base,
    runner: policy.runner,
    policyCommit,
    commands: { setup: settings.setup, verify: settings.verify },
    guards: {
      maxFiles: settings.guards["max-files"],
      maxBytes: settings.guards["max-kb"] * 1024,
      protected: settings.guards.protected,
    },
    draft: settings.draft,
    // CI on the branch runs what a model made of this text, with the repository's secrets: not for a stranger's text.
    ci: settings.ci ?? (brief.repository.private && trustedAuthor ? "auto" : "approved"),
  });
}

/** The most that one grant can ever get in a month: the roomiest credential's, within the owner's. */
function largestBudget(policy: Policy, provider: Provider): MicroUsd {
  const budgets = policy.pool.filter((entry) => entry.provider === provider).map((entry) => entry.budget ?? policy.budget);
  return MicroUsd(Math.min(policy.budget, Math.max(0, ...budgets)));
}
