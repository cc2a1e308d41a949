import { sql, type Kysely } from "kysely";
import type { ActorId, CredentialName, DeliveryId, OwnerId } from "#core/wire/ids.ts";
import { NOTICE_HASH } from "#core/pool/consent.ts";
import { NOTHING_NAMED, parseCommand } from "#core/request/command.ts";
import type { Lender } from "#ports/conversation.ts";
import { NOW } from "./migrations.ts";
import { lockPool } from "./lock.ts";
import { wakeAdmission } from "./queue.ts";
import { wakeReceipts } from "./receipts.ts";
import type { Schema } from "./schema.ts";

export async function giveConsent(
  db: Kysely<Schema>,
  owner: OwnerId,
  credential: CredentialName,
  { id, login }: Lender,
  delivery: DeliveryId,
): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    await lockPool(tx, owner);
    const given = tx.selectFrom("consents").where("owner_id", "=", owner).where("credential", "=", credential);
    const before = await given
      .select(["id", "actor_id", "login", "notice_hash"])
      .where("revoked_at", "is", null)
      .executeTakeFirst();
    // Said twice, or worked off twice: the first time counts.
    if (before?.actor_id === id && before.login === login && before.notice_hash === NOTICE_HASH) return true;
    // While GitHub could not be asked about the one command, the other was followed.
    const takenBack = await given
      .select("id")
      .where("actor_id", "=", id)
      .where("revoked_at", ">=", (query) => query.selectFrom("deliveries").select("received_at").where("id", "=", delivery))
      .executeTakeFirst();
    if (takenBack !== undefined) return false;
    if (before !== undefined) await tx.updateTable("consents").set({ revoked_at: NOW }).where("id", "=", before.id).execute();
    await tx
      .insertInto("consents")
      .values({ owner_id: owner, credential, actor_id: id, login, notice_hash: NOTICE_HASH })
      .execute();
    await wakeAdmission(tx, owner);
    await wakeReceipts(tx, owner);
    return true;
  });
}

export async function revokeConsent(
  db: Kysely<Schema>,
  owner: OwnerId,
  credential: CredentialName,
  { id, login }: Lender,
): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    // Behind a grant under way, so that none after this is made by what it read before.
    await lockPool(tx, owner);
    const revoked = await tx
      .updateTable("consents")
      .set({ revoked_at: NOW })
      .where("owner_id", "=", owner)
      .where("credential", "=", credential)
      .where("actor_id", "=", id)
      .where("revoked_at", "is", null)
      .returning("id")
      .execute();
    if (revoked.length > 0) {
      await wakeAdmission(tx, owner);
      await wakeReceipts(tx, owner);
      return true;
    }
    const said = () =>
      tx.selectFrom("consents").where("owner_id", "=", owner).where("credential", "=", credential).where("actor_id", "=", id);
    const before = await said().select("id").where("notice_hash", "is not", null).executeTakeFirst();
    // It counts against a command of theirs that was said before and is followed only later. Of anybody else nothing is kept: who may
    // comment is everybody, and the name may be any.
    if (await isLendingAwaited(tx, owner, credential, id)) {
      await tx
        .deleteFrom("consents")
        .where("id", "in", said().select("id").where("notice_hash", "is", null))
        .execute();
      await tx
        .insertInto("consents")
        .values({ owner_id: owner, credential, actor_id: id, login, notice_hash: null, revoked_at: NOW })
        .execute();
    }
    return before !== undefined;
  });
}

/** A command of this person's to lend it has come, and its delivery has not come to its end. */
async function isLendingAwaited(
  tx: Kysely<Schema>,
  owner: OwnerId,
  credential: CredentialName,
  lender: ActorId,
): Promise<boolean> {
  const waiting = await tx
    .selectFrom("deliveries")
    .select("event")
    .where("owner_id", "=", owner)
    .where("due_at", "is not", null)
    .where(sql<string>`event -> 'brief' -> 'requester' ->> 'id'`, "=", String(lender))
    .execute();
  return waiting.some(({ event }) => {
    if (event?.kind !== "request" || event.brief.comment === null) return false;
    const command = parseCommand(event.brief.comment, NOTHING_NAMED);
    return command?.ok === true && command.value.kind === "lend" && command.value.seat === credential;
  });
}
