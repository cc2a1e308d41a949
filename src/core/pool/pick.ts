import type { EpochMs } from "../wire/units.ts";
import { CONSTANTS, type Constants } from "./constants.ts";
import type {
  Candidate,
  CredentialState,
  Decision,
  HoldRequest,
  PassedOver,
  PoolSnapshot,
  QueuedTask,
  Waiting,
  WhyNot,
} from "./decision.ts";
import type { LeaseId, TaskId } from "../wire/ids.ts";
import type { Estimate } from "./estimator.ts";
import { afterGrant, clockOf, passAt, type TeamState } from "./fairness.ts";
import { whoGivesWay } from "./give-way.ts";
import { keepFree, type KeptFree } from "./kept-free.ts";
import { needOf } from "./room.ts";
import { scoreOf } from "./strategy.ts";
import { chargesOf, index, isOnStandby, refusal, windowsOf, type Pool } from "./why-not.ts";
import { allowanceKey, counts } from "./windows.ts";

/**
 * The next (task, credential). Tasks in their fair order, interrupted ones first; the first that some credential has room
 * for is granted, on the one that the strategy prefers: a task that fits nowhere doesn't block the ones behind it, but for
 * one credential that is kept free for it once it has been passed over for long. Ties go to the fewest live leases, then the
 * least recent grant, then the seed: never always to the first. Pure and total.
 */
export function pick(snapshot: PoolSnapshot, constants: Constants = CONSTANTS): Decision {
  const pool = index(snapshot, constants);
  const asks = whatIsAsked(snapshot.credentials);
  const queue = orderOf(snapshot);
  const keptFree = keepFree(queue, pool);
  const passedOver: PassedOver[] = [];
  const waiting: Waiting[] = [];
  const giveWay = new Set<LeaseId>();
  const running = snapshot.credentials.reduce((sum, { live }) => sum + live, 0);
  const wait = (task: TaskId, { whyNot, of, until }: Refused): void => {
    passedOver.push({ task, whyNot });
    waiting.push({ task, position: waiting.length + 1, until, whyNot, of, running });
  };
  // Where a task found no room, one that asks for the same thing and needs no less finds none either.
  const refused = new Map<string, Refused[]>();
  for (const task of queue) {
    const shape = shapeOf(task, asks);
    const known = refused.get(shape)?.find(({ estimate }) => needsNoLess(task.estimate, estimate));
    if (known !== undefined && !keptFree.tasks.has(task.task)) {
      wait(task.task, known);
      continue;
    }
    const candidates = snapshot.credentials.map((credential) => weigh(task, credential, pool, keptFree));
    const best = bestOf(task, candidates, pool);
    if (best !== undefined) {
      const holds = holdsOf(task, best, pool);
      const team = chargeTeam(task, pool);
      return {
        kind: "grant",
        task: task.task,
        credential: best.name,
        holds,
        team,
        record: { snapshot, constants, candidates, passedOver },
      };
    }
    const summary = { ...summaryOf(candidates), estimate: task.estimate };
    if (!keptFree.tasks.has(task.task)) refused.set(shape, [...(refused.get(shape) ?? []), summary]);
    wait(task.task, summary);
    if (!isOnStandby(task)) for (const lease of whoGivesWay(task, pool, keptFree, giveWay)) giveWay.add(lease);
  }
  const stops = giveWay.size === 0 ? {} : { giveWay: [...giveWay] };
  return { kind: "wait", waiting, ...stops, record: { snapshot, constants, candidates: [], passedOver } };
}

/** What would have been lost is charged to nobody: a team's standby takes nothing from its other work's turn. */
function chargeTeam({ team: name, estimate, standby }: QueuedTask, { snapshot }: Pool): TeamState {
  const { now, teams } = snapshot;
  const team = teams.find((each) => each.name === name) ?? { name, weight: 1, pass: 0, at: now, clock: 0 };
  if (standby === true) return { ...team, weight: 0 };
  return afterGrant(team, teams, estimate.mean, now);
}

/**
 * The fair order: interrupted tasks first, then teams by how far they are behind, each team's by age. What is on standby comes after
 * all of them, interrupted or not, by age alone: no team is charged for it.
 */
export function orderOf({ now, queue, teams }: Pick<PoolSnapshot, "now" | "queue" | "teams">): readonly QueuedTask[] {
  const clock = clockOf(teams);
  const pass = new Map(teams.map((team) => [team.name, team.weight > 0 ? passAt(team, clock, now) : Infinity]));
  const passOfTask = ({ team }: QueuedTask) => pass.get(team) ?? clock;
  return queue.toSorted(
    (a, b) =>
      Number(isOnStandby(a)) - Number(isOnStandby(b)) ||
      Number(b.movedFrom.length > 0) - Number(a.movedFrom.length > 0) ||
      (isOnStandby(a) ? 0 : passOfTask(a) - passOfTask(b)) ||
      a.queuedAt - a.priorityMs - (b.queuedAt - b.priorityMs) ||
      compare(a.task, b.task),
  );
}

/** What each credential is to a task that waits, or why it can't serve it. */
export function candidatesFor(task: QueuedTask, snapshot: PoolSnapshot, constants: Constants = CONSTANTS): readonly Candidate[] {
  const pool = index(snapshot, constants);
  const keptFree = keepFree(orderOf(snapshot), pool);
  return snapshot.credentials.map((credential) => weigh(task, credential, pool, keptFree));
}

type Refused = Pick<Waiting, "whyNot" | "of" | "until"> & { readonly estimate: Estimate };

function needsNoLess(a: Estimate, b: Estimate): boolean {
  return a.p90 >= b.p90 && a.ms >= b.ms && a.tokensPerMinute >= b.tokensPerMinute;
}

/** What a refusal depends on beside the estimate: who asks, only where some credential asks who does. */
function shapeOf(task: QueuedTask, asks: ReturnType<typeof whatIsAsked>): string {
  const { provider, harness, model, tier, cap, runner, budgets } = task;
  const rank = isOnStandby(task) ? ["standby"] : [];
  const who = [asks.repository && task.repository, asks.team && task.team, asks.person && task.person];
  return [provider, harness, model, tier, ...who, ...rank, cap, runner, ...budgets].join(" ");
}

function whatIsAsked(credentials: readonly CredentialState[]) {
  return {
    repository: credentials.some(({ only }) => only.repositories !== null),
    team: credentials.some(({ only }) => only.teams !== null),
    person: credentials.some(({ owner }) => owner !== null),
  };
}

function weigh(task: QueuedTask, credential: CredentialState, pool: Pool, keptFree: KeptFree): Candidate {
  const whyNot = refusal(task, credential, pool, keptFree.credentials.get(credential.name));
  if (whyNot !== null) return { credential: credential.name, score: null, whyNot };
  const { strategy, now } = pool.snapshot;
  const account = {
    windows: windowsOf(credential, pool),
    budgets: credential.budgets.flatMap((subject) => pool.budgets.get(subject) ?? []),
  };
  const score = scoreOf(strategy, account, task.model, task.estimate.mean, now, pool.constants.paced);
  return { credential: credential.name, score, whyNot: null };
}

function holdsOf(task: QueuedTask, credential: CredentialState, pool: Pool): HoldRequest[] {
  const { own, others } = chargesOf(task, credential);
  const windows = windowsOf(credential, pool).filter((window) => counts(window, task.model));
  // A subscription may turn out to have one for this model, while the job runs.
  const untold = { name: "week-model", model: task.model, capacity: null } as const;
  const isTold = credential.budgets.length > 0 || windows.some(({ model }) => model !== null);
  return [
    ...credential.budgets.map((subject) => ({ window: `usd:${subject}`, amount: own })),
    ...task.budgets.map((subject) => ({ window: `usd:${subject}`, amount: others })),
    ...(isTold ? windows : [...windows, untold]).map((window) => ({
      window: `window:${allowanceKey(window)}`,
      amount: Math.ceil(needOf(task.estimate, window)),
    })),
  ];
}

function bestOf(task: QueuedTask, candidates: readonly Candidate[], { snapshot }: Pool): CredentialState | undefined {
  let best: { left: number; score: number; credential: CredentialState } | undefined;
  for (const [at, { score }] of candidates.entries()) {
    const credential = snapshot.credentials[at];
    if (score === null || credential === undefined) continue;
    const left = Number(task.movedFrom.includes(credential.name));
    const differs =
      best === undefined ? -1 : left - best.left || score - best.score || preference(credential, best.credential, snapshot.seed);
    if (differs < 0) best = { left, score, credential };
  }
  return best?.credential;
}

function summaryOf(candidates: readonly Candidate[]): Pick<Waiting, "whyNot" | "of" | "until"> {
  const whyNot: Partial<Record<WhyNot["why"], number>> = {};
  const named: Partial<Record<WhyNot["why"], string>> = {};
  let first: EpochMs | null = null;
  for (const candidate of candidates) {
    if (candidate.whyNot === null) continue;
    const { why, of, until } = candidate.whyNot;
    whyNot[why] = (whyNot[why] ?? 0) + 1;
    if (of !== undefined) named[why] ??= of;
    if (until !== null && (first === null || until < first)) first = until;
  }
  return { whyNot, of: named, until: first };
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

/**
 * FNV-1a over the name, started from the seed, and MurmurHash3's last mixing, without which names that differ in their last
 * letter alone win unequally often: a fair coin that falls the same way on replay.
 */
function mix(name: string, seed: number): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (const character of name) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
