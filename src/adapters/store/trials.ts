import { randomUUID } from "node:crypto";
import { sql, type Kysely, type RawBuilder, type Selectable } from "kysely";
import { OwnerId, TaskId, TrialId } from "#core/wire/ids.ts";
import { MicroUsd } from "#core/wire/units.ts";
import type { Failure } from "#core/wire/failure.ts";
import { ATTEMPT_TRANSITIONS, isTerminal, TASK_TRANSITIONS, TERMINAL_TASK_STATES } from "#core/task/lifecycle.ts";
import { fund, type FundedRun } from "#core/trial/fund.ts";
import { OFFER_STANDS_MS, TRIAL_TRANSITIONS } from "#core/trial/lifecycle.ts";
import { markOf, type TrialOffer } from "#core/trial/report.ts";
import type { ClaimedTrial, NewTrial, StoredRun, TrialPull, TrialRow } from "#ports/trial.ts";
import { lockPool } from "./lock.ts";
import { NOW } from "./migrations.ts";
import { claimDue } from "./queue.ts";
import type { Schema } from "./schema.ts";

export async function askTrial(db: Kysely<Schema>, { id, repository, last, routes, budget }: NewTrial): Promise<void> {
  await db
    .insertInto("trials")
    .values({ id, repository, last, routes: JSON.stringify(routes), budget, state: "choosing", due_at: NOW })
    .execute();
}

export async function claimTrial(db: Kysely<Schema>): Promise<ClaimedTrial | undefined> {
  const row = await claimDue(db, "trials");
  return row === undefined ? undefined : { ...toTrial(row), ...row.held };
}

export async function offerTrial(
  db: Kysely<Schema>,
  trial: ClaimedTrial,
  owner: OwnerId,
  offer: TrialOffer,
  pulls: readonly TrialPull[],
): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    const due_at = sql<number>`${NOW} + ${OFFER_STANDS_MS}::bigint`;
    const offered = { state: TRIAL_TRANSITIONS.choosing.offer, owner_id: owner, offer: JSON.stringify(offer), due_at };
    if (!(await letGo(tx, trial, offered))) return false;
    for (const { pull, brief, base, overlay } of pulls) {
      const kept = { brief: JSON.stringify(brief), base: JSON.stringify(base), overlay: JSON.stringify(overlay) };
      await tx
        .insertInto("trial_pulls")
        .values({ trial_id: trial.id, pull, ...kept })
        .execute();
    }
    return true;
  });
}

export async function failTrial(db: Kysely<Schema>, trial: ClaimedTrial, failure: string): Promise<void> {
  const state = TRIAL_TRANSITIONS[trial.state].fail;
  if (state === null) throw new Error(`trial ${trial.id} in ${trial.state} can't fail`);
  await db.transaction().execute(async (tx) => {
    if (await letGo(tx, trial, { state, failure })) await dropOverlays(tx, trial.id);
  });
}

/** Private source is not kept beside its repository. */
async function dropOverlays(tx: Kysely<Schema>, trial: TrialId): Promise<void> {
  await tx.updateTable("trial_pulls").set({ overlay: "[]" }).where("trial_id", "=", trial).execute();
}

/** Its state moved on, as its holder. */
async function letGo(
  tx: Kysely<Schema>,
  trial: ClaimedTrial,
  next: Partial<Pick<Schema["trials"], "owner_id" | "state" | "failure">> & {
    readonly offer?: string;
    readonly due_at?: RawBuilder<number>;
  },
): Promise<boolean> {
  const moved = await tx
    .updateTable("trials")
    .set({ tries: 0, held_by: null, held_until: null, due_at: null, ...next })
    .where("id", "=", trial.id)
    .where("state", "=", trial.state)
    .where("held_by", "=", trial.holder)
    .returning("id")
    .executeTakeFirst();
  return moved !== undefined;
}

export async function startTrial(db: Kysely<Schema>, trial: TrialId): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    const started = await tx
      .updateTable("trials")
      .set({ state: TRIAL_TRANSITIONS.offered.start, due_at: NOW })
      .where("id", "=", trial)
      .where("state", "=", "offered")
      .returning("routes")
      .executeTakeFirst();
    if (started === undefined) return false;
    const pulls = await tx.selectFrom("trial_pulls").select(["pull", "brief"]).where("trial_id", "=", trial).execute();
    for (const { pull, brief } of pulls) {
      for (const route of started.routes) {
        const of = { trial_id: trial, trial_pull: pull, trial_route: route };
        const place = { owner_id: brief.owner.id, repository_id: brief.repository.id, issue_number: brief.issue.number };
        await tx
          .insertInto("tasks")
          // No delivery asked for it: what stands in its place is its own, and never one of GitHub's.
          .values({ id: randomUUID(), delivery_id: `${trial} ${String(pull)} ${route}`, ...of, ...place, state: "planning", brief: JSON.stringify(brief) })
          .execute(); // prettier-ignore
      }
    }
    return true;
  });
}

export async function stopTrial(db: Kysely<Schema>, trial: TrialId): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    const known = await tx.selectFrom("trials").select("owner_id").where("id", "=", trial).executeTakeFirst();
    // Nothing is granted to what is taken from the queue here.
    if (known?.owner_id != null) await lockPool(tx, OwnerId(known.owner_id));
    const row = await tx.selectFrom("trials").select("state").where("id", "=", trial).forUpdate().executeTakeFirst();
    const next = row === undefined ? null : TRIAL_TRANSITIONS[row.state].stop;
    if (next === null) return false;
    await tx.updateTable("trials").set({ state: next, due_at: NOW }).where("id", "=", trial).execute();
    const waiting = await tx
      .selectFrom("tasks")
      .select("id")
      .where("trial_id", "=", trial)
      .where((is) => is.or([is("state", "=", "planning"), isQueuedUnbegun()]))
      .execute();
    await leave(tx, waiting.map(({ id }) => TaskId(id)), "stopped"); // prettier-ignore
    return true;
  });
}

/** No run has claimed a lease of it, though one or the other may have been offered in vain. */
const isQueuedUnbegun = () =>
  sql<boolean>`(state = 'queued' and not exists (
    select from leases where leases.task_id = tasks.id and leases.deadline_at is not null))`;

type Why = Extract<Failure, { reason: "trial-over" }>["why"];

async function leave(tx: Kysely<Schema>, tasks: readonly TaskId[], why: Why): Promise<void> {
  if (tasks.length === 0) return;
  const failure: Failure = { reason: "trial-over", why };
  await tx
    .updateTable("tasks")
    .set({ state: TASK_TRANSITIONS.planning.refuse, failure: JSON.stringify(failure), due_at: null, updated_at: NOW })
    .where("id", "in", [...tasks])
    .where("state", "in", ["planning", "queued"] satisfies Refusable[])
    .execute();
  // Left open by an offer that ran out.
  await tx
    .updateTable("attempts")
    .set({ state: ATTEMPT_TRANSITIONS.open.refused })
    .where("task_id", "in", [...tasks])
    .where("state", "=", "open")
    .execute();
}
/** From either, `refuse` leads to the same end. */
type Refusable = { [State in keyof typeof TASK_TRANSITIONS]: (typeof TASK_TRANSITIONS)[State]["refuse"] extends "refused" ? State : never }[keyof typeof TASK_TRANSITIONS]; // prettier-ignore

export async function fundTrial(db: Kysely<Schema>, trial: ClaimedTrial): Promise<void> {
  await db.transaction().execute(async (tx) => {
    // Together with a stop: one of the two sees what the other has done.
    const row = await tx
      .selectFrom("trials")
      .select(["state", "offer"])
      .where("id", "=", trial.id)
      .forUpdate()
      .executeTakeFirst();
    if (row?.state === "running" && row.offer !== null) {
      const runs = await readRuns(tx, trial.id);
      const { start, leave: left } = fund(runs.map(toFunded), row.offer.atMost.run, row.offer.budget);
      if (start.length > 0)
        await tx
          .updateTable("tasks")
          .set({ due_at: NOW })
          .where("id", "in", [...start])
          .execute();
      for (const { task, why } of left) await leave(tx, [task], why);
    }
    const { open } = await tx
      .selectFrom("tasks")
      .select(sql<number>`count(*)::int`.as("open"))
      .where("trial_id", "=", trial.id)
      .where("state", "not in", [...TERMINAL_TASK_STATES])
      .executeTakeFirstOrThrow();
    if (open > 0) return;
    await tx
      .updateTable("trials")
      .set({ state: TRIAL_TRANSITIONS.running.end })
      .where("id", "=", trial.id)
      .where("state", "=", "running")
      .execute();
    await dropOverlays(tx, trial.id);
  });
}

type Run = StoredRun & { readonly heldBack: boolean };

function toFunded(run: Run): FundedRun {
  const { task, pull, state, heldBack, model, runner } = run;
  const phase = isTerminal(state) ? "ended" : heldBack ? "waits" : "goesOn";
  return { task, pull, phase, cost: MicroUsd(model + runner), provesNothing: markOf(run) === "provesNothing" };
}

export async function readTrial(
  db: Kysely<Schema>,
  trial: TrialId,
): Promise<{ readonly trial: TrialRow; readonly runs: readonly StoredRun[] } | undefined> {
  const row = await db.selectFrom("trials").selectAll().where("id", "=", trial).executeTakeFirst();
  if (row === undefined) return undefined;
  return { trial: toTrial(row), runs: await readRuns(db, trial) };
}

/** Pull request by pull request, so that what a budget ends early can still be compared. */
async function readRuns(db: Kysely<Schema>, trial: TrialId): Promise<readonly Run[]> {
  const cost = (kind: string) =>
    sql<number>`coalesce((select sum(listed) from ledger join leases on leases.id = ledger.lease_id
      where leases.task_id = tasks.id and ledger.kind = ${kind}), 0)::bigint`;
  const rows = await db
    .selectFrom("tasks")
    .leftJoin("attempts", (join) =>
      join.onRef("attempts.task_id", "=", "tasks.id").on("attempts.number", "=", (query) =>
        query
          .selectFrom("attempts as others")
          .select((last) => last.fn.max("number").as("number"))
          .whereRef("others.task_id", "=", "tasks.id"),
      ),
    )
    .select([
      "tasks.id",
      "tasks.state",
      "trial_pull",
      "trial_route",
      "attempts.state as attempt_state",
      "attempts.why",
      sql<boolean>`(tasks.state = 'planning' and tasks.due_at is null)`.as("held_back"),
      sql<boolean>`exists (select from leases where leases.task_id = tasks.id)`.as("begun"),
      cost("model").as("model"),
      cost("runner").as("runner"),
      sql<number>`coalesce((select sum((report ->> 'ms')::bigint) from leases where leases.task_id = tasks.id), 0)::bigint`.as(
        "ms",
      ),
    ])
    .where("trial_id", "=", trial)
    .orderBy("trial_pull", "desc")
    .orderBy("trial_route")
    .execute();
  return rows.map((row) => ({
    task: TaskId(row.id),
    pull: row.trial_pull ?? 0,
    route: row.trial_route ?? "",
    state: row.state,
    heldBack: row.held_back,
    begun: row.begun,
    verdict: row.attempt_state === null || row.attempt_state === "open" ? null : row.attempt_state,
    why: row.why,
    model: MicroUsd(row.model),
    runner: MicroUsd(row.runner),
    ms: row.ms,
  }));
}

export async function readTrialPull(db: Kysely<Schema>, trial: TrialId, pull: number): Promise<TrialPull | undefined> {
  return db
    .selectFrom("trial_pulls")
    .select(["pull", "brief", "base", "overlay"])
    .where("trial_id", "=", trial)
    .where("pull", "=", pull)
    .executeTakeFirst();
}

function toTrial(row: Selectable<Schema["trials"]>): TrialRow {
  const { id, repository, last, routes, budget, state, offer, failure } = row;
  return { id: TrialId(id), repository, last, routes, budget: budget === null ? null : MicroUsd(budget), state, offer, failure };
}
