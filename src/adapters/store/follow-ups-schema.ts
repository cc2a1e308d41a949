import { sql } from "kysely";
import type { Migration } from "kysely/migration";

/** What goes on with a pull request: of which task, on which head, and what asked for it. */
export const FOLLOW_UPS: Migration = {
  async up(db) {
    await sql`
      alter table tasks
        add column follows text references tasks (id), add column followed_head text,
        add column follow_why text constraint tasks_follow_why check (follow_why in ('asked', 'review', 'checks'))`.execute(db);
  },
};
