import { sql, type Kysely } from "kysely";
import { CredentialName, LeaseId, OwnerId, type TaskId } from "#core/wire/ids.ts";
import { EpochMs, MicroUsd } from "#core/wire/units.ts";
import { sinceOf } from "#core/pool/snapshot.ts";
import type { KeptDecision, PoolReading } from "#ports/reading.ts";
import type { TaskRow } from "#ports/store.ts";
import { fromKept } from "./decisions.ts";
import { loadPool, readPolicy } from "./pool.ts";
import type { Schema } from "./schema.ts";
import { clock } from "./settled.ts";
import { toTask } from "./tasks.ts";

/** What people ask of the store: nothing here is locked or changed. */

export async function readOwners(db: Kysely<Schema>): Promise<readonly { readonly owner: OwnerId; readonly login: string }[]> {
  const { rows } = await sql<{ owner_id: number; login: string }>`
    select distinct on (owners.owner_id) owners.owner_id, brief -> 'owner' ->> 'login' as login
    from owners join tasks on tasks.owner_id = owners.owner_id
    order by owners.owner_id, tasks.created_at desc`.execute(db);
  return rows.map(({ owner_id, login }) => ({ owner: OwnerId(owner_id), login }));
}

export async function readPool(db: Kysely<Schema>, owner: OwnerId): Promise<PoolReading> {
  return db
    .transaction()
    .setIsolationLevel("repeatable read")
    .execute(async (tx) => {
      const policy = await readPolicy(tx, owner);
      if (policy === undefined) throw new Error(`owner ${String(owner)} has no policy`);
      const now = await clock(tx);
      return { policy, stored: await loadPool(tx, owner, now), months: await readMonths(tx, owner, now) };
    });
}

async function readMonths(tx: Kysely<Schema>, owner: OwnerId, now: EpochMs): Promise<PoolReading["months"]> {
  const sum = (figure: "amount" | "listed") => sql<number>`sum(${sql.ref(figure)})::bigint`;
  const rows = await tx
    .selectFrom("ledger")
    .select([
      "credential",
      sum("amount").as("spent"),
      sum("listed").as("listed"),
      sql<number>`coalesce(sum(listed) filter (where standby), 0)::bigint`.as("standby"),
    ])
    .where("owner_id", "=", owner)
    .where("kind", "=", "model")
    .where("at", ">=", sinceOf(now).month)
    .groupBy("credential")
    .execute();
  return new Map(
    rows.map(({ credential, spent, listed, standby }) => [
      credential,
      { spent: MicroUsd(spent), listed: MicroUsd(listed), standby: MicroUsd(standby) },
    ]),
  );
}

export async function findTask(db: Kysely<Schema>, reference: string): Promise<TaskRow | undefined> {
  const issue = /^(?<owner>[^/]+)\/(?<repository>[^#]+)#(?<number>\d{1,9})$/.exec(reference)?.groups;
  const query = db.selectFrom("tasks").selectAll();
  const row = await (
    issue === undefined
      ? query.where("id", "=", reference)
      : query
          .where("trial_id", "is", null)
          .where("issue_number", "=", Number(issue["number"]))
          .where(sql<boolean>`lower(brief -> 'owner' ->> 'login') = lower(${issue["owner"]})`)
          .where(sql<boolean>`lower(brief -> 'repository' ->> 'name') = lower(${issue["repository"]})`)
  )
    .orderBy("created_at", "desc")
    .limit(1)
    .executeTakeFirst();
  return row === undefined ? undefined : toTask(row);
}

export async function readDecisions(db: Kysely<Schema>, task: TaskId): Promise<readonly KeptDecision[]> {
  const rows = await db
    .selectFrom("decisions")
    .innerJoin("leases", "leases.id", "decisions.lease_id")
    .select(["leases.id", "credential", "at", "record"])
    .where("leases.task_id", "=", task)
    .orderBy("decisions.id")
    .execute();
  return rows.map(({ id, credential, at, record }) => ({
    lease: LeaseId(id),
    credential: CredentialName(credential),
    at: EpochMs(at),
    record: fromKept(record),
  }));
}
