import { sql } from "kysely";
import type { Migration } from "kysely/migration";

/** What the classifier was asked, and what that has cost. */
export const CLASSIFIED: Migration = {
  async up(db) {
    await sql`
      create table classified (
        id bigint generated always as identity primary key,
        owner_id bigint not null,
        task_id text not null references tasks (id),
        model text not null,
        usage jsonb,
        amount bigint not null check (amount >= 0),
        came text not null,
        at bigint not null default (extract(epoch from now()) * 1000)::bigint
      )`.execute(db);
    await sql`create index classified_recent on classified (owner_id, at)`.execute(db);
  },
};
