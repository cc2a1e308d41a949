import type { CredentialName, TaskId } from "../wire/ids.ts";
import type { EpochMs } from "../wire/units.ts";
import { CONSTANTS, type Constants } from "./constants.ts";
import { compare, keepFree, orderOf } from "./order.ts";
import { chargesOf, refusal, windowsOf, type Pool, type WhyNot } from "./refusal.ts";
import { scoreOf } from "./strategy.ts";
import type { CredentialState, PoolSnapshot, QueuedTask } from "./snapshot.ts";
import { allowanceKey, budgetId, counts } from "./windows.ts";

export type { Allowed, CredentialState, PoolSnapshot, QueuedTask, Upstream } from "./snapshot.ts";
export { MAX_UNCLAIMED, type WhyNot } from "./refusal.ts";
export { orderOf } from "./order.ts";

/** An amount of one window, by its id: `budgetId`, or `upstream:<id>/<allowanceKey>`. */
export type HoldRequest = { readonly window: string; readonly amount: number };

export type Candidate = {
  readonly credential: CredentialName;
  /** By the strategy, lower is better; null when it can't serve. */
  readonly score: number | null;
  readonly whyNot: WhyNot | null;
};

/** A task that waited while one behind it in the order was granted, or all of them: what stood in its way, and how often. */
export type PassedOver = { readonly task: TaskId; readonly whyNot: Readonly<Partial<Record<WhyNot["why"], number>>> };

/**
 * Why a choice fell as it did: what was known, and of the task that was granted every candidate with its terms.
 * `pick(record.snapshot)` gives the same decision again.
 */
export type DecisionRecord = {
  readonly snapshot: PoolSnapshot;
  readonly candidates: readonly Candidate[];
  readonly passedOver: readonly PassedOver[];
};

export type Decision =
  | {
      readonly kind: "grant";
      readonly task: TaskId;
      readonly credential: CredentialName;
      readonly holds: readonly HoldRequest[];
      readonly record: DecisionRecord;
    }
  /** `waiting`: each task's place in the queue, and the first instant at which something in its way ends. */
  | {
      readonly kind: "wait";
      readonly waiting: readonly { readonly task: TaskId; readonly until: EpochMs | null }[];
      readonly record: DecisionRecord;
    };

/**
 * The next (task, credential). Tasks in their fair order, interrupted ones first; the first that some credential has room
 * for is granted, on the one that the strategy prefers: a task that fits nowhere doesn't block the ones behind it, but for
 * one credential that is kept free for it once it has been passed over for long. Ties go to the fewest live leases, then the
 * least recent grant, then the seed: never always to the first. Pure and total.
 */
export function pick(snapshot: PoolSnapshot, constants: Constants = CONSTANTS): Decision {
  const pool = index(snapshot, constants);
  const keptFree = keepFree(pool);
  const asks = whatIsAsked(snapshot.credentials);
  const passedOver: PassedOver[] = [];
  const waiting: { task: TaskId; until: EpochMs | null }[] = [];
  // Tasks that ask for the same thing get the same refusal.
  const refused = new Map<string, { whyNot: PassedOver["whyNot"]; until: EpochMs | null }>();
  for (const task of pool.queue) {
    const shape = shapeOf(task, asks);
    const known = refused.get(shape);
    if (known !== undefined && !keptFree.tasks.has(task.task)) {
      passedOver.push({ task: task.task, whyNot: known.whyNot });
      waiting.push({ task: task.task, until: known.until });
      continue;
    }
    const candidates = snapshot.credentials.map((credential) => weigh(task, credential, pool, keptFree));
    const best = bestOf(candidates, pool);
    if (best !== undefined) {
      const holds = holdsOf(task, best, pool);
      return { kind: "grant", task: task.task, credential: best.name, holds, record: { snapshot, candidates, passedOver } };
    }
    const summary = { whyNot: countWhy(candidates), until: soonest(candidates) };
    if (!keptFree.tasks.has(task.task)) refused.set(shape, summary);
    passedOver.push({ task: task.task, whyNot: summary.whyNot });
    waiting.push({ task: task.task, until: summary.until });
  }
  return { kind: "wait", waiting, record: { snapshot, candidates: [], passedOver } };
}

function index(snapshot: PoolSnapshot, constants: Constants): Pool {
  return {
    snapshot,
    constants,
    queue: orderOf(snapshot),
    budgets: new Map(snapshot.budgets.map((budget) => [budgetId(budget), budget])),
    windows: new Map(snapshot.upstreams.map((upstream) => [upstream.id, upstream.windows])),
  };
}

/** What a refusal depends on: who asks, only where some credential asks who does. */
function shapeOf(task: QueuedTask, asks: ReturnType<typeof whatIsAsked>): string {
  const { provider, harness, model, tier, estimate, cap, runner, budgets, movedFrom } = task;
  const who = `${asks.repository ? task.repository : ""} ${asks.team ? task.team : ""} ${asks.person ? task.person : ""}`;
  const size = `${estimate.p90} ${estimate.ms} ${estimate.tokensPerMinute} ${cap} ${runner}`;
  return `${provider} ${harness} ${model} ${tier} ${who} ${size} ${budgets.join()} ${movedFrom.join()}`;
}

function whatIsAsked(credentials: readonly CredentialState[]) {
  return {
    repository: credentials.some(({ only }) => only.repositories !== null),
    team: credentials.some(({ only }) => only.teams !== null),
    person: credentials.some(({ serves }) => serves !== "everyone" && serves !== "nobody"),
  };
}

function weigh(task: QueuedTask, credential: CredentialState, pool: Pool, keptFree: ReturnType<typeof keepFree>): Weighed {
  const whyNot = refusal(task, credential, pool, keptFree.credentials.get(credential.name));
  if (whyNot !== null) return { credential: credential.name, score: null, whyNot };
  const { strategy, now } = pool.snapshot;
  const account = {
    windows: windowsOf(credential, pool),
    budgets: credential.budgets.flatMap((id) => pool.budgets.get(id) ?? []),
  };
  const score = scoreOf(strategy, account, task.model, task.estimate.mean, now, pool.constants.paced);
  return { credential: credential.name, score, whyNot: null };
}

type Weighed = Candidate;

function holdsOf(task: QueuedTask, credential: CredentialState, pool: Pool): HoldRequest[] {
  const { own, others } = chargesOf(task, credential);
  return [
    ...credential.budgets.map((window) => ({ window, amount: own })),
    ...task.budgets.map((window) => ({ window, amount: others })),
    ...windowsOf(credential, pool)
      .filter((window) => counts(window, task.model))
      .map((window) => ({
        window: `upstream:${credential.upstream}/${allowanceKey(window)}`,
        amount: Math.ceil(window.name === "tokens-minute" ? task.estimate.tokensPerMinute : task.estimate.p90),
      })),
  ];
}

function bestOf(candidates: readonly Candidate[], { snapshot }: Pool): CredentialState | undefined {
  let best: { score: number; credential: CredentialState } | undefined;
  for (const [at, { score }] of candidates.entries()) {
    const credential = snapshot.credentials[at];
    if (score === null || credential === undefined) continue;
    if (best === undefined || (score - best.score || preference(credential, best.credential, snapshot.seed)) < 0)
      best = { score, credential };
  }
  return best?.credential;
}

function countWhy(candidates: readonly Candidate[]): PassedOver["whyNot"] {
  const counted: Partial<Record<WhyNot["why"], number>> = {};
  for (const { whyNot } of candidates) if (whyNot !== null) counted[whyNot.why] = (counted[whyNot.why] ?? 0) + 1;
  return counted;
}

function soonest(candidates: readonly Candidate[]): EpochMs | null {
  let first: EpochMs | null = null;
  for (const { whyNot } of candidates) {
    const until = whyNot?.until ?? null;
    if (until !== null && (first === null || until < first)) first = until;
  }
  return first;
}

function preference(a: CredentialState, b: CredentialState, seed: number): number {
  return (
    a.live - b.live ||
    (a.lastGrantAt ?? 0) - (b.lastGrantAt ?? 0) ||
    mix(a.name, seed) - mix(b.name, seed) ||
    compare(a.name, b.name)
  );
}

/** FNV-1a over the name, started from the seed: a fair coin that falls the same way on replay. */
function mix(name: string, seed: number): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (const character of name) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return hash;
}
