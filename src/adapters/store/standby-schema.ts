import { sql } from "kysely";
import type { Migration } from "kysely/migration";

/** Whose lease and whose ledger entries are a run's on standby: what these drew from a window would have expired. */
export const STANDBY: Migration = {
  async up(db) {
    await sql`alter table leases add column standby boolean not null default false`.execute(db);
    await sql`alter table ledger add column standby boolean not null default false`.execute(db);
    await sql`create index leases_standby on leases (owner_id) where standby and state in ('offered', 'withdrawn', 'held')`.execute(
      db,
    );
  },
};
