import { sql } from "kysely";
import type { Migration } from "kysely/migration";

/** The commit by which CI was started on a pull request; where GitHub has no drafts; who was asked to review one. */
export const PUBLISHING: Migration = {
  async up(db) {
    await sql`alter table tasks drop constraint tasks_state`.execute(db);
    await sql`
      alter table tasks
        add constraint tasks_state check (state in ('planning', 'asking', 'queued', 'dispatching', 'awaiting', 'running', 'judging',
          'committing', 'branching', 'opening', 'inviting', 'solved', 'unsolved', 'refused', 'stuck', 'cancelled')),
        add column ci_commit_sha text, add column invited jsonb`.execute(db);
    await sql`create index tasks_ci_commit on tasks (repository_id, ci_commit_sha) where ci_commit_sha is not null`.execute(db);
    await sql`
      create table draftless (
        owner_id bigint not null, repository_id bigint not null, at bigint not null,
        primary key (owner_id, repository_id)
      )`.execute(db);
  },
};
