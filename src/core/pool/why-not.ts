import type { CredentialName, TaskId } from "../wire/ids.ts";
import { MicroUsd, type EpochMs } from "../wire/units.ts";
import type { Constants } from "./constants.ts";
import type { CredentialState, PoolSnapshot, QueuedTask, WhyNot } from "./decision.ts";
import { isRoomFor } from "./room.ts";
import { isSpare, type Drawing } from "./spare.ts";
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
  /** What the pool's other work draws from accounts; empty while nothing waits on standby. */
  readonly drawn: ReadonlyMap<string, Drawing>;
  /** What could serve some task that isn't on standby; empty while nothing is. */
  readonly wanted: ReadonlySet<CredentialName>;
};

/** What a credential is kept free for, and when it will have room for that. */
export type KeptFor = { readonly task: TaskId; readonly at: number };

export function index(snapshot: PoolSnapshot, constants: Constants): Pool {
  const { queue, credentials, upstreams } = snapshot;
  const first = queue.some(isOnStandby) ? queue.filter((task) => !isOnStandby(task)) : [];
  return {
    snapshot,
    constants,
    budgets: Map.groupBy(snapshot.budgets, (budget) => subjectId(budget.subject)),
    windows: new Map(upstreams.map((upstream) => [upstream.id, upstream.windows])),
    drawn: new Map(upstreams.flatMap(({ id, drawn }) => (drawn === undefined ? [] : [[id, drawn] as const]))),
    wanted: new Set(credentials.flatMap((each) => (first.some((task) => never(task, each) === null) ? [each.name] : []))),
  };
}

export function isOnStandby({ standby }: Pick<QueuedTask, "standby">): boolean {
  return standby === true;
}

export function windowsOf(credential: CredentialState, pool: Pool): readonly Allowance[] {
  return pool.windows.get(credential.upstream) ?? NONE;
}

/** What stands between a task and a credential whatever the time. */
export function never(task: QueuedTask, credential: CredentialState): WhyNot | null {
  const { only, serves, owner } = credential;
  const no = (why: WhyNot["why"], of?: string): WhyNot => ({ why, ...(of === undefined ? {} : { of }), until: null });
  if (credential.provider !== task.provider) return no("other-provider");
  if (isOnStandby(task) && credential.budgets.length > 0) return no("paid-by-use");
  if (serves !== "everyone" && owner !== task.person) return no(serves === "not-lent" ? "no-consent" : "others-seat");
  if (only.models?.includes(task.model) === false) return no("not-allowed", "models");
  if (only.harnesses?.includes(task.harness) === false) return no("not-allowed", "harnesses");
  if (only.tiers?.includes(task.tier) === false) return no("not-allowed", "tiers");
  if (only.teams?.includes(task.team) === false) return no("not-allowed", "teams");
  if (only.repositories?.includes(task.repository) === false) return no("not-allowed", "repositories");
  return null;
}

/** Of a seat's windows, what is kept from this task: its owner's own have all of them, but on standby. */
export function keptFrom({ person, standby }: QueuedTask, { owner, keepForOwner }: CredentialState): number {
  return person === owner && standby !== true ? 0 : keepForOwner;
}

export function refusal(task: QueuedTask, credential: CredentialState, pool: Pool, free: KeptFor | undefined): WhyNot | null {
  const { now, unclaimed } = pool.snapshot;
  const always = never(task, credential);
  if (always !== null) return always;
  const isPatient = isOnStandby(task);
  if (isPatient && pool.wanted.has(credential.name)) return { why: "others-first", until: null };
  if (credential.quarantined) return { why: "quarantined", until: null };
  if (unclaimed >= MAX_UNCLAIMED) return { why: "runners-busy", until: null };
  const tightest = tightestBudget(task, credential, pool);
  if (tightest !== undefined) return { why: "budget", of: budgetId(tightest.budget), until: tightest.until };
  const rest = restsOf(task, credential).filter(({ until }) => until > now);
  if (rest.length > 0) return { why: "cooling", until: rest.reduce((last, { until }) => (until > last ? until : last), now) };
  if (credential.live >= credential.maxLive) return { why: "busy", until: null };
  // What will be over by then may use it until then (EASY backfilling): what a window loses before its reset is nobody's after.
  if (free !== undefined && free.task !== task.task && now + 2 * task.estimate.ms > free.at)
    return { why: "kept-free", of: free.task, until: null };
  const { room } = pool.constants;
  const kept = keptFrom(task, credential);
  const counting = windowsOf(credential, pool).filter((window) => counts(window, task.model));
  const no = (why: WhyNot["why"], { resetsAt, ...window }: Allowance): WhyNot => {
    // A reset that has passed ends nothing more.
    return { why, of: allowanceKey(window), until: resetsAt !== null && resetsAt > now ? resetsAt : null };
  };
  const full = counting.find((window) => !isRoomFor(task.estimate, window, kept, now, room));
  if (full !== undefined) return no("window", full);
  if (!isPatient) return null;
  const drawn = pool.drawn.get(credential.upstream) ?? null;
  const wanted = counting.find((window) => !isSpare(task.estimate, window, kept, drawn, now, pool.constants));
  return wanted === undefined ? null : no("nothing-expires", wanted);
}

/** Of the budgets that can't take the task in full, the one that lacks most; `until`: when the last of them begins anew. */
export function tightestBudget(
  task: QueuedTask,
  credential: CredentialState,
  pool: Pool,
): { readonly budget: Budget; readonly until: EpochMs } | undefined {
  const { own, others } = chargesOf(task, credential);
  let tightest: Budget | undefined;
  let most = 0;
  let until = pool.snapshot.now;
  const look = (subjects: readonly string[], amount: number): void => {
    for (const subject of subjects)
      for (const budget of pool.budgets.get(subject) ?? NONE) {
        const lacks = amount - leftOf(budget);
        if (lacks > 0 && budget.resetsAt > until) until = budget.resetsAt;
        if (lacks > most) [tightest, most] = [budget, lacks];
      }
  };
  look(task.budgets, others);
  look(credential.budgets, own);
  return tightest === undefined ? undefined : { budget: tightest, until };
}

const NONE: readonly never[] = [];

/** Money: what a job may cost its credential's budgets, and the others it falls under. A subscription costs its runner alone. */
export function chargesOf(task: QueuedTask, credential: CredentialState): { readonly own: MicroUsd; readonly others: MicroUsd } {
  const model = credential.budgets.length > 0 ? task.cap : MicroUsd(0);
  return { own: model, others: MicroUsd(model + task.runner) };
}

export function restsOf({ model }: QueuedTask, { cooldowns }: CredentialState): CredentialState["cooldowns"] {
  return cooldowns.filter((rest) => rest.model === null || rest.model === model);
}
