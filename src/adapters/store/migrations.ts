import { sql, type Kysely } from "kysely";
import { Migrator, type Migration, type MigrationProvider } from "kysely/migration";
import { ATTEMPT_STATES, LEASE_STATES, LIVE_LEASE_STATES, TASK_STATES, TERMINAL_TASK_STATES } from "#core/task/lifecycle.ts";
import { CREDENTIAL_KINDS } from "#core/config/credential.ts";
import { ALLOWANCES } from "#core/pool/windows.ts";
import { NewerSchema } from "./newer-schema.ts";
import type { Schema } from "./schema.ts";
import { CLASSIFIED } from "./classified-schema.ts";
import { CONTENT } from "./content-schema.ts";
import { CONVERSATION } from "./conversation-schema.ts";
import { BASE_MERGES, FOLLOW_UPS } from "./follow-ups-schema.ts";
import { RECEIPTS } from "./receipts-schema.ts";
import { REVIEWS } from "./reviews-schema.ts";
import { PUBLISHING } from "./publishing-schema.ts";
import { STANDBY } from "./standby-schema.ts";
import { SWEEP } from "./sweep-schema.ts";
import { TRIALS } from "./trials-schema.ts";

/** For `in (…)`. Only of words that the program itself has. */
export const words = (list: readonly string[]) => sql.raw(list.map((word) => `'${word}'`).join(", "));

/** The database's clock as epoch milliseconds: one instant per transaction. */
export const NOW = sql<number>`(extract(epoch from now()) * 1000)::bigint`;

/** The columns of `Queue` (schema.ts). */
const QUEUE = sql.raw("due_at bigint, tries integer not null default 0, held_by text, held_until bigint");

/** What a grant reads of a window, in this order, as the inside of a JSON array. */
export const FIGURE_COLUMNS = [
  "published",
  "capacity",
  "error",
  "hidden",
  "share",
  "observed_at",
  "resets_at",
  "own",
  "since",
] as const satisfies readonly (keyof Schema["allowances"])[];
const FIGURES = sql.raw(FIGURE_COLUMNS.map((column) => `coalesce(${column}::text, 'null')`).join(" || ',' || "));

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
          event jsonb,
          received_at bigint not null default ${NOW},
          note text,
          ${QUEUE}
        )`.execute(db);
      await sql`create index deliveries_due on deliveries (due_at) where due_at is not null`.execute(db);
      await sql`
        create table owners (
          owner_id bigint primary key,
          policy text not null, policy_commit text not null, policy_read_at bigint not null,
          ${QUEUE}
        )`.execute(db);
      await sql`create index owners_due on owners (due_at) where due_at is not null`.execute(db);
      await sql`
        create table tasks (
          id text primary key,
          delivery_id text not null unique,
          owner_id bigint not null,
          repository_id bigint not null,
          issue_number integer not null,
          state text not null constraint tasks_state check (state in (${words(TASK_STATES)})),
          brief jsonb not null,
          plan jsonb, failure jsonb,
          commit_sha text, pull_number integer, pull_draft boolean,
          queued_at bigint, passed_over_at bigint, waiting jsonb,
          created_at bigint not null default ${NOW}, updated_at bigint not null default ${NOW},
          ${QUEUE}
        )`.execute(db);
      await sql`create index tasks_due on tasks (due_at) where due_at is not null`.execute(db);
      await sql`create index tasks_queued on tasks (owner_id, queued_at) where state = 'queued'`.execute(db);
      // How many tasks a person has had.
      await sql`create index tasks_requester on tasks (owner_id, (brief #>> '{requester,id}'), queued_at)`.execute(db);
      // One live task an issue: the second of two labels, or of two replicas, finds it here.
      await sql`create unique index tasks_live on tasks (repository_id, issue_number)
        where state not in (${words(TERMINAL_TASK_STATES)})`.execute(db);
      await sql`
        create table comments (
          id text primary key,
          owner_id bigint not null,
          repository_id bigint not null,
          issue_number integer not null,
          place jsonb not null,
          task_id text references tasks (id),
          notice jsonb,
          comment_id bigint, comment_hash text, said text,
          begun boolean not null default false, refused boolean not null default false,
          ${QUEUE},
          unique (repository_id, issue_number)
        )`.execute(db);
      await sql`create index comments_due on comments (due_at) where due_at is not null`.execute(db);
      await sql`create index comments_task on comments (task_id)`.execute(db);
      await sql`
        create table attempts (
          id text primary key,
          owner_id bigint not null,
          task_id text not null references tasks (id),
          number integer not null,
          state text not null constraint attempts_state check (state in (${words(ATTEMPT_STATES)})),
          route jsonb not null, budget bigint not null check (budget >= 0), price jsonb not null,
          why jsonb,
          created_at bigint not null default ${NOW},
          unique (task_id, number)
        )`.execute(db);
      await sql`
        create table leases (
          id text primary key,
          owner_id bigint not null,
          task_id text not null references tasks (id),
          attempt_id text not null references attempts (id),
          fence integer not null,
          state text not null constraint leases_state check (state in (${words(LEASE_STATES)})),
          credential text not null,
          billed boolean not null, minute bigint not null check (minute >= 0),
          kind text not null constraint leases_kind check (kind in ('api-key', 'seat')),
          used bigint not null default 0 check (used >= 0),
          heard_at bigint, run_ended boolean not null default false,
          charged double precision not null, weight double precision not null,
          expected jsonb,
          run_id bigint unique, run_url text, check_run text, run_token_hash text,
          heartbeat jsonb,
          deadline_at bigint,
          note jsonb,
          outcome_hash text, report jsonb, changes jsonb,
          created_at bigint not null default ${NOW},
          unique (attempt_id, fence)
        )`.execute(db);
      await sql`create index leases_task on leases (task_id)`.execute(db);
      await sql`create index leases_live on leases (owner_id, credential) where state in (${words(LIVE_LEASE_STATES)})`.execute(
        db,
      );
      await sql`
        create table holds (
          lease_id text not null references leases (id),
          owner_id bigint not null,
          window_id text not null,
          amount bigint not null check (amount >= 0),
          primary key (lease_id, window_id)
        )`.execute(db);
      await sql`create index holds_owner on holds (owner_id, window_id)`.execute(db);
      // Append-only, one row a kind and lease: a report that comes twice settles once.
      await sql`
        create table ledger (
          lease_id text not null references leases (id),
          kind text not null check (kind in ('model', 'runner')),
          owner_id bigint not null,
          credential text not null,
          amount bigint not null check (amount >= 0),
          listed bigint not null check (listed >= 0),
          detail jsonb not null,
          at bigint not null default ${NOW},
          primary key (lease_id, kind)
        )`.execute(db);
      await sql`create index ledger_time on ledger (owner_id, at)`.execute(db);
      await sql`
        create table spend (
          owner_id bigint not null,
          subject text not null,
          day bigint not null,
          amount bigint not null check (amount >= 0),
          primary key (owner_id, day, subject)
        )`.execute(db);
      await sql`
        create table credentials (
          owner_id bigint not null,
          name text not null,
          last_grant_at bigint,
          upstream text,
          refusals integer not null default 0,
          refused_at bigint,
          primary key (owner_id, name)
        )`.execute(db);
      // All that was ever said; of one credential at most one that hasn't been taken back.
      await sql`
        create table consents (
          id bigint generated always as identity primary key,
          owner_id bigint not null,
          credential text not null,
          actor_id bigint not null,
          login text not null,
          notice_hash text,
          given_at bigint not null default ${NOW},
          revoked_at bigint
        )`.execute(db);
      await sql`create unique index consents_given on consents (owner_id, credential) where revoked_at is null`.execute(db);
      await sql`
        create table cooldowns (
          owner_id bigint not null,
          upstream text not null,
          model text not null,
          since bigint not null, until bigint not null,
          primary key (owner_id, upstream, model)
        )`.execute(db);
      await sql`
        create table allowances (
          owner_id bigint not null,
          upstream text not null,
          name text not null constraint allowances_name check (name in (${words(ALLOWANCES)})),
          model text not null,
          share double precision, observed_at bigint, resets_at bigint,
          own bigint not null default 0 check (own >= 0),
          since bigint not null default 0 check (since >= 0),
          published bigint,
          fit jsonb, capacity bigint, error double precision, hidden double precision,
          figures text not null generated always as (${FIGURES}) stored,
          primary key (owner_id, upstream, name, model)
        )`.execute(db);
      await sql`
        create table uses (
          owner_id bigint not null,
          upstream text not null,
          model text not null,
          amount bigint not null check (amount >= 0),
          at bigint not null
        )`.execute(db);
      await sql`create index uses_recent on uses (owner_id, upstream, at)`.execute(db);
      await sql`
        create table teams (
          owner_id bigint not null,
          name text not null,
          pass double precision not null,
          at bigint not null,
          clock double precision not null,
          primary key (owner_id, name)
        )`.execute(db);
      await sql`
        create table seen (
          owner_id bigint not null,
          kind text not null,
          n double precision not null, log double precision not null, squares double precision not null, ms double precision not null,
          tokens double precision not null,
          primary key (owner_id, kind)
        )`.execute(db);
      await sql`
        create table decisions (
          id bigint generated always as identity primary key,
          owner_id bigint not null,
          lease_id text not null references leases (id),
          record bytea not null,
          at bigint not null default ${NOW}
        )`.execute(db);
    },
  },
  "0002_more_credentials": {
    async up(db) {
      await sql`alter table leases drop constraint leases_kind`.execute(db);
      await sql`
        alter table leases add constraint leases_kind check (kind in (${words(CREDENTIAL_KINDS)})),
          add column identity jsonb, add column session jsonb, add column outcome_keys jsonb`.execute(db);
    },
  },
  "0003_ci_checks": {
    async up(db) {
      await sql`alter table tasks add column ci_checks jsonb`.execute(db);
      await sql`create index tasks_commit on tasks (repository_id, commit_sha) where commit_sha is not null`.execute(db);
    },
  },
  "0004_results": {
    async up(db) {
      await sql`alter table tasks add column fate jsonb`.execute(db);
      await sql`create index tasks_pull on tasks (repository_id, pull_number) where pull_number is not null`.execute(db);
      await sql`
        create table reverts (
          owner_id bigint not null,
          repository_id bigint not null,
          reverted text not null,
          at bigint not null default ${NOW},
          primary key (owner_id, repository_id, reverted)
        )`.execute(db);
      await sql`alter table attempts add column proved boolean, add column chance double precision, add column expected double precision`.execute(
        db,
      );
      await sql`
        update attempts set proved = exists (
          select from leases, jsonb_array_elements(coalesce(leases.report -> 'verification', '[]')) as ran
          where leases.attempt_id = attempts.id and ran ->> 'exitCode' = '0')
        where state = 'solved'`.execute(db);
      await sql`create index attempts_recent on attempts (owner_id, created_at)`.execute(db);
    },
  },
  "0005_trials": TRIALS,
  "0006_classified": CLASSIFIED,
  "0007_conversation": CONVERSATION,
  "0008_reviews": REVIEWS,
  "0009_content": CONTENT,
  "0010_publishing": PUBLISHING,
  "0011_sweep": SWEEP,
  "0012_follow_ups": FOLLOW_UPS,
  "0013_standby": STANDBY,
  "0014_receipts": RECEIPTS,
  "0015_base_merges": BASE_MERGES,
};

function migratorOf(db: Kysely<Schema>): Migrator {
  const provider: MigrationProvider = { getMigrations: () => Promise.resolve(MIGRATIONS) };
  return new Migrator({ db, provider });
}

/**
 * Brings the schema up to this program's. Kysely runs them in order under a lock, and refuses a database that holds
 * a migration this program doesn't know: that one belongs to a newer version.
 */
export async function migrate(db: Kysely<Schema>): Promise<void> {
  const { error } = await migratorOf(db).migrateToLatest();
  if (error === undefined) return;
  const message = error instanceof Error ? error.message : "the migration failed";
  if (/previously executed migration .* is missing/.test(message)) throw new NewerSchema(message);
  throw error instanceof Error ? error : new Error(message);
}

/** Throws where the schema isn't this program's yet. Changes nothing: a running app of another version may depend on it. */
export async function expectMigrated(db: Kysely<Schema>): Promise<void> {
  const known = await migratorOf(db).getMigrations();
  const missing = known.find(({ executedAt }) => executedAt === undefined);
  if (missing !== undefined)
    throw new Error(
      `the database was written by an older agent-pool (${missing.name} is missing); start the app of this version first`,
    );
}
