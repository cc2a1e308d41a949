import { sql, type Kysely, type Selectable } from "kysely";
import type { Heartbeat, Outcome, Usage } from "#core/wire/contract.ts";
import type { Observation } from "#core/wire/observation.ts";
import { EpochMs, type MicroUsd } from "#core/wire/units.ts";
import { CredentialName, OwnerId, type LeaseId, type RunId } from "#core/wire/ids.ts";
import { LEASE } from "#core/pool/lease.ts";
import { listedOf } from "#core/pool/ledger.ts";
import { stepLease, stepTask, TASK_STATES, type TaskEvent } from "#core/task/lifecycle.ts";
import { wakeComments, wakeProgress } from "./comments.ts";
import { writeLedger } from "./ledger.ts";
import { lockPool } from "./lock.ts";
import { learnUpstream, recordFault, recordObservation, recordUse } from "./upstreams.ts";
import { correctTeam, learnCost, planOf } from "./settled.ts";
import { stepLeaseRow } from "./leases.ts";
import { NOW } from "./migrations.ts";
import { wakeAdmission } from "./queue.ts";
import type { Settlement } from "#ports/store.ts";
import type { Schema } from "./schema.ts";

export async function claimLease(
  db: Kysely<Schema>,
  lease: LeaseId,
  run: RunId,
  checkRun: string,
  runTokenHash: string,
): Promise<{ deadlineInMs: number } | undefined> {
  return db.transaction().execute(async (tx) => {
    const task = await lockTaskOf(tx, lease);
    const row = await tx.selectFrom("leases").selectAll().where("id", "=", lease).forUpdate().executeTakeFirst();
    // What is being cancelled, or gives way to others, starts no more: its run would have to be stopped at once.
    if (row === undefined || task === undefined || task.cancel !== null) return undefined;
    if (row.state === "offered" && row.note?.why === "gave-way") return undefined;
    if (row.run_id !== null && row.run_id !== run) return undefined;
    if (row.state === "held" && (row.check_run !== checkRun || row.heartbeat !== null)) return undefined;
    // Both tables are asked before anything is written: a refusal leaves nothing half done.
    if (!stepLease(row.state, "claim").ok || !stepTask(task.state, "claim").ok) return undefined;
    // One run has one lease: a job that knows another attempt's id can't take that one as well.
    const other = await tx
      .selectFrom("leases")
      .select("id")
      .where("run_id", "=", run)
      .where("id", "!=", lease)
      .executeTakeFirst();
    if (other !== undefined) return undefined;
    await stepLeaseRow(tx, lease, "claim");
    await stepTaskRow(tx, row.task_id, "claim", LEASE.silentMs);
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
    await wakeComments(tx, [row.task_id]);
    return { deadlineInMs: claimed.deadline_in };
  });
}

/** Locks a lease's task, always before the lease itself: the worker's own transactions take them in this order. */
async function lockTaskOf(
  tx: Kysely<Schema>,
  lease: LeaseId,
): Promise<Pick<Selectable<Schema["tasks"]>, "state" | "cancel"> | undefined> {
  return tx
    .selectFrom("tasks")
    .select(["state", "cancel"])
    .where("id", "=", (query) => query.selectFrom("leases").select("task_id").where("leases.id", "=", lease))
    .forUpdate()
    .executeTakeFirst();
}

export async function recordHeartbeat(db: Kysely<Schema>, lease: LeaseId, heartbeat: Heartbeat, listed: MicroUsd): Promise<void> {
  await db.transaction().execute(async (tx) => {
    const row = await tx.selectFrom("leases").selectAll().where("id", "=", lease).forUpdate().executeTakeFirst();
    if (row?.state !== "held") return;
    await tx
      .updateTable("leases")
      .set({
        heartbeat: JSON.stringify(heartbeat),
        heard_at: NOW,
        // It isn't silent any more, whatever it was taken for.
        note: sql`case when note ->> 'why' = 'silent' then null else note end`,
      })
      .where("id", "=", lease)
      .execute();
    await hear(tx, row, await modelOf(tx, row.attempt_id), listed, heartbeat.observation, Infinity);
    await wakeProgress(tx, lease);
  });
}

/**
 * What a run has told of its use so far and of its account. A figure that goes backwards adds nothing; one of an observation's
 * own report is part of what the provider has seen, which was `latest` at the latest. Returns when that was.
 */
async function hear(
  tx: Kysely<Schema>,
  row: Selectable<Schema["leases"]>,
  model: string,
  listed: number,
  observation: Observation | null,
  latest: number,
): Promise<EpochMs> {
  const of = { owner: OwnerId(row.owner_id), credential: CredentialName(row.credential), model };
  const now = await lockPool(tx, of.owner);
  const at = EpochMs(Math.min(now - (observation?.ageMs ?? 0), latest));
  // Before its use is counted, so that this is counted there.
  if (observation !== null) await learnUpstream(tx, of, observation.upstream);
  await recordUse(tx, of, Math.max(0, listed - row.used), at);
  if (listed > row.used) await tx.updateTable("leases").set({ used: listed }).where("id", "=", row.id).execute();
  if (observation !== null) await recordObservation(tx, of, observation, at);
  return at;
}

/**
 * When a job has made its outcome at the latest: a beat after its last one, or after its claim. An outcome may be on its way for
 * a quarter of an hour, as old as when it was made, and what came meanwhile is newer.
 */
function madeBy({ heard_at, deadline_at }: Selectable<Schema["leases"]>): number {
  const heard = heard_at ?? (deadline_at === null ? Infinity : deadline_at - LEASE.termMs);
  return heard + LEASE.heartbeatEveryMs;
}

/** What a provider's limit by the minute counts. */
function limited({ inputTokens, cacheWriteTokens, cacheWrite1hTokens }: Usage): number {
  return inputTokens + cacheWriteTokens + cacheWrite1hTokens;
}

async function modelOf(tx: Kysely<Schema>, attempt: string): Promise<string> {
  const { route } = await tx.selectFrom("attempts").select("route").where("id", "=", attempt).executeTakeFirstOrThrow();
  return route.model;
}

export async function settle(
  db: Kysely<Schema>,
  lease: LeaseId,
  outcome: Outcome,
  outcomeHash: string,
  { entries, fault, isTypical }: Settlement,
): Promise<boolean> {
  const { changes, session, ...report } = outcome.kind === "ran" ? outcome : { ...outcome, changes: null, session: undefined };
  return db.transaction().execute(async (tx) => {
    await lockTaskOf(tx, lease);
    const row = await stepLeaseRow(tx, lease, "report");
    if (row === undefined) return false;
    await tx
      .updateTable("leases")
      .set({
        report: JSON.stringify(report),
        outcome_hash: outcomeHash,
        outcome_keys: null,
        changes: changes === null ? null : JSON.stringify(changes),
        session: session === undefined ? null : JSON.stringify(session),
      })
      .where("id", "=", lease)
      .execute();
    const of = { owner: OwnerId(row.owner_id), credential: CredentialName(row.credential) };
    const plan = await planOf(tx, row.task_id);
    const { model } = plan.route;
    const listed = listedOf(entries);
    const at = await hear(tx, row, model, listed, outcome.observation, madeBy(row));
    await recordFault(tx, { ...of, model }, { fault, worked: isTypical, grantedAt: row.created_at, at });
    if (isTypical) {
      const { used, ms, tokens } = await earlierRuns(tx, row);
      const cost = listed + used;
      await learnCost(tx, of.owner, plan, { cost, ms: outcome.ms + ms, tokens: limited(outcome.usage) + tokens });
    }
    await correctTeam(tx, row, plan.asker.team, listed);
    await writeLedger(tx, { lease, ...of, plan, standby: row.standby }, entries);
    await tx.deleteFrom("holds").where("lease_id", "=", lease).execute();
    if (!(await stepTaskRow(tx, row.task_id, "report", 0)))
      throw new Error(`lease ${lease} was held and its task was not running`);
    await wakeAdmission(tx, row.owner_id);
    return true;
  });
}

/** What the same attempt's runs before this one have used: a job that was moved is one job, and no cheaper than others. */
async function earlierRuns(
  tx: Kysely<Schema>,
  { attempt_id, fence }: Selectable<Schema["leases"]>,
): Promise<{ readonly used: number; readonly ms: number; readonly tokens: number }> {
  const rows = await tx
    .selectFrom("leases")
    .select(["used", "report"])
    .where("attempt_id", "=", attempt_id)
    .where("fence", "<", fence)
    .execute();
  const sum = (of: (row: (typeof rows)[number]) => number) => rows.reduce((total, row) => total + of(row), 0);
  return {
    used: sum((row) => row.used),
    ms: sum(({ report }) => report?.ms ?? 0),
    tokens: sum(({ report }) => (report === null ? 0 : limited(report.usage))),
  };
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
