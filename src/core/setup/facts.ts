/** What GitHub shows of a set-up: as `init` and `doctor` see it, each repository by `owner/name`. */

export type OperatorFacts = {
  readonly login: string;
  /** Of a classic token, which GitHub tells; null: of another kind. */
  readonly scopes: readonly string[] | null;
};

export type OwnerFacts = {
  readonly login: string;
  readonly kind: "Organization" | "User";
  /** As GitHub calls it (`free`, `team`); null: not shown to this token. */
  readonly plan: string | null;
  readonly administered: boolean;
};

export type RepositoryFacts = {
  readonly id: number;
  readonly name: string;
  readonly private: boolean;
  readonly archived: boolean;
  readonly defaultBranch: string;
  /** null: it has no commit yet. */
  readonly head: string | null;
  readonly protected: boolean;
  /** Whether the operator is an admin of it. */
  readonly administered: boolean;
};

export type FileFacts = { readonly text: string; readonly blob: string };

export type EnvironmentFacts = {
  readonly name: string;
  /** Those that may deploy, as `branch:main`; `any` and `protected` are rules that name none. */
  readonly deploys: readonly string[] | "any" | "protected";
  /** Whether a person or a timer stands before each job. */
  readonly waits: boolean;
  readonly hasKey: boolean;
};

export type RunnerFacts = RepositoryFacts & {
  readonly workflow: FileFacts | null;
  readonly environments: readonly EnvironmentFacts[];
};

export type PolicyFacts = RepositoryFacts & {
  readonly policy: FileFacts | null;
  /** The open pull request of an earlier `init`. */
  readonly proposed: number | null;
};

export type ServedFacts = RepositoryFacts & {
  readonly hasLabel: boolean;
  readonly hasForm: boolean;
  readonly proposed: number | null;
};

/** What `init` looks at before it plans. null: there is no such repository, or none that this token sees. */
export type InitFacts = {
  readonly operator: OperatorFacts;
  readonly owner: OwnerFacts;
  readonly runner: RunnerFacts | null;
  readonly policy: PolicyFacts | null;
  readonly served: readonly ServedFacts[];
};
