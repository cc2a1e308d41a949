import { sql, type Kysely } from "kysely";
import { Migrator, type Migration, type MigrationProvider } from "kysely/migration";
import { ATTEMPT_STATES, TASK_STATES, TERMINAL_TASK_STATES } from "#core/task/lifecycle.ts";
import type { Schema } from "./schema.ts";

const words = (list: readonly string[]) => sql.raw(list.map((word) => `'${word}'`).join(", "));

/** The database's clock as epoch milliseconds: one instant per transaction. */
export const NOW = sql<number>`(extract(epoch from now()) * 1000)::bigint`;

/**
 * In order, never edited once released. The words of a state's check constraint are written out where a migration is
 * old; the newest takes them from the lifecycle table, and a test compares the two.
 */
const MIGRATIONS: Record<string, Migration> = {
  "0001_tasks": {
    async up(db) {
      await sql`
        create table deliveries (
          id text primary key,
          owner_id bigint not null,
          event jsonb not null,
          received_at bigint not null default ${NOW},
          note text,
          due_at bigint, tries integer not null default 0, held_by text, held_until bigint
        )`.execute(db);
      await sql`create index deliveries_due on deliveries (due_at) where due_at is not null`.execute(db);
      await sql`create table owners (owner_id bigint primary key, policy jsonb not null, policy_commit text not null)`.execute(
        db,
      );
      await sql`
        create table tasks (
          id text primary key,
          owner_id bigint not null,
          repository_id bigint not null,
          issue_number integer not null,
          state text not null constraint tasks_state check (state in (${words(TASK_STATES)})),
          brief jsonb not null,
          plan jsonb, failure jsonb,
          comment_id bigint, comment_hash text, comment_refused boolean not null default false,
          commit_sha text, pull_number integer, pull_draft boolean,
          queued_at bigint,
          created_at bigint not null default ${NOW}, updated_at bigint not null default ${NOW},
          due_at bigint, tries integer not null default 0, held_by text, held_until bigint
        )`.execute(db);
      await sql`create index tasks_due on tasks (due_at) where due_at is not null`.execute(db);
      await sql`create index tasks_issue on tasks (repository_id, issue_number, created_at)`.execute(db);
      // One live task an issue: the second of two labels, or of two replicas, finds it here.
      await sql`create unique index tasks_live on tasks (repository_id, issue_number)
        where state not in (${words(TERMINAL_TASK_STATES)})`.execute(db);
      await sql`
        create table attempts (
          id text primary key,
          owner_id bigint not null,
          task_id text not null references tasks (id),
          number integer not null,
          state text not null constraint attempts_state check (state in (${words(ATTEMPT_STATES)})),
          credential text not null,
          expected jsonb,
          run_id bigint, run_url text, check_run text, run_token_hash text,
          heartbeats integer not null default 0,
          deadline_at bigint,
          outcome jsonb, outcome_hash text,
          verdict text, why jsonb,
          created_at bigint not null default ${NOW},
          unique (task_id, number)
        )`.execute(db);
      await sql`create index attempts_live on attempts (owner_id, credential) where state in ('offered', 'held')`.execute(db);
      await sql`
        create table holds (
          attempt_id text not null references attempts (id),
          owner_id bigint not null,
          credential text not null,
          window_name text not null,
          scope text not null check (scope in ('owner', 'credential')),
          amount bigint not null check (amount >= 0),
          primary key (attempt_id, window_name, scope)
        )`.execute(db);
      // Append-only, one row a kind and attempt: a report that comes twice settles once.
      await sql`
        create table ledger (
          attempt_id text not null references attempts (id),
          kind text not null check (kind in ('model', 'runner')),
          owner_id bigint not null,
          credential text not null,
          amount bigint not null check (amount >= 0),
          detail jsonb not null,
          at bigint not null default ${NOW},
          primary key (attempt_id, kind)
        )`.execute(db);
      await sql`create index ledger_month on ledger (owner_id, at)`.execute(db);
      await sql`
        create table decisions (
          id bigint generated always as identity primary key,
          owner_id bigint not null,
          task_id text not null references tasks (id),
          record jsonb not null,
          at bigint not null default ${NOW}
        )`.execute(db);
    },
  },
};

/**
 * Brings the schema up to this program's. Kysely runs them in order under a lock, and refuses a database that holds
 * a migration this program doesn't know: that one belongs to a newer version.
 */
export async function migrate(db: Kysely<Schema>): Promise<void> {
  const provider: MigrationProvider = { getMigrations: () => Promise.resolve(MIGRATIONS) };
  const { error } = await new Migrator({ db, provider }).migrateToLatest();
  if (error === undefined) return;
  const message = error instanceof Error ? error.message : "the migration failed";
  if (/previously executed migration .* is missing/.test(message)) throw new NewerSchema(message);
  throw error instanceof Error ? error : new Error(message);
}

export class NewerSchema extends Error {
  constructor(detail: string) {
    super(`the database was written by a newer agent-pool (${detail}); start that version, or restore a backup made by this one`);
  }
}
