import { sql, type Kysely } from "kysely";
import type { OwnerId } from "#core/wire/ids.ts";
import { MicroUsd, type EpochMs } from "#core/wire/units.ts";
import type { ClassifierCall } from "#ports/classifier.ts";
import type { TaskRow } from "#ports/store.ts";
import type { Schema } from "./schema.ts";

export async function recordClassified(
  db: Kysely<Schema>,
  { id, brief }: Pick<TaskRow, "id" | "brief">,
  { model, usage, amount, came }: ClassifierCall,
): Promise<void> {
  await db
    .insertInto("classified")
    .values({
      owner_id: brief.owner.id,
      task_id: id,
      model,
      usage: usage === null ? null : JSON.stringify(usage),
      amount,
      came,
    })
    .execute();
}

export async function sumClassified(db: Kysely<Schema>, owner: OwnerId, since: EpochMs): Promise<MicroUsd> {
  const { sum } = await db
    .selectFrom("classified")
    .select(sql<number>`coalesce(sum(amount), 0)::bigint`.as("sum"))
    .where("owner_id", "=", owner)
    .where("at", ">=", since)
    .executeTakeFirstOrThrow();
  return MicroUsd(sum);
}
