import type { NewEnvironment } from "./emulated-github.ts";
import { makeAccount } from "./people.ts";
import { findEnvironment } from "./plans.ts";
import { makeSecrets, type Secrets } from "./secrets.ts";
import { nextId, nowOf, type Account, type GitHub, type Repository, type Team } from "./state.ts";

export type Environment = {
  readonly id: number;
  readonly name: string;
  readonly createdAt: number;
  /** Who may deploy: branches and tags by pattern, protected branches, or all. */
  readonly branches: readonly BranchPolicy[] | "protected" | "all";
  readonly reviewers: readonly Reviewer[];
  readonly preventSelfReview: boolean;
  readonly waitMinutes: number;
  readonly secrets: Secrets;
  readonly variables: Readonly<Record<string, string>>;
};

export type BranchPolicy = { readonly id: number; readonly name: string; readonly type: "branch" | "tag" };
export type Reviewer = { readonly type: "User"; readonly account: Account } | { readonly type: "Team"; readonly team: Team };

/** Empty, and open to every branch. */
export function makeEnvironment(github: GitHub, repository: Repository, name: string): Environment {
  const environment: Environment = {
    id: nextId(github),
    name,
    createdAt: nowOf(github),
    branches: "all",
    reviewers: [],
    preventSelfReview: false,
    waitMinutes: 0,
    secrets: new Map(),
    variables: {},
  };
  return keepEnvironment(repository, environment);
}

export function keepEnvironment(repository: Repository, environment: Environment): Environment {
  repository.environments.set(environment.name.toLowerCase(), environment);
  return environment;
}

/** As a test or the demo wants it; reviewers are people made for it. */
export function setUpEnvironment(github: GitHub, repository: Repository, name: string, wanted: NewEnvironment): void {
  const { branches, reviewers = 0, waitMinutes = 0, secrets, variables } = wanted;
  keepEnvironment(repository, {
    ...makeEnvironment(github, repository, name),
    branches: typeof branches === "string" ? branches : branches.map((pattern) => makePolicy(github, pattern)),
    reviewers: Array.from({ length: reviewers }, (_, index) => {
      const account = makeAccount(github, `reviewer-${String(index + 1)}`, "User");
      return { type: "User", account };
    }),
    waitMinutes,
    secrets: makeSecrets(github, secrets),
    variables,
  });
}

export function makePolicy(github: GitHub, name: string, type: BranchPolicy["type"] = "branch"): BranchPolicy {
  return { id: nextId(github), name, type };
}

/** A job that names a missing environment makes it. Source: github/docs#3126. */
export function environmentOfJob(github: GitHub, repository: Repository, name: string): Environment {
  return findEnvironment(github, repository, name) ?? makeEnvironment(github, repository, name);
}
