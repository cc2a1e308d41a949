import { spawn, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { sql, type Kysely } from "kysely";
import { CONSTANTS } from "#core/pool/constants.ts";
import type { Decision, PoolSnapshot } from "#core/pool/decision.ts";
import { pick } from "#core/pool/pick.ts";
import type { Plan } from "#core/plan/plan.ts";
import { DeliveryId, OwnerId, RunId, TaskId, type LeaseId } from "#core/wire/ids.ts";
import { connectPostgres, type Connection } from "#adapters/store/connect.ts";
import { openStore } from "#adapters/store/store.ts";
import type { Schema } from "#adapters/store/schema.ts";
import type { ClaimedTask, CurrentPolicy, LeaseRow, Store } from "#ports/store.ts";
import { decide } from "../kit/decide.ts";
import { makeBrief, makePlanRow } from "../kit/briefs.ts";
import { freshDatabase } from "../kit/stores.ts";

export const OWNER = OwnerId(10);

/** Stores at one fresh database, each with connections of its own, and a connection to look into its tables with. */
export type Opened = {
  readonly databaseUrl: string;
  readonly stores: readonly Store[];
  readonly store: Store;
  readonly db: Kysely<Schema>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

export async function open(count = 1): Promise<Opened> {
  const databaseUrl = await freshDatabase();
  const store = await openStore({ databaseUrl });
  const stores = [store, ...(await Promise.all(Array.from({ length: count - 1 }, () => openStore({ databaseUrl }))))];
  const tables: Connection = connectPostgres(databaseUrl);
  return {
    databaseUrl,
    stores,
    store,
    db: tables.db,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...stores, tables].map((each) => each.close()));
    },
  };
}

let issues = 0;
/** Opens and plans so many tasks. */
export async function queueTasks(store: Store, count: number, plan: Partial<Plan> = {}): Promise<readonly TaskId[]> {
  const opened: TaskId[] = [];
  for (let at = 0; at < count; at += 1) {
    const task = TaskId(randomUUID());
    opened.push(task);
    await store.openTask(task, makeBrief((issues += 1)), DeliveryId(randomUUID()));
    const claimed = await claim(store, task);
    await store.advance(claimed, "plan", { plan: makePlanRow(plan) });
  }
  return opened;
}

/** Claims until it has this task, resting the others. */
export async function claim(store: Store, task: TaskId): Promise<ClaimedTask> {
  for (;;) {
    const claimed = await store.claimTask();
    if (claimed === undefined) throw new Error(`${task} is not due`);
    if (claimed.id === task) return claimed;
    await store.rest(claimed, null);
  }
}

/** What a grant would look at now. */
export async function look(store: Store, policy: CurrentPolicy): Promise<PoolSnapshot> {
  const { record } = await decide(store, OWNER, policy, (snapshot) => ({
    kind: "wait",
    waiting: [],
    record: { snapshot, constants: CONSTANTS, candidates: [], passedOver: [] },
  }));
  return record.snapshot;
}

export type Granted = Extract<Decision, { kind: "grant" }> & { readonly lease: LeaseRow };

export async function grant(store: Store, policy: CurrentPolicy): Promise<Granted> {
  const decision = await decide(store, OWNER, policy, pick);
  if (decision.kind === "wait") throw new Error(`nothing is granted: ${JSON.stringify(decision.record.passedOver)}`);
  return { ...decision, lease: (await store.readLeases(decision.task)).at(-1)! };
}

let runs = 0;
/** Grants and has a run claim it. */
export async function start(store: Store, policy: CurrentPolicy): Promise<Granted> {
  const granted = await grant(store, policy);
  if ((await store.claimLease(granted.lease.id, RunId((runs += 1)), "check", `hash-${granted.lease.id}`)) === undefined)
    throw new Error("not claimed");
  return granted;
}

/** The worker's own event, whatever rests before it. */
export async function wake(db: Kysely<Schema>, task: TaskId): Promise<void> {
  await sql`update tasks set due_at = 0, held_by = null, held_until = null where id = ${task}`.execute(db);
}

/** Loses a lease as reconciling does, once its run is known to report nothing. */
export async function lose({ store, db }: Opened, task: TaskId, lease: LeaseId): Promise<boolean> {
  await wake(db, task);
  const claimed = await claim(store, task);
  const why = { why: "deadline" } as const;
  return store.advance(claimed, "lose", {}, { lease, lose: true, verdict: { verdict: "lost", why } });
}

/** The clock is the database's and isn't ours to set: what leases have of it moves into the past instead. */
export async function passTime(db: Kysely<Schema>, ms: number): Promise<void> {
  await sql`
    update leases set deadline_at = deadline_at - ${ms}::bigint, heard_at = heard_at - ${ms}::bigint,
      created_at = created_at - ${ms}::bigint`.execute(db);
}

/** Sums that must be the ledger's by whose it is, and holds that must be of live leases: what is wrong, in words. */
export async function findWrong(db: Kysely<Schema>): Promise<readonly string[]> {
  const { rows } = await sql<{ wrong: string }>`
    with
      charged as (
        select ledger.owner_id, ledger.amount, ledger.at, subject
        from ledger join leases on leases.id = ledger.lease_id join tasks on tasks.id = leases.task_id,
        lateral (values
          ('owner'), ('team:' || (plan #>> '{asker,team}')), ('repository:' || (plan #>> '{asker,repository,id}')),
          ('person:' || (plan #>> '{asker,person}')),
          (case when ledger.kind = 'model' then 'credential:' || ledger.credential end)) as subjects (subject)
        where subject is not null
      ),
      sums as (
        select owner_id, subject, sum(amount) as amount,
          (extract(epoch from date_trunc('day', to_timestamp(at / 1000.0) at time zone 'UTC')) * 1000)::bigint as day
        from charged group by owner_id, subject, day
      )
    select 'spend isn''t the ledger''s: ' || coalesce(spend.subject, sums.subject) as wrong
      from spend full join sums using (owner_id, subject, day) where spend.amount is distinct from sums.amount
    union all
    select 'a hold of no live lease: ' || lease_id from holds join leases on leases.id = lease_id
      where leases.state not in ('offered', 'withdrawn', 'held')
    union all
    select 'a grant without its one decision: ' || id from leases
      where (select count(*) from decisions where lease_id = leases.id) <> 1`.execute(db);
  return rows.map((row) => row.wrong);
}

/** A process of its own (pool-child.ts), and the first line of what it says. */
export async function child(
  { databaseUrl }: Pick<Opened, "databaseUrl">,
  ...words: readonly (string | number)[]
): Promise<{ readonly said: unknown; readonly kill: () => Promise<void> }> {
  const started: ChildProcess = spawn(
    process.execPath,
    [join(import.meta.dirname, "pool-child.ts"), databaseUrl, ...words.map(String)],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const exited = once(started, "exit");
  const line: unknown[] = await Promise.race([
    once(createInterface({ input: started.stdout! }), "line"),
    exited.then(() => Promise.reject(new Error("the other process ended without a word"))),
  ]);
  return {
    said: JSON.parse(String(line[0])),
    async kill() {
      started.kill("SIGKILL");
      await exited;
    },
  };
}
