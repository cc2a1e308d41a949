import type { KeyObject } from "node:crypto";
import type { Plan } from "./plans.ts";
import type { GitRepository } from "./git-repository.ts";
import type {
  AppManifest,
  Call,
  CallHook,
  CheckConclusion,
  Delivery,
  GitHubOptions,
  Membership,
  NewEnvironment,
  Role,
} from "./emulated-github.ts";

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
  /** By `owner/slug`, of each member by login; all in lower case. */
  readonly teams: Map<string, ReadonlyMap<string, Membership>>;
  readonly repositories: Map<number, Repository>;
  readonly installations: Map<number, Installation>;
  readonly tokens: Map<string, Token>;
  readonly runQueue: Run[];
  readonly runWaiters: Set<() => void>;
  /** Artifacts on their way, by path. */
  readonly downloads: Map<string, { readonly artifact: Artifact; readonly until: number }>;
  readonly deliveries: Delivery[];
  readonly pendingDeliveries: Set<Promise<void>>;
  readonly violations: string[];
  calls: Call[];
  readonly hooks: Set<{ readonly route: string; readonly hook: CallHook; readonly times: "once" | "always" }>;
  /** Content-creating calls by installation: when each was made. */
  readonly created: Map<number, number[]>;
};

export type Account = {
  readonly id: number;
  readonly login: string;
  readonly type: "User" | "Organization" | "Bot";
  readonly createdAt: number;
};

export type Installation = { readonly id: number; readonly account: Account; readonly createdAt: number };

/** What one installation token may do. `repositoryIds`: all of the installation's unless narrowed. */
export type Token = {
  readonly value: string;
  readonly installation: Installation;
  readonly permissions: Readonly<Record<string, string>>;
  readonly repositoryIds: readonly number[] | "all";
  readonly expiresAt: number;
};

export type Label = { readonly id: number; readonly name: string };

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
  /** Present when this number is a pull request's. */
  readonly pull?: Pull;
};

export type Pull = {
  readonly id: number;
  readonly head: string;
  readonly base: string;
  /** The head branch's tip, and the last one known after the branch is gone. */
  headSha: string;
  baseSha: string;
  draft: boolean;
};

export type Comment = {
  readonly id: number;
  readonly issue: Issue;
  readonly user: Account;
  body: string;
  readonly createdAt: number;
  updatedAt: number;
};

export type Environment = NewEnvironment & { readonly id: number; readonly name: string; readonly createdAt: number };

export type Workflow = { readonly id: number; readonly path: string; readonly createdAt: number };

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
  conclusion: "success" | "failure" | "cancelled" | null;
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
  readonly branch: string;
  readonly sha: string;
  /** Made by the App itself, not by GitHub Actions. */
  readonly own: boolean;
  /** By name, each as it ran last. */
  readonly runs: Map<string, CheckRun>;
  readonly createdAt: number;
  updatedAt: number;
};

/** `conclusion`: null while it runs. */
export type CheckRun = { readonly id: number; readonly conclusion: CheckConclusion | null; readonly startedAt: number };

export type Repository = {
  readonly id: number;
  readonly name: string;
  readonly owner: Account;
  readonly private: boolean;
  readonly defaultBranch: string;
  readonly createdAt: number;
  pushedAt: number;
  readonly git: GitRepository;
  lastNumber: number;
  readonly issues: Map<number, Issue>;
  readonly comments: Map<number, Comment>;
  readonly labels: Map<string, Label>;
  readonly roles: Map<string, Role>;
  readonly protectedBranches: Set<string>;
  /** By lower-case name: GitHub compares environment names without case. */
  readonly environments: Map<string, Environment>;
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

export function roleOf(repository: Repository, account: Account): Role {
  if (repository.owner.id === account.id) return "admin";
  return repository.roles.get(account.login.toLowerCase()) ?? (repository.private ? "none" : "read");
}
