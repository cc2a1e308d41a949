import { sql, type Kysely } from "kysely";
import { LIVE_LEASE_STATES, TERMINAL_TASK_STATES, type LeaseState, type TaskState } from "#core/task/lifecycle.ts";
import type { Schema } from "#adapters/store/schema.ts";

/** What is broken, in words, and the row that shows it. */
export type Violation = { readonly broken: string; readonly row: string };

/** The one live lease that belongs to a task in this state; none where null. */
const LEASE_OF: Record<TaskState, LeaseState | null> = {
  planning: null,
  asking: null,
  queued: null,
  dispatching: "offered",
  awaiting: "offered",
  running: "held",
  judging: null,
  committing: null,
  branching: null,
  opening: null,
  inviting: null,
  solved: null,
  unsolved: null,
  refused: null,
  stuck: null,
  cancelled: null,
};

const words = (list: readonly string[]) => sql.join(list.map((word) => sql.lit(word)));
const ENDED = words(TERMINAL_TASK_STATES);
const EXPECTED = sql.join(Object.entries(LEASE_OF).map(([state, lease]) => sql`(${sql.lit(state)}, ${sql.lit(lease)})`));

/** What a job's runner may cost at most: 75 minutes of GitHub's, at $0.006. */
const RUNNER = sql.lit(450_000);

/**
 * What must hold between transactions, whatever has happened: every row that breaks it. Whose money a task spends, and what
 * a lease reserves of it, is written out anew here, and the days are Postgres' own, so that this can differ from what it
 * checks.
 */
export async function findViolations(db: Kysely<Schema>): Promise<readonly Violation[]> {
  const { rows } = await sql<Violation>`
    with
      live as (select * from leases where state in (${words(LIVE_LEASE_STATES)})),
      live_tasks as (select * from tasks where state not in (${ENDED})),
      belongs (task_state, lease_state) as (values ${EXPECTED}),
      spenders as (
        select leases.id as lease_id, subject
        from leases join tasks on tasks.id = leases.task_id
        cross join lateral (values
          ('owner'),
          ('team:' || (plan -> 'asker' ->> 'team')),
          ('repository:' || (plan -> 'asker' -> 'repository' ->> 'id')),
          ('person:' || (plan -> 'asker' ->> 'person'))
        ) as subjects (subject)
      ),
      charged as (
        select owner_id, subject, amount, at from ledger join spenders using (lease_id)
        union all
        select owner_id, 'credential:' || credential, amount, at from ledger where ledger.kind = 'model'
      ),
      sums as (
        select owner_id, subject, sum(amount) as amount,
          (extract(epoch from date_trunc('day', to_timestamp(at / 1000.0) at time zone 'UTC')) * 1000)::bigint as day
        from charged group by owner_id, subject, day
      ),
      model_money as (
        select live.id as lease_id, live.owner_id, live.credential, live.billed, case when live.billed then budget else 0 end as amount
        from live join attempts on attempts.id = live.attempt_id
      ),
      reserved as (
        select lease_id, owner_id, 'usd:' || subject as window_id, amount + ${RUNNER} as amount
        from model_money join spenders using (lease_id)
        union all
        select lease_id, owner_id, 'usd:credential:' || credential, amount from model_money where billed
      ),
      money as (select holds.* from holds join live on live.id = holds.lease_id where window_id like 'usd:%'),
      amounts as (
        select 'hold of ' || lease_id as row, amount::double precision as amount from holds
        union all select 'spend of ' || subject, amount from spend
        union all select 'ledger of ' || lease_id, least(amount, listed) from ledger
        union all select 'budget of ' || id, budget from attempts
        union all select 'lease ' || id, least(used, charged, weight) from leases
        union all select 'refusals of ' || name, refusals from credentials
        union all select 'cooldown of ' || upstream, least(since, until - since) from cooldowns
        union all select 'allowance of ' || upstream, least(own, since, share, published, observed_at, resets_at) from allowances
        union all select 'use of ' || upstream, least(amount, at) from uses
        union all select 'team ' || name, least(pass, at) from teams
        union all select 'seen of ' || kind, least(n, log, squares, ms) from seen
      )
    select 'a hold without a live lease' as broken, lease_id as row from holds where lease_id not in (select id from live)
    union all
    select 'a live lease that does not hold what it may spend', lease_id || ' ' || window_id
      from money full join reserved using (lease_id, owner_id, window_id)
      where money.amount is distinct from reserved.amount
    union all
    select 'a hold of no window that is known', lease_id || ' ' || window_id
      from holds join leases on leases.id = holds.lease_id join attempts on attempts.id = leases.attempt_id
      where window_id not like 'usd:%'
        -- Every subscription has these, heard of or not.
        and not (leases.kind = 'seat' and window_id in ('window:five-hour', 'window:week', 'window:week-model:' || (route ->> 'model')))
        and not exists (
        select from allowances where allowances.owner_id = holds.owner_id and model in ('', route ->> 'model')
          and window_id = 'window:' || name || case when model = '' then '' else ':' || model end)
    union all
    select 'a negative amount', row from amounts where amount < 0
    union all
    select 'a ledger entry that is not its lease''s', lease_id
      from ledger join leases on leases.id = ledger.lease_id
      where (ledger.owner_id, ledger.credential) <> (leases.owner_id, leases.credential)
        or leases.state not in ('settled', 'lost')
        or (ledger.kind = 'model' and ledger.amount <> case when billed then listed else 0 end)
        or (ledger.kind = 'runner' and ledger.amount <> listed)
    union all
    select 'a sum that is not the ledger''s', coalesce(spend.subject, sums.subject)
      from spend full join sums using (owner_id, subject, day)
      where spend.amount is distinct from sums.amount
    union all
    select 'a lease that was granted under no team or credential', leases.id
      from leases join tasks on tasks.id = leases.task_id
      where not exists (select from teams where teams.owner_id = leases.owner_id and name = plan -> 'asker' ->> 'team')
        or not exists (select from credentials where credentials.owner_id = leases.owner_id and name = leases.credential)
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
      where trial_id is null group by repository_id, issue_number having count(*) > 1
    union all
    select 'an issue with two comments', repository_id || '#' || issue_number from comments
      group by repository_id, issue_number having count(*) > 1
    union all
    select 'a trial''s task with a comment', tasks.id from tasks join comments on comments.task_id = tasks.id
      where trial_id is not null
    union all
    select 'a live task that is not its comment''s', live_tasks.id from live_tasks
      where trial_id is null and not exists (
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
