import type { Brief, Edit } from "#core/request/brief.ts";
import type { Reviewers } from "#core/plan/plan.ts";
import type { Discussion, FailedCheckRun } from "#core/plan/told.ts";
import type { Behind } from "#core/plan/base-update.ts";
import type { Surroundings } from "#core/plan/signals/signals.ts";
import type { Labelling, Tried } from "#core/request/missed.ts";
import type { Role } from "#core/request/role.ts";
import type { CheckRun } from "#core/task/ci-checks.ts";
import type { Files, MergedPull } from "#core/trial/choice.ts";
import type { Change } from "#core/wire/contract.ts";
import type { ActorId, InstallationId, LeaseId, OwnerId, RepositoryId, RunId, TaskId } from "#core/wire/ids.ts";
import type { Result } from "#core/wire/result.ts";
import type { OwnChecks } from "./checks.ts";
import type { EpochMs } from "#core/wire/units.ts";

/**
 * `unavailable`: try again, not before `retryAfterMs` where GitHub named a time.
 * `refused`: GitHub answered, and trying again would get the same answer.
 */
export type GitHubFailure =
  | {
      readonly reason: "github-unavailable";
      readonly route: string;
      readonly message: string;
      readonly retryAfterMs: number | null;
      /** The token was revoked or has run out: the next try needs another. */
      readonly tokenRefused: boolean;
      /** False: the call was not even made, since our own budget had no room before `retryAfterMs` (app/content.ts). */
      readonly made?: false;
    }
  | { readonly reason: "github-refused"; readonly route: string; readonly status: number; readonly message: string };

/** What GitHub answers to one of us, or why it doesn't. */
export type Answer<T> = Promise<Result<T, GitHubFailure>>;

export type FileAt = { readonly text: string } | "missing" | "unreadable";

/** The product repository and the owner's policy, each at one commit, from one read. */
export type SetUp = {
  readonly base: { readonly branch: string; readonly commit: string; readonly tree: string } | null;
  readonly settings: FileAt;
  /** null: the owner's `.github` repository doesn't exist or the App is not installed on it. */
  readonly policy: { readonly commit: string; readonly file: FileAt } | null;
};

export type RunnerRepository = {
  readonly id: RepositoryId;
  readonly owner: { readonly id: OwnerId; readonly login: string };
  readonly name: string;
  readonly private: boolean;
  readonly defaultBranch: string;
};

export type WorkflowRun = {
  readonly id: RunId;
  readonly url: string;
  readonly status: string;
  readonly conclusion: string | null;
};

/** By the artifact's name and the file's in it, and how long it may be. */
export type WantedFile = { readonly artifact: string; readonly file: string; readonly maxBytes: number };
export type ArtifactFile =
  | { readonly bytes: Uint8Array }
  | { readonly unfit: "expired" | "too-large" | "no-archive" | "not-the-file" };

/** An open issue as it is now, with who has set its labels and changed its text. `author` null: a bot or an App (`isByBot`), or nobody any more. */
export type LabelledIssue = Labelling & {
  readonly number: number;
  readonly title: string;
  readonly body: string;
  readonly author: { readonly id: ActorId; readonly login: string } | null;
  readonly isByBot: boolean;
};

/** `isLocked`: its conversation is. */
export type IssueState = { readonly isOpen: boolean; readonly isLocked: boolean; readonly labels: readonly string[] };

export type OwnComment = { readonly id: number; readonly issue: number; readonly body: string };

/** `mergedAt` in epoch milliseconds. `next`: where the following page begins; null: there is none. */
export type MergedPage = {
  readonly pulls: readonly (MergedPull & { readonly mergedAt: number })[];
  readonly next: string | null;
};

/** Where an issue and the code behind it live. */
export type Place = Pick<Brief, "installation" | "owner" | "repository">;

/** `refused`: owners whose repositories GitHub doesn't tell us, whatever they may be: an IP allow list leaves us out. */
export type Places = {
  readonly places: readonly Place[];
  readonly refused: readonly { readonly owner: Place["owner"]; readonly failure: GitHubFailure }[];
};

export type Around = Pick<Surroundings, "codeOwners" | "links"> & { readonly edit: Edit | null };

export type GitHub = OwnChecks & {
  /** undefined: GitHub knows no person of this login there. */
  readRole(place: Place, login: string): Answer<Role | undefined>;
  /** Those of these teams of the owner's that have this login as an active member. A personal account has no teams. */
  readTeams(place: Place, login: string, teams: readonly string[]): Answer<readonly string[]>;
  readSetUp(place: Place): Answer<SetUp>;
  /** The files of a tree; of one that is known, without asking again. */
  readTree(place: Place, tree: string): Answer<NonNullable<Surroundings["tree"]>>;
  /** Who owns the code at a commit, what is linked with an issue, and its text's last edit: null where there was none. */
  readAround(place: Place, issue: number, commit: string): Answer<Around>;
  /** A file of a commit, by its path. */
  readText(place: Place, commit: string, path: string): Answer<FileAt>;
  /** By `owner/name`, as it was at most five minutes ago. undefined: the App is not installed on it. */
  readRunner(installation: InstallationId, repository: string): Answer<RunnerRepository | undefined>;
  /** The branch rules of an environment; undefined when it is missing or not limited to selected branches. */
  readDeploymentBranches(
    installation: InstallationId,
    runner: RunnerRepository,
    environment: string,
  ): Answer<readonly string[] | undefined>;
  /** A token that reads this one repository and nothing else, for one fetch. */
  mintFetchToken(place: Place): Answer<string>;
  /** The address `git` fetches the repository from, without credentials. */
  cloneUrl(place: Place): string;
  /** The numeric id of our bot's account: the actor of the runs we dispatch, the author of our comments. */
  readBot(place: Place): Answer<{ readonly id: number; readonly login: string }>;
  /** Whether GitHub answers and knows the App's key. */
  readApp(): Answer<{ readonly slug: string }>;

  /** Every repository of these owners that the App is installed on, but those of suspended installations. */
  readPlaces(isWanted: (owner: Place["owner"]) => boolean): Answer<Places>;
  /** Our comments on issues of a repository that were written or edited in the last `withinMs`, the newest first. */
  readOwnComments(place: Place, withinMs: number): Answer<readonly OwnComment[]>;
  /** Tries to deliver that failed since then; of a server that can't choose these, those that succeeded as well. */
  readFailedDeliveries(since: EpochMs): Answer<readonly Tried[]>;
  /** One more try of what a try of this id did not deliver. Twice does no harm: both have one id. */
  redeliver(id: number): Answer<void>;
  /** Open issues with one of these labels, whatever its case, that were changed since then. */
  readLabelled(place: Place, labels: readonly string[], since: EpochMs): Answer<readonly LabelledIssue[]>;
  readIssue(place: Place, issue: number): Answer<IssueState>;
  /** Our own issue for receipts, the oldest should there be several; a closed one as well. */
  findReceipts(place: Place): Answer<number | undefined>;
  openIssue(place: Place, issue: { readonly title: string; readonly body: string }): Answer<number>;
  /** Our comment there that is this lender's receipt. */
  findReceipt(place: Place, issue: number, lender: ActorId): Answer<number | undefined>;
  /** Our own comment on the issue, the oldest should there be several. */
  findComment(place: Place, issue: number): Answer<number | undefined>;
  createComment(place: Place, issue: number, body: string): Answer<number>;
  updateComment(place: Place, comment: number, body: string, turn: "news" | "progress"): Answer<void>;
  /** Where people see a comment. */
  commentUrl(place: Place, issue: number, comment: number): string;
  /** A comment of ours beside the one, which notifies whom it mentions. */
  createReply(place: Place, issue: number, body: string): Answer<number>;
  /** Our reply for a call of a task's, by its name (core/task/notification.ts). */
  findReply(place: Place, issue: number, call: string): Answer<number | undefined>;
  /** Those threads of a pull request, by the id of their first comment, that stand open without an answer of this follow-up's. */
  findUnanswered(place: Place, pull: number, task: TaskId): Answer<readonly number[]>;
  /** In the thread itself. Refused (404) where its first comment is gone. */
  answerThread(place: Place, pull: number, thread: number, body: string): Answer<void>;
  /** To somebody's comment. The same once more changes nothing. */
  react(place: Place, comment: number, reaction: "+1" | "confused"): Answer<void>;

  findRun(
    installation: InstallationId,
    runner: RunnerRepository,
    workflow: string,
    lease: LeaseId,
  ): Answer<WorkflowRun | undefined>;
  readRun(installation: InstallationId, runner: RunnerRepository, run: RunId): Answer<WorkflowRun>;
  /** How many jobs a run has, whatever became of them. */
  countJobs(installation: InstallationId, runner: RunnerRepository, run: RunId): Answer<number>;
  dispatchRun(
    installation: InstallationId,
    runner: RunnerRepository,
    workflow: string,
    inputs: { readonly attempt: LeaseId; readonly credential: string },
  ): Answer<{ readonly id: RunId; readonly url: string } | undefined>;
  cancelRun(installation: InstallationId, runner: RunnerRepository, run: RunId): Answer<void>;
  /** A file that a run uploaded. undefined: it uploaded no artifact of this name, or GitHub doesn't list it yet. */
  readArtifactFile(
    installation: InstallationId,
    runner: RunnerRepository,
    run: RunId,
    wanted: WantedFile,
  ): Answer<ArtifactFile | undefined>;

  createCommit(
    place: Place,
    commit: { readonly message: string; readonly parent: string; readonly baseTree: string; readonly changes: readonly Change[] },
  ): Answer<string>;
  findBranch(place: Place, branch: string): Answer<string | undefined>;
  createBranch(place: Place, branch: string, commit: string): Answer<void>;
  /** The branch that a pull request is made from, the commit that it stands at, and whether it is open. */
  readHead(place: Place, pull: number): Answer<Head>;
  /** Its review threads that nobody has resolved, and those reviews that request changes still. */
  readDiscussion(place: Place, pull: number): Answer<Discussion>;
  /** Its committer's date in epoch milliseconds: GitHub's clock where the App has made it. */
  readCommit(place: Place, commit: string): Answer<Commit>;
  /** On to a commit that has the branch's own among its parents. Refused (422) where it has moved meanwhile. */
  updateBranch(place: Place, branch: string, commit: string): Answer<void>;
  /** How a pull request stands to its base. */
  readBehind(place: Place, pull: number): Answer<Behind>;
  /**
   * A merge of that commit into the branch as it stands, by GitHub; undefined: it is in there. Refused where the two conflict (409), and
   * where workflow files would come in.
   */
  mergeBase(
    place: Place,
    branch: string,
    merge: { readonly commit: string; readonly message: string },
  ): Answer<{ readonly commit: string; readonly tree: string } | undefined>;
  /** Of a commit, each run the last time that it ran, without this App's own: up to `MAX_CHECK_RUNS`, and some beyond where there are more. */
  readCheckRuns(place: Place, commit: string): Answer<readonly CheckRun[]>;
  /**
   * Of the runs that failed on a commit, the first `TOLD.checks`, each with the end of its log where that can be read. Others' text.
   * `names`: of these alone, as `checkName` has them; null: of all.
   */
  readFailedChecks(place: Place, commit: string, names: readonly string[] | null): Answer<readonly FailedCheckRun[]>;
  findPullRequest(place: Place, head: string): Answer<PullRequest | undefined>;
  /** A page of merged pull requests, those first that were changed last, with the issues that they closed. */
  readMerged(place: Place, after: string | null): Answer<MergedPage>;
  /** All files of a tree, with git's ids of them. null: there are too many. */
  readFiles(place: Place, tree: string): Answer<Files | null>;
  /** A file's content by its id, as base64. */
  readBlob(place: Place, blob: string): Answer<string>;
  openPullRequest(
    place: Place,
    pull: {
      readonly title: string;
      readonly body: string;
      readonly head: string;
      readonly base: string;
      readonly draft: boolean;
    },
  ): Answer<PullRequest>;
  /** Who is asked already stays so, and hears of it once. Refused (422) where one of them can't see the repository. */
  requestReview(place: Place, pull: number, reviewers: Reviewers): Answer<void>;
};

/** `isOwn`: the branch is in the same repository. */
export type Head = { readonly branch: string; readonly commit: string; readonly isOpen: boolean; readonly isOwn: boolean };
export type Commit = { readonly tree: string; readonly parents: readonly string[]; readonly at: EpochMs };
export type PullRequest = { readonly number: number; readonly draft: boolean };
