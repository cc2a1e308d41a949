import type { TaskId } from "../wire/ids.ts";
import { MicroUsd, type EpochMs } from "../wire/units.ts";
import type { Constants } from "./constants.ts";
import { isRoomFor } from "./room.ts";
import type { CredentialState, PoolSnapshot, QueuedTask } from "./snapshot.ts";
import { allowanceKey, budgetId, counts, leftOf, type Allowance, type Budget } from "./windows.ts";

/**
 * Dispatched runs that may wait for a runner at once: below the 20 concurrent hosted jobs of GitHub's Free plan. More would
 * only wait in GitHub's queue, with their offers running out and what they reserve taken from those that could start.
 */
export const MAX_UNCLAIMED = 15;

/** Why a credential can't serve a task now. `until`: when that ends by itself; null: not known, or not by itself. */
export type WhyNot = {
  readonly why:
    | "other-provider"
    | "not-allowed"
    | "no-consent"
    | "others-seat"
    | "quarantined"
    | "moved-from"
    | "runners-busy"
    | "budget"
    | "cooling"
    | "busy"
    | "window"
    | "kept-free";
  /** The budget or window, or the task it is kept free for. */
  readonly of?: string;
  readonly until: EpochMs | null;
};

/** A snapshot with its tables at hand. */
export type Pool = {
  readonly snapshot: PoolSnapshot;
  readonly constants: Constants;
  readonly queue: readonly QueuedTask[];
  readonly budgets: ReadonlyMap<string, Budget>;
  readonly windows: ReadonlyMap<string, readonly Allowance[]>;
};

export type Kept = { readonly task: TaskId; readonly at: number };

export function windowsOf(credential: CredentialState, pool: Pool): readonly Allowance[] {
  return pool.windows.get(credential.upstream) ?? [];
}

/** What stands between a task and a credential whatever the time. */
export function never(task: QueuedTask, credential: CredentialState): WhyNot | null {
  const { only, serves } = credential;
  const no = (why: WhyNot["why"], of?: string): WhyNot => ({ why, ...(of === undefined ? {} : { of }), until: null });
  if (credential.provider !== task.provider) return no("other-provider");
  if (credential.quarantined) return no("quarantined");
  if (serves === "nobody") return no("no-consent");
  if (serves !== "everyone" && serves !== task.person) return no("others-seat");
  if (only.models?.includes(task.model) === false) return no("not-allowed", "models");
  if (only.harnesses?.includes(task.harness) === false) return no("not-allowed", "harnesses");
  if (only.tiers?.includes(task.tier) === false) return no("not-allowed", "tiers");
  if (only.teams?.includes(task.team) === false) return no("not-allowed", "teams");
  if (only.repositories?.includes(task.repository) === false) return no("not-allowed", "repositories");
  if (task.movedFrom.includes(credential.name)) return no("moved-from");
  return null;
}

export function refusal(task: QueuedTask, credential: CredentialState, pool: Pool, kept: Kept | undefined): WhyNot | null {
  const { now, unclaimed } = pool.snapshot;
  const always = never(task, credential);
  if (always !== null) return always;
  if (unclaimed >= MAX_UNCLAIMED) return { why: "runners-busy", until: null };
  const tightest = tightestBudget(task, credential, pool);
  if (tightest !== undefined) return { why: "budget", of: budgetId(tightest), until: tightest.resetsAt };
  const rest = credential.cooldowns.filter(({ model, until }) => until > now && (model === null || model === task.model));
  if (rest.length > 0) return { why: "cooling", until: rest.reduce((last, { until }) => (until > last ? until : last), now) };
  if (credential.live >= credential.maxLive) return { why: "busy", until: null };
  if (kept !== undefined && kept.task !== task.task && now + 2 * task.estimate.ms > kept.at)
    return { why: "kept-free", of: kept.task, until: null };
  const full = windowsOf(credential, pool).find(
    (window) =>
      counts(window, task.model) && !isRoomFor(task.estimate, window, credential.keepForOwner, now, pool.constants.room),
  );
  if (full === undefined) return null;
  // A reset that has passed promises nothing more.
  const until = full.resetsAt !== null && full.resetsAt > now ? full.resetsAt : null;
  return { why: "window", of: allowanceKey(full), until };
}

/** Of the budgets that can't take the task in full, the one that lacks most. */
function tightestBudget(task: QueuedTask, credential: CredentialState, pool: Pool): Budget | undefined {
  if (task.budgets.length === 0 && credential.budgets.length === 0) return undefined;
  const short = (ids: readonly string[], amount: number) =>
    ids.flatMap((id) => {
      const budget = pool.budgets.get(id);
      return budget !== undefined && leftOf(budget) < amount ? [{ budget, lacks: amount - leftOf(budget) }] : [];
    });
  const { own, others } = chargesOf(task, credential);
  return [...short(task.budgets, others), ...short(credential.budgets, own)].toSorted((a, b) => b.lacks - a.lacks)[0]?.budget;
}

/** Money: what a job may cost its credential's budgets, and the others it falls under. A subscription costs its runner alone. */
export function chargesOf(task: QueuedTask, credential: CredentialState): { readonly own: MicroUsd; readonly others: MicroUsd } {
  const model = credential.budgets.length > 0 ? task.cap : MicroUsd(0);
  return { own: model, others: MicroUsd(model + task.runner) };
}
