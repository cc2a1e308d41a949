import { EVERYONE } from "../config/terms.ts";
import { harnessesFor } from "../config/credential.ts";
import type { Policy } from "../config/policy.ts";
import type { Plan } from "../plan/plan.ts";
import type { Route } from "../plan/route.ts";
import type { Size } from "../wire/contract.ts";
import { CredentialName, type RepositoryId, type TaskId } from "../wire/ids.ts";
import { DAY_MS, HOUR_MS, MicroUsd, type EpochMs } from "../wire/units.ts";
import { isLent, type Consent } from "./consent.ts";
import { estimateOf, NOTHING_SEEN, type Seen } from "./estimator.ts";
import { runnerAtMost, spendersOf } from "./ledger.ts";
import type { CredentialState, PoolSnapshot, QueuedTask, StandbyRun, Upstream } from "./decision.ts";
import type { Drawing } from "./spare.ts";
import { priorOf } from "./priors.ts";
import { PERIODS, type Period } from "../config/terms.ts";
import { allowanceKey, periodOf, subjectId, type Allowance, type Budget, type Subject } from "./windows.ts";

/** Jobs at once on one key that has no number of its own: a provider's limits by the minute rarely bear more. */
const JOBS_PER_KEY = 5;

/** What is urgent counts as queued this much sooner, among its own team's: bounded, so that nobody waits for ever. */
const URGENT_MS = HOUR_MS;
/** What can wait counts as queued this much later. */
const PATIENT_MS = DAY_MS;

/** What the store knows of an owner's pool, under its lock. */
export type Stored = {
  readonly now: EpochMs;
  readonly queue: readonly {
    readonly task: TaskId;
    readonly plan: Plan;
    readonly queuedAt: EpochMs;
    readonly passedOverAt: EpochMs | null;
    readonly movedFrom: readonly CredentialName[];
    /** What its open attempt has used of its budget on these, at list price. */
    readonly spent: MicroUsd;
  }[];
  /** Money, by `subjectId`. */
  readonly spent: readonly { readonly subject: string; readonly day: number; readonly week: number; readonly month: number }[];
  /** By `HoldRequest.window`; of an upstream's windows by credential. */
  readonly held: readonly { readonly window: string; readonly credential: string; readonly amount: number }[];
  readonly live: readonly { readonly credential: string; readonly offered: number; readonly live: number }[];
  readonly credentials: readonly {
    readonly name: string;
    readonly lastGrantAt: EpochMs | null;
    readonly upstream: string | null;
    readonly refusals: number;
  }[];
  readonly cooldowns: readonly { readonly upstream: string; readonly model: string | null; readonly until: EpochMs }[];
  /** By upstream, before what is held of them. */
  readonly windows: ReadonlyMap<string, readonly Allowance[]>;
  readonly teams: readonly { readonly name: string; readonly pass: number; readonly at: EpochMs; readonly clock: number }[];
  /** By `kindsOf`. */
  readonly seen: ReadonlyMap<string, Seen>;
  /** In force: not taken back, and to the notice as it stands. */
  readonly consents: readonly Consent[];
  /** The oldest first. */
  readonly onStandby: readonly (Omit<StandbyRun, "upstream"> & { readonly credential: string })[];
  /** What all but standby has drawn from credentials (spare.ts); null while nothing waits on standby. */
  readonly drawn: readonly (Drawing & { readonly credential: string })[] | null;
};

/** After how many refusals of its key in a row a credential is used no more: one may be the provider's own fault. */
export const REFUSALS_TO_QUARANTINE = 2;

/** What is stored and what the policy says → what `pick` looks at. Pure. */
export function toSnapshot(policy: Policy, policyCommit: string, stored: Stored, seed: number): PoolSnapshot {
  const { now } = stored;
  const queue = stored.queue.map((row) => toQueued(row, stored));
  const known = indexOf(policy, stored);
  const credentials = policy.pool.map((entry) => toCredential(entry, known));
  return {
    now,
    seed,
    policyCommit,
    strategy: policy.strategy,
    queue,
    teams: teamsOf(policy, stored),
    credentials,
    upstreams: toUpstreams(credentials, known),
    budgets: budgetsOf(policy, stored),
    unclaimed: stored.live.reduce((sum, { offered }) => sum + offered, 0),
    ...(stored.onStandby.length === 0 ? {} : { onStandby: stored.onStandby.map((run) => toRun(run, known)) }),
  };
}

function toRun({ credential, ...run }: Stored["onStandby"][number], { upstreams }: Known): StandbyRun {
  return { ...run, upstream: upstreams.get(credential) ?? `credential:${credential}` };
}

/** What is stored, by what it is looked up by: a pool may have hundreds of credentials. */
type Known = ReturnType<typeof indexOf>;

function indexOf(policy: Policy, stored: Stored) {
  const rows = new Map(stored.credentials.map((row) => [row.name, row]));
  // One that the policy names no more as well: its job goes on, and holds of its account.
  const upstreams = new Map(stored.credentials.map(({ name, upstream }) => [name, upstream ?? `credential:${name}`]));
  for (const { name, account } of policy.pool) upstreams.set(name, accountOf(name, account, rows.get(name)?.upstream ?? null));
  const liveOn = new Map<string, number>();
  for (const { credential, live } of stored.live) {
    const upstream = upstreams.get(credential) ?? `credential:${credential}`;
    liveOn.set(upstream, (liveOn.get(upstream) ?? 0) + live);
  }
  return {
    stored,
    rows,
    upstreams,
    live: new Map(stored.live.map((row) => [row.credential, row.live])),
    /** By upstream. */
    liveOn,
    cooldowns: Map.groupBy(stored.cooldowns, ({ upstream }) => upstream),
    /** The policy names people by login; those who wait were verified with theirs when they were planned. */
    people: new Map(stored.queue.toReversed().map(({ plan }) => [plan.asker.login.toLowerCase(), plan.asker.person])),
  };
}

/** What jobs are compared with, nearest first: this repository's of this kind, the owner's. */
export function kindsOf(
  size: Size,
  { harness, model }: Pick<Route, "harness" | "model">,
  repository: RepositoryId,
): readonly [string, string] {
  const kind = `${size}/${harness}/${model}`;
  return [`${kind}/${String(repository)}`, kind];
}

/**
 * Which account a credential is of: the policy's `account`, else the provider's word once it has been heard, else its own. What
 * the policy once called it and calls it no more isn't the provider's word.
 */
export function accountOf(name: string, account: string | undefined, heard: string | null): string {
  if (account !== undefined) return `account:${account}`;
  return heard === null || heard.startsWith("account:") ? `credential:${name}` : heard;
}

function toQueued({ task, plan, queuedAt, passedOverAt, movedFrom, spent }: Stored["queue"][number], stored: Stored): QueuedTask {
  const { asker, route, size, price } = plan;
  const budget = MicroUsd(Math.max(0, plan.budget - spent));
  const levels = kindsOf(size, route, asker.repository.id).map((kind) => stored.seen.get(kind) ?? NOTHING_SEEN);
  const estimate = estimateOf(levels, priorOf(size, price));
  return {
    task,
    provider: route.provider,
    harness: route.harness,
    model: route.model,
    tier: route.tier,
    repository: asker.repository.id,
    person: asker.person,
    team: asker.team,
    // No job can use more than its gateway lets it.
    estimate: { ...estimate, mean: Math.min(estimate.mean, budget), p90: Math.min(estimate.p90, budget) },
    cap: budget,
    runner: runnerAtMost(plan.runner.minute),
    budgets: spendersOf({ team: asker.team, repository: asker.repository.id, person: asker.person }),
    queuedAt,
    passedOverAt,
    priorityMs: asker.urgent ? URGENT_MS : asker.patient === true ? -PATIENT_MS : 0,
    movedFrom,
    standby: asker.standby === true,
  };
}

function toCredential(
  entry: Policy["pool"][number],
  { stored, rows, upstreams, live, liveOn, cooldowns, people }: Known,
): CredentialState {
  const name = CredentialName(entry.name);
  const row = rows.get(name);
  const upstream = upstreams.get(name) ?? `credential:${name}`;
  const { only } = entry;
  const seat = entry.kind === "seat";
  return {
    name,
    provider: entry.provider,
    upstream,
    maxLive: entry.jobs ?? (seat ? 1 : JOBS_PER_KEY),
    // A subscription does one job at a time, under however many names.
    live: (seat ? liveOn.get(upstream) : live.get(name)) ?? 0,
    lastGrantAt: row?.lastGrantAt ?? null,
    owner: (entry.owner === undefined ? undefined : people.get(entry.owner)) ?? null,
    keepForOwner: entry["keep-for-owner"] ?? 0,
    serves: servesOf(entry, stored),
    only: {
      teams: only?.teams ?? null,
      repositories: only?.repositories === undefined ? null : repositoriesNamed(only.repositories, stored),
      tiers: only?.tiers ?? null,
      models: only?.models ?? null,
      harnesses: harnessesFor(entry.kind).filter((harness) => only?.harnesses?.includes(harness) !== false),
    },
    cooldowns: (cooldowns.get(upstream) ?? []).map(({ model, until }) => ({ model, until })),
    quarantined: (row?.refusals ?? 0) >= REFUSALS_TO_QUARANTINE,
    budgets: seat ? [] : [subjectId({ kind: "credential", name })],
  };
}

/** A seat serves its owner; everyone only where the policy says so and its owner has agreed in person. */
function servesOf(entry: Policy["pool"][number], stored: Stored): CredentialState["serves"] {
  if (entry.kind !== "seat" || isLent(entry, stored.consents)) return "everyone";
  return entry.serves === "everyone" ? "not-lent" : "owner";
}

function repositoriesNamed(names: readonly string[], { queue }: Stored): readonly RepositoryId[] {
  const wanted = new Set(names.map((name) => name.toLowerCase()));
  const found = queue.map(({ plan }) => plan.asker.repository).filter(({ name }) => wanted.has(name.toLowerCase()));
  return [...new Set(found.map(({ id }) => id))];
}

/** What every subscription has, heard of or not: its first job holds of it like any other. */
const SUBSCRIBED = (["five-hour", "week"] as const).map((name): Allowance => {
  return { name, model: null, capacity: null, observed: null, resetsAt: null, own: 0, since: 0, held: 0 };
});

function toUpstreams(credentials: readonly CredentialState[], { stored, upstreams }: Known): readonly Upstream[] {
  const held = new Map<string, Map<string, number>>();
  for (const { window, credential, amount } of stored.held) {
    const upstream = upstreams.get(credential);
    if (upstream === undefined || !window.startsWith("window:")) continue;
    const windows = held.get(upstream) ?? new Map<string, number>();
    windows.set(window, (windows.get(window) ?? 0) + amount);
    held.set(upstream, windows);
  }
  const subscribed = new Set(credentials.filter(({ budgets }) => budgets.length === 0).map(({ upstream }) => upstream));
  return [...new Set(credentials.map(({ upstream }) => upstream))].map((id) => {
    const heldOf = held.get(id);
    const heard = stored.windows.get(id) ?? [];
    const unheard = subscribed.has(id) ? SUBSCRIBED.filter(({ name }) => !heard.some((window) => window.name === name)) : [];
    const windows = unheard.length === 0 ? heard : [...heard, ...unheard];
    const upstream = stored.drawn === null ? { id } : { id, drawn: drawingOf(id, stored.drawn, upstreams) };
    // Of a large pool there are thousands, at every grant: where nothing is held, as they are.
    if (heldOf === undefined) return { ...upstream, windows };
    return {
      ...upstream,
      windows: windows.map((window) => ({ ...window, held: heldOf.get(`window:${allowanceKey(window)}`) ?? 0 })),
    };
  });
}

/** All that its credentials have drawn, those that the policy names no more as well. */
function drawingOf(upstream: string, drawn: NonNullable<Stored["drawn"]>, upstreams: Known["upstreams"]): Drawing {
  const of = drawn.filter(({ credential }) => upstreams.get(credential) === upstream);
  const sum = (each: keyof Drawing) => of.reduce((total, row) => total + row[each], 0);
  return { weekPerMs: sum("weekPerMs"), fiveHoursPerMs: sum("fiveHoursPerMs") };
}

function teamsOf(policy: Policy, stored: Stored): PoolSnapshot["teams"] {
  const names = new Set([EVERYONE, ...Object.keys(policy.teams), ...stored.queue.map(({ plan }) => plan.asker.team)]);
  return [...names].map((name) => {
    const known = stored.teams.find((team) => team.name === name);
    const { pass, at, clock } = known ?? { pass: 0, at: stored.now, clock: 0 };
    return { name, weight: policy.teams[name]?.weight ?? 1, pass, at, clock };
  });
}

/** Every budget that the policy sets and that something in the queue or the pool falls under. */
function budgetsOf(policy: Policy, stored: Stored): readonly Budget[] {
  const budgets: Budget[] = [];
  const spent = new Map(stored.spent.map((row) => [row.subject, row]));
  const holds = new Map<string, number>();
  for (const { window, amount } of stored.held) holds.set(window, (holds.get(window) ?? 0) + amount);
  const ends = new Map(PERIODS.map((period) => [period, periodOf(period, stored.now).end]));
  const add = (subject: Subject, spending: { readonly amount: MicroUsd; readonly period: Period } | undefined) => {
    if (spending === undefined) return;
    const id = subjectId(subject);
    const { amount: capacity, period } = spending;
    const used = MicroUsd(spent.get(id)?.[period] ?? 0);
    const held = MicroUsd(holds.get(`usd:${id}`) ?? 0);
    budgets.push({ subject, period, capacity, used, held, resetsAt: ends.get(period) ?? stored.now });
  };
  add({ kind: "owner" }, policy.budget);
  for (const entry of policy.pool)
    if (entry.kind !== "seat") add({ kind: "credential", name: CredentialName(entry.name) }, entry.budget ?? policy.budget);
  for (const [name, { budget }] of Object.entries(policy.teams)) add({ kind: "team", name }, budget);
  const askers = stored.queue.map(({ plan }) => plan.asker);
  for (const id of new Set(askers.map(({ person }) => person))) add({ kind: "person", id }, policy.people.budget);
  const named = new Map(Object.entries(policy.repositories).map(([name, { budget }]) => [name.toLowerCase(), budget]));
  // One that was renamed waits under both names: a budget of either is its own.
  for (const [id, of] of Map.groupBy(askers, ({ repository }) => repository.id)) {
    const name = of.map(({ repository }) => repository.name.toLowerCase()).find((each) => named.get(each) !== undefined);
    add({ kind: "repository", id }, name === undefined ? undefined : named.get(name));
  }
  return budgets;
}

/** The first days that a period's sums begin at. */
export function sinceOf(now: EpochMs): Record<Period, number> {
  const [day, week, month] = PERIODS.map((period) => periodOf(period, now).start);
  return { day: day ?? now, week: week ?? now, month: month ?? now };
}
