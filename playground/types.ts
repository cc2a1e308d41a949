/**
 * What the parts of the playground know of each other. The emulated GitHub owns all state; the runner asks it for
 * work, as GitHub's own runners do; the demo and the tests act as people through `Person`.
 */

/** Something that one of the world's programs said, in its own words. */
export type WorldEvent = { readonly from: "github" | "app" | "runner" | "model"; readonly text: string };

/** One run of a workflow, dispatched and not yet taken by a runner. */
export type QueuedRun = {
  readonly id: number;
  readonly number: number;
  readonly repository: {
    readonly id: number;
    readonly name: string;
    readonly owner: string;
    readonly ownerId: number;
    readonly private: boolean;
    /** `git clone` address without credentials. */
    readonly cloneUrl: string;
  };
  readonly workflow: { readonly path: string; readonly text: string };
  readonly event: "workflow_dispatch";
  /** `refs/heads/main` */
  readonly ref: string;
  readonly refProtected: boolean;
  readonly sha: string;
  readonly inputs: Readonly<Record<string, string>>;
  readonly actor: { readonly id: number; readonly login: string };
};

/** An environment as a job sees it: one deployment branch rule, then its secrets and variables. */
export type JobEnvironment = {
  readonly name: string;
  readonly secrets: Readonly<Record<string, string>>;
  readonly variables: Readonly<Record<string, string>>;
};

/** `archive` is a zip. `retentionDays`: 0 where the workflow doesn't say. */
export type NewArtifact = { readonly name: string; readonly archive: Buffer; readonly retentionDays: number };

export type Conclusion = "success" | "failure" | "cancelled";

/** What a runner needs from GitHub. Implemented by the emulated GitHub. */
export type RunnerHost = {
  /** The next queued run, waiting until there is one; undefined once `signal` is aborted. */
  takeRun(signal: AbortSignal): Promise<QueuedRun | undefined>;
  /** Sets the run's title (`run-name`, evaluated by the runner) and moves it to in_progress; sends `workflow_run`. */
  startRun(runId: number, title: string): Promise<void>;
  /**
   * The environment a job names. A missing one is created empty and unprotected, as GitHub does. Refused (undefined)
   * when the ref may not deploy to it.
   */
  enterEnvironment(runId: number, name: string): Promise<JobEnvironment | undefined>;
  /** Keeps what a run uploaded, and answers its id; undefined when the run already has one of that name. */
  storeArtifact(runId: number, artifact: NewArtifact): Promise<number | undefined>;
  /** Aborted when the run was cancelled through the API. */
  cancelled(runId: number): AbortSignal;
  /** Ends the run; sends `workflow_run.completed`. */
  completeRun(runId: number, conclusion: Conclusion): Promise<void>;
};

/** A person using GitHub's web page. Each act changes state and sends the webhooks GitHub would send. */
export type Person = {
  readonly id: number;
  readonly login: string;
  openIssue(repository: string, issue: { title: string; body: string; labels?: readonly string[] }): Promise<{ number: number }>;
  label(repository: string, issue: number, label: string): Promise<void>;
  comment(repository: string, issue: number, body: string): Promise<{ id: number }>;
  unlabel(repository: string, issue: number, label: string): Promise<void>;
  closeIssue(repository: string, issue: number): Promise<void>;
  reopenIssue(repository: string, issue: number): Promise<void>;
  editComment(repository: string, comment: number, body: string): Promise<void>;
  editIssue(repository: string, issue: number, change: { title?: string; body?: string }): Promise<void>;
  /** *Cancel workflow* on the run's page. */
  cancelRun(repository: string, run: number): Promise<void>;
  deleteBranch(repository: string, branch: string): Promise<void>;
  /** What a draft must be before it can be merged. */
  markReady(repository: string, pull: number): Promise<void>;
  reviewPull(
    repository: string,
    pull: number,
    review: {
      state: "approved" | "changes_requested" | "commented";
      body: string;
      threads?: readonly { path: string; line: number; body: string }[];
    },
  ): Promise<void>;
  /** In the thread that this comment has begun. */
  replyInThread(repository: string, pull: number, comment: number, body: string): Promise<void>;
  resolveThread(repository: string, pull: number, comment: number): Promise<void>;
  /** Of the last review of somebody, by login. */
  dismissReview(repository: string, pull: number, of: string): Promise<void>;
  closePull(repository: string, pull: number): Promise<void>;
  reopenPull(repository: string, pull: number): Promise<void>;
  /** Answers the commit that it made. */
  mergePull(repository: string, pull: number, method?: "merge" | "squash"): Promise<string>;
  /** GitHub's Revert button: answers the pull request that it opens. */
  revertPull(repository: string, pull: number): Promise<{ number: number }>;
};
