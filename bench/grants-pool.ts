import { randomUUID } from "node:crypto";
import { sql, type Kysely } from "kysely";
import { Policy } from "#core/config/policy.ts";
import { NO_CHECKS } from "#core/plan/belief.ts";
import type { Plan } from "#core/plan/plan.ts";
import { pick } from "#core/pool/pick.ts";
import { NO_USAGE, type Outcome } from "#core/wire/contract.ts";
import { ActorId, OwnerId, RepositoryId, RunId, TaskId, type LeaseId } from "#core/wire/ids.ts";
import { DAY_MS, HOUR_MS, MicroUsd, MINUTE_MS } from "#core/wire/units.ts";
import type { Schema } from "#adapters/store/schema.ts";
import type { CurrentPolicy, Store } from "#ports/store.ts";

/** A pool as large as asked for, with its windows, a queue that never empties, and a past. */

export const OWNER = OwnerId(10);
/** Tasks that wait. Each has its own asker, so that no two ask for the same thing. */
export const QUEUE = 40;
const TEAMS = 5;
const PEOPLE = 40;
const REPOSITORIES = 60;
const MODELS = ["claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5"] as const;

export function policyOf(credentials: number, budget = "$9999999/month"): CurrentPolicy {
  const policy = Policy.parse({
    version: 1,
    pool: Array.from({ length: credentials }, (_, at) => ({ name: `key-${String(at)}`, provider: "anthropic", jobs: 5 })),
    runner: "acme/agent-runner",
    budget,
    teams: Object.fromEntries(
      Array.from({ length: TEAMS }, (_, at) => [`team-${String(at)}`, { weight: at + 1, budget: "$900000/week" }]),
    ),
    people: { budget: "$90000/day" },
  });
  return { policy, commit: "c".repeat(40) };
}

export function planOf(at: number): Plan {
  return {
    size: (["xs", "s", "m"] as const)[at % 3] ?? "s",
    confidence: 0.5,
    sizeReasons: [{ fact: "nothing-known" }],
    route: {
      tier: "light",
      harness: "claude-code",
      provider: "anthropic",
      model: MODELS[at % 3] ?? MODELS[0],
      effort: null,
      maxTurns: 40,
    },
    routeReasons: [],
    chance: 0.6,
    expected: 0.7,
    budget: MicroUsd(5_000_000),
    ladder: { options: [], checking: NO_CHECKS, worth: MicroUsd(2_000_000), attempts: 1, budget: MicroUsd(5_000_000) },
    isDefaultBudget: false,
    moves: 3,
    price: { input: 500_000, output: 2_500_000, cacheRead: 50_000, cacheWrite: 625_000, cacheWrite1h: 1_000_000 },
    base: { branch: "main", commit: "a".repeat(40), tree: "b".repeat(40) },
    runner: { repository: "acme/agent-runner", workflow: "agent-pool.yml", minute: MicroUsd(6_000) },
    policyCommit: "c".repeat(40),
    asker: {
      team: `team-${String(at % TEAMS)}`,
      person: ActorId(100 + (at % PEOPLE)),
      login: `person-${String(at % PEOPLE)}`,
      urgent: false,
      repository: { id: RepositoryId(200 + (at % REPOSITORIES)), name: `repository-${String(at % REPOSITORIES)}` },
    },
    commands: { setup: [], verify: "ci" },
    repairs: 2,
    guards: { maxFiles: 50, maxBytes: 512_000, protected: [] },
    draft: true,
    ci: "auto",
  };
}

/** Of each credential's account four windows that were seen lately, their sizes learned. */
export async function addWindows(db: Kysely<Schema>, credentials: number, now: number): Promise<void> {
  const windows = [
    { name: "five-hour", model: "", resets_at: now + 2 * HOUR_MS, published: null },
    { name: "week", model: "", resets_at: now + 3 * DAY_MS, published: null },
    { name: "week-model", model: MODELS[2], resets_at: now + 3 * DAY_MS, published: null },
    { name: "tokens-minute", model: "", resets_at: now + MINUTE_MS, published: 2_000_000 },
  ] as const;
  for (let first = 0; first < credentials; first += 100) {
    const rows = Array.from({ length: Math.min(100, credentials - first) }, (_, at) => first + at).flatMap((at) =>
      windows.map((window) => ({
        ...window,
        owner_id: OWNER,
        upstream: `credential:key-${String(at)}`,
        share: (10 + (at % 25)) / 100,
        observed_at: now - (at % 60) * MINUTE_MS,
        own: 20_000_000,
        since: 100_000,
        capacity: window.published === null ? 400_000_000 + 7_919 * at : null,
        error: window.published === null ? 0.02 + (at % 97) / 10_000 : null,
        hidden: window.published === null ? (at % 89) / 1e4 : null,
      })),
    );
    await db.insertInto("allowances").values(rows).execute();
    const known = rows.filter(({ name }) => name === "week");
    await db
      .insertInto("credentials")
      .values(
        known.map(({ upstream }) => ({ owner_id: OWNER, name: upstream.slice(11), upstream, last_grant_at: now - HOUR_MS })),
      )
      .execute();
  }
}

let tasks = 0;
export async function addTasks(db: Kysely<Schema>, count: number, now: number): Promise<void> {
  if (count === 0) return;
  await db
    .insertInto("tasks")
    .values(
      Array.from({ length: count }, () => {
        tasks += 1;
        return {
          id: TaskId(randomUUID()),
          delivery_id: randomUUID(),
          owner_id: OWNER,
          repository_id: 200 + (tasks % REPOSITORIES),
          issue_number: 1_000_000 + tasks,
          state: "queued" as const,
          brief: JSON.stringify({ title: "bench" }),
          plan: JSON.stringify(planOf(tasks)),
          queued_at: now + tasks,
        };
      }),
    )
    .execute();
}

/** So many ledger entries of settled leases, over two years of days: what a grant must not slow down by. */
export async function addPast(db: Kysely<Schema>, entries: number, credentials: number, now: number): Promise<void> {
  const each = (count: number) => sql`generate_series(1, ${count}::int) as i`;
  const leases = Math.ceil(entries / 2);
  const at = sql`(${now - 730 * DAY_MS}::bigint + i * ${Math.floor((730 * DAY_MS) / leases)}::bigint)`;
  await sql`
    insert into tasks (id, delivery_id, owner_id, repository_id, issue_number, state, brief, plan, created_at)
    select 'past-' || i, 'past-' || i, ${OWNER}, 200 + i % ${REPOSITORIES}::int, i, 'solved', '{}', '{}', ${at} from ${each(leases)}`.execute(
    db,
  );
  await sql`
    insert into attempts (id, owner_id, task_id, number, state, route, budget, price)
    select 'past-' || i, ${OWNER}, 'past-' || i, 1, 'solved', '{}', 5000000, '{}' from ${each(leases)}`.execute(db);
  await sql`
    insert into leases (id, owner_id, task_id, attempt_id, fence, state, credential, kind, minute, billed, charged, weight, created_at)
    select 'past-' || i, ${OWNER}, 'past-' || i, 'past-' || i, 1, 'settled', 'key-' || i % ${credentials}::int, 'api-key', 6000, true, 1, 1, ${at}
    from ${each(leases)}`.execute(db);
  await sql`
    insert into ledger (lease_id, kind, owner_id, credential, amount, listed, detail, at)
    select 'past-' || i, kind, ${OWNER}, 'key-' || i % ${credentials}::int, 1000, 1000, '{}', ${at}
    from ${each(leases)}, (values ('model'), ('runner')) as kinds (kind)`.execute(db);
  await sql`
    insert into spend (owner_id, subject, day, amount)
    select owner_id, subject, at - at % ${DAY_MS}::bigint, sum(amount)
    from ledger, lateral (values
      ('owner'), ('credential:' || credential),
      ('team:team-' || (substr(lease_id, 6)::int % ${TEAMS}::int)),
      ('person:' || (100 + substr(lease_id, 6)::int % ${PEOPLE}::int)),
      ('repository:' || (200 + substr(lease_id, 6)::int % ${REPOSITORIES}::int))) as subjects (subject)
    group by 1, 2, 3`.execute(db);
  await sql`analyze`.execute(db);
}

let runs = 0;
/** A grant's way to its end: a runner takes it, works, and reports. */
export async function finish(store: Store, task: TaskId): Promise<void> {
  const lease = (await store.readLeases(task)).at(-1);
  if (lease === undefined) throw new Error(`${task} was granted and has no lease`);
  await take(store, lease.id);
  const entries = [
    { kind: "model", amount: MicroUsd(400_000), listed: MicroUsd(400_000), detail: {} },
    { kind: "runner", amount: MicroUsd(60_000), listed: MicroUsd(60_000), detail: {} },
  ] as const;
  await store.settle(lease.id, OUTCOME, "hash", { entries, fault: null, isTypical: true });
}

export async function take(store: Store, lease: LeaseId): Promise<void> {
  await store.claimLease(lease, RunId((runs += 1)), "check", `hash-${lease}`);
}

const OUTCOME: Outcome = {
  kind: "blocked",
  contract: 1,
  reason: "internal",
  detail: "",
  usage: NO_USAGE,
  observation: null,
  ms: 10 * MINUTE_MS,
};

export async function grantOne(store: Store, policy: CurrentPolicy): Promise<TaskId | null> {
  const decision = await store.admit(OWNER, policy, pick);
  return decision.kind === "grant" ? decision.task : null;
}
