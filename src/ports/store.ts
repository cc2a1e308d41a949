import type { Outcome } from "#core/wire/contract.ts";
import type { AttemptId, CredentialName, DeliveryId, InstallationId, OwnerId, RunId, TaskId } from "#core/wire/ids.ts";
import type { Failure } from "#core/wire/failure.ts";
import type { EpochMs, MicroUsd } from "#core/wire/units.ts";
import type { Policy } from "#core/config/policy.ts";
import type { Plan } from "#core/plan/plan.ts";
import type { Decision, PoolSnapshot } from "#core/pool/pick.ts";
import type { LedgerEntry } from "#core/pool/ledger.ts";
import type { Brief } from "#core/task/brief.ts";
import type { JudgedReason } from "#core/task/judge.ts";
import type { AttemptState, TaskEvent, TaskState, Verdict } from "#core/task/lifecycle.ts";

/** A webhook delivery, reduced at intake to what a task can be made of. */
export type Delivery = {
  readonly id: DeliveryId;
  readonly owner: OwnerId;
  readonly event: DeliveryEvent;
};

export type DeliveryEvent =
  | { readonly kind: "request"; readonly brief: Brief }
  | {
      readonly kind: "run-ended";
      readonly installation: InstallationId;
      readonly attempt: AttemptId;
      readonly run: RunId;
      readonly conclusion: string;
    };

export type ClaimedDelivery = Delivery & { readonly tries: number; readonly holder: string };

export type TaskRow = {
  readonly id: TaskId;
  readonly state: TaskState;
  readonly brief: Brief;
  readonly plan: Plan | null;
  readonly failure: Failure | null;
  readonly comment: { readonly id: number; readonly hash: string } | null;
  /** GitHub refuses our comments there (locked, disabled): the task goes on without one. */
  readonly commentRefused: boolean;
  readonly commit: string | null;
  readonly pullRequest: { readonly number: number; readonly draft: boolean } | null;
};

/** A task row this process works on until `holder`'s claim runs out. `tries` counts this action, from 1. */
export type ClaimedTask = TaskRow & { readonly holder: string; readonly tries: number };

export type AttemptRow = {
  readonly id: AttemptId;
  readonly task: TaskId;
  readonly owner: OwnerId;
  readonly number: number;
  readonly state: AttemptState;
  readonly credential: CredentialName;
  /** What its run must show to claim it. */
  readonly expected: ExpectedRun | null;
  readonly run: RunId | null;
  readonly runUrl: string | null;
  readonly checkRun: string | null;
  readonly heartbeats: number;
  /** Since the lease was offered. */
  readonly ageMs: number;
  /** Until the lease ends, below zero after it; null before the claim. */
  readonly deadlineInMs: number | null;
  readonly outcome: Outcome | null;
  readonly outcomeHash: string | null;
  readonly verdict: Verdict | null;
  readonly why: JudgedReason | null;
  readonly costs: { readonly model: MicroUsd | null; readonly runner: MicroUsd | null };
};

/** Facts of our own dispatch, fixed before it: the OIDC token is compared with these and never with names it brings. */
export type ExpectedRun = {
  readonly repositoryId: number;
  readonly ownerId: number;
  readonly workflowRef: string;
  readonly ref: string;
};

/** What may change together with a task's state. */
export type TaskPatch = {
  readonly plan?: Plan;
  readonly failure?: Failure;
  readonly commit?: string;
  readonly pullRequest?: { readonly number: number; readonly draft: boolean };
  /** When the row is due again, from now. Default: at once; `null`: not by itself. */
  readonly dueInMs?: number | null;
};

/** What may be written to the attempt in the same transaction. */
export type AttemptPatch = {
  readonly attempt: AttemptId;
  readonly run?: { readonly id: RunId; readonly url: string };
  readonly verdict?: { readonly verdict: Verdict; readonly why: JudgedReason | null };
  /** Ends the lease without an outcome and charges what it held. */
  readonly lose?: true;
};

export type Store = {
  /** False when this delivery is known already. */
  recordDelivery(delivery: Delivery): Promise<boolean>;
  claimDelivery(): Promise<ClaimedDelivery | undefined>;
  finishDelivery(delivery: ClaimedDelivery, note: string): Promise<void>;
  postponeDelivery(delivery: ClaimedDelivery, dueInMs: number): Promise<void>;

  /** False when the issue has a task that hasn't ended. */
  openTask(task: TaskId, brief: Brief): Promise<boolean>;
  claimTask(): Promise<ClaimedTask | undefined>;
  readTask(task: TaskId): Promise<TaskRow | undefined>;
  /** One transaction: the task's event with its patch, and the attempt's. False when the claim was lost meanwhile. */
  advance(task: ClaimedTask, event: TaskEvent, patch?: TaskPatch, attempt?: AttemptPatch): Promise<boolean>;
  /** Remembers what the comment says now; the row is due again at once. */
  recordComment(task: ClaimedTask, comment: { id: number; hash: string } | "gone" | "refused"): Promise<void>;
  /** The same action again later. */
  postpone(task: ClaimedTask, dueInMs: number): Promise<void>;
  /** Nothing to do here until a timer or an event: the action is over and counts no further try. */
  rest(task: ClaimedTask, dueInMs: number | null): Promise<void>;
  /** Makes a task due at once, whatever it waits for. */
  wake(task: TaskId): Promise<void>;

  recordPolicy(owner: OwnerId, policy: Policy, commit: string): Promise<void>;
  /**
   * Under the owner's lock, in one transaction: load the pool, let `decide` choose, write the grant (attempt, lease,
   * holds, decision record) and the task's `admit` event. `decide` is pure and waits for nothing.
   */
  admit(owner: OwnerId, decide: (snapshot: PoolSnapshot) => Decision): Promise<Decision>;

  readAttempt(attempt: AttemptId): Promise<AttemptRow | undefined>;
  readAttempts(task: TaskId): Promise<readonly AttemptRow[]>;
  /** Why an attempt will fail, known before its run ends. */
  noteAttempt(attempt: AttemptId, why: JudgedReason): Promise<void>;
  /** Written before the dispatch, so that a claim can be checked whenever it comes. */
  expectRun(attempt: AttemptId, expected: ExpectedRun): Promise<void>;
  /**
   * The run takes its lease: attempt `held`, task `running`. Again for the same run and check run until the first
   * heartbeat, each time with a new token. False when it may not (any more).
   */
  claimAttempt(
    attempt: AttemptId,
    run: RunId,
    checkRun: string,
    runTokenHash: string,
  ): Promise<{ deadlineInMs: number } | undefined>;
  /** The attempt whose run token this is, in whatever state. */
  findByRunToken(attempt: AttemptId, runTokenHash: string): Promise<AttemptRow | undefined>;
  recordHeartbeat(attempt: AttemptId): Promise<void>;
  /** One transaction: outcome kept, ledger written, lease released, attempt `settled`, task `judging`. */
  settle(attempt: AttemptId, outcome: Outcome, outcomeHash: string, entries: readonly LedgerEntry[]): Promise<boolean>;

  now(): Promise<EpochMs>;
  close(): Promise<void>;
};
