import { join } from "node:path";
import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import { Policy } from "#core/config/policy.ts";
import { NOTICE_HASH } from "#core/pool/consent.ts";
import type { Decision } from "#core/pool/decision.ts";
import { pick } from "#core/pool/pick.ts";
import { ActorId, DeliveryId, type LeaseId, OwnerId, RepositoryId, RunId, TaskId } from "#core/wire/ids.ts";
import { MicroUsd } from "#core/wire/units.ts";
import type { Connection } from "#adapters/store/connect.ts";
import { migrate } from "#adapters/store/migrations.ts";
import { bindStore } from "#adapters/store/store.ts";
import type { CurrentPolicy, Settlement, Store } from "#ports/store.ts";
import type { Ending, PolicyMaker, Run, Sighting } from "../../bench/pool/policy.ts";
import { product } from "../../bench/pool/product.ts";
import { loadScenarios, type Scenario } from "../../bench/pool/scenario.ts";
import { simulate } from "../../bench/pool/simulate.ts";
import { makeWorkload, type Job, type Workload } from "../../bench/pool/workload.ts";
import { beat, ran } from "../kit/outcomes.ts";
import { decide } from "../kit/decide.ts";
import { makeBrief, makePlanRow } from "../kit/briefs.ts";
import { connectFresh } from "../kit/stores.ts";

const OWNER = OwnerId(10);

/** What the simulation told its policy, and what that decided. */
type Step = { readonly now: number } & (
  | { readonly kind: "queued"; readonly job: Job; readonly moved: boolean }
  | { readonly kind: "decided"; readonly decision: Decision }
  | { readonly kind: "began"; readonly run: Run }
  | { readonly kind: "seen"; readonly run: Run; readonly spent: number; readonly sightings: readonly Sighting[] }
  | { readonly kind: "ended"; readonly run: Run; readonly ending: Ending }
);

/** The product in the simulation, with all that it is told written down: amounts and instants whole, as the store has them. */
function traced(trace: Step[]): PolicyMaker {
  let decided: Decision | undefined;
  const ours = product("ours", { strategy: "paced", isFair: true, onDecision: (decision) => (decided = decision) });
  return {
    ...ours,
    make(setting) {
      const policy = ours.make(setting);
      return {
        ...policy,
        queued(job, movedFrom, at) {
          const now = Math.round(at);
          trace.push({ kind: "queued", job, moved: movedFrom.length > 0, now });
          policy.queued({ ...job, arrivesAt: Math.round(job.arrivesAt) }, movedFrom, now);
        },
        decide(at) {
          const now = Math.round(at);
          decided = undefined;
          const choice = policy.decide(now);
          if (decided !== undefined) trace.push({ kind: "decided", decision: decided, now });
          return choice;
        },
        began(run) {
          const now = Math.round(run.startedAt);
          trace.push({ kind: "began", run, now });
          policy.began({ ...run, startedAt: now });
        },
        seen(run, spent, sightings, at) {
          const now = Math.round(at);
          // As a job tells it: a reset that has just passed is now.
          const whole = sightings.map((each) => ({ ...each, resetsAt: Math.max(now, Math.round(each.resetsAt)) }));
          trace.push({ kind: "seen", run, spent: Math.round(spent), sightings: whole, now });
          policy.seen(run, Math.round(spent), whole, now);
        },
        ended(run, ending, at) {
          const now = Math.round(at);
          const whole = ending.how === "unheard" ? ending : { ...ending, spent: Math.round(ending.spent) };
          trace.push({ kind: "ended", run, ending: whole, now });
          policy.ended(run, whole, now);
        },
      };
    },
  };
}

/** A store in a database whose clock is ours: its functions of the time stand before the system's in the search path. */
async function openVirtual(): Promise<{ store: Store; connection: Connection; setTime: (ms: number) => Promise<void> }> {
  const connection = await connectFresh();
  const { db } = connection;
  await migrate(db);
  await sql`create schema virtual`.execute(db);
  await sql`create table virtual.clock (ms bigint not null)`.execute(db);
  await sql`insert into virtual.clock values (0)`.execute(db);
  for (const name of ["now", "clock_timestamp"])
    await sql`create function ${sql.raw(`virtual.${name}`)}() returns timestamptz language sql volatile
      as 'select to_timestamp(ms / 1000.0) from virtual.clock'`.execute(db);
  await sql`set search_path = virtual, pg_catalog, public`.execute(db);
  const setTime = async (ms: number) => {
    await sql`update virtual.clock set ms = ${Math.round(ms)}`.execute(db);
  };
  return { store: bindStore(connection), connection, setTime };
}

function policyOf(scenario: Scenario, workload: Workload): CurrentPolicy {
  const policy = Policy.parse({
    version: 1,
    pool: workload.seats.map(({ name }) => ({ name, provider: "anthropic", kind: "seat", owner: "ada", serves: "everyone" })),
    runner: "acme/agent-runner",
    budget: "$9999999/month",
    teams: Object.fromEntries(scenario.teams.map(({ name, weight }) => [name, { weight }])),
  });
  return { policy, commit: "c".repeat(40) };
}

describe("a simulated trace through the real store", () => {
  it("is decided grant by grant as in the simulation", { timeout: 600_000 }, async () => {
    // Runs end within the hour that a lease lasts: the simulation has no such end.
    const headline = find("headline");
    const scenario = { ...headline, days: 1.6, jobs: { ...headline.jobs, usdPerHour: 150, rateSigma: 0.1 } };
    const workload = makeWorkload(scenario, 1.1, 7);
    const trace: Step[] = [];
    simulate(scenario, workload, traced(trace), 7);
    const { store, connection, setTime } = await openVirtual();
    const { db } = connection;
    const policy = policyOf(scenario, workload);
    for (const { name } of workload.seats)
      await sql`insert into consents (owner_id, credential, actor_id, login, notice_hash, given_at)
        values (${OWNER}, ${name}, 1, 'ada', ${NOTICE_HASH}, 0)`.execute(db);
    const taskOf = ({ id }: Job) => TaskId(`job-${String(id).padStart(6, "0")}`);
    const leases = new Map<number, LeaseId>();

    /** The task as the worker holds it. */
    const hold = async (task: TaskId) => {
      await sql`update tasks set due_at = case when id = ${task} then 0 end where due_at is not null or id = ${task}`.execute(db);
      const held = await store.claimTask();
      if (held?.id !== task) throw new Error(`${task} is not due`);
      return held;
    };
    const queue = async (job: Job, moved: boolean) => {
      const task = taskOf(job);
      if (moved) return store.advance(await hold(task), "move");
      await store.openTask(task, makeBrief(job.id + 1), DeliveryId(task));
      const repository = { id: RepositoryId(job.repository), name: `r${String(job.repository)}` };
      const asker = { team: job.team, person: ActorId(job.person), login: `p${String(job.person)}`, urgent: false, repository };
      const { route } = makePlanRow();
      const plan = makePlanRow({ asker, size: job.hint, route: { ...route, model: job.model }, budget: MicroUsd(1e12) });
      return store.advance(await hold(task), "plan", { plan });
    };
    const settle = async (run: Run, ending: Exclude<Ending, { how: "unheard" }>, now: number) => {
      const lease = leases.get(run.id)!;
      const listed = MicroUsd(ending.spent);
      const settlement: Settlement = {
        entries: [{ kind: "model", amount: MicroUsd(0), listed, detail: {} }],
        fault: ending.how === "limit" ? { kind: "rest", model: ending.model, ms: Math.round(ending.until - now) } : null,
        isTypical: false,
      };
      expect(await store.settle(lease, ran(), "h", settlement)).toBe(true);
      if (ending.how !== "done") return;
      const verdict = { verdict: "noChange" as const, why: null };
      await store.advance(await hold(taskOf(run.job)), "reject", {}, { lease, verdict });
    };

    let grants = 0;
    let moves = 0;
    for (const step of trace) {
      await setTime(step.now);
      switch (step.kind) {
        case "queued":
          if (step.moved) moves += 1;
          expect(await queue(step.job, step.moved)).toBe(true);
          break;
        case "decided": {
          const { decision } = step;
          const { seed, queue: known } = decision.record.snapshot;
          const estimates = new Map(known.map(({ task, estimate }) => [task, estimate]));
          // What a job is expected to use begins with another prior in the simulation: the numbers are taken from there.
          const replayed = await decide(store, OWNER, policy, (snapshot) =>
            pick({ ...snapshot, seed, queue: snapshot.queue.map((each) => ({ ...each, estimate: estimates.get(each.task)! })) }),
          );
          expect(windowsOf(replayed), `at ${String(step.now)}, after ${String(grants)} grants`).toEqual(windowsOf(decision));
          const told = (each: Decision) => (each.kind === "grant" ? [each.task, each.credential] : "wait");
          expect(told(replayed), `at ${String(step.now)}, after ${String(grants)} grants`).toEqual(told(decision));
          if (decision.kind === "grant") grants += 1;
          break;
        }
        case "began": {
          const lease = (await store.readLeases(taskOf(step.run.job))).at(-1)!.id;
          leases.set(step.run.id, lease);
          expect(await store.claimLease(lease, RunId(step.run.id + 1), "check", "hash")).toBeDefined();
          break;
        }
        case "seen": {
          const readings = step.sightings.map(({ name: window, model, share, resetsAt }) => ({
            window,
            model,
            share,
            limit: null,
            resetsInMs: resetsAt - step.now,
            rejected: false,
          }));
          const observation = { readings, signal: null, upstream: null, ageMs: 0 };
          await store.recordHeartbeat(leases.get(step.run.id)!, beat({ observation }), MicroUsd(step.spent));
          break;
        }
        case "ended":
          if (step.ending.how === "unheard") throw new Error("nothing is lost in this scenario");
          await settle(step.run, step.ending, step.now);
          break;
      }
    }

    expect(grants).toBeGreaterThan(100);
    expect(moves).toBeGreaterThan(0);
    await store.close();
  });
});

/** What was known of each seat's windows when a decision was made. */
function windowsOf({ record }: Decision) {
  const { credentials, upstreams } = record.snapshot;
  return credentials.map(({ name, upstream, live }) => {
    const windows = upstreams.find(({ id }) => id === upstream)?.windows ?? [];
    const known = windows
      .filter(({ observed, own }) => observed !== null || own > 0)
      .toSorted((a, b) => a.name.localeCompare(b.name));
    return [name, live, known.map((each) => [each.name, each.capacity, each.observed, each.resetsAt, each.own, each.since])];
  });
}

function find(name: string): Scenario {
  const found = loadScenarios(join(import.meta.dirname, "../../bench/scenarios")).find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no scenario ${name}`);
  return found;
}
