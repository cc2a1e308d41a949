import { randomInt, randomUUID } from "node:crypto";
import { sql, type Kysely } from "kysely";
import { CredentialName, OwnerId, TaskId } from "#core/wire/ids.ts";
import { EpochMs, MicroUsd } from "#core/wire/units.ts";
import type { Policy } from "#core/config/policy.ts";
import { RUNNER_AT_MOST } from "#core/pool/ledger.ts";
import type { Decision, PoolSnapshot } from "#core/pool/pick.ts";
import { monthOf, windowId, type Window, type WindowSubject } from "#core/pool/windows.ts";
import { LIVE_LEASE_STATES, TASK_TRANSITIONS } from "#core/task/lifecycle.ts";
import type { ClaimedAdmission } from "#ports/store.ts";
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
  policy: Policy,
  decide: (snapshot: PoolSnapshot) => Decision,
): Promise<Decision> {
  return db.transaction().execute(async (tx) => {
    await lockPool(tx, owner);
    const decision = decide(await loadPool(tx, owner, policy));
    if (decision.kind === "grant") await writeGrant(tx, owner, decision);
    else await wakeWaitingComments(tx, owner);
    return decision;
  });
}

async function writeGrant(tx: Kysely<Schema>, owner: OwnerId, grant: Grant): Promise<void> {
  const { task, credential } = grant;
  // Not a claim: nobody else works on a queued task.
  const moved = await tx
    .updateTable("tasks")
    .set({ state: TASK_TRANSITIONS.queued.admit, tries: 0, due_at: NOW, updated_at: NOW })
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
  await tx
    .insertInto("leases")
    .values({ id: lease, owner_id: owner, task_id: task, attempt_id: attempt, fence, state: "offered", credential })
    .execute();
  await tx
    .insertInto("holds")
    .values(grant.holds.map((hold) => ({ lease_id: lease, owner_id: owner, window_id: hold.window, amount: hold.amount })))
    .execute();
  await tx
    .insertInto("decisions")
    .values({ owner_id: owner, lease_id: lease, record: JSON.stringify(grant.record) })
    .execute();
  const granted = { last_grant_at: grant.record.snapshot.now };
  await tx
    .insertInto("credentials")
    .values({ owner_id: owner, name: credential, ...granted })
    .onConflict((conflict) => conflict.columns(["owner_id", "name"]).doUpdateSet(granted))
    .execute();
  await wakeComments(tx, [task]);
}

/** The task's open attempt, which an offer that ran out leaves behind, or its next one under the plan's route. */
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

/** Everything `pick` looks at. Bounded by the queue and the live leases, not by what the owner has ever done. */
async function loadPool(tx: Kysely<Schema>, owner: OwnerId, policy: Policy): Promise<PoolSnapshot> {
  const clock = await tx.selectNoFrom(NOW.as("now")).executeTakeFirstOrThrow();
  const now = EpochMs(clock.now);
  const { start, end } = monthOf(now);
  const queue = await tx
    .selectFrom("tasks")
    .select(["id", "plan", "queued_at"])
    .where("owner_id", "=", owner)
    .where("state", "=", "queued")
    .execute();
  const spent = await tx
    .selectFrom("spend")
    .select(["window_id", "amount"])
    .where("owner_id", "=", owner)
    .where("since", "=", start)
    .execute();
  const held = await tx
    .selectFrom("holds")
    .select(["window_id", sql<number>`sum(amount)::bigint`.as("amount")])
    .where("owner_id", "=", owner)
    .groupBy("window_id")
    .execute();
  const live = await tx
    .selectFrom("leases")
    .select(["credential", "state"])
    .where("owner_id", "=", owner)
    .where("state", "in", [...LIVE_LEASE_STATES])
    .execute();
  const grants = await tx.selectFrom("credentials").select(["name", "last_grant_at"]).where("owner_id", "=", owner).execute();
  const window = (subject: WindowSubject, capacity: MicroUsd): Window => {
    const id = windowId({ name: "usd-month", subject });
    const amountOf = (rows: readonly { window_id: string; amount: number }[]) =>
      MicroUsd(rows.find((row) => row.window_id === id)?.amount ?? 0);
    return { name: "usd-month", subject, capacity, used: amountOf(spent), held: amountOf(held), resetsAt: end };
  };
  return {
    now,
    seed: randomInt(2 ** 31),
    queue: queue.flatMap(({ id, plan, queued_at }) =>
      plan === null || queued_at === null
        ? []
        : [
            {
              task: TaskId(id),
              provider: plan.route.provider,
              estimate: plan.budget,
              runner: RUNNER_AT_MOST,
              queuedAt: EpochMs(queued_at),
            },
          ],
    ),
    credentials: policy.pool.map((entry) => {
      const name = CredentialName(entry.name);
      const lastGrant = grants.find((row) => row.name === name);
      return {
        name,
        provider: entry.provider,
        // A credential without a budget of its own may spend the owner's whole one.
        windows: [window({ kind: "credential", name }, entry.budget ?? policy.budget)],
        live: live.filter((row) => row.credential === name).length,
        lastGrantAt: lastGrant === undefined ? null : EpochMs(lastGrant.last_grant_at),
      };
    }),
    unclaimed: live.filter((row) => row.state === "offered").length,
    ownerWindows: [window({ kind: "owner" }, policy.budget)],
  };
}
