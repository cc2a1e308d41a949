import type { ActionPin } from "./answers.ts";

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
  /** Not internal to an enterprise either. */
  readonly private: boolean;
  /** To everybody: one that is internal to an enterprise is neither private nor this. */
  readonly public?: true;
  readonly archived: boolean;
  readonly defaultBranch: string;
  /** null: it has no commit yet. */
  readonly head: string | null;
  /**
   * Of the default branch. `reviewed`: a change takes an approving review. `other`: some rule holds, and none that keeps a writer
   * from pushing what they like. `unseen`: it is protected, and this token isn't shown how.
   */
  readonly protection: "reviewed" | "other" | "none" | "unseen";
  /** Whether the operator is an admin of it. */
  readonly administered: boolean;
};

export type FileFacts = { readonly text: string; readonly blob: string };

export type EnvironmentFacts = {
  /** As GitHub has it; names are compared without case. */
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
  /** null: the App's key isn't on this machine, and so isn't looked at. */
  readonly webhookUrl: string | null;
};

/** What could be seen, or why it couldn't: that is no reason to think it well, and none to think it ill. */
export type Seen<T> = { readonly seen: T } | Unseen;
/** `refused`: by what GitHub said, and not for want of an answer. */
export type Unseen = { readonly unseen: string; readonly refused?: true };

/** The App as GitHub registered it, and as it is told by its own key. */
export type AppFacts = {
  readonly id: number;
  readonly slug: string;
  /** Whose settings it stands in, which need not be where it is installed. null: not told. */
  readonly owner: { readonly login: string; readonly kind: string } | null;
  /** Its page, on github.com or the Enterprise Server. */
  readonly page: string;
  readonly permissions: Readonly<Record<string, string>>;
  readonly events: readonly string[];
  readonly webhookUrl: string;
  /** How the app answered GitHub's last delivery: an HTTP status, 0 for none; null: none is shown. */
  readonly lastDelivery: number | null;
};

export type InstallationFacts = {
  readonly id: number;
  readonly page: string;
  readonly suspended: boolean;
  readonly permissions: Readonly<Record<string, string>>;
  readonly events: readonly string[];
  /** `owner/name` of each; all of the owner's, where it was installed so. */
  readonly repositories: readonly string[];
  /** Whether repositories are added to it one by one. */
  readonly selected: boolean;
};

/** How the running app answers at its public address, from where `doctor` runs. */
export type ServerFacts = {
  readonly health: number;
  readonly ready: number;
  readonly says: string;
  /** The commit that it runs; null where it can't tell, as one of a container. */
  readonly release: string | null;
};

export type ActionsFacts = {
  readonly enabled: boolean;
  readonly allowed: "all" | "local_only" | "selected";
  readonly githubOwned: boolean;
  readonly patterns: readonly string[];
};

/** Names of secrets that jobs of a repository see beside their environment's. */
export type SecretFacts = { readonly repository: readonly string[]; readonly organization: readonly string[] };

/** A rule of a ruleset that holds for a branch. */
export type BranchRuleFacts = { readonly type: string; readonly ruleset: number | null };

export type WorkflowFacts = { readonly path: string; readonly text: string };

export type DoctorRunner = RunnerFacts & {
  /** As GitHub says it, like `active`; null: GitHub knows no such workflow. */
  readonly workflowState: Seen<string | null>;
  readonly actions: Seen<ActionsFacts>;
  readonly secrets: Seen<SecretFacts>;
  /** Logins of those who can read it. */
  readonly readers: Seen<readonly string[]>;
};

export type DoctorServed = RepositoryFacts & {
  readonly hasLabel: boolean;
  readonly settings: FileFacts | null;
  readonly readers: Seen<readonly string[]>;
  /** That hold for a branch of ours. */
  readonly rules: Seen<readonly BranchRuleFacts[]>;
  readonly workflows: Seen<readonly WorkflowFacts[]>;
};

/** Those that were looked at; `blind`: why one that may be served couldn't be; `left`: how many more the App is installed on. */
export type ServedView = {
  readonly repositories: readonly DoctorServed[];
  readonly blind: readonly { readonly name: string; readonly unseen: string }[];
  readonly left: number;
};

/** Teams and people that the policy names, and GitHub doesn't know. */
export type StrangersFacts = { readonly teams: readonly string[]; readonly people: readonly string[] };

/** How a job that does no work ended on the real runner. */
export type ProbeFacts = { readonly conclusion: string; readonly page: string };

/** All that `doctor` looks at. */
export type Facts = {
  readonly owner: string;
  readonly release: {
    readonly action: ActionPin | undefined;
    readonly permissions: Readonly<Record<string, string>>;
    readonly events: readonly string[];
  };
  /** Where GitHub's pages are. */
  readonly pages: string;
  readonly publicUrl: string | undefined;
  readonly server: Seen<ServerFacts>;
  /** Whether the App's key is at hand: where it is, and GitHub shows nothing by it, it is the wrong one. */
  readonly hasAppKey: boolean;
  readonly app: Seen<AppFacts>;
  /** null: the App is not installed there. */
  readonly installation: Seen<InstallationFacts | null>;
  readonly account: Seen<OwnerFacts>;
  readonly policy: Seen<PolicyFacts | null>;
  /** Of the repository that the policy names, or would usually name. */
  readonly runnerName: string;
  readonly runner: Seen<DoctorRunner | null>;
  readonly strangers: Seen<StrangersFacts>;
  readonly served: Seen<ServedView>;
  readonly probe: Seen<ProbeFacts>;
};
