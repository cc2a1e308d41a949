import { sql, type Kysely } from "kysely";
import { ActorId, CredentialName, OwnerId, RepositoryId, TaskId } from "#core/wire/ids.ts";
import type { WindowReading } from "#core/wire/observation.ts";
import { EpochMs, MicroUsd } from "#core/wire/units.ts";
import { NOTICE_HASH } from "#core/pool/consent.ts";
import type { Draw } from "#core/pool/receipt.ts";
import { LIVE_LEASE_STATES } from "#core/task/lifecycle.ts";
import type { ClaimedReceipts, Lending, WrittenReceipt } from "#ports/receipts.ts";
import { NOW } from "./migrations.ts";
import { claimDue, woken } from "./queue.ts";
import type { Schema } from "./schema.ts";

/** A seat was lent or taken back: its owner's receipt says so. */
export async function wakeReceipts(tx: Kysely<Schema>, owner: OwnerId): Promise<void> {
  await tx
    .insertInto("receipts")
    .values({ owner_id: owner, due_at: NOW })
    .onConflict((conflict) => conflict.column("owner_id").doUpdateSet({ due_at: woken("receipts") }))
    .execute();
}

export async function lookAtReceipts(db: Kysely<Schema>, owner: OwnerId): Promise<void> {
  await db
    .updateTable("receipts")
    .set({ due_at: woken("receipts") })
    .where("owner_id", "=", owner)
    .execute();
}

export async function claimReceipts(db: Kysely<Schema>): Promise<ClaimedReceipts | undefined> {
  const row = await claimDue(db, "receipts");
  if (row === undefined) return undefined;
  const written = await db.selectFrom("receipt_comments").selectAll().where("owner_id", "=", row.owner_id).execute();
  return {
    owner: OwnerId(row.owner_id),
    issue: row.issue_number,
    written: written.map((each) => ({
      lender: ActorId(each.actor_id),
      comment: each.comment_id,
      hash: each.comment_hash,
      standing: each.standing,
      at: EpochMs(each.written_at),
      isLast: each.is_last,
    })),
    ...row.held,
  };
}

/** Granted while this person lent the seat. Of two consents in a row each lease is under one. */
const LENT = sql`
  leases.owner_id = lent.owner_id and leases.credential = lent.credential
  and leases.created_at >= lent.given_at and (lent.revoked_at is null or leases.created_at < lent.revoked_at)`;

export async function readLendings(db: Kysely<Schema>, owner: OwnerId, since: EpochMs): Promise<readonly Lending[]> {
  const lent = await db
    .selectFrom("consents")
    .select(["credential", "actor_id", "login", "notice_hash", "revoked_at"])
    .where("owner_id", "=", owner)
    .where("notice_hash", "is not", null)
    .orderBy("id")
    .execute();
  const draws = await readDraws(db, owner, since);
  const live = await readLive(db, owner);
  return [...Map.groupBy(lent, ({ actor_id }) => actor_id)].map(([id, consents]) => ({
    lender: { id: ActorId(id), login: consents.at(-1)?.login ?? "" },
    seats: [...Map.groupBy(consents, ({ credential }) => credential)].map(([name, said]) => ({
      name: CredentialName(name),
      state: stateOf(said.at(-1)),
    })),
    draws: draws.filter(({ lender }) => lender === id).map(({ draw }) => draw),
    live: live.get(id) ?? 0,
  }));
}

function stateOf(last: { readonly notice_hash: string | null; readonly revoked_at: number | null } | undefined) {
  if (last === undefined || last.revoked_at !== null) return "taken-back";
  return last.notice_hash === NOTICE_HASH ? "lent" : "lapsed";
}

type DrawRow = {
  lender: number;
  credential: string;
  task: string;
  trial: boolean;
  by_id: number;
  by_login: string;
  repository: number;
  model: string;
  at: number;
  listed: number;
  standby: boolean;
  age: number | null;
  readings: readonly WindowReading[] | null;
};

async function readDraws(
  db: Kysely<Schema>,
  owner: OwnerId,
  since: EpochMs,
): Promise<readonly { readonly lender: number; readonly draw: Draw }[]> {
  const { rows } = await sql<DrawRow>`
    select lent.actor_id as lender, ledger.credential, tasks.id as task, tasks.trial_id is not null as trial,
      (tasks.brief -> 'requester' ->> 'id')::bigint as by_id, tasks.brief -> 'requester' ->> 'login' as by_login,
      tasks.repository_id as repository, attempts.route ->> 'model' as model, ledger.at, ledger.listed, ledger.standby,
      (leases.report -> 'observation' ->> 'ageMs')::bigint as age, leases.report -> 'observation' -> 'readings' as readings
    from ledger
    join leases on leases.id = ledger.lease_id
    join attempts on attempts.id = leases.attempt_id
    join tasks on tasks.id = leases.task_id
    join consents as lent on ${LENT} and lent.notice_hash is not null
    where ledger.owner_id = ${owner} and ledger.kind = 'model' and ledger.at >= ${since}
    order by ledger.at, ledger.lease_id`.execute(db);
  return rows.map((row) => ({
    lender: row.lender,
    draw: {
      credential: CredentialName(row.credential),
      task: TaskId(row.task),
      by: row.trial ? null : { id: ActorId(row.by_id), login: row.by_login },
      repository: RepositoryId(row.repository),
      model: row.model,
      at: EpochMs(row.at),
      listed: MicroUsd(row.listed),
      standby: row.standby,
      seen: row.age === null || row.readings === null ? null : { ageMs: row.age, readings: row.readings },
    },
  }));
}

async function readLive(db: Kysely<Schema>, owner: OwnerId): Promise<ReadonlyMap<number, number>> {
  const { rows } = await sql<{ lender: number; live: number }>`
    select lent.actor_id as lender, count(*)::int as live
    from leases join consents as lent on ${LENT} and lent.notice_hash is not null
    where leases.owner_id = ${owner} and leases.state in (${sql.join([...LIVE_LEASE_STATES])})
    group by lent.actor_id`.execute(db);
  return new Map(rows.map(({ lender, live }) => [lender, live]));
}

/** The row is this holder's still. */
function heldBy(tx: Kysely<Schema>, { owner, holder }: ClaimedReceipts) {
  return tx.selectFrom("receipts").select("owner_id").where("owner_id", "=", owner).where("held_by", "=", holder).forUpdate();
}

export async function recordReceiptsIssue(db: Kysely<Schema>, row: ClaimedReceipts, issue: number | null): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    if ((await heldBy(tx, row).executeTakeFirst()) === undefined) return false;
    await tx.updateTable("receipts").set({ issue_number: issue }).where("owner_id", "=", row.owner).execute();
    if (issue === null) await tx.deleteFrom("receipt_comments").where("owner_id", "=", row.owner).execute();
    return true;
  });
}

export async function recordReceipt(
  db: Kysely<Schema>,
  row: ClaimedReceipts,
  { lender, comment, hash, standing, isLast }: Omit<WrittenReceipt, "at">,
): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    if ((await heldBy(tx, row).executeTakeFirst()) === undefined) return false;
    const values = { comment_id: comment, comment_hash: hash, standing, written_at: NOW, is_last: isLast };
    await tx
      .insertInto("receipt_comments")
      .values({ owner_id: row.owner, actor_id: lender, ...values })
      .onConflict((conflict) => conflict.columns(["owner_id", "actor_id"]).doUpdateSet(values))
      .execute();
    return true;
  });
}
