import type { Conclusion, Person, RunnerHost } from "../types.ts";
import type { Plan } from "./plans.ts";
import type { BranchRule } from "./protection.ts";
import type { Route } from "./routes.ts";

/** What `app.yml` says, as far as GitHub acts on it. */
export type AppManifest = {
  readonly name: string;
  /** Where its webhooks go; undefined: where the options say. */
  readonly webhookUrl?: string;
  readonly default_permissions: Readonly<Record<string, string>>;
  readonly default_events: readonly string[];
};

export type GitHubOptions = {
  /** The path of an `app.yml`, or its parsed content. */
  readonly appManifest: AppManifest | string;
  /** Where the bare repositories live: `{dataDir}/{owner}/{name}.git`, unless one of that name was deleted. */
  readonly dataDir: string;
  readonly webhook: { readonly url: string; readonly secret: string };
  readonly app: { readonly id: number; readonly slug: string };
  /** Host (and port) shown in `html_url`s; nothing answers there. Default `github.example`. */
  readonly publicHost?: string;
  /** List endpoints hide what is younger than this; single GETs are consistent. Default 0. */
  readonly listingLagMs?: number;
  /** Content-creating calls each installation may make. Default 80 a minute, 500 an hour, GitHub's own. */
  readonly limits?: { readonly perMinute: number; readonly perHour: number };
  /** Loopback port; default: any free one. */
  readonly port?: number;
  readonly onEvent?: (line: string) => void;
};

export type Role = "admin" | "maintain" | "write" | "triage" | "read" | "none";

export type OrganizationRole = "admin" | "member";

/** `pending`: invited, and has not accepted. */
export type Membership = "active" | "pending";

/** Who a request was made by: `anonymous` covers no credentials and wrong ones. */
export type Party = "app-jwt" | "installation" | "user" | "anonymous";

/** A route of the REST API, GraphQL or git over HTTP, as it is counted: `POST /repos/{owner}/{repo}/git/trees`. */
export type CountedRoute = Route | GitRoute | "POST /graphql";
export type GitRoute =
  | "GET /{owner}/{repo}.git/info/refs"
  | "POST /{owner}/{repo}.git/git-upload-pack"
  | "POST /{owner}/{repo}.git/git-receive-pack";

export type Call = {
  /** A template, or `METHOD /path` as sent where no route matches (which is also a violation). */
  readonly route: string;
  readonly path: string;
  /** null when the socket was closed with no answer. */
  readonly status: number | null;
  readonly party: Party;
  /** What the installation token was narrowed to; absent for other parties. */
  readonly grant?: { readonly permissions: Readonly<Record<string, string>>; readonly repositoryIds: readonly number[] | "all" };
  readonly userAgent: string;
  /** Epoch milliseconds. */
  readonly at: number;
};

export type HookRequest = {
  readonly phase: "before" | "after";
  readonly request: {
    readonly method: string;
    readonly route: string;
    readonly path: string;
    readonly query: Readonly<Record<string, string>>;
    readonly body: unknown;
    readonly party: Party;
  };
};
/** `drop` closes the socket with no answer: `before` without applying the request, `after` with it applied. */
export type HookAnswer =
  | "drop"
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: unknown }
  | undefined
  | void;
export type CallHook = (call: HookRequest) => HookAnswer | Promise<HookAnswer>;

export type Delivery = {
  /** GitHub's numeric id of this try; a redelivery is another try with the same guid. */
  readonly id: number;
  /** `X-GitHub-Delivery`. */
  readonly guid: string;
  readonly event: string;
  readonly action: string | null;
  readonly repository: string | null;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly at: number;
  readonly redelivery: boolean;
  /** The app's answer; 0 when there was none; null while it is under way. */
  status: number | null;
};

export type ThreadView = {
  readonly id: number;
  readonly path: string;
  readonly resolved: boolean;
  readonly said: readonly { readonly login: string; readonly body: string }[];
};
export type CommentView = {
  readonly id: number;
  readonly login: string;
  readonly body: string;
  readonly createdAt: string;
  readonly updatedAt: string;
  /** Each as `login content`. */
  readonly reactions: readonly string[];
};
export type PullView = {
  readonly number: number;
  readonly title: string;
  readonly body: string;
  readonly login: string;
  readonly head: string;
  readonly base: string;
  readonly headSha: string;
  readonly draft: boolean;
  /** Whose review was asked for: logins, then teams. */
  readonly requested: readonly string[];
  readonly state: "open" | "closed";
};
export type BranchView = { readonly name: string; readonly sha: string; readonly protected: boolean };
export type RunConclusion = Conclusion | "action_required";
export type RunView = {
  readonly id: number;
  readonly number: number;
  readonly path: string;
  /** The evaluated `run-name` once the runner knows it, the workflow's name until then. */
  readonly title: string;
  readonly status: "queued" | "in_progress" | "completed";
  readonly conclusion: RunConclusion | null;
  readonly inputs: Readonly<Record<string, string>>;
  readonly headBranch: string;
  readonly headSha: string;
  readonly actor: string;
};

export type Owner = { readonly id: number; readonly login: string; readonly kind: "Organization" | "User" };

export type CreatedRepository = {
  readonly id: number;
  /** `owner/name` */
  readonly fullName: string;
  readonly cloneUrl: string;
  /** The bare repository on disk. */
  readonly gitDir: string;
};

export type NewRepository = {
  readonly owner: string;
  readonly name: string;
  readonly private: boolean;
  readonly defaultBranch?: string;
  /** Content of the first commit, by path. Neither this nor `fromGit`: an empty repository. */
  readonly files?: Readonly<Record<string, string>>;
  /** A local git repository (with or without a work tree) whose HEAD becomes the default branch. */
  readonly fromGit?: string;
};

export type NewEnvironment = {
  /** Names or patterns of branches that may deploy; `protected`: protected ones; `all`: no rule. */
  readonly branches: readonly string[] | "protected" | "all";
  readonly secrets: Readonly<Record<string, string>>;
  readonly variables: Readonly<Record<string, string>>;
  /** How many people's approval a deployment waits for any one of. */
  readonly reviewers?: number;
  readonly waitMinutes?: number;
};

/** What an owner's installation of the App has from now on; what isn't named stays. */
export type InstallationChange = {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly events?: readonly string[];
  /** Named `owner/name`. */
  readonly repositories?: "all" | readonly string[];
  readonly suspended?: boolean;
};

export type CheckConclusion = "success" | "failure" | "neutral" | "cancelled" | "skipped" | "timed_out" | "action_required";

/** `annotations`: all that were sent; GitHub adds those of an update to those before. */
export type CheckOutput = {
  readonly title: string;
  readonly summary: string;
  readonly annotations: readonly Readonly<Record<string, unknown>>[];
};
export type CheckRunView = CheckOutput & {
  readonly id: number;
  readonly commit: string;
  readonly name: string;
  readonly conclusion: CheckConclusion | null;
};

/** Checks of a branch's tip. */
export type Checks = {
  readonly branch: string;
  /** The workflow they are of. */
  readonly workflow: string;
  /** How each ended, by name; null: it runs. One that is known there has run again. */
  readonly runs: Readonly<Record<string, CheckConclusion | null>>;
  /** Made by the App itself. */
  readonly own?: true;
  /** Made by another App, by its slug, and not by GitHub Actions. */
  readonly app?: string;
  /** By a run's name what its job has printed, as GitHub keeps it. */
  readonly logs?: Readonly<Record<string, string>>;
  /** By a run's name what its App says of it. */
  readonly outputs?: Readonly<Record<string, Pick<CheckOutput, "title" | "summary">>>;
};

/** The emulated GitHub, as the demo and the tests hold it. Repositories are named `owner/name` throughout. */
export type EmulatedGitHub = AsyncDisposable & {
  /** REST root; git over http at `{url}/{owner}/{repo}.git`, GraphQL at `{url}/graphql`. No trailing slash. */
  readonly url: string;
  readonly app: {
    readonly id: number;
    readonly slug: string;
    /** PKCS#1, as GitHub hands it out. */
    readonly privateKeyPem: string;
    readonly botId: number;
    /** `slug[bot]` */
    readonly botLogin: string;
  };
  readonly host: RunnerHost;

  createOwner(owner: { login: string; kind: "Organization" | "User" }): Promise<Owner>;
  /** What an owner pays for from now on; `team` until set. */
  setPlan(owner: string, plan: Plan): void;
  /** What the App is registered with from now on; installations keep what was granted. */
  setRegistration(change: { readonly permissions?: Readonly<Record<string, string>>; readonly events?: readonly string[] }): void;
  /** Answers the installation's id; sends `installation.created`. Repositories created later are covered too. */
  installApp(owner: string): Promise<number>;
  /** Sends `installation` where it is suspended or no longer is. */
  setInstallation(owner: string, change: InstallationChange): void;
  /** Its tokens end; sends `installation.deleted`. */
  uninstallApp(owner: string): void;
  createRepository(repository: NewRepository): Promise<CreatedRepository>;
  createPerson(login: string): Promise<Person>;
  /** A classic token of a person's, as `gh auth token` prints one; scopes as `gh auth login` asks for them where none are given. */
  personToken(login: string, scopes?: readonly string[]): string;
  setRole(repository: string, login: string, role: Role): void;
  /** An organisation's admins are admins of all its repositories; its members read them. */
  setOrganizationRole(owner: string, login: string, role: OrganizationRole): void;
  /** All of a team's members from now on, by login. */
  setTeam(owner: string, slug: string, members: Readonly<Record<string, Membership>>): void;
  /** Changes come by pull request, with one approval; admins are exempt. */
  protectBranch(repository: string, branch: string): void;
  /** What rulesets ask of branches by pattern (`agent-pool/**`), whether they exist or not; none: the pattern's rules go. */
  setBranchRules(repository: string, branch: string, rules: readonly BranchRule[]): void;
  setSecret(repository: string, name: string, value: string): void;
  /** Each of the organisation's repositories sees it. */
  setOrganizationSecret(owner: string, name: string, value: string): void;
  createEnvironment(repository: string, name: string, environment: NewEnvironment): void;
  /** A person's commit: `null` deletes a path. Answers the new commit's id; sends `push`. */
  push(
    repository: string,
    branch: string,
    files: Readonly<Record<string, string | null>>,
    message: string,
    author?: string,
  ): Promise<string>;

  /** Each run that is dispatched from now on ends so at once, without any job, as under an execution policy; null: they run. */
  refuseRuns(repository: string, conclusion: RunConclusion | null): void;
  /** As on the run's page: a run that has ended is gone, with its artifacts. */
  deleteRun(repository: string, run: number): void;
  /** Lets a workflow's checks run; sends `check_suite` where all of them have ended. Nothing is executed. */
  runChecks(repository: string, checks: Checks): Promise<void>;

  /** How many issues stand below one from now on, and how many of them are done. */
  setIssuesBelow(repository: string, issue: number, below: { readonly total: number; readonly completed: number }): void;

  /** Of the App's own, each as it is now, the oldest first. */
  checkRuns(repository: string): readonly CheckRunView[];
  comments(repository: string, issue: number): readonly CommentView[];
  /** A pull request's, each by its first comment's id. */
  threads(repository: string, pull: number): readonly ThreadView[];
  pulls(repository: string): Promise<readonly PullView[]>;
  branches(repository: string): Promise<readonly BranchView[]>;
  runs(repository: string): readonly RunView[];

  /** How often each route was called, by template; of one party or of all. */
  calls(party?: Party): Readonly<Record<string, number>>;
  callList(): readonly Call[];
  resetCalls(): void;
  /** Everything that GitHub's contract does not allow: requests, answers, GraphQL documents, webhook payloads. */
  violations(): readonly string[];
  /** A fault at a route. `once` (default): removed after it first answered something. Answers its own removal. */
  onCall(route: CountedRoute, hook: CallHook, times?: "once" | "always"): () => void;

  /** All that is of an owner, without times, ids or counters: equal before and after what leaves nothing behind. */
  snapshot(owner: string): Promise<unknown>;

  deliveries(): readonly Delivery[];
  /** Sends a delivery again with the same guid, by guid or by the id of one try. */
  redeliver(deliveryId: string | number): Promise<void>;
  /** Resolves when no webhook delivery is under way. */
  delivered(): Promise<void>;
  /** Where webhooks go from now on, for an app that restarts on another port. */
  setWebhook(webhook: { url: string; secret: string }): void;
  /** Moves the emulated clock forward: tokens expire, limits refill, lag passes. */
  advanceClock(ms: number): void;
  setListingLag(ms: number): void;
};
