import type { BaseMerge } from "#core/plan/base-update.ts";
import type { Change, Heartbeat, Outcome, Price } from "#core/wire/contract.ts";
import type { Session } from "#core/wire/session.ts";
import type {
  ActorId,
  AttemptId,
  CredentialName,
  DeliveryId,
  LeaseId,
  OwnerId,
  RepositoryId,
  RunId,
  TaskId,
} from "#core/wire/ids.ts";
import type { Failure } from "#core/wire/failure.ts";
import type { KeyPair, SealedFor } from "#core/wire/sealed.ts";
import type { EpochMs, MicroUsd } from "#core/wire/units.ts";
import type { CredentialKind } from "#core/config/credential.ts";
import type { Policy } from "#core/config/policy.ts";
import type { Plan } from "#core/plan/plan.ts";
import type { Route } from "#core/plan/route.ts";
import type { Decision, PoolSnapshot, Waiting } from "#core/pool/decision.ts";
import type { Fault } from "#core/pool/cooldown.ts";
import type { LedgerEntry } from "#core/pool/ledger.ts";
import type { Brief } from "#core/request/brief.ts";
import type { JudgedReason } from "#core/task/judge.ts";
import type { Invited } from "#core/task/reviewers.ts";
import type { CiChecks } from "#core/task/ci-checks.ts";
import type { LeaseState, TaskEvent, TaskState, Verdict } from "#core/task/lifecycle.ts";
import type { ClassifierCall } from "./classifier.ts";
import type { Comments } from "./comments.ts";
import type { Conversation, Paused } from "./conversation.ts";
import type { Delivery } from "./delivery.ts";
import type { PullRequest } from "./github.ts";
import type { Publishing } from "./publishing.ts";
import type { KeptDecision, PoolReading } from "./reading.ts";
import type { ReceiptStore } from "./receipts.ts";
import type { Results } from "./results.ts";
import type { SweepStore } from "./sweep.ts";
import type { TrialPart, TrialStore } from "./trial.ts";

/** A row of a queue that this process works on as long as it renews the claim. `tries` counts this action, from 1. */
export type Held = {
  readonly queue: "deliveries" | "owners" | "tasks" | "comments" | "reviews" | "trials" | "sweeps" | "receipts";
  readonly key: string | number;
  readonly holder: string;
  readonly tries: number;
};
export type Claimed<Row> = Row & Held;

export type TaskRow = {
  readonly id: TaskId;
  /** What asked for it. */
  readonly delivery: DeliveryId;
  readonly state: TaskState;
  readonly brief: Brief;
  readonly plan: Plan | null;
  readonly failure: Failure | null;
  /** Why it is to end as cancelled, until it has. */
  readonly cancel: Failure | null;
  /** It waits for approval, and has said so once more. */
  readonly reminded: boolean;
  /** Its place in the queue as last seen. */
  readonly waiting: Waiting | null;
  readonly commit: string | null;
  /** On top of it, where a person has started CI: the same files. */
  readonly ciCommit: string | null;
  /** Of a follow-up: its merge of the base; null: it has begun none. */
  readonly baseMerge: BaseMerge | null;
  readonly pullRequest: PullRequest | null;
  /** Who was asked to review it; null before that. */
  readonly invited: Invited | null;
  /** How the repository's CI ended on that commit, as last read; null before it has. */
  readonly ciChecks: CiChecks | null;
  /** What it is of a trial. Such a task has no comment, publishes nothing and is nobody's request. */
  readonly trial: TrialPart | null;
};
export type ClaimedTask = Claimed<TaskRow>;

/** An owner whose queue is to be looked at. */
export type AdmissionRow = { readonly owner: OwnerId; readonly policy: KeptPolicy };
export type ClaimedAdmission = Claimed<AdmissionRow>;

/** A valid policy, and the commit it stands at. */
export type CurrentPolicy = { readonly policy: Policy; readonly commit: string };

/** The owner's policy as text: read anew by each version of this program. */
export type KeptPolicy = { readonly text: string; readonly commit: string; readonly ageMs: number };

/** Facts of our own dispatch, fixed before it: the OIDC token is compared with these and never with names it brings. */
export type ExpectedRun = {
  readonly repositoryId: number;
  readonly ownerId: number;
  readonly workflowRef: string;
  readonly ref: string;
};

/** A lease with what its attempt was granted under. */
export type LeaseRow = {
  readonly id: LeaseId;
  readonly task: TaskId;
  readonly owner: OwnerId;
  readonly attempt: {
    readonly id: AttemptId;
    readonly number: number;
    readonly route: Route;
    readonly budget: MicroUsd;
    /** Of it, what the attempt's runs before this lease's have left: what this one may spend. */
    readonly left: MicroUsd;
    readonly price: Price;
    readonly verdict: Verdict | null;
    readonly why: JudgedReason | null;
  };
  /** Counts the attempt's leases, from 1. */
  readonly fence: number;
  readonly state: LeaseState;
  readonly credential: CredentialName;
  /** What its run must show to claim it; null until the dispatch is about to be made. */
  readonly expected: ExpectedRun | null;
  readonly run: RunId | null;
  readonly runUrl: string | null;
  /** Since the lease was offered. */
  readonly ageMs: number;
  /** Until the lease ends, below zero after it; null before the claim. */
  readonly deadlineInMs: number | null;
  /** Since its job was last heard of, or since its claim; null before that. */
  readonly unheardMs: number | null;
  /** GitHub has said that its run ended. */
  readonly runEnded: boolean;
  readonly kind: CredentialKind;
  /** What its provider was told to trust, where it is no key. */
  readonly identity: Readonly<Record<string, string>> | null;
  /** Its use is paid for by use, not by a subscription. */
  readonly billed: boolean;
  /** What its runner costs a minute. */
  readonly minute: MicroUsd;
  /** Why it will fail, known before its run ends. */
  readonly note: JudgedReason | null;
  /** We have had its run cancelled, for whatever reason. */
  readonly stopAsked: boolean;
  readonly outcomeHash: string | null;
  /** What its job has reported so far of its model's use, at list price. */
  readonly used: MicroUsd;
  /** What its job was doing when it was last heard, and how many calls of its model it had made; null before that. */
  readonly beat: Pick<Heartbeat, "phase" | "modelCalls"> | null;
  /** What its job reported, without the changes. */
  readonly report: Report | null;
  /**
   * `listed`: the model's at list price, which is `model` where its use is billed. `ofFiveHours`: its share of the account's
   * window of that name, by the size that is known now.
   */
  readonly costs: {
    readonly model: MicroUsd | null;
    readonly listed: MicroUsd | null;
    readonly ofFiveHours: number | null;
    readonly runner: MicroUsd | null;
  };
};

/** What opens the file that a job may leave its outcome in. */
export type Sealing = SealedFor & { readonly lease: LeaseId; readonly keys: KeyPair };

/** An outcome without its changes and its conversation, which can be megabytes. */
export type Report = Extract<Outcome, { kind: "blocked" }> | Omit<Extract<Outcome, { kind: "ran" }>, "changes" | "session">;

/** What may change together with a task's state. */
export type TaskPatch = {
  readonly plan?: Plan;
  readonly failure?: Failure;
  readonly commit?: string;
  readonly pullRequest?: PullRequest;
  readonly invited?: Invited;
  /** When the row is due again, from now. Default: at once; `null`: not by itself. */
  readonly dueInMs?: number | null;
};

/** What may be written to lease and attempt in the same transaction. */
export type LeasePatch = {
  readonly lease: LeaseId;
  readonly run?: { readonly id: RunId; readonly url: string };
  /** Judges the attempt. */
  readonly verdict?: { readonly verdict: Verdict; readonly why: JudgedReason | null };
  /** Ends the lease without a report and charges what it held. */
  readonly lose?: true;
};

/** What a report means for the ledger, for the credential, and whether estimates may learn from it: it ran as jobs do. */
export type Settlement = {
  readonly entries: readonly LedgerEntry[];
  readonly fault: Fault | null;
  readonly isTypical: boolean;
};

/** How many refusals of its key in a row, rests of its account, and windows of it that were full. */
export type Cleared = { readonly refusals: number; readonly rests: number; readonly windows: number };

/** `busy`: the issue has a task that hasn't ended; `known`: this delivery opened one already. */
export type Opened = "opened" | "busy" | "known";

export type Store = Comments &
  Conversation &
  Publishing &
  ReceiptStore &
  Results &
  SweepStore &
  TrialStore & {
    /** The claim is still needed. */
    renew(row: Held): Promise<void>;
    /** The same action again later. */
    postpone(row: Held, dueInMs: number): Promise<void>;
    /** Nothing to do here until then, or until something wakes the row (null): the action is over and counts no further try. */
    rest(row: Held, dueInMs: number | null): Promise<void>;

    /** False when this delivery is known already. */
    recordDelivery(delivery: Delivery): Promise<boolean>;
    claimDelivery(): Promise<Claimed<Delivery> | undefined>;
    finishDelivery(delivery: Claimed<Delivery>, note: string): Promise<void>;

    openTask(task: TaskId, brief: Brief, delivery: DeliveryId): Promise<Opened>;
    claimTask(): Promise<ClaimedTask | undefined>;
    /**
     * How many other tasks this person has had planned at this owner since then; with those that were opened before this
     * one and are still to be planned, so that two at once don't both take the last place.
     */
    countPlanned(task: TaskId, owner: OwnerId, person: ActorId, since: EpochMs): Promise<number>;
    /** Appended, whatever came of the call. */
    recordClassified(task: Pick<TaskRow, "id" | "brief">, call: ClassifierCall): Promise<void>;
    /** What the classifier has cost since then for this owner's issues. */
    sumClassified(owner: OwnerId, since: EpochMs): Promise<MicroUsd>;
    readTask(task: TaskId): Promise<TaskRow | undefined>;
    /** The newest whose commit this is, or the one on top of it that started CI. */
    findByCommit(owner: OwnerId, repository: RepositoryId, commit: string): Promise<TaskRow | undefined>;
    /** In the place of what was read before; the comment says so. */
    hearCiChecks(task: TaskId, checks: CiChecks): Promise<void>;
    /** One transaction: the task's event with its patch, and the lease's. False when the claim was lost meanwhile. */
    advance(task: ClaimedTask, event: TaskEvent, patch?: TaskPatch, lease?: LeasePatch): Promise<boolean>;

    /** Whether nobody has asked anything yet: a new store, or one that took a lost one's place. */
    isUnused(): Promise<boolean>;

    /** Keeps an owner's policy, unless a newer reading is kept. `readAt`: the database's time before it was read. */
    recordPolicy(owner: OwnerId, policy: { text: string; commit: string; readAt: EpochMs }): Promise<void>;
    readPolicy(owner: OwnerId): Promise<KeptPolicy | undefined>;
    claimAdmission(): Promise<ClaimedAdmission | undefined>;
    /** What has waited longest in this owner's queue. */
    readQueueHead(owner: OwnerId): Promise<{ readonly task: TaskId; readonly brief: Brief } | undefined>;
    /**
     * Under the owner's lock, in one transaction: load the pool, let `decide` choose, write the grant (attempt, lease,
     * holds, decision record) and the task's `admit` event; or, where nothing can be granted, have the waiting tasks say so.
     * `decide` is pure and waits for nothing.
     */
    admit(owner: OwnerId, policy: CurrentPolicy, decide: (snapshot: PoolSnapshot) => Decision): Promise<Decision | Paused>;
    /** The credential's refusals are forgotten, its account's rests are over and its full windows unknown. `account`: the policy's. */
    clearCredential(owner: OwnerId, credential: CredentialName, account: string | undefined): Promise<Cleared>;
    /** Tasks in the owner's queue that were planned under another policy than this commit's are planned anew, and keep their age. */
    replanQueued(owner: OwnerId, policyCommit: string): Promise<void>;
    /** Every task in the owner's queue ends as refused that no run has worked on yet, or this one alone. */
    refuseQueued(owner: OwnerId, failure: Failure, task?: TaskId): Promise<void>;

    readLease(lease: LeaseId): Promise<LeaseRow | undefined>;
    /** Of all the task's attempts, oldest first. */
    readLeases(task: TaskId): Promise<readonly LeaseRow[]>;
    /** Why its attempt will fail, known before its run ends. */
    noteLease(lease: LeaseId, why: JudgedReason): Promise<void>;
    /** Written before the dispatch, so that a claim can be checked whenever it comes; null: it was not made. */
    expectRun(lease: LeaseId, expected: ExpectedRun | null): Promise<void>;
    /** No run can claim it from now on. False when one has. */
    withdrawLease(lease: LeaseId): Promise<boolean>;
    /**
     * The run takes its lease: lease `held`, task `running`. Again for the same run and check run until the first
     * heartbeat, each time with a new token. undefined when it may not (any more).
     */
    claimLease(lease: LeaseId, run: RunId, checkRun: string, runTokenHash: string): Promise<{ deadlineInMs: number } | undefined>;
    /** Kept until the lease ends, unless it has been claimed again since, with another token. */
    keepSealing(sealing: Sealing): Promise<void>;
    /** undefined for a lease that isn't held. */
    readSealing(lease: LeaseId): Promise<Sealing | undefined>;
    /** The lease whose run token this is, in whatever state. */
    findByRunToken(lease: LeaseId, runTokenHash: string): Promise<LeaseRow | undefined>;
    /** `listed`: what its job has used so far, at list price. */
    recordHeartbeat(lease: LeaseId, heartbeat: Heartbeat, listed: MicroUsd): Promise<void>;
    /** GitHub says that its run ended: its task looks. */
    hearRunEnded(lease: LeaseId): Promise<void>;
    /** One transaction: outcome kept, ledger written, windows and estimates told, lease `settled`, task `judging`. */
    settle(lease: LeaseId, outcome: Outcome, outcomeHash: string, settlement: Settlement): Promise<boolean>;
    /** What a settled lease's job changed. Kept until its task has ended. */
    readChanges(lease: LeaseId): Promise<readonly Change[]>;
    /** Its harness's conversation, kept as long. */
    readSession(lease: LeaseId): Promise<Session | undefined>;

    /** What a grant would look at now; nothing is locked or changed. */
    readPool(owner: OwnerId): Promise<PoolReading>;
    /** By id, or the newest of `owner/repository#issue`. */
    findTask(reference: string): Promise<TaskRow | undefined>;
    /** Oldest first. */
    readDecisions(task: TaskId): Promise<readonly KeptDecision[]>;

    now(): Promise<EpochMs>;
    close(): Promise<void>;
  };
