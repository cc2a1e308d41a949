import { sql } from "kysely";
import type { Migration } from "kysely/migration";

/** What a follow-up's merge of its base is known by, from before it is made. */
export const BASE_MERGES: Migration = {
  async up(db) {
    await sql`alter table tasks add column base_merge jsonb`.execute(db);
    await sql`create index tasks_base_merge on tasks (repository_id, (base_merge ->> 'merge')) where base_merge is not null`.execute(
      db,
    );
  },
};

/** What goes on with a pull request: of which task, on which head, and what asked for it. */
export const FOLLOW_UPS: Migration = {
  async up(db) {
    await sql`
      alter table tasks
        add column follows text references tasks (id), add column followed_head text,
        add column follow_why text constraint tasks_follow_why check (follow_why in ('asked', 'review', 'checks'))`.execute(db);
  },
};
