import fc from "fast-check";
import type { Provider } from "#core/wire/contract.ts";
import type { Estimate } from "#core/pool/estimator.ts";
import type { TeamState } from "#core/pool/fairness.ts";
import type { CredentialState, Decision, PoolSnapshot, QueuedTask, Upstream } from "#core/pool/decision.ts";
import { pick } from "#core/pool/pick.ts";
import { allowanceKey, periodOf, subjectId, type Allowance, type Budget, type Subject } from "#core/pool/windows.ts";
import { ActorId, CredentialName, RepositoryId, TaskId } from "#core/wire/ids.ts";
import { DAY_MS, EpochMs, HOUR_MS, MicroUsd, MINUTE_MS } from "#core/wire/units.ts";

/** A Tuesday noon. */
export const NOW = EpochMs(Date.UTC(2026, 10, 24, 12));
export const after = (ms: number): EpochMs => EpochMs(NOW + ms);

export type Grant = Extract<Decision, { kind: "grant" }>;

export function estimate(mean: number, p90 = mean): Estimate {
  return { mean, p90, ms: 10 * MINUTE_MS, tokensPerMinute: 0 };
}

export function task(name: string, overrides: Partial<QueuedTask> = {}): QueuedTask {
  return {
    task: TaskId(name),
    provider: "anthropic",
    harness: "claude-code",
    model: "m",
    tier: "light",
    repository: RepositoryId(20),
    person: ActorId(30),
    team: "everyone",
    estimate: estimate(10),
    cap: MicroUsd(20),
    runner: MicroUsd(0),
    budgets: ["owner"],
    queuedAt: EpochMs(NOW - HOUR_MS),
    passedOverAt: null,
    priorityMs: 0,
    movedFrom: [],
    ...overrides,
  };
}

/** A seat of its own upstream, which everyone may use. */
export function credential(name: string, overrides: Partial<CredentialState> = {}): CredentialState {
  return {
    name: CredentialName(name),
    provider: "anthropic",
    upstream: name,
    maxLive: 5,
    live: 0,
    lastGrantAt: null,
    owner: null,
    keepForOwner: 0,
    serves: "everyone",
    only: { repositories: null, teams: null, tiers: null, models: null, harnesses: null },
    cooldowns: [],
    quarantined: false,
    budgets: [],
    ...overrides,
  };
}

/** A week, half gone, of a size that is known for sure. */
export function window(overrides: Partial<Allowance> = {}, value = 1_000): Allowance {
  return {
    name: "week",
    model: null,
    capacity: { value, error: 0, hiddenPerMs: 0 },
    observed: { share: 0, at: NOW },
    resetsAt: after(3.5 * DAY_MS),
    own: 0,
    since: 0,
    held: 0,
    ...overrides,
  };
}

export function budget(capacity: number, overrides: Partial<Budget> = {}): Budget {
  return {
    subject: { kind: "owner" },
    period: "month",
    capacity: MicroUsd(capacity),
    used: MicroUsd(0),
    held: MicroUsd(0),
    resetsAt: periodOf("month", NOW).end,
    ...overrides,
  };
}

export function team(name: string, overrides: Partial<TeamState> = {}): TeamState {
  return { name, weight: 1, pass: 0, at: NOW, clock: 0, ...overrides };
}

export function snapshot(overrides: Partial<PoolSnapshot> = {}): PoolSnapshot {
  const credentials = overrides.credentials ?? [credential("a"), credential("b")];
  return {
    now: NOW,
    seed: 1,
    policyCommit: "c".repeat(40),
    strategy: "paced",
    queue: [task("t1")],
    teams: [team("everyone")],
    upstreams: [...new Set(credentials.map(({ upstream }) => upstream))].map((id) => ({ id, windows: [window()] })),
    budgets: [],
    unclaimed: 0,
    ...overrides,
    credentials,
  };
}

/** What the store does with a grant: the holds are taken, the lease lives (its runner has it), the task leaves the queue. */
export function grant(state: PoolSnapshot, { task: granted, credential: name, holds, team, record }: Grant): PoolSnapshot {
  const chosen = state.credentials.find((each) => each.name === name);
  const amountOf = (window: string) => holds.find((hold) => hold.window === window)?.amount ?? 0;
  const passedOver = new Set(record.passedOver.map((each) => each.task));
  return {
    ...state,
    seed: state.seed + 1,
    queue: state.queue
      .filter((each) => each.task !== granted)
      .map((each) => (passedOver.has(each.task) ? { ...each, passedOverAt: each.passedOverAt ?? state.now } : each)),
    credentials: state.credentials.map((each) =>
      each === chosen ? { ...each, live: each.live + 1, lastGrantAt: state.now } : each,
    ),
    upstreams: state.upstreams.map((each) => (each.id === chosen?.upstream ? hold(each, amountOf) : each)),
    budgets: state.budgets.map((each) => ({
      ...each,
      held: MicroUsd(each.held + amountOf(`usd:${subjectId(each.subject)}`)),
    })),
    teams: [...state.teams.filter((each) => each.name !== team.name), team],
  };
}

function hold(upstream: Upstream, amountOf: (window: string) => number): Upstream {
  return {
    ...upstream,
    windows: upstream.windows.map((each) => ({ ...each, held: each.held + amountOf(`window:${allowanceKey(each)}`) })),
  };
}

/** Grants until nothing fits. */
export function grantAll(start: PoolSnapshot): { readonly state: PoolSnapshot; readonly grants: readonly Grant[] } {
  const grants: Grant[] = [];
  let state = start;
  for (;;) {
    const decision = pick(state);
    if (decision.kind === "wait") return { state, grants };
    grants.push(decision);
    state = grant(state, decision);
  }
}

export function granted(decision: Decision): readonly [string, string] | "wait" {
  return decision.kind === "wait" ? "wait" : [decision.task, decision.credential];
}

const NAMES = ["a", "b", "c", "d"];
const TEAMS = ["hog", "web", "none"];
const someModel = fc.constantFrom("m", "n");
/** What is usual, and now and then what is not. */
const mostly = <Value>(usual: Value, ...others: readonly Value[]): fc.Arbitrary<Value> =>
  fc.oneof({ weight: 8, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...others) });

const someWindow = (name: "five-hour" | "week" | "week-model"): fc.Arbitrary<Allowance> =>
  fc
    .record({
      model: someModel,
      capacity: fc.option(
        fc.record({
          value: fc.integer({ min: 1, max: 2_000 }),
          error: fc.double({ min: 0, max: 0.4, noNaN: true }),
          hiddenPerMs: fc.constantFrom(0, 0, 1e-7),
        }),
      ),
      observed: fc.option(fc.record({ share: fc.constantFrom(0, 0.1, 0.3, 0.5, 0.8, 1.05), ago: fc.nat(6 * HOUR_MS) })),
      resetsIn: fc.option(fc.integer({ min: -HOUR_MS, max: 5 * HOUR_MS })),
      own: fc.nat(200),
      since: fc.nat(50),
      held: fc.constantFrom(0, 0, 5, 50),
    })
    .map(({ model, observed, resetsIn, ...each }) => ({
      ...each,
      name,
      model: name === "week-model" ? model : null,
      observed: observed === null ? null : { share: observed.share, at: EpochMs(NOW - observed.ago) },
      resetsAt: resetsIn === null ? null : after(resetsIn),
    }));

const someUpstream = (id: string): fc.Arbitrary<Upstream> =>
  fc
    .tuple(fc.option(someWindow("five-hour")), fc.option(someWindow("week")), fc.option(someWindow("week-model")))
    .map((windows) => ({ id, windows: windows.filter((each) => each !== null) }));

const someCredential = (name: string): fc.Arbitrary<CredentialState> =>
  fc
    .record({
      provider: mostly<Provider>("anthropic", "other" as Provider),
      upstream: fc.constantFrom("x", "y", "z"),
      maxLive: fc.integer({ min: 1, max: 6 }),
      live: fc.nat(2),
      last: fc.option(fc.nat(HOUR_MS)),
      keepForOwner: fc.constantFrom(0, 0, 0.3),
      owner: mostly<ActorId | null>(null, ActorId(30), ActorId(31)),
      serves: mostly<CredentialState["serves"]>("everyone", "not-lent", "owner"),
      teams: mostly<string[] | null>(null, ["hog", "web"], ["web"]),
      models: mostly<string[] | null>(null, ["m"], ["m", "n"]),
      cooldowns: fc.array(
        fc.record({ model: fc.constantFrom("m", "n", "n", null), until: fc.integer({ min: -HOUR_MS, max: HOUR_MS }) }),
        {
          maxLength: 1,
        },
      ),
      quarantined: mostly(false, true),
      billed: fc.boolean(),
    })
    .map(({ last, teams, models, cooldowns, billed, ...each }) =>
      credential(name, {
        ...each,
        lastGrantAt: last === null ? null : EpochMs(NOW - last),
        only: { repositories: null, teams, tiers: null, models, harnesses: null },
        cooldowns: cooldowns.map(({ model, until }) => ({ model, until: after(until) })),
        budgets: billed ? [`credential:${name}`] : [],
      }),
    );

const someTask = (name: string): fc.Arbitrary<QueuedTask> =>
  fc
    .record({
      model: someModel,
      person: fc.constantFrom(ActorId(30), ActorId(31)),
      team: fc.constantFrom(...TEAMS),
      mean: fc.integer({ min: 1, max: 100 }),
      spread: fc.double({ min: 1, max: 3, noNaN: true }),
      cap: fc.nat(200),
      runner: fc.nat(20),
      ago: fc.nat(HOUR_MS),
      passedOver: fc.option(fc.nat(HOUR_MS)),
      priorityMs: fc.constantFrom(0, 0, 5 * MINUTE_MS),
      movedFrom: fc.oneof({ weight: 3, arbitrary: fc.constant<string[]>([]) }, { weight: 1, arbitrary: fc.subarray(NAMES) }),
    })
    .map(({ mean, spread, cap, runner, ago, passedOver, person, team, movedFrom, ...each }) =>
      task(name, {
        ...each,
        person,
        team,
        estimate: estimate(mean, mean * spread),
        cap: MicroUsd(cap),
        runner: MicroUsd(runner),
        budgets: ["owner", `team:${team}`, `person:${String(person)}`],
        queuedAt: EpochMs(NOW - ago),
        passedOverAt: passedOver === null ? null : EpochMs(NOW - passedOver),
        movedFrom: movedFrom.map((name) => CredentialName(name)),
      }),
    );

const SUBJECTS: readonly Subject[] = [
  { kind: "owner" },
  ...TEAMS.map((name) => ({ kind: "team" as const, name })),
  { kind: "person", id: ActorId(30) },
  ...NAMES.map((name) => ({ kind: "credential" as const, name: CredentialName(name) })),
];

const someBudget: fc.Arbitrary<Budget> = fc
  .record({
    subject: fc.constantFrom(...SUBJECTS),
    period: fc.constantFrom("day" as const, "week" as const, "month" as const),
    capacity: fc.integer({ min: 100, max: 3_000 }),
    used: fc.nat(300),
    held: fc.nat(100),
  })
  .map(({ subject, period, capacity, used, held }) => ({
    subject,
    period,
    capacity: MicroUsd(capacity),
    used: MicroUsd(used),
    held: MicroUsd(held),
    resetsAt: periodOf(period, NOW).end,
  }));

const someTeam = (name: string): fc.Arbitrary<TeamState> =>
  fc
    .record({
      weight: fc.constantFrom(0, 1, 1, 2, 0.5),
      pass: fc.integer({ min: -50, max: 500 }),
      ago: fc.nat(2 * DAY_MS),
      clock: fc.nat(300),
    })
    .map(({ ago, ...each }) => ({ ...each, name, at: EpochMs(NOW - ago) }));

/** Any pool at all: shared upstreams, seats, rests, budgets that are overdrawn, windows that nothing is known of. */
export const somePool: fc.Arbitrary<PoolSnapshot> = fc.record({
  now: fc.constant(NOW),
  seed: fc.nat(),
  policyCommit: fc.constant("c".repeat(40)),
  strategy: fc.constantFrom("paced" as const, "least-used" as const, "drain-soonest" as const),
  queue: fc
    .integer({ min: 0, max: 8 })
    .chain((count) => fc.tuple(...Array.from({ length: count }, (_, at) => someTask(`t${String(at)}`)))),
  teams: fc.tuple(...TEAMS.map(someTeam)),
  credentials: fc.subarray(NAMES, { minLength: 1 }).chain((names) => fc.tuple(...names.map(someCredential))),
  upstreams: fc.tuple(...["x", "y", "z"].map(someUpstream)),
  budgets: fc.array(someBudget, { maxLength: 5 }),
  unclaimed: mostly(0, 14, 15),
});
