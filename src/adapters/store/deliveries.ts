import type { Kysely } from "kysely";
import { DeliveryId, OwnerId } from "#core/wire/ids.ts";
import type { Delivery } from "#ports/delivery.ts";
import type { Claimed } from "#ports/store.ts";
import { NOW } from "./migrations.ts";
import { claimDue } from "./queue.ts";
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

/** Whether there has been none. */
export async function isUnused(db: Kysely<Schema>): Promise<boolean> {
  const first = await db.selectFrom("deliveries").select("id").limit(1).executeTakeFirst();
  return first === undefined;
}

export async function claimDelivery(db: Kysely<Schema>): Promise<Claimed<Delivery> | undefined> {
  const row = await claimDue(db, "deliveries");
  if (row === undefined) return undefined;
  if (row.event === null) throw new Error(`delivery ${row.id} is due though it was worked off`);
  return { id: DeliveryId(row.id), owner: OwnerId(row.owner_id), event: row.event, ...row.held };
}

export async function finishDelivery(db: Kysely<Schema>, delivery: Claimed<Delivery>, note: string): Promise<void> {
  await db
    .updateTable("deliveries")
    .set({ event: null, due_at: null, held_by: null, held_until: null, note })
    .where("id", "=", delivery.id)
    .where("held_by", "=", delivery.holder)
    .execute();
}
