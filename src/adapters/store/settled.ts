import { sql, type Kysely, type Selectable } from "kysely";
import type { OwnerId } from "#core/wire/ids.ts";
import { EpochMs } from "#core/wire/units.ts";
import type { Plan } from "#core/plan/plan.ts";
import { NOTHING_SEEN, see } from "#core/pool/estimator.ts";
import { charge } from "#core/pool/fairness.ts";
import { kindsOf } from "#core/pool/snapshot.ts";
import type { Schema } from "./schema.ts";

/** What the pool learns of a lease's end, in the transaction that writes it. */

/** The database's clock now, and not when the transaction began: it may have waited for a lock since. */
export async function clock(tx: Kysely<Schema>): Promise<EpochMs> {
  const { now } = await tx
    .selectNoFrom(sql<number>`(extract(epoch from clock_timestamp()) * 1000)::bigint`.as("now"))
    .executeTakeFirstOrThrow();
  return EpochMs(now);
}

export async function planOf(tx: Kysely<Schema>, task: string): Promise<Plan> {
  const { plan } = await tx.selectFrom("tasks").select("plan").where("id", "=", task).executeTakeFirstOrThrow();
  if (plan === null) throw new Error(`task ${task} has a lease and no plan`);
  return plan;
}

/** What this job cost, for the estimates of those like it. */
export async function learnCost(
  tx: Kysely<Schema>,
  owner: OwnerId,
  plan: Plan,
  lease: { readonly cost: number; readonly ms: number; readonly tokens: number },
): Promise<void> {
  for (const kind of kindsOf(plan.size, plan.route, plan.asker.repository.id)) {
    const row = await tx
      .selectFrom("seen")
      .select(["n", "log", "squares", "ms", "tokens"])
      .where("owner_id", "=", owner)
      .where("kind", "=", kind)
      .executeTakeFirst();
    const sums = see(row ?? NOTHING_SEEN, lease);
    await tx
      .insertInto("seen")
      .values({ owner_id: owner, kind, ...sums })
      .onConflict((conflict) => conflict.columns(["owner_id", "kind"]).doUpdateSet(sums))
      .execute();
  }
}

/** Its team was charged what it was expected to cost: the difference is made up for, as far as it has not faded since. */
export async function correctTeam(
  tx: Kysely<Schema>,
  lease: Pick<Selectable<Schema["leases"]>, "owner_id" | "charged" | "weight">,
  team: string,
  cost: number,
): Promise<void> {
  await tx
    .updateTable("teams")
    .set({ pass: sql`greatest(0, pass + ${charge(cost - lease.charged, lease.weight)})` })
    .where("owner_id", "=", lease.owner_id)
    .where("name", "=", team)
    .execute();
}
