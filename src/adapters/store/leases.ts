import { sql, type Kysely, type RawBuilder, type Selectable } from "kysely";
import type { Change } from "#core/wire/contract.ts";
import type { Session } from "#core/wire/session.ts";
import { AttemptId, CredentialName, LeaseId, OwnerId, RunId, TaskId } from "#core/wire/ids.ts";
import { MicroUsd } from "#core/wire/units.ts";
import { LEASE } from "#core/pool/lease.ts";
import { conservativeCharge, listedOf, type LedgerEntry } from "#core/pool/ledger.ts";
import { stepAttempt, stepLease, type LeaseEvent, type Verdict } from "#core/task/lifecycle.ts";
import type { JudgedReason } from "#core/task/judge.ts";
import type { ExpectedRun, LeasePatch, LeaseRow, Sealing } from "#ports/store.ts";
import { writeLedger } from "./ledger.ts";
import { NOW } from "./migrations.ts";
import { lockPool } from "./lock.ts";
import { correctTeam, planOf } from "./settled.ts";
import { recordUse } from "./upstreams.ts";
import type { Schema } from "./schema.ts";

export async function readLease(db: Kysely<Schema>, lease: LeaseId): Promise<LeaseRow | undefined> {
  const row = await leases(db).where("leases.id", "=", lease).executeTakeFirst();
  return row === undefined ? undefined : toLease(row);
}

export async function readLeases(db: Kysely<Schema>, task: TaskId): Promise<readonly LeaseRow[]> {
  const rows = await leases(db).where("leases.task_id", "=", task).orderBy("attempts.number").orderBy("fence").execute();
  return rows.map(toLease);
}

export async function findByRunToken(db: Kysely<Schema>, lease: LeaseId, runTokenHash: string): Promise<LeaseRow | undefined> {
  const row = await leases(db).where("leases.id", "=", lease).where("run_token_hash", "=", runTokenHash).executeTakeFirst();
  return row === undefined ? undefined : toLease(row);
}

export async function keepSealing(db: Kysely<Schema>, { keys, lease, tokenHash }: Sealing): Promise<void> {
  await db
    .updateTable("leases")
    .set({ outcome_keys: JSON.stringify(keys) })
    .where("id", "=", lease)
    .where("run_token_hash", "=", tokenHash)
    .where("state", "=", "held")
    .execute();
}

export async function readSealing(db: Kysely<Schema>, lease: LeaseId): Promise<Sealing | undefined> {
  const row = await db
    .selectFrom("leases")
    .select(["outcome_keys", "run_token_hash"])
    .where("id", "=", lease)
    .where("state", "=", "held")
    .executeTakeFirst();
  if (row?.outcome_keys == null || row.run_token_hash === null) return undefined;
  return { lease, tokenHash: row.run_token_hash, keys: row.outcome_keys };
}

/** Of its attempt's budget, what the runs before it have left a lease. */
const leftOfBudget = sql<number>`greatest(0, attempts.budget - coalesce((
  select sum(before.used) from leases as before
  where before.attempt_id = attempts.id and before.fence < leases.fence), 0))::bigint`;

/** The size of its account's five-hour window, as learned. */
const fiveHours = sql<number | null>`(
  select capacity from allowances join credentials using (owner_id, upstream)
  where allowances.owner_id = leases.owner_id and credentials.name = leases.credential and allowances.name = 'five-hour')`;

function leases(db: Kysely<Schema>) {
  const cost = (kind: LedgerEntry["kind"], figure: "amount" | "listed" = "amount") =>
    sql<number | null>`(select ${sql.ref(figure)} from ledger where ledger.lease_id = leases.id and ledger.kind = ${kind})`;
  return db
    .selectFrom("leases")
    .innerJoin("attempts", "attempts.id", "leases.attempt_id")
    .select([
      "leases.id",
      "leases.task_id",
      "leases.owner_id",
      "leases.attempt_id",
      "leases.fence",
      "leases.state",
      "leases.credential",
      "leases.expected",
      "leases.run_id",
      "leases.run_url",
      "leases.note",
      "leases.stop_asked",
      "leases.outcome_hash",
      "leases.report",
      "attempts.number",
      "attempts.route",
      "attempts.budget",
      leftOfBudget.as("left"),
      "attempts.price",
      "attempts.why",
      "attempts.state as attempt_state",
      "leases.kind",
      "leases.identity",
      "leases.billed",
      "leases.minute",
      "leases.run_ended",
      "leases.used",
      "leases.heartbeat",
      sql<number>`${NOW} - leases.created_at`.as("age"),
      sql<number | null>`${NOW} - coalesce(heard_at, deadline_at - ${LEASE.termMs})`.as("unheard"),
      sql<number | null>`deadline_at - ${NOW}`.as("deadline_in"),
      cost("model").as("model_cost"),
      cost("model", "listed").as("model_listed"),
      cost("runner").as("runner_cost"),
      fiveHours.as("five_hours"),
    ]);
}

type Read = Awaited<ReturnType<ReturnType<typeof leases>["executeTakeFirstOrThrow"]>>;

function toLease(row: Read): LeaseRow {
  const money = (amount: number | null) => (amount === null ? null : MicroUsd(amount));
  return {
    id: LeaseId(row.id),
    task: TaskId(row.task_id),
    owner: OwnerId(row.owner_id),
    attempt: {
      id: AttemptId(row.attempt_id),
      number: row.number,
      route: row.route,
      budget: MicroUsd(row.budget),
      left: MicroUsd(row.left),
      price: row.price,
      verdict: row.attempt_state === "open" ? null : row.attempt_state,
      why: row.why,
    },
    fence: row.fence,
    state: row.state,
    credential: CredentialName(row.credential),
    expected: row.expected,
    run: row.run_id === null ? null : RunId(row.run_id),
    runUrl: row.run_url,
    ageMs: row.age,
    deadlineInMs: row.deadline_in,
    unheardMs: row.unheard,
    runEnded: row.run_ended,
    kind: row.kind,
    identity: row.identity,
    billed: row.billed,
    minute: MicroUsd(row.minute),
    note: row.note,
    stopAsked: row.stop_asked,
    outcomeHash: row.outcome_hash,
    used: MicroUsd(row.used),
    beat: row.heartbeat,
    report: row.report,
    costs: {
      model: money(row.model_cost),
      listed: money(row.model_listed),
      ofFiveHours: row.model_listed === null || row.five_hours === null ? null : row.model_listed / row.five_hours,
      runner: money(row.runner_cost),
    },
  };
}

export async function expectRun(db: Kysely<Schema>, lease: LeaseId, expected: ExpectedRun | null): Promise<void> {
  await db
    .updateTable("leases")
    .set({ expected: expected === null ? null : JSON.stringify(expected) })
    .where("id", "=", lease)
    .where("state", "=", "offered")
    .execute();
}

export async function withdrawLease(db: Kysely<Schema>, lease: LeaseId): Promise<boolean> {
  return db.transaction().execute(async (tx) => (await stepLeaseRow(tx, lease, "withdraw")) !== undefined);
}

export async function noteLease(db: Kysely<Schema>, lease: LeaseId, why: JudgedReason): Promise<void> {
  await db
    .updateTable("leases")
    .set({ note: JSON.stringify(why), ...(["silent", "cancelled", "gave-way"].includes(why.why) ? { stop_asked: true } : {}) })
    .where("id", "=", lease)
    .execute();
}

export async function patchLease(tx: Kysely<Schema>, patch: LeasePatch): Promise<void> {
  const { lease, run, verdict } = patch;
  if (run !== undefined) {
    // A run that has claimed keeps the lease: the one we know of may be a second one, made when an answer was lost.
    await tx
      .updateTable("leases")
      .set({ run_id: run.id, run_url: run.url })
      .where("id", "=", lease)
      .where((where) => where.or([where("run_id", "is", null), where("run_id", "=", run.id)]))
      .execute();
  }
  if (verdict !== undefined) await judgeAttempt(tx, lease, verdict.verdict, verdict.why);
  if (patch.lose === true) await lose(tx, lease);
}

async function judgeAttempt(tx: Kysely<Schema>, lease: LeaseId, verdict: Verdict, why: JudgedReason | null): Promise<void> {
  const attempt = await tx
    .selectFrom("attempts")
    .select(["id", "state"])
    .where("id", "=", (query) => query.selectFrom("leases").select("attempt_id").where("leases.id", "=", lease))
    .executeTakeFirstOrThrow();
  const next = stepAttempt(attempt.state, verdict);
  if (!next.ok) throw new Error(`attempt ${attempt.id} is ${attempt.state} and can't be judged ${verdict}`);
  await tx
    .updateTable("attempts")
    .set({
      state: next.value,
      why: why === null ? null : JSON.stringify(why),
      proved: verdict === "solved" ? someCheckPassed(lease) : null,
    })
    .where("id", "=", attempt.id)
    .execute();
}

/** Of what its report says of the checks, which the judge has found good enough: whether any ran and passed. */
function someCheckPassed(lease: LeaseId): RawBuilder<boolean> {
  return sql<boolean>`exists (
    select from leases, jsonb_array_elements(coalesce(leases.report -> 'verification', '[]')) as ran
    where leases.id = ${lease} and ran ->> 'exitCode' = '0')`;
}

/** Ends a lease whose run will report nothing, and charges it, its windows included: until the next observation tells better. */
async function lose(tx: Kysely<Schema>, lease: LeaseId): Promise<void> {
  const before = await stepLeaseRow(tx, lease, "lose");
  if (before === undefined) return;
  const of = { owner: OwnerId(before.owner_id), credential: CredentialName(before.credential) };
  const now = await lockPool(tx, of.owner);
  await tx.updateTable("leases").set({ outcome_keys: null }).where("id", "=", lease).execute();
  const plan = await planOf(tx, before.task_id);
  const sinceClaimMs = before.deadline_in === null ? null : Math.max(0, LEASE.termMs - before.deadline_in);
  const { left } = await tx
    .selectFrom("leases")
    .innerJoin("attempts", "attempts.id", "leases.attempt_id")
    .select(leftOfBudget.as("left"))
    .where("leases.id", "=", lease)
    .executeTakeFirstOrThrow();
  const entries = conservativeCharge(
    { cap: MicroUsd(left), billed: before.billed, minute: MicroUsd(before.minute) },
    sinceClaimMs,
  );
  const listed = listedOf(entries);
  await recordUse(tx, { ...of, model: plan.route.model }, Math.max(0, listed - before.used), now);
  await correctTeam(tx, before, plan.asker.team, listed);
  await writeLedger(tx, { lease, ...of, plan, standby: before.standby }, entries);
  await tx.deleteFrom("holds").where("lease_id", "=", lease).execute();
}

/** The row as it was, its state moved on; undefined where the lifecycle has no such step. */
export async function stepLeaseRow(
  tx: Kysely<Schema>,
  lease: LeaseId,
  event: LeaseEvent,
): Promise<(Selectable<Schema["leases"]> & { deadline_in: number | null }) | undefined> {
  const row = await tx
    .selectFrom("leases")
    .selectAll()
    .select(sql<number | null>`deadline_at - ${NOW}`.as("deadline_in"))
    .where("id", "=", lease)
    .forUpdate()
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const next = stepLease(row.state, event);
  if (!next.ok) return undefined;
  await tx.updateTable("leases").set({ state: next.value }).where("id", "=", lease).execute();
  return row;
}

export async function readChanges(db: Kysely<Schema>, lease: LeaseId): Promise<readonly Change[]> {
  const row = await db.selectFrom("leases").select("changes").where("id", "=", lease).executeTakeFirst();
  return row?.changes ?? [];
}

export async function readSession(db: Kysely<Schema>, lease: LeaseId): Promise<Session | undefined> {
  const row = await db.selectFrom("leases").select("session").where("id", "=", lease).executeTakeFirst();
  return row?.session ?? undefined;
}

/** What an ended task changed is in its pull request, or refused: private source is not kept beside it. */
export async function dropChanges(tx: Kysely<Schema>, task: TaskId): Promise<void> {
  await tx
    .updateTable("leases")
    .set({ changes: null, session: null })
    .where("task_id", "=", task)
    .where((is) => is.or([is("changes", "is not", null), is("session", "is not", null)]))
    .execute();
}
