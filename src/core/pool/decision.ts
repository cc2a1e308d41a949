import type { Harness, Provider, Tier } from "../wire/contract.ts";
import type { ActorId, CredentialName, LeaseId, RepositoryId, TaskId } from "../wire/ids.ts";
import type { EpochMs, MicroUsd } from "../wire/units.ts";
import type { Constants } from "./constants.ts";
import type { Estimate } from "./estimator.ts";
import type { TeamState } from "./fairness.ts";
import type { Drawing } from "./spare.ts";
import type { Strategy } from "../config/terms.ts";
import type { Allowance, Budget } from "./windows.ts";

/** The pool of one owner at one instant, as loaded under its lock. */
export type PoolSnapshot = {
  readonly now: EpochMs;
  /** Breaks ties that nothing else does; recorded, so that the same snapshot gives the same choice. */
  readonly seed: number;
  /** The commit of the policy that this was decided under. */
  readonly policyCommit: string;
  readonly strategy: Strategy;
  readonly queue: readonly QueuedTask[];
  readonly teams: readonly TeamState[];
  readonly credentials: readonly CredentialState[];
  readonly upstreams: readonly Upstream[];
  /** Every budget that something here falls under. */
  readonly budgets: readonly Budget[];
  /** Leases offered whose run no runner has taken yet. */
  readonly unclaimed: number;
  /** What runs on standby, the oldest first. Absent from what was recorded before there was standby. */
  readonly onStandby?: readonly StandbyRun[];
};

export type QueuedTask = {
  readonly task: TaskId;
  readonly provider: Provider;
  readonly harness: Harness;
  readonly model: string;
  readonly tier: Tier;
  readonly repository: RepositoryId;
  readonly person: ActorId;
  /** The team it counts for in fairness; everyone's, where the policy names none. */
  readonly team: string;
  readonly estimate: Estimate;
  /** What the gateway lets its model cost at most: reserved in full in every budget, never shrunk to what is left. */
  readonly cap: MicroUsd;
  /** What its runner may cost at most: reserved beside it in all budgets but the credential's. */
  readonly runner: MicroUsd;
  /** Whose money it spends beside the credential's, by `subjectId`: there may be budgets for these. */
  readonly budgets: readonly string[];
  readonly queuedAt: EpochMs;
  /** Since when others were granted while it fitted nowhere; null: never. */
  readonly passedOverAt: EpochMs | null;
  /** How much sooner it counts as queued, in milliseconds: an operator's word. */
  readonly priorityMs: number;
  /** It was interrupted by a limit and goes on elsewhere: before all others, and on these only where no other has room. */
  readonly movedFrom: readonly CredentialName[];
  /** It runs on what would be lost, and after all others (spare.ts). Absent from what was recorded before there was standby. */
  readonly standby?: boolean;
};

/** A provider's account, with the windows that all its credentials share. */
export type Upstream = {
  readonly id: string;
  readonly windows: readonly Allowance[];
  /** What the pool's other work draws from it. Absent while nothing waits on standby. */
  readonly drawn?: Drawing;
};

export type CredentialState = {
  readonly name: CredentialName;
  readonly provider: Provider;
  readonly upstream: string;
  /** Jobs at once. */
  readonly maxLive: number;
  /** Leases offered or held now. */
  readonly live: number;
  /** null = never. */
  readonly lastGrantAt: EpochMs | null;
  /** Whose seat it is, where one of theirs waits; null: nobody's who waits, or the organisation's own. */
  readonly owner: ActorId | null;
  /** Of every window, the share that others leave to its owner; 0 for what an organisation owns. */
  readonly keepForOwner: number;
  /** `not-lent`: everyone by the policy, its owner alone until they agree. */
  readonly serves: "everyone" | "owner" | "not-lent";
  readonly only: Allowed;
  /** Rests after a limit, of one model or of all (null). */
  readonly cooldowns: readonly { readonly model: string | null; readonly until: EpochMs }[];
  /** Its key was refused, twice. */
  readonly quarantined: boolean;
  /** Its own `subjectId`, where use is billed. A subscription spends no money and has none. */
  readonly budgets: readonly string[];
};

/** Lists of what a credential may be used for; null: anything. */
export type Allowed = {
  readonly repositories: readonly RepositoryId[] | null;
  readonly teams: readonly string[] | null;
  readonly tiers: readonly Tier[] | null;
  readonly models: readonly string[] | null;
  readonly harnesses: readonly Harness[] | null;
};

/** An amount of money of one subject, `usd:<subjectId>`, or of one of its upstream's windows, `window:<allowanceKey>`. */
export type HoldRequest = { readonly window: string; readonly amount: number };

/** A run on standby that lives: what it takes, and whether it has been told to give way. */
export type StandbyRun = {
  readonly lease: LeaseId;
  readonly upstream: string;
  /** No runner has taken it yet. */
  readonly offered: boolean;
  readonly stopping: boolean;
  readonly holds: readonly HoldRequest[];
};

/** Why a credential can't serve a task now. `until`: when that ends by itself; null: not known, or not by itself. */
export type WhyNot = {
  readonly why:
    | "other-provider"
    | "not-allowed"
    | "no-consent"
    | "others-seat"
    | "quarantined"
    | "runners-busy"
    | "budget"
    | "cooling"
    | "busy"
    | "window"
    | "kept-free"
    | "paid-by-use"
    | "others-first"
    | "nothing-expires";
  /** The budget or window, or the task it is kept free for. */
  readonly of?: string;
  readonly until: EpochMs | null;
};

export type Candidate = {
  readonly credential: CredentialName;
  /** By the strategy, lower is better; null when it can't serve. */
  readonly score: number | null;
  readonly whyNot: WhyNot | null;
};

/** A task that waited while one behind it in the order was granted, or all of them: what stood in its way, and how often. */
export type PassedOver = { readonly task: TaskId; readonly whyNot: Readonly<Partial<Record<WhyNot["why"], number>>> };

/**
 * A task that waits: its place, from 1, what stands in its way with the budget, window or task that it is, and the first
 * instant at which some of that ends by itself.
 */
export type Waiting = {
  readonly task: TaskId;
  readonly position: number;
  readonly until: EpochMs | null;
  readonly whyNot: PassedOver["whyNot"];
  /** Leases that were live, as of the same instant. Kept since 0.7: what was written before has none. */
  readonly running?: number;
  readonly of: Readonly<Partial<Record<WhyNot["why"], string>>>;
};

/**
 * Why a choice fell as it did: what was known, and of the task that was granted every candidate with its terms.
 * `pick(record.snapshot, record.constants)` gives the same decision again.
 */
export type DecisionRecord = {
  readonly snapshot: PoolSnapshot;
  readonly constants: Constants;
  readonly candidates: readonly Candidate[];
  readonly passedOver: readonly PassedOver[];
};

export type Decision =
  | {
      readonly kind: "grant";
      readonly task: TaskId;
      readonly credential: CredentialName;
      readonly holds: readonly HoldRequest[];
      /** The task's team, charged with it. */
      readonly team: TeamState;
      readonly record: DecisionRecord;
    }
  /** Every task, in the order in which they are served. */
  | {
      readonly kind: "wait";
      readonly waiting: readonly Waiting[];
      /** The runs on standby that give way, since others wait for what they take. Absent: none. */
      readonly giveWay?: readonly LeaseId[];
      readonly record: DecisionRecord;
    };
