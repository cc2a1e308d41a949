import { randomUUID } from "node:crypto";
import { sql, type Kysely } from "kysely";
import type { OwnerId } from "#core/wire/ids.ts";
import type { Policy } from "#core/config/policy.ts";
import type { Decision } from "#core/pool/decision.ts";
import { TASK_TRANSITIONS } from "#core/task/lifecycle.ts";
import { wakeComments } from "./comments.ts";
import { toKept } from "./decisions.ts";
import { NOW } from "./migrations.ts";
import type { Schema } from "./schema.ts";

/**
 * Writes a grant in one statement, since each goes to the server and back under the owner's lock: the task leaves the queue,
 * and its open attempt, which an offer that ran out or a move leaves behind, or its next one under the plan's route, has
 * another lease with its holds and its decision. Not a claim: nobody else works on a queued task.
 */
export async function writeGrant(
  tx: Kysely<Schema>,
  owner: OwnerId,
  policy: Policy,
  { task, credential, record, team, holds }: Extract<Decision, { kind: "grant" }>,
): Promise<void> {
  const { now, credentials, queue } = record.snapshot;
  const drawnOn = credentials.find(({ name }) => name === credential);
  const billed = drawnOn !== undefined && drawnOn.budgets.length > 0;
  const { kind = "api-key", identity } = policy.pool.find(({ name }) => name === credential) ?? {};
  const granted = queue.find((queued) => queued.task === task);
  const charged = granted?.estimate.mean ?? 0;
  const standby = granted?.standby === true;
  const passedOver = JSON.stringify(record.passedOver.map((each) => each.task));
  const { rows } = await sql<{ lease: string }>`
    with
      moved as (
        update tasks
        set state = ${TASK_TRANSITIONS.queued.admit}, tries = 0, due_at = ${NOW}, updated_at = ${NOW}, passed_over_at = null
        where id = ${task} and state = 'queued' and cancel is null
        returning id, plan
      ),
      last as (select id, number, state from attempts where task_id = ${task} order by number desc limit 1),
      opened as (
        insert into attempts (id, owner_id, task_id, number, state, route, budget, price, chance, expected)
        select ${randomUUID()}, ${owner}, moved.id, coalesce((select number from last), 0) + 1, 'open',
          plan -> 'route', (plan ->> 'budget')::bigint, plan -> 'price',
          (plan ->> 'chance')::double precision, (plan ->> 'expected')::double precision
        from moved where not exists (select from last where state = 'open')
        returning id
      ),
      attempt as (select id from last where state = 'open' union all select id from opened),
      lease as (
        insert into leases (id, owner_id, task_id, attempt_id, fence, state, credential, kind, identity, minute, billed, charged, weight, standby)
        select ${randomUUID()}, ${owner}, moved.id, attempt.id,
          (select coalesce(max(fence), 0) + 1 from leases where attempt_id = attempt.id),
          'offered', ${credential}, ${kind}, ${identity === undefined ? null : JSON.stringify(identity)}::jsonb, (plan #>> '{runner,minute}')::bigint, ${billed}::boolean, ${charged}::double precision, ${team.weight}::double precision, ${standby}::boolean
        from moved, attempt
        returning id
      ),
      held as (
        insert into holds (lease_id, owner_id, window_id, amount)
        select lease.id, ${owner}, hold ->> 'window', (hold ->> 'amount')::bigint
        from lease, jsonb_array_elements(${JSON.stringify(holds)}::jsonb) as hold
      ),
      decided as (
        insert into decisions (owner_id, lease_id, record)
        select ${owner}, lease.id, ${toKept(record)}::bytea from lease
      ),
      drawn as (
        insert into credentials (owner_id, name, last_grant_at, upstream)
        values (${owner}, ${credential}, ${now}, ${drawnOn?.upstream ?? null})
        on conflict (owner_id, name) do update set last_grant_at = excluded.last_grant_at, upstream = excluded.upstream
      ),
      charged as (
        insert into teams (owner_id, name, pass, at, clock) values (${owner}, ${team.name}, ${team.pass}, ${team.at}, ${team.clock})
        on conflict (owner_id, name) do update set pass = excluded.pass, at = excluded.at, clock = excluded.clock
      ),
      passed as (
        update tasks set passed_over_at = ${now}
        where passed_over_at is null and id in (select jsonb_array_elements_text(${passedOver}::jsonb))
      )
    select id as lease from lease`.execute(tx);
  // It left the queue since the snapshot: the grant is rolled back with everything it reserved.
  if (rows.length === 0) throw new Error(`task ${task} left the queue while it was granted`);
  await wakeComments(tx, [task]);
}
