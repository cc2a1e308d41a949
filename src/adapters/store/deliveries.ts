import { sql, type Kysely } from "kysely";
import { DeliveryId, OwnerId } from "#core/wire/ids.ts";
import type { Delivery } from "#ports/delivery.ts";
import type { Claimed } from "#ports/store.ts";
import { groupCommit } from "./group-commit.ts";
import { NOW } from "./migrations.ts";
import { claimDue } from "./queue.ts";
import type { Schema } from "./schema.ts";

/** As many as a burst of webhooks brings at once; a statement of so many takes a few milliseconds. */
const GROUP = 64;

/**
 * Keeps a delivery, and answers once it is committed: true, or false where it is known already. The delivery's own id is the
 * key, so that one sent again changes nothing. Those that come together are written together.
 */
export function deliveryRecorder(db: Kysely<Schema>): (delivery: Delivery) => Promise<boolean> {
  return groupCommit(GROUP, async (group: readonly Delivery[]) => {
    const rows = JSON.stringify(group.map(({ id, owner, event }) => ({ id, owner_id: owner, event })));
    // In the order of their ids: two processes that are sent the same ones don't wait for each other.
    const inserted = await sql<{ id: string }>`
      insert into deliveries (id, owner_id, event, due_at)
      select id, owner_id, event, ${NOW} from jsonb_to_recordset(${rows}::jsonb) as sent (id text, owner_id bigint, event jsonb)
      order by id
      on conflict (id) do nothing
      returning id`.execute(db);
    const fresh = new Set(inserted.rows.map(({ id }) => id));
    // Of one that came twice in a group, the first made the row.
    return group.map(({ id }) => fresh.delete(id));
  });
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
