import { sql, type Kysely } from "kysely";
import type { Schema } from "#adapters/store/schema.ts";

/** Every column that holds a time. A day's sum has the day's first instant. */
const TIMES = {
  deliveries: ["received_at", "due_at", "held_until"],
  reviews: ["due_at", "held_until"],
  owners: ["policy_read_at", "due_at", "held_until"],
  tasks: ["queued_at", "passed_over_at", "created_at", "updated_at", "due_at", "held_until"],
  comments: ["said_at", "due_at", "held_until"],
  content_budgets: ["quiet_until"],
  content_calls: ["at"],
  content_waits: ["asked_at", "due_at"],
  attempts: ["created_at"],
  leases: ["created_at", "heard_at", "deadline_at"],
  ledger: ["at"],
  spend: ["day"],
  credentials: ["last_grant_at"],
  cooldowns: ["since", "until"],
  allowances: ["observed_at", "resets_at"],
  uses: ["at"],
  teams: ["at"],
  seen: [],
  classified: ["at"],
  consents: ["given_at", "revoked_at"],
  decisions: ["at"],
  reverts: ["at"],
  draftless: ["at"],
  holds: [],
  trials: ["created_at", "due_at", "held_until"],
  trial_pulls: [],
  sweeps: ["swept_until", "due_at", "held_until"],
  receipts: ["due_at", "held_until"],
  receipt_comments: ["written_at"],
  late_deliveries: ["said_at", "asked_at"],
} as const satisfies { [Table in keyof Schema]: readonly (keyof Schema[Table])[] };

/**
 * The month turns: the clock is the database's own and isn't ours to set, so everything stored moves a calendar month (UTC)
 * into the past, as if it had been done then.
 */
export async function turnMonth(db: Kysely<Schema>): Promise<void> {
  for (const [table, columns] of Object.entries(TIMES)) {
    for (const column of columns) {
      const at = sql.ref(column);
      await sql`
        update ${sql.table(table)}
        set ${at} = round(extract(epoch from to_timestamp(${at} / 1000.0) at time zone 'UTC' - interval '1 month') * 1000)
        where ${at} is not null`.execute(db);
    }
  }
}
