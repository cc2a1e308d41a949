import { sql, type Kysely, type Selectable } from "kysely";
import type { Outcome } from "#core/wire/contract.ts";
import { AttemptId, CredentialName, OwnerId, RunId, TaskId } from "#core/wire/ids.ts";
import { MicroUsd } from "#core/wire/units.ts";
import { LEASE } from "#core/pool/lease.ts";
import type { LedgerEntry } from "#core/pool/ledger.ts";
import {
  stepAttempt,
  TASK_STATES,
  stepTask,
  type AttemptEvent,
  type AttemptState,
  type TaskEvent,
  type TaskState,
} from "#core/task/lifecycle.ts";
import type { JudgedReason } from "#core/task/judge.ts";
import type { AttemptPatch, AttemptRow, ExpectedRun } from "#ports/store.ts";
import { NOW } from "./migrations.ts";
import { wakeQueued } from "./queue.ts";
import type { Schema } from "./schema.ts";

export async function readAttempt(db: Kysely<Schema>, attempt: AttemptId): Promise<AttemptRow | undefined> {
  const row = await attempts(db).where("attempts.id", "=", attempt).executeTakeFirst();
  return row === undefined ? undefined : toAttempt(row);
}

export async function readAttempts(db: Kysely<Schema>, task: TaskId): Promise<readonly AttemptRow[]> {
  const rows = await attempts(db).where("task_id", "=", task).orderBy("number").execute();
  return rows.map(toAttempt);
}

export async function findByRunToken(
  db: Kysely<Schema>,
  attempt: AttemptId,
  runTokenHash: string,
): Promise<AttemptRow | undefined> {
  const row = await attempts(db).where("attempts.id", "=", attempt).where("run_token_hash", "=", runTokenHash).executeTakeFirst();
  return row === undefined ? undefined : toAttempt(row);
}

function attempts(db: Kysely<Schema>) {
  const cost = (kind: "model" | "runner") =>
    sql<number | null>`(select amount from ledger where ledger.attempt_id = attempts.id and ledger.kind = ${kind})`;
  return db
    .selectFrom("attempts")
    .selectAll("attempts")
    .select([
      sql<number>`${NOW} - created_at`.as("age"),
      sql<number | null>`deadline_at - ${NOW}`.as("deadline_in"),
      cost("model").as("model_cost"),
      cost("runner").as("runner_cost"),
    ]);
}

type Read = Selectable<Schema["attempts"]> & {
  age: number;
  deadline_in: number | null;
  model_cost: number | null;
  runner_cost: number | null;
};

function toAttempt(row: Read): AttemptRow {
  return {
    id: AttemptId(row.id),
    task: TaskId(row.task_id),
    owner: OwnerId(row.owner_id),
    number: row.number,
    state: row.state,
    credential: CredentialName(row.credential),
    expected: row.expected,
    run: row.run_id === null ? null : RunId(row.run_id),
    runUrl: row.run_url,
    checkRun: row.check_run,
    heartbeats: row.heartbeats,
    ageMs: row.age,
    deadlineInMs: row.deadline_in,
    outcome: row.outcome,
    outcomeHash: row.outcome_hash,
    verdict: row.verdict,
    why: row.why,
    costs: {
      model: row.model_cost === null ? null : MicroUsd(row.model_cost),
      runner: row.runner_cost === null ? null : MicroUsd(row.runner_cost),
    },
  };
}

export async function expectRun(db: Kysely<Schema>, attempt: AttemptId, expected: ExpectedRun): Promise<void> {
  await db
    .updateTable("attempts")
    .set({ expected: JSON.stringify(expected) })
    .where("id", "=", attempt)
    .execute();
}

export async function noteAttempt(db: Kysely<Schema>, attempt: AttemptId, why: JudgedReason): Promise<void> {
  await db
    .updateTable("attempts")
    .set({ why: JSON.stringify(why) })
    .where("id", "=", attempt)
    .execute();
}

export async function patchAttempt(tx: Kysely<Schema>, patch: AttemptPatch): Promise<void> {
  if (patch.run !== undefined) {
    await tx
      .updateTable("attempts")
      .set({ run_id: patch.run.id, run_url: patch.run.url })
      .where("id", "=", patch.attempt)
      .execute();
  }
  if (patch.verdict !== undefined) {
    const { verdict, why } = patch.verdict;
    await tx
      .updateTable("attempts")
      .set({ verdict, why: why === null ? null : JSON.stringify(why) })
      .where("id", "=", patch.attempt)
      .execute();
  }
  if (patch.lose === true) await lose(tx, patch.attempt);
}

/** Ends a lease whose run will report nothing. What it held of each window is charged: it may all have been spent. */
async function lose(tx: Kysely<Schema>, attempt: AttemptId): Promise<void> {
  const held = (await tx.selectFrom("attempts").select("state").where("id", "=", attempt).executeTakeFirst())?.state === "held";
  if (!(await stepAttemptRow(tx, attempt, "lose"))) return;
  const hold = await tx
    .selectFrom("holds")
    .selectAll()
    .where("attempt_id", "=", attempt)
    .where("scope", "=", "credential")
    .executeTakeFirst();
  if (held && hold !== undefined) {
    await tx
      .insertInto("ledger")
      .values({
        attempt_id: attempt,
        kind: "model",
        owner_id: hold.owner_id,
        credential: hold.credential,
        amount: hold.amount,
        detail: JSON.stringify({ estimated: true, because: "the run reported nothing" }),
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
  await tx.deleteFrom("holds").where("attempt_id", "=", attempt).execute();
}

async function stepAttemptRow(tx: Kysely<Schema>, attempt: AttemptId, event: AttemptEvent): Promise<AttemptState | undefined> {
  const row = await tx.selectFrom("attempts").select("state").where("id", "=", attempt).forUpdate().executeTakeFirst();
  if (row === undefined) return undefined;
  const next = stepAttempt(row.state, event);
  if (!next.ok) return undefined;
  await tx.updateTable("attempts").set({ state: next.value }).where("id", "=", attempt).execute();
  return next.value;
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

export async function claimAttempt(
  db: Kysely<Schema>,
  attempt: AttemptId,
  run: RunId,
  checkRun: string,
  runTokenHash: string,
): Promise<{ deadlineInMs: number } | undefined> {
  return db.transaction().execute(async (tx) => {
    const state = await lockTaskOf(tx, attempt);
    const row = await tx.selectFrom("attempts").selectAll().where("id", "=", attempt).forUpdate().executeTakeFirst();
    if (row === undefined || state === undefined) return undefined;
    if (row.run_id !== null && row.run_id !== run) return undefined;
    if (row.state === "held" && (row.check_run !== checkRun || row.heartbeats > 0)) return undefined;
    // Both tables are asked before anything is written: a refusal leaves nothing half done.
    if (!stepAttempt(row.state, "claim").ok || !stepTask(state, "claim").ok) return undefined;
    await stepAttemptRow(tx, attempt, "claim");
    // One run less waits for a runner: the next task may be dispatched.
    await wakeQueued(tx, row.owner_id);
    await stepTaskRow(tx, row.task_id, "claim", LEASE.termMs + LEASE.graceMs);
    const claimed = await tx
      .updateTable("attempts")
      .set({
        run_id: run,
        check_run: checkRun,
        run_token_hash: runTokenHash,
        // The first claim starts the clock; one repeated after a lost answer doesn't start it again.
        deadline_at: sql`coalesce(deadline_at, ${NOW} + ${LEASE.termMs})`,
      })
      .where("id", "=", attempt)
      .returning(sql<number>`deadline_at - ${NOW}`.as("deadline_in"))
      .executeTakeFirst();
    return claimed === undefined ? undefined : { deadlineInMs: claimed.deadline_in };
  });
}

/** Locks an attempt's task, always before the attempt itself: the worker's own transactions take them in this order. */
async function lockTaskOf(tx: Kysely<Schema>, attempt: AttemptId): Promise<TaskState | undefined> {
  const row = await tx
    .selectFrom("tasks")
    .select("state")
    .where("id", "=", (query) => query.selectFrom("attempts").select("task_id").where("attempts.id", "=", attempt))
    .forUpdate()
    .executeTakeFirst();
  return row?.state;
}

export async function recordHeartbeat(db: Kysely<Schema>, attempt: AttemptId): Promise<void> {
  await db
    .updateTable("attempts")
    .set({ heartbeats: sql`heartbeats + 1` })
    .where("id", "=", attempt)
    .execute();
}

export async function settle(
  db: Kysely<Schema>,
  attempt: AttemptId,
  outcome: Outcome,
  outcomeHash: string,
  entries: readonly LedgerEntry[],
): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    await lockTaskOf(tx, attempt);
    if ((await stepAttemptRow(tx, attempt, "report")) === undefined) return false;
    const row = await tx
      .updateTable("attempts")
      .set({ outcome: JSON.stringify(outcome), outcome_hash: outcomeHash })
      .where("id", "=", attempt)
      .returning(["task_id", "owner_id", "credential"])
      .executeTakeFirstOrThrow();
    for (const { kind, amount, ...detail } of entries) {
      await tx
        .insertInto("ledger")
        .values({
          attempt_id: attempt,
          kind,
          owner_id: row.owner_id,
          credential: row.credential,
          amount,
          detail: JSON.stringify(detail),
        })
        .execute();
    }
    await tx.deleteFrom("holds").where("attempt_id", "=", attempt).execute();
    if (!(await stepTaskRow(tx, row.task_id, "report", 0)))
      throw new Error(`attempt ${attempt} was held and its task was not running`);
    return true;
  });
}
