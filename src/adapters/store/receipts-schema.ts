import { sql } from "kysely";
import type { Migration } from "kysely/migration";

/** Receipts for who lends a seat: an owner's issue for them, which is a queue, and each lender's comment in it. */
export const RECEIPTS: Migration = {
  async up(db) {
    await sql`
      create table receipts (
        owner_id bigint primary key,
        issue_number bigint,
        due_at bigint, tries integer not null default 0, held_by text, held_until bigint
      )`.execute(db);
    await sql`
      create table receipt_comments (
        owner_id bigint not null references receipts,
        actor_id bigint not null,
        comment_id bigint not null,
        comment_hash text not null,
        standing text not null,
        written_at bigint not null,
        is_last boolean not null,
        primary key (owner_id, actor_id)
      )`.execute(db);
    // Who lends already has a receipt from now on.
    await sql`insert into receipts (owner_id, due_at) select distinct owner_id, 0 from consents where revoked_at is null`.execute(
      db,
    );
  },
};
