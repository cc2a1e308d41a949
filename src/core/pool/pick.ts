import type { Provider } from "../wire/contract.ts";
import type { CredentialName, TaskId } from "../wire/ids.ts";
import { MicroUsd, type EpochMs } from "../wire/units.ts";
import { fits, share, windowId, type Window } from "./windows.ts";

/** The pool of one owner at one instant, as loaded under its lock. */
export type PoolSnapshot = {
  readonly now: EpochMs;
  /** Breaks ties that nothing else does; recorded, so that the same snapshot gives the same choice. */
  readonly seed: number;
  readonly queue: readonly QueuedTask[];
  readonly credentials: readonly CredentialState[];
  /** The owner's own windows: every grant must fit them too. */
  readonly ownerWindows: readonly Window[];
  /** Leases offered whose run no runner has taken yet. */
  readonly unclaimed: number;
};

/**
 * Dispatched runs that may wait for a runner at once: below the 20 concurrent hosted jobs of GitHub's Free plan. More would
 * only wait in GitHub's queue, with their offers running out and what they reserve taken from those that could start.
 */
export const MAX_UNCLAIMED = 15;

export type QueuedTask = {
  readonly task: TaskId;
  readonly provider: Provider;
  /** What the model may cost at most: reserved in full in every window, never shrunk to what is left. */
  readonly estimate: MicroUsd;
  /** What its runner may cost at most: reserved beside it in the owner's windows. */
  readonly runner: MicroUsd;
  readonly queuedAt: EpochMs;
};

export type CredentialState = {
  readonly name: CredentialName;
  readonly provider: Provider;
  readonly windows: readonly Window[];
  /** Leases offered or held now. */
  readonly live: number;
  /** null = never. */
  readonly lastGrantAt: EpochMs | null;
};

/** `window` is its id (windows.ts). */
export type HoldRequest = { readonly window: string; readonly amount: MicroUsd };

export type WhyNot = "other-provider" | "owner-budget" | "credential-budget" | "runners-busy";

export type Candidate = {
  readonly task: TaskId;
  readonly credential: CredentialName;
  /** The share of its tightest window that is promised already, lower is better; null when it can't serve. */
  readonly score: number | null;
  readonly whyNot: WhyNot | null;
};

/**
 * Why a choice fell as it did: what was known, as far as it was looked at (no task behind the one that was granted), and
 * every candidate with its terms. `pick(record.snapshot)` gives the same choice again.
 */
export type DecisionRecord = { readonly snapshot: PoolSnapshot; readonly candidates: readonly Candidate[] };

export type Decision =
  | {
      readonly kind: "grant";
      readonly task: TaskId;
      readonly credential: CredentialName;
      readonly holds: readonly HoldRequest[];
      readonly record: DecisionRecord;
    }
  | { readonly kind: "wait"; readonly record: DecisionRecord };

/**
 * The next (task, credential): the task that has waited longest and that some credential can serve, with the
 * credential whose tightest window is least promised. A task that fits nowhere doesn't block the ones behind it.
 * Ties go to the fewest live leases, then the least recent grant, then the seed: never always to the first.
 * Pure and total: the same snapshot always gives the same decision.
 */
export function pick(snapshot: PoolSnapshot): Decision {
  const candidates: Candidate[] = [];
  const queue = snapshot.queue.toSorted((a, b) => a.queuedAt - b.queuedAt || compare(a.task, b.task));
  const credentials = snapshot.credentials.toSorted((a, b) => compare(a.name, b.name));
  const known = { ...snapshot, queue, credentials };
  for (const [index, task] of queue.entries()) {
    const able: { credential: CredentialState; score: number }[] = [];
    for (const credential of credentials) {
      const whyNot = refusal(task, credential, snapshot);
      const score = whyNot === null ? tightest(credential.windows) : null;
      candidates.push({ task: task.task, credential: credential.name, score, whyNot });
      if (score !== null) able.push({ credential, score });
    }
    const best = able.toSorted((a, b) => a.score - b.score || preference(a.credential, b.credential, snapshot.seed))[0];
    if (best === undefined) continue;
    const holds = [
      ...best.credential.windows.map((window) => ({ window: windowId(window), amount: task.estimate })),
      ...snapshot.ownerWindows.map((window) => ({ window: windowId(window), amount: inFull(task) })),
    ];
    const record = { snapshot: { ...known, queue: queue.slice(0, index + 1) }, candidates };
    return { kind: "grant", task: task.task, credential: best.credential.name, holds, record };
  }
  return { kind: "wait", record: { snapshot: known, candidates } };
}

function inFull(task: QueuedTask): MicroUsd {
  return MicroUsd(task.estimate + task.runner);
}

function refusal(task: QueuedTask, credential: CredentialState, snapshot: PoolSnapshot): WhyNot | null {
  if (credential.provider !== task.provider) return "other-provider";
  if (snapshot.unclaimed >= MAX_UNCLAIMED) return "runners-busy";
  if (!snapshot.ownerWindows.every((window) => fits(window, inFull(task)))) return "owner-budget";
  if (!credential.windows.every((window) => fits(window, task.estimate))) return "credential-budget";
  return null;
}

function tightest(windows: readonly Window[]): number {
  return Math.max(0, ...windows.map(share));
}

function preference(a: CredentialState, b: CredentialState, seed: number): number {
  return (
    a.live - b.live ||
    (a.lastGrantAt ?? 0) - (b.lastGrantAt ?? 0) ||
    mix(a.name, seed) - mix(b.name, seed) ||
    compare(a.name, b.name)
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** FNV-1a over the name, started from the seed: a fair coin that falls the same way on replay. */
function mix(name: string, seed: number): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (const character of name) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return hash;
}
