import type { Change } from "#core/wire/contract.ts";
import type { OwnerId, TaskId, TrialId } from "#core/wire/ids.ts";
import type { MicroUsd } from "#core/wire/units.ts";
import type { Plan } from "#core/plan/plan.ts";
import type { Brief } from "#core/request/brief.ts";
import type { TrialState } from "#core/trial/lifecycle.ts";
import type { RunFacts, TrialOffer } from "#core/trial/report.ts";
import type { Claimed } from "./store.ts";

/** What is asked for. `budget`: null where none was named. */
export type NewTrial = {
  readonly id: TrialId;
  /** `owner/name` */
  readonly repository: string;
  /** How many pull requests, the newest that can be tried. */
  readonly last: number;
  readonly routes: readonly string[];
  readonly budget: MicroUsd | null;
};

export type TrialRow = NewTrial & {
  readonly state: TrialState;
  readonly offer: TrialOffer | null;
  /** Why it failed, for people. */
  readonly failure: string | null;
};
export type ClaimedTrial = Claimed<TrialRow>;

/** Which run of a trial a task is. `route`: by its word. */
export type TrialPart = { readonly id: TrialId; readonly pull: number; readonly route: string };

/** What it takes to do a merged pull request again. */
export type TrialPull = {
  readonly pull: number;
  readonly brief: Brief;
  readonly base: Plan["base"];
  /** The tests of its merge. */
  readonly overlay: readonly Change[];
};

/** One pull request under one route, as its task stands. Money at list price; `ms` of its jobs. */
export type StoredRun = RunFacts & {
  readonly task: TaskId;
  readonly pull: number;
  readonly route: string;
  readonly model: MicroUsd;
  readonly runner: MicroUsd;
  readonly ms: number;
};

export type TrialStore = {
  /** To be worked off by the app: it chooses pull requests, and says what they would cost. */
  askTrial(trial: NewTrial): Promise<void>;
  claimTrial(): Promise<ClaimedTrial | undefined>;
  /** One transaction: its pull requests, and the state `offered`. False when it was stopped meanwhile. */
  offerTrial(trial: ClaimedTrial, owner: OwnerId, offer: TrialOffer, pulls: readonly TrialPull[]): Promise<boolean>;
  /** With the tests that were kept for it. Nothing, where it was begun or stopped meanwhile. */
  failTrial(trial: ClaimedTrial, failure: string): Promise<void>;
  /** One transaction: a task for each pull request and route, none of which may start yet. False when it isn't offered. */
  startTrial(trial: TrialId): Promise<boolean>;
  /** Nothing of it starts any more. False when nothing of it could. */
  stopTrial(trial: TrialId): Promise<boolean>;
  /** Starts as many of its tasks as its budget holds; ends it when none is left, and drops the tests then. */
  fundTrial(trial: ClaimedTrial): Promise<void>;
  readTrial(trial: TrialId): Promise<{ readonly trial: TrialRow; readonly runs: readonly StoredRun[] } | undefined>;
  readTrialPull(trial: TrialId, pull: number): Promise<TrialPull | undefined>;
};
