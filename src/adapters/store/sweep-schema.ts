import { sql } from "kysely";
import type { Migration } from "kysely/migration";

/** The sweep for what was never told, what it has had told late, and whether a run's end is our own doing. */
export const SWEEP: Migration = {
  async up(db) {
    await sql`alter table leases add column stop_asked boolean not null default false`.execute(db);
    await sql`
      create table sweeps (
        id text primary key,
        swept_until bigint,
        due_at bigint, tries integer not null default 0, held_by text, held_until bigint
      )`.execute(db);
    await sql`insert into sweeps (id) values ('deliveries')`.execute(db);
    await sql`create table late_deliveries (id text primary key, said_at bigint not null, asked_at bigint)`.execute(db);
  },
};
