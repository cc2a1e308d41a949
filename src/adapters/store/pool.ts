import { randomInt, randomUUID } from "node:crypto";
import { sql, type Kysely } from "kysely";
import { CredentialName, OwnerId, TaskId } from "#core/wire/ids.ts";
import { EpochMs } from "#core/wire/units.ts";
import type { Policy } from "#core/config/policy.ts";
import { capacityOf, NO_FIT } from "#core/pool/capacity.ts";
import { NOTICE_HASH } from "#core/pool/consent.ts";
import { LEASE } from "#core/pool/lease.ts";
import type { Decision, PoolSnapshot, Waiting } from "#core/pool/pick.ts";
import { kindsOf, sinceOf, toSnapshot, type Stored } from "#core/pool/snapshot.ts";
import { LIVE_LEASE_STATES, TASK_TRANSITIONS } from "#core/task/lifecycle.ts";
import type { ClaimedAdmission, CurrentPolicy, KeptPolicy } from "#ports/store.ts";
import { wakeComments, wakeWaitingComments } from "./comments.ts";
import { NOW } from "./migrations.ts";
import { claimDue } from "./queue.ts";
import type { Schema } from "./schema.ts";

type Grant = Extract<Decision, { kind: "grant" }>;

export async function recordPolicy(
  db: Kysely<Schema>,
  owner: OwnerId,
  policy: { text: string; commit: string; readAt: EpochMs },
): Promise<void> {
  const values = { policy: policy.text, policy_commit: policy.commit, policy_read_at: policy.readAt };
  await db
    .insertInto("owners")
    .values({ owner_id: owner, ...values })
    .onConflict((conflict) =>
      // Of two readings the later one counts, whichever is written last.
      conflict.column("owner_id").doUpdateSet(values).whereRef("owners.policy_read_at", "<", "excluded.policy_read_at"),
    )
    .execute();
}

export async function claimAdmission(db: Kysely<Schema>): Promise<ClaimedAdmission | undefined> {
  const row = await claimDue(db, "owners");
  if (row === undefined) return undefined;
  const { now } = await db.selectNoFrom(NOW.as("now")).executeTakeFirstOrThrow();
  const policy = { text: row.policy, commit: row.policy_commit, ageMs: Math.max(0, now - row.policy_read_at) };
  return { owner: OwnerId(row.owner_id), policy, ...row.held };
}

export async function readPolicy(db: Kysely<Schema>, owner: OwnerId): Promise<KeptPolicy | undefined> {
  return db
    .selectFrom("owners")
    .select(["policy as text", "policy_commit as commit", sql<number>`greatest(0, ${NOW} - policy_read_at)`.as("ageMs")])
    .where("owner_id", "=", owner)
    .executeTakeFirst();
}

/**
 * One transaction at a time an owner, taken as its own first statement at READ COMMITTED, so that what is read afterwards
 * postdates the wait: under REPEATABLE READ it would predate it, and rows locked after scoring were measured to herd.
 * Source: 654 grants a second with 16 callers this way, 174 with 2,884 retries under SERIALIZABLE.
 */
export async function lockPool(tx: Kysely<Schema>, owner: OwnerId): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('agent-pool:pool', ${owner}::bigint))`.execute(tx);
}

export async function admit(
  db: Kysely<Schema>,
  owner: OwnerId,
  { policy, commit }: CurrentPolicy,
  decide: (snapshot: PoolSnapshot) => Decision,
): Promise<Decision> {
  return db.transaction().execute(async (tx) => {
    await lockPool(tx, owner);
    const decision = decide(toSnapshot(policy, commit, await loadPool(tx, owner), randomInt(2 ** 31)));
    if (decision.kind === "grant") await writeGrant(tx, owner, policy, decision);
    else {
      await writeWaiting(tx, decision.waiting);
      await wakeWaitingComments(tx, owner);
    }
    return decision;
  });
}

/** What each waiting task's comment says of its place, the next time that it is written. */
async function writeWaiting(tx: Kysely<Schema>, waiting: readonly Waiting[]): Promise<void> {
  if (waiting.length === 0) return;
  await sql`
    update tasks set waiting = told.value
    from jsonb_array_elements(${JSON.stringify(waiting)}::jsonb) as told
    where tasks.id = told.value ->> 'task' and tasks.state = 'queued' and waiting is distinct from told.value`.execute(tx);
}

async function writeGrant(tx: Kysely<Schema>, owner: OwnerId, policy: Policy, grant: Grant): Promise<void> {
  const { task, credential, record, team } = grant;
  const { now, credentials, queue } = record.snapshot;
  // Not a claim: nobody else works on a queued task.
  const moved = await tx
    .updateTable("tasks")
    .set({ state: TASK_TRANSITIONS.queued.admit, tries: 0, due_at: NOW, updated_at: NOW, passed_over_at: null })
    .where("id", "=", task)
    .where("state", "=", "queued")
    .returning("plan")
    .executeTakeFirst();
  // It left the queue since the snapshot: the grant is rolled back with everything it reserved.
  if (moved?.plan == null) throw new Error(`task ${task} left the queue while it was granted`);
  const attempt = await openAttempt(tx, owner, task, moved.plan);
  const lease = randomUUID();
  const { fence } = await tx
    .selectFrom("leases")
    .select(sql<number>`coalesce(max(fence), 0)::int + 1`.as("fence"))
    .where("attempt_id", "=", attempt)
    .executeTakeFirstOrThrow();
  const drawnOn = credentials.find(({ name }) => name === credential);
  const charged = queue.find((queued) => queued.task === task)?.estimate.mean ?? 0;
  await tx
    .insertInto("leases")
    .values({
      id: lease,
      owner_id: owner,
      task_id: task,
      attempt_id: attempt,
      fence,
      state: "offered",
      credential,
      minute: moved.plan.runner.minute,
      kind: policy.pool.find(({ name }) => name === credential)?.kind ?? "api-key",
      billed: drawnOn !== undefined && drawnOn.budgets.length > 0,
      charged,
      weight: team.weight,
    })
    .execute();
  if (grant.holds.length > 0)
    await tx
      .insertInto("holds")
      .values(grant.holds.map((hold) => ({ lease_id: lease, owner_id: owner, window_id: hold.window, amount: hold.amount })))
      .execute();
  await tx
    .insertInto("decisions")
    .values({ owner_id: owner, lease_id: lease, record: JSON.stringify(record) })
    .execute();
  const granted = { last_grant_at: now, upstream: drawnOn?.upstream ?? null };
  await tx
    .insertInto("credentials")
    .values({ owner_id: owner, name: credential, ...granted })
    .onConflict((conflict) => conflict.columns(["owner_id", "name"]).doUpdateSet(granted))
    .execute();
  const stand = { pass: team.pass, at: team.at, clock: team.clock };
  await tx
    .insertInto("teams")
    .values({ owner_id: owner, name: team.name, ...stand })
    .onConflict((conflict) => conflict.columns(["owner_id", "name"]).doUpdateSet(stand))
    .execute();
  const passedOver = record.passedOver.map((each) => each.task);
  if (passedOver.length > 0)
    await tx
      .updateTable("tasks")
      .set({ passed_over_at: now })
      .where("id", "in", passedOver)
      .where("passed_over_at", "is", null)
      .execute();
  await wakeComments(tx, [task]);
}

/** The task's open attempt, which an offer that ran out or a move leaves behind, or its next one under the plan's route. */
async function openAttempt(
  tx: Kysely<Schema>,
  owner: OwnerId,
  task: TaskId,
  { route, budget, price }: { route: object; budget: number; price: object },
): Promise<string> {
  const last = await tx
    .selectFrom("attempts")
    .select(["id", "number", "state"])
    .where("task_id", "=", task)
    .orderBy("number", "desc")
    .limit(1)
    .executeTakeFirst();
  if (last?.state === "open") return last.id;
  const id = randomUUID();
  await tx
    .insertInto("attempts")
    .values({
      id,
      owner_id: owner,
      task_id: task,
      number: (last?.number ?? 0) + 1,
      state: "open",
      route: JSON.stringify(route),
      budget,
      price: JSON.stringify(price),
    })
    .execute();
  return id;
}

/**
 * Everything `pick` looks at. Bounded by the queue, the live leases and the pool's size: of the past it reads sums alone.
 */
export async function loadPool(tx: Kysely<Schema>, owner: OwnerId): Promise<Stored> {
  const clock = await tx
    .selectNoFrom(sql<number>`(extract(epoch from clock_timestamp()) * 1000)::bigint`.as("now"))
    .executeTakeFirstOrThrow();
  const now = EpochMs(clock.now);
  const since = sinceOf(now);
  const at = (value: number | null) => (value === null ? null : EpochMs(value));
  const queued = await tx
    .selectFrom("tasks")
    .select(["id", "plan", "queued_at", "passed_over_at"])
    .where("owner_id", "=", owner)
    .where("state", "=", "queued")
    .execute();
  const queue = queued.flatMap(({ id, plan, queued_at, passed_over_at }) =>
    plan === null || queued_at === null
      ? []
      : [
          {
            task: TaskId(id),
            plan,
            queuedAt: EpochMs(queued_at),
            passedOverAt: at(passed_over_at),
            movedFrom: [] as CredentialName[],
          },
        ],
  );
  await readMoves(tx, queue);
  const spent = await tx
    .selectFrom("spend")
    .select([
      "subject",
      sql<number>`coalesce(sum(amount) filter (where day >= ${since.day}), 0)::bigint`.as("day"),
      sql<number>`coalesce(sum(amount) filter (where day >= ${since.week}), 0)::bigint`.as("week"),
      sql<number>`coalesce(sum(amount) filter (where day >= ${since.month}), 0)::bigint`.as("month"),
    ])
    .where("owner_id", "=", owner)
    .where("day", ">=", Math.min(since.week, since.month))
    .groupBy("subject")
    .execute();
  const held = await tx
    .selectFrom("holds")
    .innerJoin("leases", "leases.id", "holds.lease_id")
    .select([
      "window_id as window",
      "credential",
      // What is reported of a window is in its own use already; money is settled at the end.
      sql<number>`sum(case when window_id like 'window:%' and window_id <> 'window:tokens-minute' then greatest(amount - used, 0) else amount end)::bigint`.as(
        "amount",
      ),
    ])
    .where("holds.owner_id", "=", owner)
    // Money stays held until it is settled; of a window nothing more is used once the gateway refuses.
    .where(sql<boolean>`(window_id like 'usd:%' or coalesce(deadline_at + ${LEASE.freedMs} > ${now}, true))`)
    .groupBy(["window_id", "credential"])
    .execute();
  const live = await tx
    .selectFrom("leases")
    .select([
      "credential",
      sql<number>`count(*) filter (where state = 'offered')::int`.as("offered"),
      sql<number>`count(*)::int`.as("live"),
    ])
    .where("owner_id", "=", owner)
    .where("state", "in", [...LIVE_LEASE_STATES])
    .where(sql<boolean>`coalesce(deadline_at + ${LEASE.freedMs} > ${now}, true)`)
    .groupBy("credential")
    .execute();
  const credentials = await tx
    .selectFrom("credentials")
    .select(["name", "last_grant_at", "upstream", "refusals"])
    .where("owner_id", "=", owner)
    .execute();
  const cooldowns = await tx
    .selectFrom("cooldowns")
    .select(["upstream", "model", "until"])
    .where("owner_id", "=", owner)
    .where("until", ">", now)
    .execute();
  const allowances = await tx.selectFrom("allowances").selectAll().where("owner_id", "=", owner).execute();
  const teams = await tx.selectFrom("teams").select(["name", "pass", "at", "clock"]).where("owner_id", "=", owner).execute();
  const consents = await tx
    .selectFrom("consents")
    .select(["credential", "login"])
    .where("owner_id", "=", owner)
    .where("revoked_at", "is", null)
    .where("notice_hash", "=", NOTICE_HASH)
    .execute();
  const kinds = [...new Set(queue.flatMap(({ plan }) => kindsOf(plan)))];
  const seen =
    kinds.length === 0
      ? []
      : await tx
          .selectFrom("seen")
          .select(["kind", "n", "log", "squares", "ms", "tokens"])
          .where("owner_id", "=", owner)
          .where("kind", "in", kinds)
          .execute();
  return {
    now,
    queue,
    spent,
    held,
    live,
    credentials: credentials.map(({ last_grant_at, ...row }) => ({ ...row, lastGrantAt: at(last_grant_at) })),
    cooldowns: cooldowns.map(({ model, until, upstream }) => ({
      upstream,
      model: model === "" ? null : model,
      until: EpochMs(until),
    })),
    allowances: allowances.map((row) => ({
      upstream: row.upstream,
      name: row.name,
      model: row.model === "" ? null : row.model,
      capacity: row.published === null ? capacityOf(row.fit ?? NO_FIT) : { value: row.published, error: 0, hiddenPerMs: 0 },
      observed: row.share === null || row.observed_at === null ? null : { share: row.share, at: EpochMs(row.observed_at) },
      resetsAt: at(row.resets_at),
      own: row.own,
      since: row.since,
    })),
    teams: teams.map(({ at: written, ...team }) => ({ ...team, at: EpochMs(written) })),
    seen: new Map(seen.map(({ kind, ...sums }) => [kind, sums])),
    consents,
  };
}

/** Of the tasks that a limit has interrupted: the credentials of their open attempt's leases, on which they don't go on. */
async function readMoves(
  tx: Kysely<Schema>,
  queue: readonly { readonly task: TaskId; readonly movedFrom: CredentialName[] }[],
): Promise<void> {
  if (queue.length === 0) return;
  const rows = await tx
    .selectFrom("leases")
    .innerJoin("attempts", "attempts.id", "leases.attempt_id")
    .select(["leases.task_id", "leases.credential"])
    .where("attempts.state", "=", "open")
    .where("leases.state", "=", "settled")
    .where(
      "leases.task_id",
      "in",
      queue.map(({ task }) => task),
    )
    .execute();
  const tasks = new Map(queue.map((row) => [row.task, row.movedFrom]));
  for (const { task_id, credential } of rows) tasks.get(TaskId(task_id))?.push(CredentialName(credential));
}
