import type { TaskId } from "../wire/ids.ts";
import { MicroUsd } from "../wire/units.ts";
import type { Constants } from "./constants.ts";
import type { CredentialState, PoolSnapshot, QueuedTask, WhyNot } from "./decision.ts";
import { isRoomFor } from "./room.ts";
import { allowanceKey, budgetId, counts, leftOf, subjectId, type Allowance, type Budget } from "./windows.ts";

/**
 * Dispatched runs that may wait for a runner at once: below the 20 concurrent hosted jobs of GitHub's Free plan. More would
 * only wait in GitHub's queue, with their offers running out and what they reserve taken from those that could start.
 */
export const MAX_UNCLAIMED = 15;

export type Pool = {
  readonly snapshot: PoolSnapshot;
  readonly constants: Constants;
  readonly budgets: ReadonlyMap<string, readonly Budget[]>;
  readonly windows: ReadonlyMap<string, readonly Allowance[]>;
};

/** What a credential is kept free for, and when it will have room for that. */
export type Kept = { readonly task: TaskId; readonly at: number };

export function index(snapshot: PoolSnapshot, constants: Constants): Pool {
  return {
    snapshot,
    constants,
    budgets: Map.groupBy(snapshot.budgets, (budget) => subjectId(budget.subject)),
    windows: new Map(snapshot.upstreams.map((upstream) => [upstream.id, upstream.windows])),
  };
}

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
  return null;
}

export function refusal(task: QueuedTask, credential: CredentialState, pool: Pool, kept: Kept | undefined): WhyNot | null {
  const { now, unclaimed } = pool.snapshot;
  const always = never(task, credential);
  if (always !== null) return always;
  if (unclaimed >= MAX_UNCLAIMED) return { why: "runners-busy", until: null };
  const tightest = tightestBudget(task, credential, pool);
  if (tightest !== undefined) return { why: "budget", of: budgetId(tightest), until: tightest.resetsAt };
  const rest = restsOf(task, credential).filter(({ until }) => until > now);
  if (rest.length > 0) return { why: "cooling", until: rest.reduce((last, { until }) => (until > last ? until : last), now) };
  if (credential.live >= credential.maxLive) return { why: "busy", until: null };
  // What will be over by then may use it until then (EASY backfilling): what a window loses before its reset is nobody's after.
  if (kept !== undefined && kept.task !== task.task && now + 2 * task.estimate.ms > kept.at)
    return { why: "kept-free", of: kept.task, until: null };
  const { room } = pool.constants;
  const full = windowsOf(credential, pool).find(
    (window) => counts(window, task.model) && !isRoomFor(task.estimate, window, credential.keepForOwner, now, room),
  );
  if (full === undefined) return null;
  // A reset that has passed ends nothing more.
  const until = full.resetsAt !== null && full.resetsAt > now ? full.resetsAt : null;
  return { why: "window", of: allowanceKey(full), until };
}

/** Of the budgets that can't take the task in full, the one that lacks most. */
export function tightestBudget(task: QueuedTask, credential: CredentialState, pool: Pool): Budget | undefined {
  const { own, others } = chargesOf(task, credential);
  let tightest: { readonly budget: Budget; readonly lacks: number } | undefined;
  for (const [subjects, amount] of [
    [task.budgets, others],
    [credential.budgets, own],
  ] as const)
    for (const subject of subjects)
      for (const budget of pool.budgets.get(subject) ?? []) {
        const lacks = amount - leftOf(budget);
        if (lacks > 0 && (tightest === undefined || lacks > tightest.lacks)) tightest = { budget, lacks };
      }
  return tightest?.budget;
}

/** Money: what a job may cost its credential's budgets, and the others it falls under. A subscription costs its runner alone. */
export function chargesOf(task: QueuedTask, credential: CredentialState): { readonly own: MicroUsd; readonly others: MicroUsd } {
  const model = credential.budgets.length > 0 ? task.cap : MicroUsd(0);
  return { own: model, others: MicroUsd(model + task.runner) };
}

export function restsOf({ model }: QueuedTask, { cooldowns }: CredentialState): CredentialState["cooldowns"] {
  return cooldowns.filter((rest) => rest.model === null || rest.model === model);
}
