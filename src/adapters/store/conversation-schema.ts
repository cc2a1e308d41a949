import { sql } from "kysely";
import type { Migration } from "kysely/migration";

/** Requests that wait for approval, tasks that are cancelled, pools that are paused; deliveries of one issue follow one another. */
export const CONVERSATION: Migration = {
  async up(db) {
    await sql`alter table tasks drop constraint tasks_state`.execute(db);
    await sql`
      alter table tasks
        add constraint tasks_state check (state in ('planning', 'asking', 'queued', 'dispatching', 'awaiting', 'running', 'judging',
          'committing', 'branching', 'opening', 'solved', 'unsolved', 'refused', 'stuck', 'cancelled')),
        add column cancel jsonb, add column reminded boolean not null default false`.execute(db);
    await sql`drop index tasks_live`.execute(db);
    await sql`create unique index tasks_live on tasks (owner_id, repository_id, issue_number)
      where state not in ('solved', 'unsolved', 'refused', 'stuck', 'cancelled') and trial_id is null`.execute(db);
    await sql`create index tasks_issue on tasks (repository_id, issue_number, created_at)`.execute(db);
    await sql`alter table owners add column paused_by text`.execute(db);
    // The issue of a request; gone with the event. `seq`: in what order they came, within a millisecond too.
    await sql`
      alter table deliveries add column seq bigint generated always as identity,
        add column subject text generated always as (
          (event #>> '{brief,repository,id}') || '#' || (event #>> '{brief,issue,number}')) stored`.execute(db);
    await sql`create index deliveries_subject on deliveries (subject, seq) where due_at is not null and subject is not null`.execute(
      db,
    );
  },
};
