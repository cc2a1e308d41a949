import { CONFIG_FILE } from "#core/config/policy.ts";
import type { EnvironmentFacts, PolicyFacts, RunnerFacts } from "#core/setup/facts.ts";
import { workflowPath } from "#core/setup/files.ts";
import { INIT_BRANCH } from "#core/setup/steps.ts";
import { ok, type Result } from "#core/wire/result.ts";
import type { GitHubFailure } from "#ports/github.ts";
import type { Operator } from "#ports/operator.ts";

/** What of the runner repository is looked at: its workflow by name, and the environments of these credentials. */
export type RunnerParts = { readonly workflow: string; readonly credentials: readonly string[] };

/** null: there is no such repository, or none that this token sees. */
export async function readRunner(
  operator: Operator,
  name: string,
  { workflow, credentials }: RunnerParts,
): Promise<Result<RunnerFacts | null, GitHubFailure>> {
  const repository = await operator.readRepository(name);
  if (!repository.ok || repository.value === undefined) return repository.ok ? ok(null) : repository;
  const file = await operator.readFile(name, workflowPath(workflow));
  if (!file.ok) return file;
  const environments: EnvironmentFacts[] = [];
  for (const credential of credentials) {
    const environment = await operator.readEnvironment(name, credential);
    if (!environment.ok) return environment;
    if (environment.value !== undefined) environments.push(environment.value);
  }
  return ok({ ...repository.value, workflow: file.value ?? null, environments });
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
