import { sql } from "kysely";
import type { Migration } from "kysely/migration";

/** Pull requests of ours, to be looked at anew whenever GitHub tells something of them. Those opened before have no row. */
export const REVIEWS: Migration = {
  async up(db) {
    await sql`
      create table reviews (
        task_id text primary key references tasks (id) on delete cascade,
        owner_id bigint not null,
        pushed_by jsonb not null default '[]',
        written jsonb,
        due_at bigint, tries integer not null default 0, held_by text, held_until bigint
      )`.execute(db);
    await sql`create index reviews_due on reviews (due_at) where due_at is not null`.execute(db);
  },
};
