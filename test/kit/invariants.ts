import { sql, type Kysely } from "kysely";
import { LIVE_LEASE_STATES, TERMINAL_TASK_STATES, type LeaseState, type TaskState } from "#core/task/lifecycle.ts";
import type { Schema } from "#adapters/store/schema.ts";

/** What is broken, in words, and the row that shows it. */
export type Violation = { readonly broken: string; readonly row: string };

/** The one live lease that belongs to a task in this state; none where null. */
const LEASE_OF: Record<TaskState, LeaseState | null> = {
  planning: null,
  queued: null,
  dispatching: "offered",
  awaiting: "offered",
  running: "held",
  judging: null,
  committing: null,
  branching: null,
  opening: null,
  solved: null,
  unsolved: null,
  refused: null,
  stuck: null,
};

const words = (list: readonly string[]) => sql.join(list.map((word) => sql.lit(word)));
const ENDED = words(TERMINAL_TASK_STATES);
const EXPECTED = sql.join(Object.entries(LEASE_OF).map(([state, lease]) => sql`(${sql.lit(state)}, ${sql.lit(lease)})`));

/**
 * What must hold between transactions, whatever has happened: every row that breaks it. The windows of a ledger entry are
 * written out anew here, and the months are Postgres' own, so that this can differ from what it checks.
 */
export async function findViolations(db: Kysely<Schema>): Promise<readonly Violation[]> {
  const { rows } = await sql<Violation>`
    with
      live as (select * from leases where state in (${words(LIVE_LEASE_STATES)})),
      live_tasks as (select * from tasks where state not in (${ENDED})),
      belongs (task_state, lease_state) as (values ${EXPECTED}),
      charged as (
        select owner_id, 'owner/usd-month' as window_id, amount, at from ledger
        union all
        select owner_id, 'credential:' || credential || '/usd-month', amount, at from ledger where kind = 'model'
      ),
      sums as (
        select owner_id, window_id, sum(amount) as amount,
          (extract(epoch from date_trunc('month', to_timestamp(at / 1000.0) at time zone 'UTC')) * 1000)::bigint as since
        from charged group by owner_id, window_id, since
      ),
      amounts as (
        select 'hold of ' || lease_id as row, amount from holds
        union all select 'spend of ' || window_id, amount from spend
        union all select 'ledger of ' || lease_id, amount from ledger
        union all select 'budget of ' || id, budget from attempts
      )
    select 'a hold without a live lease' as broken, lease_id as row from holds where lease_id not in (select id from live)
    union all
    select 'a live lease without its two holds', live.id from live
      where (select count(*) from holds where lease_id = live.id) <> 2
        or (select count(*) from holds where lease_id = live.id and owner_id = live.owner_id
          and window_id in ('owner/usd-month', 'credential:' || live.credential || '/usd-month')) <> 2
    union all
    select 'a negative amount', row from amounts where amount < 0
    union all
    select 'a sum that is not the ledger''s', coalesce(spend.window_id, sums.window_id)
      from spend full join sums using (owner_id, window_id, since)
      where spend.amount is distinct from sums.amount
    union all
    select 'a task without what belongs to its state', tasks.id || ' ' || tasks.state
      from tasks join belongs on belongs.task_state = tasks.state
      where array(select live.state from live where live.task_id = tasks.id)
        <> case when belongs.lease_state is null then array[]::text[] else array[belongs.lease_state] end
    union all
    select 'a queued task without a plan or its time', id from tasks
      where state = 'queued' and (plan is null or queued_at is null)
    union all
    select 'an issue with two live tasks', repository_id || '#' || issue_number from live_tasks
      group by repository_id, issue_number having count(*) > 1
    union all
    select 'an issue with two comments', repository_id || '#' || issue_number from comments
      group by repository_id, issue_number having count(*) > 1
    union all
    select 'a live task that is not its comment''s', live_tasks.id from live_tasks
      where not exists (
        select from comments where comments.task_id = live_tasks.id
          and comments.repository_id = live_tasks.repository_id and comments.issue_number = live_tasks.issue_number)
    union all
    select 'a grant without its one decision', leases.id from leases
      where (select count(*) from decisions where decisions.lease_id = leases.id) <> 1
    union all
    select 'a task with two open attempts', task_id from attempts where state = 'open' group by task_id having count(*) > 1
    union all
    select 'an ended task with an open attempt', tasks.id from tasks join attempts on attempts.task_id = tasks.id
      where tasks.state in (${ENDED}) and attempts.state = 'open'`.execute(db);
  return rows;
}

/** For after each test: throws what is broken, row by row. */
export async function checkBooks(db: Kysely<Schema>): Promise<void> {
  const violations = await findViolations(db);
  if (violations.length > 0) throw new Error(violations.map(({ broken, row }) => `${broken}: ${row}`).join("\n"));
}
