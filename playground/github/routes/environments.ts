import {
  answer,
  invalid,
  isRecord,
  notFound,
  notSupplied,
  page,
  textField,
  unprocessable,
  type Answer,
  type RepositoryRequest,
} from "../answers.ts";
import {
  keepEnvironment,
  makeEnvironment,
  makePolicy,
  type BranchPolicy,
  type Environment,
  type Reviewer,
} from "../environments.ts";
import { findEnvironment } from "../plans.ts";
import { toBranchPolicy, toEnvironment } from "../shapes/environment.ts";
import { repositoryUrl } from "../shapes/urls.ts";
import type { GitHub, Repository } from "../state.ts";
import type { RepositoryHandler } from "./handler.ts";

export const listEnvironments: RepositoryHandler = (github, request) => {
  const { repository } = request;
  const all = [...repository.environments.keys()].flatMap((name) => findEnvironment(github, repository, name) ?? []);
  const { items, headers } = page(request, `${repositoryUrl(github, repository)}/environments`, all);
  const environments = items.map((environment) => toEnvironment(github, repository, environment));
  return answer(200, { total_count: all.length, environments }, headers);
};

export const getEnvironment: RepositoryHandler = (github, request) => {
  const environment = environmentOf(github, request);
  return environment === undefined ? notFound() : answer(200, toEnvironment(github, request.repository, environment));
};

/** Made, or given these rules and no others; secrets, variables and the branches it names stay. */
export const putEnvironment: RepositoryHandler = (github, request) => {
  const { repository, body, params } = request;
  const name = params["environment_name"] ?? "";
  const refused = refuseRules(repository, body);
  if (refused !== undefined) return refused;
  const reviewers = reviewersOf(github, repository, body["reviewers"]);
  if (reviewers === undefined) return invalid({ resource: "Environment", code: "invalid", field: "reviewers" });
  const known = repository.environments.get(name.toLowerCase()) ?? makeEnvironment(github, repository, name);
  const environment = keepEnvironment(repository, {
    ...known,
    reviewers,
    preventSelfReview: body["prevent_self_review"] === true,
    waitMinutes: Number(body["wait_timer"] ?? 0),
    branches: branchesOf(body["deployment_branch_policy"], known.branches),
  });
  return answer(200, toEnvironment(github, repository, findEnvironment(github, repository, name) ?? environment));
};

/**
 * In a private repository waiting and reviewers take GitHub Enterprise, and their fields may not even be sent empty; which
 * branches may deploy does not (alchemy-run/alchemy#1373, backstage/backstage#28977).
 */
function refuseRules(repository: Repository, body: Readonly<Record<string, unknown>>): Answer | undefined {
  const gated = { wait_timer: "wait timer", reviewers: "required reviewers", prevent_self_review: "required reviewers" };
  const asked = Object.entries(gated).find(([field]) => body[field] !== undefined);
  if (repository.private && asked !== undefined)
    return unprocessable(
      `Failed to create the environment protection rule. Please ensure the billing plan supports the ${asked[1]} protection rule.`,
    );
  const policy = body["deployment_branch_policy"];
  return isRecord(policy) && policy["protected_branches"] === policy["custom_branch_policies"]
    ? unprocessable("protected_branches and custom_branch_policies cannot have the same value")
    : undefined;
}

function branchesOf(policy: unknown, before: Environment["branches"]): Environment["branches"] {
  if (!isRecord(policy)) return "all";
  if (policy["protected_branches"] === true) return "protected";
  return typeof before === "string" ? [] : before;
}

/** By id; undefined where one of them is nobody. */
function reviewersOf(github: GitHub, repository: Repository, given: unknown): readonly Reviewer[] | undefined {
  const wanted: readonly unknown[] = Array.isArray(given) ? given : [];
  const found = wanted.map((one) => (isRecord(one) ? reviewerOf(github, repository, one) : undefined));
  return found.every((one) => one !== undefined) && found.length <= 6 ? found : undefined;
}

function reviewerOf(
  github: GitHub,
  { owner }: Repository,
  { type, id }: Readonly<Record<string, unknown>>,
): Reviewer | undefined {
  const account = [...github.accounts.values()].find((one) => one.id === id && one.type === "User");
  if (type === "User") return account === undefined ? undefined : { type, account };
  const [, team] = [...github.teams].find(([key, one]) => one.id === id && key.startsWith(`${owner.login.toLowerCase()}/`)) ?? [];
  return team === undefined ? undefined : { type: "Team", team };
}

export const deleteEnvironment: RepositoryHandler = (_github, { repository, params }) =>
  repository.environments.delete((params["environment_name"] ?? "").toLowerCase()) ? answer(204) : notFound();

/** 404 unless the environment exists and lists branches of its own (safe-settings#746). */
export const listBranchPolicies: RepositoryHandler = (github, request) => {
  const found = policiesOf(github, request);
  if (found === undefined) return notFound();
  const name = encodeURIComponent(found.environment.name);
  const url = `${repositoryUrl(github, request.repository)}/environments/${name}/deployment-branch-policies`;
  const { items, headers } = page(request, url, found.policies);
  return answer(200, { total_count: found.policies.length, branch_policies: items.map(toBranchPolicy) }, headers);
};

export const createBranchPolicy: RepositoryHandler = (github, request) => {
  const found = policiesOf(github, request);
  if (found === undefined) return notFound();
  const { body, repository } = request;
  const name = textField(body, "name");
  if (name === undefined || name === "") return notSupplied("name");
  const type = body["type"] === "tag" ? "tag" : "branch";
  if (found.policies.some((policy) => policy.name === name && policy.type === type)) return answer(303);
  const policy = makePolicy(github, name, type);
  keepEnvironment(repository, { ...found.environment, branches: [...found.policies, policy] });
  return answer(200, toBranchPolicy(policy));
};

export const deleteBranchPolicy: RepositoryHandler = (github, request) => {
  const found = policiesOf(github, request);
  const id = Number(request.params["branch_policy_id"]);
  if (found?.policies.some((policy) => policy.id === id) !== true) return notFound();
  const branches = found.policies.filter((policy) => policy.id !== id);
  keepEnvironment(request.repository, { ...found.environment, branches });
  return answer(204);
};

function policiesOf(
  github: GitHub,
  request: RepositoryRequest,
): { readonly environment: Environment; readonly policies: readonly BranchPolicy[] } | undefined {
  const environment = environmentOf(github, request);
  if (environment === undefined || typeof environment.branches === "string") return undefined;
  return { environment, policies: environment.branches };
}

function environmentOf(github: GitHub, { repository, params }: RepositoryRequest): Environment | undefined {
  return findEnvironment(github, repository, params["environment_name"] ?? "");
}
