import { sql } from "kysely";
import type { Migration } from "kysely/migration";

/** Trials, and whose task is one's. A trial does an issue several times, beside whatever else is done with it. */
export const TRIALS: Migration = {
  async up(db) {
    await sql`
      create table trials (
        id text primary key,
        owner_id bigint,
        repository text not null, last integer not null, routes jsonb not null, budget bigint,
        state text not null constraint trials_state
          check (state in ('choosing', 'offered', 'running', 'ended', 'stopped', 'failed')),
        offer jsonb, failure text,
        created_at bigint not null default (extract(epoch from now()) * 1000)::bigint,
        due_at bigint, tries integer not null default 0, held_by text, held_until bigint
      )`.execute(db);
    await sql`create index trials_due on trials (due_at) where due_at is not null`.execute(db);
    await sql`
      create table trial_pulls (
        trial_id text not null references trials (id),
        pull integer not null,
        brief jsonb not null, base jsonb not null, overlay jsonb not null,
        primary key (trial_id, pull)
      )`.execute(db);
    await sql`
      alter table tasks add column trial_id text references trials (id), add column trial_pull integer, add column trial_route text`.execute(
      db,
    );
    await sql`create index tasks_trial on tasks (trial_id, trial_pull) where trial_id is not null`.execute(db);
    await sql`drop index tasks_live`.execute(db);
    await sql`create unique index tasks_live on tasks (repository_id, issue_number)
      where state not in ('solved', 'unsolved', 'refused', 'stuck') and trial_id is null`.execute(db);
  },
};
