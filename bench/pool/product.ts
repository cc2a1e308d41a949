import { CONSTANTS, type Constants } from "#core/pool/constants.ts";
import { estimateOf, NOTHING_SEEN, see, type Seen } from "#core/pool/estimator.ts";
import { charge, type TeamState } from "#core/pool/fairness.ts";
import type { CredentialState, Decision, HoldRequest, PoolSnapshot, QueuedTask, Upstream } from "#core/pool/decision.ts";
import { pick } from "#core/pool/pick.ts";
import type { Strategy } from "#core/config/terms.ts";
import { ActorId, CredentialName, RepositoryId, TaskId } from "#core/wire/ids.ts";
import { EpochMs, HOUR_MS, MicroUsd } from "#core/wire/units.ts";
import { allowancesOf, makeBook, sight, use, type Book } from "./book.ts";
import type { PolicyMaker, Run, Team } from "./policy.ts";
import type { Job, SeatPlan } from "./workload.ts";

/**
 * The product's policy: its own `pick`, estimator, fair order and learned capacity, with maps where it has tables.
 * It starts knowing nothing: no window's size, no job's cost but the priors below.
 */
type Options = {
  readonly strategy: Strategy;
  /** Without it all teams count as one: first in, first out. */
  readonly isFair: boolean;
  readonly constants?: Constants;
  /** Sees every decision: for tests. */
  readonly onDecision?: (decision: Decision) => void;
};

/** Costs in dollars as someone would guess them who was half as much again too high. */
const PRIOR_USD = { xs: 1.5, s: 3.75, m: 9, l: 18, xl: 33 } as const;
const PRIOR_SIGMA = 0.8;

type Seat = {
  readonly plan: SeatPlan;
  readonly name: CredentialName;
  readonly book: Book;
  readonly live: Map<number, { readonly run: Run; readonly holds: readonly HoldRequest[]; readonly mean: number; spent: number }>;
  lastGrantAt: number | null;
  cooldowns: { readonly model: string | null; readonly until: number }[];
  refused: number;
  /** What the snapshot says of it, until something changes. */
  said: { readonly credential: CredentialState; readonly upstream: Upstream; readonly until: number } | null;
};

export function product(name: string, { strategy, isFair, constants = CONSTANTS, onDecision }: Options): PolicyMaker {
  const maxLive = 1;
  return {
    name,
    maxLive,
    make({ workload, teams: given, seed }) {
      const seats = workload.seats.map(makeSeat);
      const seatOf = new Map(seats.map(({ name }, at) => [name, at]));
      const queue = new Map<TaskId, QueuedTask>();
      const jobs = new Map(workload.jobs.map((job) => [taskOf(job), job]));
      const kinds = new Map<string, Seen>();
      const teams = new Map((isFair ? given : [{ name: "all", weight: 1 }]).map((team) => [team.name, makeTeam(team)]));
      const teamOf = (job: Job) => (isFair ? job.team : "all");
      let granted: { readonly holds: readonly HoldRequest[]; readonly mean: number } = { holds: [], mean: 0 };
      let grants = 0;

      const estimate = (job: Job) =>
        estimateOf(
          kindsOf(job).map((kind) => kinds.get(kind) ?? NOTHING_SEEN),
          { median: PRIOR_USD[job.hint] * 1e6, sigma: PRIOR_SIGMA, ms: HOUR_MS / 4, tokens: 0 },
        );
      const snapshot = (now: number): PoolSnapshot => {
        const said = seats.map((seat) => say(seat, maxLive, now));
        return {
          now: EpochMs(now),
          seed: seed * 1_000_003 + grants,
          policyCommit: "bench",
          strategy,
          queue: [...queue.values()],
          teams: [...teams.values()],
          credentials: said.map(({ credential }) => credential),
          upstreams: said.map(({ upstream }) => upstream),
          budgets: [],
          unclaimed: 0,
        };
      };
      /** What a job cost beyond what its team was charged at the grant. */
      const correct = (name: string, cost: number) => {
        const team = teams.get(name);
        if (team !== undefined) teams.set(name, { ...team, pass: Math.max(0, team.pass + charge(cost, team.weight)) });
      };

      return {
        queued(job, movedFrom) {
          queue.set(taskOf(job), {
            task: taskOf(job),
            provider: "anthropic",
            harness: "claude-code",
            model: job.model,
            tier: "standard",
            repository: RepositoryId(job.repository),
            person: ActorId(job.person),
            team: teamOf(job),
            estimate: estimate(job),
            cap: MicroUsd(0),
            runner: MicroUsd(0),
            budgets: [],
            queuedAt: EpochMs(job.arrivesAt),
            passedOverAt: null,
            priorityMs: 0,
            movedFrom: movedFrom.flatMap((at) => seats[at]?.name ?? []),
          });
        },
        decide(now) {
          // With every seat busy nothing can be granted: no admission is asked for.
          if (seats.every(({ live, refused }) => live.size >= maxLive || refused >= 2)) return { kind: "wait", until: null };
          const decision = pick(snapshot(now), constants);
          onDecision?.(decision);
          if (decision.kind === "wait") {
            const until = Math.min(...decision.waiting.map((each) => each.until ?? Infinity));
            return { kind: "wait", until: Number.isFinite(until) ? until : null };
          }
          for (const { task } of decision.record.passedOver) {
            const waiting = queue.get(task);
            if (waiting?.passedOverAt === null) queue.set(task, { ...waiting, passedOverAt: EpochMs(now) });
          }
          const task = queue.get(decision.task);
          const job = jobs.get(decision.task);
          const seat = seatOf.get(decision.credential);
          if (task === undefined || job === undefined || seat === undefined) throw new Error(`${decision.task} isn't waiting`);
          teams.set(task.team, decision.team);
          queue.delete(decision.task);
          granted = { holds: decision.holds, mean: task.estimate.mean };
          grants++;
          return { kind: "grant", job, seat };
        },
        began(run) {
          const seat = at(seats, run.seat);
          seat.live.set(run.id, { run, ...granted, spent: 0 });
          Object.assign(seat, { lastGrantAt: run.startedAt, said: null });
        },
        seen(run, spent, sightings, now) {
          const seat = at(seats, run.seat);
          const lease = seat.live.get(run.id);
          if (lease !== undefined) {
            use(seat.book, spent - lease.spent, run.job.model, now);
            lease.spent = spent;
          }
          sight(seat.book, sightings, now);
          seat.said = null;
        },
        ended(run, ending, now) {
          const seat = at(seats, run.seat);
          const lease = seat.live.get(run.id);
          if (lease === undefined) return;
          seat.live.delete(run.id);
          seat.said = null;
          // Unheard: all that it held may have been spent.
          const held = Math.max(lease.spent, ...lease.holds.map(({ amount }) => amount));
          const spent = ending.how === "unheard" ? held : ending.spent;
          use(seat.book, spent - lease.spent, run.job.model, now);
          correct(teamOf(run.job), spent - lease.mean);
          if (ending.how === "done")
            for (const kind of kindsOf(run.job))
              kinds.set(kind, see(kinds.get(kind) ?? NOTHING_SEEN, { cost: spent, ms: now - run.startedAt, tokens: 0 }));
          if (ending.how === "limit") seat.cooldowns.push({ model: ending.model, until: ending.until });
          if (ending.how === "refused") seat.refused++;
        },
        live: () => seats.reduce((sum, { live }) => sum + live.size, 0),
      };
    },
  };
}

function makeSeat(plan: SeatPlan): Seat {
  const windows = [
    { name: "five-hour", model: null },
    { name: "week", model: null },
    ...(plan.scoped === null ? [] : [{ name: "week-model", model: "scoped" } as const]),
  ] as const;
  return {
    plan,
    name: CredentialName(plan.name),
    book: makeBook(windows),
    live: new Map(),
    lastGrantAt: null,
    cooldowns: [],
    refused: 0,
    said: null,
  };
}

/** What the snapshot says of a seat. */
function say(seat: Seat, maxLive: number, now: number): NonNullable<Seat["said"]> {
  if (seat.said !== null && now < seat.said.until) return seat.said;
  const upstream = seat.plan.name;
  const heldOf = (key: string) => {
    let held = 0;
    for (const { holds, spent } of seat.live.values())
      for (const { window, amount } of holds) if (window === `window:${key}`) held += Math.max(0, amount - spent);
    return held;
  };
  seat.cooldowns = seat.cooldowns.filter(({ until }) => until > now);
  const credential: CredentialState = {
    name: seat.name,
    provider: "anthropic",
    upstream,
    maxLive,
    live: seat.live.size,
    lastGrantAt: seat.lastGrantAt === null ? null : EpochMs(seat.lastGrantAt),
    owner: null,
    keepForOwner: 0,
    serves: "everyone",
    only: { repositories: null, teams: null, tiers: null, models: null, harnesses: null },
    cooldowns: seat.cooldowns.map(({ model, until }) => ({ model, until: EpochMs(until) })),
    quarantined: seat.refused >= 2,
    budgets: [],
  };
  const windows = allowancesOf(seat.book, heldOf);
  seat.said = {
    credential,
    upstream: { id: upstream, windows },
    until: Math.min(Infinity, ...seat.cooldowns.map(({ until }) => until)),
  };
  return seat.said;
}

function makeTeam({ name, weight }: Team): TeamState {
  return { name, weight, pass: 0, at: EpochMs(0), clock: 0 };
}

/** From the nearest kind outwards: the repository's jobs of that hint, then everyone's. */
function kindsOf({ repository, hint, model }: Job): readonly string[] {
  return [`${String(repository)}/${hint}/${model}`, `${hint}/${model}`];
}

function taskOf({ id }: Job): TaskId {
  return TaskId(`job-${String(id).padStart(6, "0")}`);
}

function at(seats: readonly Seat[], index: number): Seat {
  const seat = seats[index];
  if (seat === undefined) throw new Error(`there is no seat ${String(index)}`);
  return seat;
}
