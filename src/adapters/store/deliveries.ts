import { randomUUID } from "node:crypto";
import { sql, type Kysely } from "kysely";
import { DeliveryId, OwnerId } from "#core/wire/ids.ts";
import type { ClaimedDelivery, Delivery } from "#ports/store.ts";
import { NOW } from "./migrations.ts";
import { ROW_CLAIM_MS } from "./queue.ts";
import type { Schema } from "./schema.ts";

/** One insert; the delivery's own id is the key, so that one sent again changes nothing. */
export async function recordDelivery(db: Kysely<Schema>, delivery: Delivery): Promise<boolean> {
  const inserted = await db
    .insertInto("deliveries")
    .values({ id: delivery.id, owner_id: delivery.owner, event: JSON.stringify(delivery.event), due_at: NOW })
    .onConflict((conflict) => conflict.column("id").doNothing())
    .returning("id")
    .executeTakeFirst();
  return inserted !== undefined;
}

export async function claimDelivery(db: Kysely<Schema>): Promise<ClaimedDelivery | undefined> {
  const holder = randomUUID();
  const row = await db
    .updateTable("deliveries")
    .set({ held_by: holder, held_until: sql`${NOW} + ${ROW_CLAIM_MS}`, tries: sql`tries + 1` })
    .where("id", "=", (query) =>
      query
        .selectFrom("deliveries")
        .select("id")
        .where("due_at", "<=", NOW)
        .where((where) => where.or([where("held_until", "is", null), where("held_until", "<", NOW)]))
        .orderBy("due_at")
        .limit(1)
        .forUpdate()
        .skipLocked(),
    )
    .returning(["id", "owner_id", "event", "tries"])
    .executeTakeFirst();
  if (row === undefined) return undefined;
  return { id: DeliveryId(row.id), owner: OwnerId(row.owner_id), event: row.event, tries: row.tries, holder };
}

export async function finishDelivery(db: Kysely<Schema>, delivery: ClaimedDelivery, note: string): Promise<void> {
  await db
    .updateTable("deliveries")
    .set({ due_at: null, held_by: null, held_until: null, note })
    .where("id", "=", delivery.id)
    .where("held_by", "=", delivery.holder)
    .execute();
}

export async function postponeDelivery(db: Kysely<Schema>, delivery: ClaimedDelivery, dueInMs: number): Promise<void> {
  await db
    .updateTable("deliveries")
    .set({ due_at: sql`${NOW} + ${dueInMs}::bigint`, held_by: null, held_until: null })
    .where("id", "=", delivery.id)
    .where("held_by", "=", delivery.holder)
    .execute();
}
