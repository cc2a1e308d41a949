import type { ReviewThread } from "./review-threads.ts";
import type { KeyObject } from "node:crypto";
import type { Environment } from "./environments.ts";
import type { Plan } from "./plans.ts";
import type { GitRepository } from "./git-repository.ts";
import type {
  AppManifest,
  Call,
  CallHook,
  CheckConclusion,
  CheckOutput,
  Delivery,
  GitHubOptions,
  Membership,
  OrganizationRole,
  Role,
  RunConclusion,
} from "./emulated-github.ts";
import type { BranchRule, Protection } from "./protection.ts";
import type { KeyPair, Secrets } from "./secrets.ts";

/**
 * All that the emulated GitHub knows, as one record handed to every function. Times are epoch milliseconds of its own
 * clock (`nowOf`), turned into GitHub's whole seconds only in `shapes/`.
 */
export type GitHub = {
  readonly options: GitHubOptions;
  manifest: AppManifest;
  readonly app: {
    readonly id: number;
    readonly slug: string;
    readonly bot: Account;
    readonly publicKey: KeyObject;
    /** PKCS#1, as GitHub hands it out. */
    readonly privateKeyPem: string;
    readonly createdAt: number;
  };
  /** REST root, known once the server listens. */
  url: string;
  readonly htmlUrl: string;
  webhook: { url: string; secret: string };
  listingLagMs: number;
  clockOffsetMs: number;
  lastId: number;
  /** What was asked for on the page that makes Apps, by the code that it was sent away with. */
  readonly newApps: Map<string, AppManifest>;
  readonly accounts: Map<string, Account>;
  /** By owner's id; team where none is given. */
  readonly plans: Map<number, Plan>;
  /** By `owner/slug`, in lower case. */
  readonly teams: Map<string, Team>;
  /** By `organization/login`, in lower case. */
  readonly organizationRoles: Map<string, OrganizationRole>;
  /** By owner's id; each repository of the owner sees them. */
  readonly organizationSecrets: Map<number, Secrets>;
  readonly repositories: Map<number, Repository>;
  readonly installations: Map<number, Installation>;
  readonly tokens: Map<string, Token>;
  readonly personTokens: Map<string, PersonToken>;
  /** What secrets are sealed to, by environment's id; made when first asked for. */
  readonly secretKeys: Map<number, KeyPair>;
  readonly runQueue: Run[];
  readonly runWaiters: Set<() => void>;
  /** Artifacts and logs on their way, by path. */
  readonly downloads: Map<string, { readonly file: Buffer; readonly type: string; readonly until: number }>;
  readonly deliveries: Delivery[];
  readonly pendingDeliveries: Set<Promise<void>>;
  readonly violations: string[];
  calls: Call[];
  readonly hooks: Set<{ readonly route: string; readonly hook: CallHook; readonly times: "once" | "always" }>;
  /** Content-creating calls by installation or person: when each was made. */
  readonly created: Map<number, number[]>;
};

export type Account = {
  readonly id: number;
  readonly login: string;
  readonly type: "User" | "Organization" | "Bot";
  readonly createdAt: number;
};

/** `permissions` and `events`: the App's own unless this owner has others, as one that hasn't approved the newest. */
export type Installation = {
  readonly id: number;
  readonly account: Account;
  readonly createdAt: number;
  permissions?: Readonly<Record<string, string>>;
  events?: readonly string[];
  repositoryIds: readonly number[] | "all";
  suspendedAt: number | null;
};

/** Members by login, in lower case. */
export type Team = { readonly id: number; readonly slug: string; readonly members: ReadonlyMap<string, Membership> };

/** What one installation token may do. `repositoryIds`: all of the installation's unless narrowed. */
export type Token = {
  readonly value: string;
  readonly installation: Installation;
  readonly permissions: Readonly<Record<string, string>>;
  readonly repositoryIds: readonly number[] | "all";
  readonly expiresAt: number;
};

/** A classic token of a person's: it may do what the person may, as far as its scopes go. */
export type PersonToken = { readonly account: Account; readonly scopes: readonly string[] };

export type Label = { readonly id: number; readonly name: string; readonly color: string; readonly description: string };

export type Issue = {
  readonly id: number;
  readonly number: number;
  readonly user: Account;
  title: string;
  body: string | null;
  labels: Label[];
  state: "open" | "closed";
  readonly createdAt: number;
  updatedAt: number;
  closedAt: number | null;
  /** Labels that were set, and titles that were given, oldest first. */
  readonly history: (
    | { readonly kind: "labeled"; readonly id: number; readonly label: Label; readonly by: Account; readonly at: number }
    | { readonly kind: "renamed"; readonly id: number; readonly by: Account; readonly at: number }
  )[];
  /** The body's edits, oldest first. */
  readonly edits: { readonly by: Account; readonly at: number }[];
  /** Present when this number is a pull request's. */
  readonly pull?: Pull;
  /** Issues below it, where it has any. */
  below?: { readonly total: number; readonly completed: number };
};

export type Pull = {
  readonly id: number;
  readonly reviews: Review[];
  readonly threads: ReviewThread[];
  readonly head: string;
  readonly base: string;
  /** The head branch's tip, and the last one known after the branch is gone. */
  headSha: string;
  baseSha: string;
  draft: boolean;
  merged: { readonly at: number; readonly by: Account; readonly sha: string } | null;
  /** Whose review was asked for. */
  readonly requested: Account[];
  /** Of which teams. */
  readonly requestedTeams: Team[];
};

export type Reaction = { readonly id: number; readonly user: Account; readonly content: string; readonly createdAt: number };

export type Review = {
  readonly id: number;
  readonly user: Account;
  state: "approved" | "changes_requested" | "commented" | "dismissed";
  readonly body: string;
  readonly at: number;
  readonly commit: string;
};

export type Comment = {
  readonly id: number;
  readonly issue: Issue;
  readonly user: Account;
  readonly reactions: Reaction[];
  body: string;
  readonly createdAt: number;
  updatedAt: number;
};

export type Workflow = { readonly id: number; readonly path: string; readonly createdAt: number; enabled: boolean };

/** Whether a repository's workflows may run, and whose actions they may use. */
export type ActionsPermissions = {
  readonly enabled: boolean;
  readonly allowed: "all" | "local_only" | "selected";
  readonly selected: { readonly githubOwned: boolean; readonly verified: boolean; readonly patterns: readonly string[] };
};

export type Run = {
  readonly id: number;
  readonly number: number;
  readonly repository: Repository;
  readonly workflow: Workflow;
  readonly workflowName: string;
  readonly workflowText: string;
  readonly branch: string;
  readonly sha: string;
  readonly inputs: Readonly<Record<string, string>>;
  readonly actor: Account;
  title: string;
  status: "queued" | "in_progress" | "completed";
  conclusion: RunConclusion | null;
  /** GitHub has begun its jobs, or let them wait for a runner: what it refuses whole (a policy, billing, bad YAML) has none. */
  readonly hasJob: boolean;
  readonly createdAt: number;
  startedAt: number;
  updatedAt: number;
  readonly cancel: AbortController;
};

export type Artifact = {
  readonly id: number;
  readonly name: string;
  readonly run: Run;
  readonly archive: Buffer;
  readonly digest: string;
  readonly createdAt: number;
  readonly expiresAt: number;
};

/** What one App's checks of one commit belong to; of GitHub Actions, one each workflow. */
export type CheckSuite = {
  readonly id: number;
  /** null: of a commit that is no branch's tip. */
  readonly branch: string | null;
  readonly sha: string;
  /** Made by the App itself, not by GitHub Actions. */
  readonly own: boolean;
  /** The slug of another App that made it. */
  readonly app?: string;
  /** By name, each as it ran last. */
  readonly runs: Map<string, CheckRun>;
  readonly createdAt: number;
  updatedAt: number;
};

/** `conclusion`: null while it runs. `output`: of one that was made through the API. */
export type CheckRun = {
  readonly id: number;
  readonly conclusion: CheckConclusion | null;
  readonly startedAt: number;
  readonly output?: CheckOutput;
  readonly log?: string;
};

export type Repository = {
  readonly id: number;
  readonly name: string;
  readonly owner: Account;
  private: boolean;
  archived: boolean;
  readonly description: string | null;
  readonly defaultBranch: string;
  readonly createdAt: number;
  pushedAt: number;
  readonly git: GitRepository;
  lastNumber: number;
  readonly issues: Map<number, Issue>;
  readonly comments: Map<number, Comment>;
  readonly labels: Map<string, Label>;
  readonly roles: Map<string, Role>;
  readonly protections: Map<string, Protection>;
  /** What rulesets ask, by branch pattern. */
  readonly branchRules: Map<string, readonly BranchRule[]>;
  /** By lower-case name: GitHub compares environment names without case. */
  readonly environments: Map<string, Environment>;
  readonly secrets: Secrets;
  actions: ActionsPermissions;
  /** How each run ends at once, without a job; null: they run. */
  refusedRuns: RunConclusion | null;
  readonly workflows: Map<string, Workflow>;
  readonly runs: Map<number, Run>;
  readonly artifacts: Map<number, Artifact>;
  /** By commit and name. */
  readonly checkSuites: Map<string, CheckSuite>;
  /** Commits GitHub signed: made by an installation that sent no author, committer or signature. */
  readonly signedCommits: Set<string>;
};

/** Numeric ids are high and rise, as GitHub's do, so that an id is never mistaken for an issue's number. */
export function nextId(github: GitHub): number {
  github.lastId += 1;
  return github.lastId;
}

export function nowOf(github: GitHub): number {
  return Date.now() + github.clockOffsetMs;
}

/** GitHub's timestamps have whole seconds. */
export function iso(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d{3}Z$/, "Z");
}

export function fullName(repository: Repository): string {
  return `${repository.owner.login}/${repository.name}`;
}

export function accountOf(github: GitHub, login: string): Account | undefined {
  return github.accounts.get(login.toLowerCase());
}

export function findRepository(github: GitHub, owner: string, name: string): Repository | undefined {
  const wanted = `${owner}/${name}`.toLowerCase();
  return [...github.repositories.values()].find((repository) => fullName(repository).toLowerCase() === wanted);
}

/** For the control surface, where an unknown `owner/name` is a mistake in the demo or test itself. */
export function repositoryNamed(github: GitHub, name: string): Repository {
  const [owner = "", repository = ""] = name.split("/");
  const found = findRepository(github, owner, repository);
  if (found === undefined) throw new Error(`no repository ${name}: create it first`);
  return found;
}

export function installationOf(github: GitHub, account: Account): Installation | undefined {
  return [...github.installations.values()].find((installation) => installation.account.id === account.id);
}

/** What list endpoints show: replicas lag behind writes, single GETs do not. */
export function listed<T extends { readonly createdAt: number }>(github: GitHub, items: Iterable<T>): T[] {
  const newest = nowOf(github) - github.listingLagMs;
  return [...items].filter((item) => item.createdAt <= newest);
}

export function organizationRole(github: GitHub, organization: Account, account: Account): OrganizationRole | undefined {
  return github.organizationRoles.get(`${organization.login}/${account.login}`.toLowerCase());
}

/** An organisation's members read all of it: its base permission, where nobody has set another. */
export function roleOf(github: GitHub, repository: Repository, account: Account): Role {
  const membership = organizationRole(github, repository.owner, account);
  if (repository.owner.id === account.id || membership === "admin") return "admin";
  const least = membership === "member" || !repository.private ? "read" : "none";
  return repository.roles.get(account.login.toLowerCase()) ?? least;
}
