import type { ActorId, CredentialName, DeliveryId, OwnerId, RepositoryId, TaskId } from "#core/wire/ids.ts";
import type { Failure, FollowBound } from "#core/wire/failure.ts";
import type { Brief } from "#core/request/brief.ts";
import type { Opened, TaskRow } from "./store.ts";

export type IssueAt = { readonly owner: OwnerId; readonly repository: RepositoryId; readonly issue: number };

export type PullAt = { readonly owner: OwnerId; readonly repository: RepositoryId; readonly pull: number };

/** One issue's tasks, a repository's, or all that an owner has. A trial's are nobody's request, and never among them. */
export type Reach = { readonly owner: OwnerId; readonly repository?: RepositoryId; readonly issue?: number };

export type Lender = { readonly id: ActorId; readonly login: string };

/** Nothing is granted: an operator has paused the owner's pool. */
export type Paused = { readonly kind: "paused" };

/** `bound`: the one that keeps it from starting. */
export type OpenedFollowUp = Opened | { readonly bound: FollowBound };

/** What people say on issues, as it reaches the tasks there. */
export type Conversation = {
  /** The newest task of an issue. `isPullClosed`: its pull request was merged, or is closed. */
  findNewest(issue: IssueAt): Promise<(TaskRow & { readonly isPullClosed: boolean }) | undefined>;
  /** A follow-up of a pull request of ours, which its brief names, unless one is under way or a bound is reached. */
  openFollowUp(task: TaskId, brief: Brief, delivery: DeliveryId): Promise<OpenedFollowUp>;
  /** Who has asked for a pull request's follow-ups, or let them pass. */
  readFollowers(pull: PullAt): Promise<readonly ActorId[]>;
  /** The newest task that has put a commit on this pull request. undefined: it is none of ours. */
  findByPull(pull: PullAt): Promise<TaskRow | undefined>;
  /** It is planned anew, as `brief` has it; a step under way comes to nothing. False where a run has worked on it, or it is over. */
  renewTask(task: TaskId, brief: Brief, delivery: DeliveryId): Promise<boolean>;
  /**
   * Those that are not being published yet end as cancelled, each by a step of its own, and say so; but for what was asked for
   * after the delivery that says so. How many there were.
   */
  stopTasks(reach: Reach, why: Failure, delivery: DeliveryId): Promise<number>;
  /** Requests that came before that delivery and still wait are wanted no more. How many there were. */
  dropRequests(reach: Reach, delivery: DeliveryId): Promise<number>;
  /** The issue's comment is brought up to date. False where there is none. */
  refreshComment(issue: IssueAt): Promise<boolean>;
  /** Nothing more is granted to this owner's tasks, by the word of `by`; null: again. Their comments say so. */
  pause(owner: OwnerId, by: string | null): Promise<void>;
  /** The login of who has paused the owner's pool, or null. */
  readPause(owner: OwnerId): Promise<string | null>;
  /** The repository has another name: what is still to be done for it, and its comments, go by that. */
  renameRepository(owner: OwnerId, repository: RepositoryId, name: string): Promise<void>;

  /**
   * The seat may serve others from the next grant on. `lender`: who said so, as GitHub knows them at this moment. False when
   * they have taken it back since the delivery that says so arrived.
   */
  giveConsent(owner: OwnerId, seat: CredentialName, lender: Lender, delivery: DeliveryId): Promise<boolean>;
  /** What this person has said of the seat counts no more, from the next grant on. False when they never lent it. */
  revokeConsent(owner: OwnerId, seat: CredentialName, lender: Lender): Promise<boolean>;
};
