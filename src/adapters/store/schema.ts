import type { BaseMerge } from "#core/plan/base-update.ts";
import type { ColumnType, Generated } from "kysely";
import type { Change, Heartbeat, Price, Usage } from "#core/wire/contract.ts";
import type { Session } from "#core/wire/session.ts";
import type { Failure } from "#core/wire/failure.ts";
import type { CredentialKind } from "#core/config/credential.ts";
import type { Fit } from "#core/pool/capacity.ts";
import type { Waiting } from "#core/pool/decision.ts";
import type { AllowanceName } from "#core/pool/windows.ts";
import type { LedgerEntry } from "#core/pool/ledger.ts";
import type { Unclassified } from "#core/plan/classified.ts";
import type { Fate } from "#core/plan/fate.ts";
import type { Plan } from "#core/plan/plan.ts";
import type { Route } from "#core/plan/route.ts";
import type { Brief, FollowReason } from "#core/request/brief.ts";
import type { JudgedReason } from "#core/task/judge.ts";
import type { Notice } from "#core/task/notice.ts";
import type { CiChecks } from "#core/task/ci-checks.ts";
import type { Turn } from "#core/task/content-budget.ts";
import type { Invited } from "#core/task/reviewers.ts";
import type { AttemptState, LeaseState, TaskState } from "#core/task/lifecycle.ts";
import type { TrialState } from "#core/trial/lifecycle.ts";
import type { TrialOffer } from "#core/trial/report.ts";
import type { KeyPair } from "#core/wire/sealed.ts";
import type { DeliveryEvent } from "#ports/delivery.ts";
import type { Place } from "#ports/github.ts";
import type { WrittenCheck } from "#ports/reviews.ts";
import type { ExpectedRun, Report } from "#ports/store.ts";

/** A jsonb column: read as a value, written as its JSON text. */
type Json<T> = ColumnType<T, string, string>;
type NullableJson<T> = ColumnType<T | null, string | null | undefined, string | null>;

/** Columns every queue has. Times are epoch milliseconds of the database's clock; `due_at` null = not by itself. */
export type Queue = {
  due_at: number | null;
  tries: Generated<number>;
  held_by: string | null;
  held_until: number | null;
};

/** The tables as migrations.ts makes them. Every row carries the owner's id. */
export type Schema = {
  deliveries: Queue & {
    id: string;
    owner_id: number;
    /** What it is about: of two that wait with the same, the later one waits for the earlier. */
    subject: ColumnType<string | null, never, never>;
    seq: Generated<number>;
    /** null once it is worked off: a private issue's text is not kept for ever. */
    event: NullableJson<DeliveryEvent>;
    received_at: Generated<number>;
    note: string | null;
  };
  /** One row an owner: the policy, and the queue of those whose pool is to be looked at. */
  owners: Queue & {
    owner_id: number;
    policy: string;
    policy_commit: string;
    policy_read_at: number;
    /** The login of who has paused its pool. */
    paused_by: string | null;
  };
  tasks: Queue & {
    id: string;
    /** What asked for it: worked off twice, a delivery finds its task here. */
    delivery_id: string;
    owner_id: number;
    repository_id: number;
    issue_number: number;
    state: TaskState;
    brief: Json<Brief>;
    plan: NullableJson<Plan>;
    failure: NullableJson<Failure>;
    /** Why it is to end as cancelled, until it has. */
    cancel: NullableJson<Failure>;
    /** It asks for approval, and was said to wait once more. */
    reminded: Generated<boolean>;
    commit_sha: string | null;
    /** On top of it, and of no change: CI runs on it. */
    ci_commit_sha: string | null;
    /** Of a follow-up: its merge of the base. */
    base_merge: NullableJson<BaseMerge>;
    pull_number: number | null;
    pull_draft: boolean | null;
    /** Who was asked to review it. */
    invited: NullableJson<Invited>;
    ci_checks: NullableJson<CiChecks>;
    /** What came of its pull request; null while GitHub has told nothing of it. */
    fate: NullableJson<Fate>;
    queued_at: number | null;
    passed_over_at: number | null;
    /** Its place as of the last admission that could grant nothing. */
    waiting: NullableJson<Waiting>;
    /** Of a trial's task alone: its trial, the pull request, and the route by its word. */
    trial_id: string | null;
    trial_pull: number | null;
    trial_route: string | null;
    /** Of a follow-up alone: the task that it goes on from, the head when it was asked for, and what asked. */
    follows: string | null;
    followed_head: string | null;
    follow_why: FollowReason | null;
    created_at: Generated<number>;
    updated_at: Generated<number>;
  };
  /** Repositories in which GitHub has refused a draft, the last time. */
  draftless: { owner_id: number; repository_id: number; at: number };
  /** What was asked for, and from when it is offered on, what it would do (core/trial). */
  trials: Queue & {
    id: string;
    owner_id: number | null;
    repository: string;
    last: number;
    routes: Json<readonly string[]>;
    budget: number | null;
    state: TrialState;
    offer: NullableJson<TrialOffer>;
    failure: string | null;
    created_at: Generated<number>;
  };
  /** The pull requests that a trial is made of: each one's task, where its work starts, and the tests that judge it. */
  trial_pulls: {
    trial_id: string;
    pull: number;
    brief: Json<Brief>;
    base: Json<Plan["base"]>;
    overlay: Json<readonly Change[]>;
  };
  /** One row an issue: its one comment, whatever the number of its tasks. */
  /** Pull requests of ours whose second person is looked for. */
  reviews: Queue & {
    task_id: string;
    owner_id: number;
    pushed_by: ColumnType<readonly number[], string | undefined, string>;
    written: NullableJson<WrittenCheck>;
  };
  comments: Queue & {
    id: string;
    owner_id: number;
    repository_id: number;
    issue_number: number;
    place: Json<Place>;
    task_id: string | null;
    notice: NullableJson<Notice>;
    comment_id: number | null;
    comment_hash: string | null;
    /** Of what it says without what changes while nothing happens: see `Written`. */
    comment_news: string | null;
    said: TaskState | null;
    said_at: number | null;
    /** The call of a task's that a reply is being written for, and the last one that was made. */
    telling: string | null;
    told: string | null;
    begun: Generated<boolean>;
    refused: Generated<boolean>;
  };
  /** An installation's budget of content-creating calls. Its row is the lock. */
  content_budgets: { installation_id: number; quiet_until: Generated<number> };
  /** The calls of the last hour. */
  content_calls: { id: Generated<number>; installation_id: number; at: number; turn: Turn };
  /** Who was told to come back, and when. */
  content_waits: { installation_id: number; call: string; turn: Turn; asked_at: number; due_at: number };
  /** One row: the search for what was never told. `swept_until`: when the last one began that found all there was. */
  sweeps: Queue & { id: string; swept_until: number | null };
  /** One row an owner whose seats were lent: the issue in which lenders have their receipts. */
  receipts: Queue & { owner_id: number; issue_number: ColumnType<number | null, never, number | null> };
  /** A lender's comment there, as it was last written. */
  receipt_comments: {
    owner_id: number;
    actor_id: number;
    comment_id: number;
    comment_hash: string;
    standing: string;
    written_at: number;
    is_last: boolean;
  };
  /** What is told late: when it was said, and when GitHub was last asked to deliver it anew. */
  late_deliveries: { id: string; said_at: number; asked_at: number | null };
  attempts: {
    id: string;
    owner_id: number;
    task_id: string;
    number: number;
    state: AttemptState;
    route: Json<Route>;
    budget: number;
    price: Json<Price>;
    why: NullableJson<JudgedReason>;
    /** Of a solved one: a check has passed in its job. Without any, it is solved as far as anybody can tell. */
    proved: boolean | null;
    /** As its plan had them (`Plan`); null of one that was planned without. */
    chance: number | null;
    expected: number | null;
    created_at: Generated<number>;
  };
  leases: {
    id: string;
    owner_id: number;
    task_id: string;
    attempt_id: string;
    fence: number;
    state: LeaseState;
    credential: string;
    kind: CredentialKind;
    identity: NullableJson<Readonly<Record<string, string>>>;
    /** Its use is billed; a subscription's isn't. */
    billed: boolean;
    /** What its runner costs a minute. */
    minute: number;
    /** What its job has reported so far, at list price. */
    used: Generated<number>;
    /** Its job's last heartbeat. */
    heard_at: number | null;
    /** GitHub has said that its run ended. */
    run_ended: Generated<boolean>;
    /** What its team's pass was charged, over its weight. */
    charged: number;
    weight: number;
    /** On what would have expired. */
    standby: Generated<boolean>;
    expected: NullableJson<ExpectedRun>;
    run_id: number | null;
    run_url: string | null;
    check_run: string | null;
    run_token_hash: string | null;
    /** For the outcome's file; gone with the lease's end. */
    outcome_keys: NullableJson<KeyPair>;
    heartbeat: NullableJson<Heartbeat>;
    deadline_at: number | null;
    note: NullableJson<JudgedReason>;
    /** Its job's silence, or a command, had its run cancelled: a heartbeat takes the note back, and not this. */
    stop_asked: Generated<boolean>;
    outcome_hash: string | null;
    report: NullableJson<Report>;
    changes: NullableJson<readonly Change[]>;
    session: NullableJson<Session>;
    created_at: Generated<number>;
  };
  /** What live leases reserve, by window (core/pool/windows.ts). */
  holds: { lease_id: string; owner_id: number; window_id: string; amount: number };
  ledger: {
    lease_id: string;
    kind: LedgerEntry["kind"];
    owner_id: number;
    credential: string;
    amount: number;
    listed: number;
    detail: Json<object>;
    /** Its lease's: drawn from what would have expired. */
    standby: Generated<boolean>;
    at: Generated<number>;
  };
  /** The ledger's sum by whose it is (`subjectId`) and day, kept with it, so that a grant doesn't read the ledger. */
  spend: { owner_id: number; subject: string; day: number; amount: number };
  credentials: {
    owner_id: number;
    name: string;
    last_grant_at: number | null;
    /** The provider's word for its account, once heard. */
    upstream: string | null;
    /** Refusals of its key in a row, each of a lease granted after the one before; from two on it is quarantined. */
    refusals: Generated<number>;
    /** When the last of them came. */
    refused_at: number | null;
  };
  /**
   * That a person lends their seat, with the login and the notice's hash of that moment (null: nothing was lent, only taken back).
   * `revoked_at`: or given anew.
   */
  consents: {
    id: Generated<number>;
    owner_id: number;
    credential: string;
    actor_id: number;
    login: string;
    notice_hash: string | null;
    given_at: Generated<number>;
    revoked_at: number | null;
  };
  /** Rests after a limit, of one model or of all (''). */
  cooldowns: { owner_id: number; upstream: string; model: string; since: number; until: number };
  /** An upstream's windows (core/pool/windows.ts `Allowance`). */
  allowances: {
    owner_id: number;
    upstream: string;
    name: AllowanceName;
    /** '' = all models. */
    model: string;
    share: number | null;
    observed_at: number | null;
    resets_at: number | null;
    own: Generated<number>;
    since: Generated<number>;
    /** A provider's own figure, where it tells one. */
    published: number | null;
    fit: NullableJson<Fit>;
    /** What is learned from it (core/pool/windows.ts `Learned`), as of its last writing: a grant reads hundreds of these. */
    capacity: number | null;
    error: number | null;
    hidden: number | null;
    /** All figures above, written down once for grants to read (migrations.ts). */
    figures: ColumnType<string, never, never>;
  };
  /** Our latest use of an upstream at list price, by report: what an observation made earlier has not seen. */
  uses: { owner_id: number; upstream: string; model: string; amount: number; at: number };
  /** One row a call of the classifier; `amount`: what it counts for, `usage` null where that is the most it can have cost. */
  classified: {
    id: Generated<number>;
    owner_id: number;
    task_id: string;
    model: string;
    usage: NullableJson<Usage>;
    amount: number;
    came: "answer" | Unclassified;
    at: Generated<number>;
  };
  teams: { owner_id: number; name: string; pass: number; at: number; clock: number };
  /** What settled leases of one kind cost (core/pool/estimator.ts). */
  seen: { owner_id: number; kind: string; n: number; log: number; squares: number; ms: number; tokens: number };
  /** What default branches have taken back: a pull request as `#12`, or a commit's id (core/plan/fate.ts). */
  reverts: { owner_id: number; repository_id: number; reverted: string; at: Generated<number> };
  /** `record`: see decisions.ts. */
  decisions: { id: Generated<number>; owner_id: number; lease_id: string; record: Uint8Array; at: Generated<number> };
};
