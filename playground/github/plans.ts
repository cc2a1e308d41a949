import type { Environment } from "./environments.ts";
import type { GitHub, Repository } from "./state.ts";

/**
 * What an owner pays for. On `free`, a private repository has no draft pull requests, no protected branches, and environments without
 * rules, secrets or variables: what was set up, as while it was public, is ignored. Pro lies between, and nothing here needs it.
 * Source: docs, "GitHub's plans" and "Deployments and environments", read 2026-11-23; SWE-agent/SWE-agent#179.
 */
export type Plan = "free" | "team";

/** Whether the owner's plan gives the repository all that is told above. No call tells it (cli/cli#520). */
export function hasAll(github: GitHub, repository: Repository): boolean {
  return !repository.private || github.plans.get(repository.owner.id) !== "free";
}

const NONE: ReadonlySet<string> = new Set();

/** The branches whose protection counts. */
export function protectedBranches(github: GitHub, repository: Repository): ReadonlySet<string> {
  return hasAll(github, repository) ? new Set(repository.protections.keys()) : NONE;
}

/** An environment with what of it counts. Names are compared without case. */
export function findEnvironment(github: GitHub, repository: Repository, name: string): Environment | undefined {
  const known = repository.environments.get(name.toLowerCase());
  if (known === undefined || hasAll(github, repository)) return known;
  return { ...known, branches: "all", reviewers: [], waitMinutes: 0, secrets: new Map(), variables: {} };
}
