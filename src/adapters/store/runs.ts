import { sql, type Kysely } from "kysely";
import type { Heartbeat, Outcome } from "#core/wire/contract.ts";
import { CredentialName, OwnerId, type LeaseId, type RunId } from "#core/wire/ids.ts";
import { LEASE } from "#core/pool/lease.ts";
import type { LedgerEntry } from "#core/pool/ledger.ts";
import { stepLease, stepTask, TASK_STATES, type TaskEvent, type TaskState } from "#core/task/lifecycle.ts";
import { writeLedger } from "./ledger.ts";
import { stepLeaseRow } from "./leases.ts";
import { NOW } from "./migrations.ts";
import { wakeAdmission } from "./queue.ts";
import type { Schema } from "./schema.ts";

export async function claimLease(
  db: Kysely<Schema>,
  lease: LeaseId,
  run: RunId,
  checkRun: string,
  runTokenHash: string,
): Promise<{ deadlineInMs: number } | undefined> {
  return db.transaction().execute(async (tx) => {
    const state = await lockTaskOf(tx, lease);
    const row = await tx.selectFrom("leases").selectAll().where("id", "=", lease).forUpdate().executeTakeFirst();
    if (row === undefined || state === undefined) return undefined;
    if (row.run_id !== null && row.run_id !== run) return undefined;
    if (row.state === "held" && (row.check_run !== checkRun || row.heartbeat !== null)) return undefined;
    // Both tables are asked before anything is written: a refusal leaves nothing half done.
    if (!stepLease(row.state, "claim").ok || !stepTask(state, "claim").ok) return undefined;
    // One run has one lease: a job that knows another attempt's id can't take that one as well.
    const other = await tx
      .selectFrom("leases")
      .select("id")
      .where("run_id", "=", run)
      .where("id", "!=", lease)
      .executeTakeFirst();
    if (other !== undefined) return undefined;
    await stepLeaseRow(tx, lease, "claim");
    await stepTaskRow(tx, row.task_id, "claim", LEASE.termMs + LEASE.graceMs);
    const claimed = await tx
      .updateTable("leases")
      .set({
        run_id: run,
        check_run: checkRun,
        run_token_hash: runTokenHash,
        // The first claim starts the clock; one repeated after a lost answer doesn't start it again.
        deadline_at: sql`coalesce(deadline_at, ${NOW} + ${LEASE.termMs})`,
      })
      .where("id", "=", lease)
      .returning(sql<number>`deadline_at - ${NOW}`.as("deadline_in"))
      .executeTakeFirstOrThrow();
    // One run less waits for a runner: the next task may be dispatched.
    await wakeAdmission(tx, row.owner_id);
    return { deadlineInMs: claimed.deadline_in };
  });
}

/** Locks a lease's task, always before the lease itself: the worker's own transactions take them in this order. */
async function lockTaskOf(tx: Kysely<Schema>, lease: LeaseId): Promise<TaskState | undefined> {
  const row = await tx
    .selectFrom("tasks")
    .select("state")
    .where("id", "=", (query) => query.selectFrom("leases").select("task_id").where("leases.id", "=", lease))
    .forUpdate()
    .executeTakeFirst();
  return row?.state;
}

export async function recordHeartbeat(db: Kysely<Schema>, lease: LeaseId, heartbeat: Heartbeat): Promise<void> {
  await db
    .updateTable("leases")
    .set({ heartbeat: JSON.stringify(heartbeat) })
    .where("id", "=", lease)
    .execute();
}

export async function settle(
  db: Kysely<Schema>,
  lease: LeaseId,
  outcome: Outcome,
  outcomeHash: string,
  entries: readonly LedgerEntry[],
): Promise<boolean> {
  const { changes, ...report } = outcome.kind === "ran" ? outcome : { ...outcome, changes: null };
  return db.transaction().execute(async (tx) => {
    await lockTaskOf(tx, lease);
    const row = await stepLeaseRow(tx, lease, "report");
    if (row === undefined) return false;
    await tx
      .updateTable("leases")
      .set({
        report: JSON.stringify(report),
        outcome_hash: outcomeHash,
        changes: changes === null ? null : JSON.stringify(changes),
      })
      .where("id", "=", lease)
      .execute();
    await writeLedger(tx, { lease, owner: OwnerId(row.owner_id), credential: CredentialName(row.credential) }, entries);
    await tx.deleteFrom("holds").where("lease_id", "=", lease).execute();
    if (!(await stepTaskRow(tx, row.task_id, "report", 0)))
      throw new Error(`lease ${lease} was held and its task was not running`);
    await wakeAdmission(tx, row.owner_id);
    return true;
  });
}

/** An event that reaches a task from its run, not from the worker: no holder, but the table's states all the same. */
async function stepTaskRow(tx: Kysely<Schema>, task: string, event: TaskEvent, dueInMs: number): Promise<boolean> {
  const from = TASK_STATES.filter((state) => stepTask(state, event).ok);
  const row = await tx
    .selectFrom("tasks")
    .select("state")
    .where("id", "=", task)
    .where("state", "in", from)
    .forUpdate()
    .executeTakeFirst();
  if (row === undefined) return false;
  const next = stepTask(row.state, event);
  if (!next.ok) return false;
  await tx
    .updateTable("tasks")
    .set({
      state: next.value,
      tries: 0,
      held_by: null,
      held_until: null,
      due_at: sql`${NOW} + ${dueInMs}::bigint`,
      updated_at: NOW,
    })
    .where("id", "=", task)
    .execute();
  return true;
}
