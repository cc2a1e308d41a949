import type { CredentialName } from "../wire/ids.ts";
import { MicroUsd, type EpochMs } from "../wire/units.ts";
import type { Policy } from "../config/policy.ts";
import type { CredentialState, PoolSnapshot } from "./decision.ts";
import { ROOM } from "./constants.ts";
import { keptShare, leftShare } from "./room.ts";
import {
  ALLOWANCES,
  allowanceKey,
  budgetId,
  isCurrent,
  leftOf,
  subjectId,
  usedOf,
  type Allowance,
  type Budget,
} from "./windows.ts";

/** The pool as people see it. Shares are fractions; times are epoch milliseconds UTC; money is micro-dollars. */
export type PoolReport = {
  readonly now: EpochMs;
  readonly strategy: string;
  readonly policyCommit: string;
  readonly waiting: number;
  readonly credentials: readonly CredentialReport[];
  readonly budgets: readonly BudgetReport[];
};

export type CredentialReport = {
  readonly name: CredentialName;
  readonly provider: string;
  readonly upstream: string;
  /** Whose seat it is; null: the organisation's own. */
  readonly owner: string | null;
  readonly serves: CredentialState["serves"];
  readonly jobs: { readonly live: number; readonly atOnce: number };
  /** Rests that have not ended; `model` null: of all models. */
  readonly rests: readonly { readonly model: string | null; readonly until: EpochMs }[];
  readonly quarantined: boolean;
  readonly lastGrantAt: EpochMs | null;
  /** What its model has cost since the month began (UTC). */
  readonly month: MonthsCost;
  readonly saved: Saved;
  readonly windows: readonly WindowReport[];
  /**
   * Of its tightest window that counts all models, what may still be promised; null while no window's size is known and none
   * is beyond half.
   */
  readonly headroom: number | null;
};

export type WindowReport = {
  readonly window: string;
  /** null: unknown, which is neither 0 nor 1. */
  readonly used: number | null;
  readonly held: number | null;
  /** What its owner has not used yet of what is kept for them. */
  readonly kept: number;
  /** The provider's last word and its age. */
  readonly observed: { readonly share: number; readonly ageMs: number } | null;
  /** In micro-dollars at list price, as learned; of `tokens-minute` in tokens, as published. `error` is a share of it. */
  readonly capacity: { readonly value: number; readonly error: number } | null;
  readonly resetsAt: EpochMs | null;
};

export type BudgetReport = {
  readonly budget: string;
  readonly capacity: number;
  readonly used: number;
  readonly held: number;
  readonly left: number;
  readonly resetsAt: EpochMs;
};

/** `spent`: money; `listed`: the same at list price, which of a seat is all there is; `standby`: of that, what would have expired. */
export type MonthsCost = { readonly spent: MicroUsd; readonly listed: MicroUsd; readonly standby: MicroUsd };

/** What was drawn on standby since the month began, and would have expired: at list price, and in weeks of its account. null: not known. */
export type Saved = { readonly listed: MicroUsd; readonly weeks: number | null };

/** Pure: what `pick` would look at, in people's terms. */
export function reportOf(snapshot: PoolSnapshot, pool: Policy["pool"], months: ReadonlyMap<string, MonthsCost>): PoolReport {
  const owners = new Map(pool.map(({ name, owner }) => [name, owner]));
  const { now, strategy, policyCommit, queue, credentials, upstreams, budgets } = snapshot;
  return {
    now,
    strategy,
    policyCommit,
    waiting: queue.length,
    credentials: credentials.map((credential) => {
      const windows = upstreams.find(({ id }) => id === credential.upstream)?.windows ?? [];
      const rooms = windows.flatMap((window) =>
        window.model === null ? (roomOf(window, credential.keepForOwner, now) ?? []) : [],
      );
      const month = months.get(credential.name) ?? { spent: MicroUsd(0), listed: MicroUsd(0), standby: MicroUsd(0) };
      return {
        name: credential.name,
        provider: credential.provider,
        upstream: credential.upstream,
        owner: owners.get(credential.name) ?? null,
        serves: credential.serves,
        jobs: { live: credential.live, atOnce: credential.maxLive },
        rests: credential.cooldowns.filter(({ until }) => until > now),
        quarantined: credential.quarantined,
        lastGrantAt: credential.lastGrantAt,
        month,
        saved: savedOf(month.standby, windows),
        windows: windows.toSorted(inOrder).map((window) => windowReport(window, credential.keepForOwner, now)),
        headroom: rooms.length === 0 ? null : Math.min(...rooms),
      };
    }),
    budgets: budgets.toSorted((a, b) => order(a) - order(b)).map(budgetReport),
  };
}

function savedOf(listed: MicroUsd, windows: readonly Allowance[]): Saved {
  const week = windows.find(({ name }) => name === "week")?.capacity;
  return { listed, weeks: week == null ? null : listed / week.value };
}

/** Shortest first, as people look at them. */
function inOrder(a: Allowance, b: Allowance): number {
  return ALLOWANCES.indexOf(a.name) - ALLOWANCES.indexOf(b.name);
}

function order({ subject }: Budget): number {
  return ["owner", "team", "repository", "person", "credential"].indexOf(subjectId(subject).split(":")[0] ?? "");
}

function budgetReport(budget: Budget): BudgetReport {
  const { capacity, used, held, resetsAt } = budget;
  return { budget: budgetId(budget), capacity, used, held, left: leftOf(budget), resetsAt };
}

function windowReport(window: Allowance, keepForOwner: number, now: EpochMs): WindowReport {
  const { capacity, observed, held, resetsAt } = window;
  return {
    window: allowanceKey(window),
    used: capacity === null ? (observed?.share ?? null) : usedOf(window, capacity, now) / capacity.value,
    held: held === 0 ? 0 : capacity === null ? null : held / capacity.value,
    kept: capacity === null ? keepForOwner : keptShare(window, capacity, keepForOwner, now),
    observed: observed === null ? null : { share: observed.share, ageMs: Math.max(0, now - observed.at) },
    capacity: capacity === null ? null : { value: capacity.value, error: capacity.error },
    resetsAt,
  };
}

/** The share of a window that may still be promised. */
function roomOf(window: Allowance, keepForOwner: number, now: EpochMs): number | undefined {
  const { capacity, observed } = window;
  if (window.name === "tokens-minute") return undefined;
  // Of one whose size isn't known, that nothing is promised beyond the half is all that can be said.
  if (capacity === null) return observed !== null && isCurrent(window, now) && observed.share > ROOM.unknownUpTo ? 0 : undefined;
  return Math.max(0, leftShare(window, capacity, keepForOwner, now));
}
