import { randomInt, randomUUID } from "node:crypto";
import { sql, type Kysely } from "kysely";
import { CredentialName, TaskId, type OwnerId } from "#core/wire/ids.ts";
import { EpochMs, MicroUsd } from "#core/wire/units.ts";
import type { Policy } from "#core/config/policy.ts";
import type { CredentialState, Decision, PoolSnapshot } from "#core/pool/pick.ts";
import { monthOf, type Window } from "#core/pool/windows.ts";
import { TASK_TRANSITIONS } from "#core/task/lifecycle.ts";
import { NOW } from "./migrations.ts";
import type { Schema } from "./schema.ts";

export async function recordPolicy(db: Kysely<Schema>, owner: OwnerId, policy: Policy, commit: string): Promise<void> {
  const values = { policy: JSON.stringify(policy), policy_commit: commit };
  await db
    .insertInto("owners")
    .values({ owner_id: owner, ...values })
    .onConflict((conflict) => conflict.column("owner_id").doUpdateSet(values))
    .execute();
}

/**
 * One grant. The lock is the transaction's first statement and READ COMMITTED its isolation, so that the snapshot is
 * taken after the wait: under REPEATABLE READ it would predate it, and rows locked after scoring were measured to herd.
 * Source: 654 grants a second with 16 callers this way, 174 with 2,884 retries under SERIALIZABLE.
 */
export async function admit(db: Kysely<Schema>, owner: OwnerId, decide: (snapshot: PoolSnapshot) => Decision): Promise<Decision> {
  return db.transaction().execute(async (tx) => {
    await sql`select pg_advisory_xact_lock(hashtextextended('agent-pool:pool', ${owner}::bigint))`.execute(tx);
    const decision = decide(await loadPool(tx, owner));
    if (decision.kind === "wait") return decision;
    const number = await tx
      .selectFrom("attempts")
      .select(sql<number>`coalesce(max(number), 0)::int + 1`.as("next"))
      .where("task_id", "=", decision.task)
      .executeTakeFirstOrThrow();
    const attempt = randomUUID();
    await tx
      .insertInto("attempts")
      .values({
        id: attempt,
        owner_id: owner,
        task_id: decision.task,
        number: number.next,
        state: "offered",
        credential: decision.credential,
      })
      .execute();
    await tx
      .insertInto("holds")
      .values(
        decision.holds.map((hold) => ({
          attempt_id: attempt,
          owner_id: owner,
          credential: decision.credential,
          window_name: hold.window,
          scope: hold.scope,
          amount: hold.amount,
        })),
      )
      .execute();
    await tx
      .insertInto("decisions")
      .values({ owner_id: owner, task_id: decision.task, record: JSON.stringify(decision.record) })
      .execute();
    // State and time only: whoever holds the row just now (writing that it waits) keeps it, and its tries.
    const moved = await tx
      .updateTable("tasks")
      .set({ state: TASK_TRANSITIONS.queued.admit, due_at: NOW, updated_at: NOW })
      .where("id", "=", decision.task)
      .where("state", "=", "queued")
      .returning("id")
      .executeTakeFirst();
    // It left the queue since the snapshot: the grant is rolled back with everything it reserved.
    if (moved === undefined) throw new Error(`task ${decision.task} left the queue while it was granted`);
    return decision;
  });
}

async function loadPool(tx: Kysely<Schema>, owner: OwnerId): Promise<PoolSnapshot> {
  const clock = await tx.selectNoFrom(NOW.as("now")).executeTakeFirstOrThrow();
  const now = EpochMs(clock.now);
  const policy = (await tx.selectFrom("owners").select("policy").where("owner_id", "=", owner).executeTakeFirst())?.policy;
  const queue = await tx
    .selectFrom("tasks")
    .select(["id", "plan", "queued_at"])
    .where("owner_id", "=", owner)
    .where("state", "=", "queued")
    .execute();
  const { start, end } = monthOf(now);
  const spent = await tx
    .selectFrom("ledger")
    .select(["credential", sql<number>`sum(amount)::bigint`.as("amount")])
    .where("owner_id", "=", owner)
    .where("at", ">=", start)
    .groupBy("credential")
    .execute();
  const held = await tx
    .selectFrom("holds")
    .select(["credential", sql<number>`sum(amount)::bigint`.as("amount")])
    .where("owner_id", "=", owner)
    .where("scope", "=", "credential")
    .groupBy("credential")
    .execute();
  const grants = await tx
    .selectFrom("attempts")
    .select([
      "credential",
      sql<number>`max(created_at)::bigint`.as("last"),
      sql<number>`(count(*) filter (where state in ('offered', 'held')))::int`.as("live"),
    ])
    .where("owner_id", "=", owner)
    .groupBy("credential")
    .execute();
  const { unclaimed } = await tx
    .selectFrom("attempts")
    .select(sql<number>`count(*)::int`.as("unclaimed"))
    .where("owner_id", "=", owner)
    .where("state", "=", "offered")
    .executeTakeFirstOrThrow();
  const amountOf = (rows: readonly { credential: string; amount: number }[], name: string) =>
    MicroUsd(rows.find((row) => row.credential === name)?.amount ?? 0);
  const sum = (rows: readonly { amount: number }[]) => MicroUsd(rows.reduce((total, row) => total + row.amount, 0));
  const budget = policy?.budget ?? MicroUsd(0);
  const credentials = (policy?.pool ?? []).map((entry): CredentialState => {
    const grant = grants.find((row) => row.credential === entry.name);
    const window: Window = {
      name: "usd-month",
      scope: "credential",
      // A credential without a budget of its own may spend the owner's whole one.
      capacity: entry.budget ?? budget,
      used: amountOf(spent, entry.name),
      held: amountOf(held, entry.name),
      resetsAt: end,
    };
    return {
      name: CredentialName(entry.name),
      provider: entry.provider,
      windows: [window],
      live: grant?.live ?? 0,
      lastGrantAt: grant === undefined ? null : EpochMs(grant.last),
    };
  });
  return {
    now,
    seed: randomInt(2 ** 31),
    queue: queue.flatMap((row) =>
      row.plan === null || row.queued_at === null
        ? []
        : [
            {
              task: TaskId(row.id),
              provider: row.plan.route.provider,
              estimate: row.plan.budget,
              queuedAt: EpochMs(row.queued_at),
            },
          ],
    ),
    credentials,
    unclaimed,
    ownerWindows: [{ name: "usd-month", scope: "owner", capacity: budget, used: sum(spent), held: sum(held), resetsAt: end }],
  };
}
