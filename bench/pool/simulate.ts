import { makeAgenda } from "./agenda.ts";
import { GRACE_MS, type Ending, type Policy, type PolicyMaker, type Run, type Sighting } from "./policy.ts";
import { advance, burn, cutOff, fullFor, nextChange, openAccount, resetWeek, type Account, type Meter } from "./provider.ts";
import { randomOf } from "./random.ts";
import type { Scenario } from "./scenario.ts";
import type { Job, Workload } from "./workload.ts";

/** What became of a run of a scenario under one policy. Jobs by their id. */
export type Outcome = {
  readonly workload: Workload;
  readonly fates: readonly Fate[];
  readonly aborts: number;
  /** Micro-dollars used by runs that were ended before their job was done. */
  readonly wasted: number;
  /** The most that was granted beyond what a window had left, as a share of it: known when the provider ends the run. */
  readonly overshoot: number;
  readonly doubleGrants: number;
  /** Leases the policy believes in beside those whose end it can't have heard of. */
  readonly leaked: number;
};

/** `begunAt`: of its last run; null: it never ran, or waits again. */
export type Fate = { state: "to-come" | "waiting" | "running" | "done"; begunAt: number | null; endedAt: number | null };

type Event =
  | { readonly kind: "arrival"; readonly job: Job }
  | { readonly kind: "owner"; readonly seat: number; readonly id: number; readonly perMs: number }
  | { readonly kind: "owner-ends"; readonly seat: number; readonly id: number }
  | { readonly kind: "window"; readonly seat: number; readonly version: number }
  | { readonly kind: "finish" | "look"; readonly run: Run }
  | { readonly kind: "heard"; readonly run: Run; readonly ending: Ending }
  | { readonly kind: "early-reset" | "revoked"; readonly seat: number }
  | { readonly kind: "wake" };

/** What is live in the world, and what the policy must still believe to be live because it wasn't told otherwise. */
type World = {
  readonly scenario: Scenario;
  readonly policy: Policy;
  readonly workload: Workload;
  readonly agenda: ReturnType<typeof makeAgenda<Event>>;
  readonly jitter: () => number;
  readonly accounts: readonly Account[];
  readonly versions: number[];
  readonly revoked: Set<number>;
  readonly running: Map<number, Run>;
  readonly unheard: Map<number, Run>;
  readonly fates: Fate[];
  readonly runsOf: number[];
  readonly movedFrom: number[][];
  readonly measures: { aborts: number; wasted: number; overshoot: number; doubleGrants: number };
  waiting: number;
  nextRun: number;
  wakesAt: number;
};

export function simulate(scenario: Scenario, workload: Workload, maker: PolicyMaker, seed: number): Outcome {
  const policy = maker.make({ workload, teams: scenario.teams, seed });
  const jitter = randomOf(seed, "jitter");
  const world: World = {
    scenario,
    policy,
    workload,
    agenda: makeAgenda<Event>(),
    jitter: () => Math.round((2 * jitter.float() - 1) * scenario.resets.jitterSeconds * 1_000),
    accounts: workload.seats.map(openAccount),
    versions: workload.seats.map(() => 0),
    revoked: new Set(),
    running: new Map(),
    unheard: new Map(),
    fates: workload.jobs.map(() => ({ state: "to-come", begunAt: null, endedAt: null })),
    runsOf: workload.jobs.map(() => 0),
    movedFrom: workload.jobs.map(() => []),
    measures: { aborts: 0, wasted: 0, overshoot: 0, doubleGrants: 0 },
    waiting: 0,
    nextRun: 1,
    wakesAt: Infinity,
  };
  const { agenda } = world;
  for (const job of workload.jobs) agenda.add(job.arrivesAt, { kind: "arrival", job });
  for (const [n, { seat, at, perMs, ms }] of workload.sessions.entries()) {
    agenda.add(at, { kind: "owner", seat, id: -1 - n, perMs });
    agenda.add(at + ms, { kind: "owner-ends", seat, id: -1 - n });
  }
  for (const { seat, at } of workload.earlyResets) agenda.add(at, { kind: "early-reset", seat });
  if (scenario.revoked !== null)
    agenda.add(scenario.revoked.atDay * 86_400_000, { kind: "revoked", seat: scenario.revoked.seat });
  for (const seat of workload.seats.keys()) watch(world, seat);

  for (let step = agenda.next(); step !== undefined && step.at < workload.endsAt; step = agenda.next()) {
    happen(world, step.event, step.at);
    if (world.waiting > 0) admit(world, maker.maxLive, step.at);
  }
  return {
    workload,
    fates: world.fates,
    ...world.measures,
    leaked: Math.abs(policy.live() - world.unheard.size),
  };
}

function happen(world: World, event: Event, now: number): void {
  switch (event.kind) {
    case "arrival":
      queue(world, event.job, now);
      return;
    case "owner":
    case "owner-ends":
    case "window":
    case "early-reset":
    case "revoked":
      happenOn(world, event, now);
      return;
    case "finish":
      if (world.running.has(event.run.id)) end(world, event.run, { how: "done", spent: event.run.job.cost }, now);
      return;
    case "look":
      if (world.running.has(event.run.id)) look(world, event.run, now);
      return;
    case "heard":
      hear(world, event.run, event.ending, now);
      return;
    case "wake":
      world.wakesAt = Infinity;
  }
}

function happenOn(world: World, event: Extract<Event, { seat: number }>, now: number): void {
  const { seat } = event;
  const account = accountOf(world, seat);
  if (event.kind === "window" && event.version !== world.versions[seat]) return;
  advance(account, now);
  if (event.kind === "owner") {
    const burner = { perMs: event.perMs, model: "standard", kind: "owner" } as const;
    if (fullFor(account, burner.model).length === 0) burn(account, event.id, burner);
  } else if (event.kind === "owner-ends") account.burners.delete(event.id);
  else if (event.kind === "early-reset") resetWeek(account, now);
  else if (event.kind === "revoked") {
    world.revoked.add(seat);
    for (const run of [...world.running.values()].filter((each) => each.seat === seat))
      end(world, run, { how: "refused", spent: spentOf(run, now) }, now);
  } else limit(world, seat, now);
  watch(world, seat);
}

/** Whoever burns on what is full is cut off. */
function limit(world: World, seat: number, now: number): void {
  const account = accountOf(world, seat);
  const cut = cutOff(account);
  const runs = cut.flatMap(({ id }) => world.running.get(id) ?? []);
  const beyond = runs.reduce((sum, run) => sum + run.job.cost - spentOf(run, now), 0);
  for (const { id, burner } of cut) if (burner.kind === "owner") account.burners.delete(id);
  for (const run of runs) {
    const full = fullFor(account, run.job.model);
    for (const { capacity } of full) world.measures.overshoot = Math.max(world.measures.overshoot, beyond / capacity);
    end(world, run, limitOf(world, full, spentOf(run, now)), now);
  }
}

function limitOf(world: World, full: readonly Meter[], spent: number): Extract<Ending, { how: "limit" }> {
  const until = Math.max(...full.map(({ endsAt }) => endsAt ?? 0)) + world.jitter() + GRACE_MS;
  return { how: "limit", spent, until, model: full.every(({ model }) => model !== null) ? (full[0]?.model ?? null) : null };
}

function queue(world: World, job: Job, now: number): void {
  const fate = fateOf(world, job);
  fate.state = "waiting";
  fate.begunAt = null;
  world.waiting++;
  world.policy.queued(job, world.movedFrom[job.id] ?? [], now);
}

function admit(world: World, maxLive: number, now: number): void {
  for (;;) {
    const choice = world.policy.decide(now);
    if (choice.kind === "grant") {
      grant(world, choice.job, choice.seat, maxLive, now);
      continue;
    }
    if (choice.until !== null && choice.until < world.wakesAt) {
      world.wakesAt = Math.max(choice.until, now + 1);
      world.agenda.add(world.wakesAt, { kind: "wake" });
    }
    return;
  }
}

function grant(world: World, job: Job, seat: number, maxLive: number, now: number): void {
  const fate = fateOf(world, job);
  const liveThere = [...world.unheard.values()].filter((each) => each.seat === seat).length;
  if (fate.state !== "waiting" || liveThere >= maxLive) world.measures.doubleGrants++;
  if (fate.state !== "waiting") return;
  const run: Run = { id: world.nextRun++, job, seat, startedAt: now };
  Object.assign(fate, { state: "running", begunAt: now });
  world.waiting--;
  world.runsOf[job.id] = (world.runsOf[job.id] ?? 0) + 1;
  world.running.set(run.id, run);
  world.unheard.set(run.id, run);
  world.policy.began(run);
  const account = accountOf(world, seat);
  advance(account, now);
  if (world.revoked.has(seat)) return end(world, run, { how: "refused", spent: 0 }, now);
  const full = fullFor(account, job.model);
  if (full.length > 0) {
    for (const { capacity } of full) world.measures.overshoot = Math.max(world.measures.overshoot, job.cost / capacity);
    return end(world, run, limitOf(world, full, 0), now);
  }
  burn(account, run.id, { perMs: job.perMs, model: job.model, kind: "run" });
  world.agenda.add(now + Math.ceil(job.cost / job.perMs), { kind: "finish", run });
  look(world, run, now);
  watch(world, seat);
}

/** A run's report of its account; the next follows. */
function look(world: World, run: Run, now: number): void {
  tell(world, run, spentOf(run, now), now);
  const { everyMinutes } = world.scenario.observation;
  if (everyMinutes !== null) world.agenda.add(now + everyMinutes * 60_000, { kind: "look", run });
}

function tell(world: World, run: Run, spent: number, now: number): void {
  const account = accountOf(world, run.seat);
  advance(account, now);
  const { quantum } = world.scenario.observation;
  const sightings = account.meters
    .filter(({ endsAt }) => endsAt !== null)
    .map(({ name, model, used, capacity, endsAt }): Sighting => {
      const share = Math.round(used / capacity / quantum) * quantum;
      return { name, model, share, resetsAt: (endsAt ?? 0) + world.jitter() };
    });
  world.policy.seen(run, spent, sightings, now);
}

/** A run ends in the world. The policy hears of it now, or, where the message is lost, at the deadline. */
function end(world: World, run: Run, ending: Exclude<Ending, { how: "unheard" }>, now: number): void {
  const account = accountOf(world, run.seat);
  world.running.delete(run.id);
  const fate = fateOf(world, run.job);
  if (ending.how === "done") Object.assign(fate, { state: "done", endedAt: now });
  else {
    fate.state = "waiting";
    world.measures.aborts++;
    world.measures.wasted += ending.spent;
    world.movedFrom[run.job.id] = [...(world.movedFrom[run.job.id] ?? []), run.seat];
  }
  const isLost = run.job.lost[(world.runsOf[run.job.id] ?? 1) - 1] === true;
  const deadline = run.startedAt + world.scenario.lostEnds.deadlineMinutes * 60_000;
  if (isLost) world.agenda.add(Math.max(now, deadline), { kind: "heard", run, ending: { how: "unheard" } });
  else if (ending.how !== "refused") tell(world, run, ending.spent, now);
  account.burners.delete(run.id);
  if (!isLost) hear(world, run, ending, now);
  watch(world, run.seat);
}

function hear(world: World, run: Run, ending: Ending, now: number): void {
  world.unheard.delete(run.id);
  world.policy.ended(run, ending, now);
  if (fateOf(world, run.job).state === "waiting") queue(world, run.job, now);
}

function watch(world: World, seat: number): void {
  const version = (world.versions[seat] ?? 0) + 1;
  world.versions[seat] = version;
  world.agenda.add(nextChange(accountOf(world, seat)), { kind: "window", seat, version });
}

function spentOf(run: Run, now: number): number {
  return Math.min(run.job.cost, run.job.perMs * (now - run.startedAt));
}

function accountOf({ accounts }: World, seat: number): Account {
  const account = accounts[seat];
  if (account === undefined) throw new Error(`there is no seat ${String(seat)}`);
  return account;
}

function fateOf({ fates }: World, { id }: Job): Fate {
  const fate = fates[id];
  if (fate === undefined) throw new Error(`there is no job ${String(id)}`);
  return fate;
}
