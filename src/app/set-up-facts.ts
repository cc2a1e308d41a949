import { CONFIG_FILE } from "#core/config/policy.ts";
import type { PolicyFacts, RunnerFacts } from "#core/setup/facts.ts";
import { WORKFLOW_FILE } from "#core/setup/files.ts";
import { INIT_BRANCH } from "#core/setup/steps.ts";
import { ok, type Result } from "#core/wire/result.ts";
import type { GitHubFailure } from "#ports/github.ts";
import type { Operator } from "#ports/operator.ts";

/** null: there is no such repository, or none that this token sees. */
export async function readRunner(operator: Operator, name: string): Promise<Result<RunnerFacts | null, GitHubFailure>> {
  const repository = await operator.readRepository(name);
  if (!repository.ok || repository.value === undefined) return repository.ok ? ok(null) : repository;
  const workflow = await operator.readFile(name, WORKFLOW_FILE);
  if (!workflow.ok) return workflow;
  const environments = await operator.readEnvironments(name);
  if (!environments.ok) return environments;
  return ok({ ...repository.value, workflow: workflow.value ?? null, environments: environments.value });
}

/** The same, of the repository that holds the policy. */
export async function readPolicyRepository(operator: Operator, name: string): Promise<Result<PolicyFacts | null, GitHubFailure>> {
  const repository = await operator.readRepository(name);
  if (!repository.ok || repository.value === undefined) return repository.ok ? ok(null) : repository;
  const policy = await operator.readFile(name, CONFIG_FILE);
  if (!policy.ok) return policy;
  const proposed = await operator.findPull(name, INIT_BRANCH);
  if (!proposed.ok) return proposed;
  return ok({ ...repository.value, policy: policy.value ?? null, proposed: proposed.value ?? null });
}
