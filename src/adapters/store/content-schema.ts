import { sql } from "kysely";
import type { Migration } from "kysely/migration";
import { TURNS } from "#core/task/content-budget.ts";

const turn = sql.raw(`turn text not null check (turn in (${TURNS.map((word) => `'${word}'`).join(", ")}))`);

/** What an installation's budget of content-creating calls is reckoned from, and what the comment has told, and to whom. */
export const CONTENT: Migration = {
  async up(db) {
    // The row is the lock. Until then GitHub wants no such call.
    await sql`
      create table content_budgets (
        installation_id bigint primary key,
        quiet_until bigint not null default 0
      )`.execute(db);
    // Calls of the last hour; older ones go when the next is made.
    await sql`
      create table content_calls (
        id bigint generated always as identity primary key,
        installation_id bigint not null,
        at bigint not null,
        ${turn}
      )`.execute(db);
    await sql`create index content_calls_recent on content_calls (installation_id, at)`.execute(db);
    // Who was told to come back, and when. A row that doesn't come in time has lost its place.
    await sql`
      create table content_waits (
        installation_id bigint not null,
        call text not null,
        ${turn},
        asked_at bigint not null,
        due_at bigint not null,
        primary key (installation_id, call)
      )`.execute(db);
    await sql`
      alter table comments
        add column comment_news text, add column said_at bigint,
        add column telling text, add column told text`.execute(db);
    // What has ended before this version was told as that version told it.
    await sql`
      update comments set told = task_id || ':end'
      where task_id in (select id from tasks where state in ('solved', 'unsolved', 'refused', 'stuck', 'cancelled'))`.execute(db);
  },
};
