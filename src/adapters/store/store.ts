import { EpochMs } from "#core/wire/units.ts";
import type { Store } from "#ports/store.ts";
import * as attempts from "./attempts.ts";
import { connectEmbedded, connectPostgres, type Connection } from "./connect.ts";
import * as deliveries from "./deliveries.ts";
import { migrate, NOW } from "./migrations.ts";
import { releaseRows } from "./queue.ts";
import * as pool from "./pool.ts";
import * as tasks from "./tasks.ts";

/**
 * Opens the store and brings its schema up to date: a real server where `databaseUrl` is given, else PGlite in `directory`.
 * Throws `StoreInUse`, `NewerSchema`, or what the driver says.
 */
export async function openStore(at: { databaseUrl: string } | { directory: string }): Promise<Store> {
  const connection = "databaseUrl" in at ? connectPostgres(at.databaseUrl) : await connectEmbedded(at.directory);
  try {
    await migrate(connection.db);
    // The folder's guard has let us in, so whoever held rows of an embedded store is gone: they needn't run out first.
    if ("directory" in at) await releaseRows(connection.db);
  } catch (error) {
    await connection.close();
    throw error;
  }
  return bindStore(connection);
}

export function bindStore({ db, close }: Connection): Store {
  return {
    recordDelivery: (delivery) => deliveries.recordDelivery(db, delivery),
    claimDelivery: () => deliveries.claimDelivery(db),
    finishDelivery: (delivery, note) => deliveries.finishDelivery(db, delivery, note),
    postponeDelivery: (delivery, dueInMs) => deliveries.postponeDelivery(db, delivery, dueInMs),
    openTask: (task, brief) => tasks.openTask(db, task, brief),
    claimTask: () => tasks.claimTask(db),
    readTask: (task) => tasks.readTask(db, task),
    advance: (task, event, patch, attempt) => tasks.advance(db, task, event, patch, attempt),
    recordComment: (task, comment) => tasks.recordComment(db, task, comment),
    postpone: (task, dueInMs) => tasks.postpone(db, task, dueInMs),
    rest: (task, dueInMs) => tasks.rest(db, task, dueInMs),
    wake: (task) => tasks.wake(db, task),
    recordPolicy: (owner, policy, commit) => pool.recordPolicy(db, owner, policy, commit),
    admit: (owner, decide) => pool.admit(db, owner, decide),
    readAttempt: (attempt) => attempts.readAttempt(db, attempt),
    readAttempts: (task) => attempts.readAttempts(db, task),
    noteAttempt: (attempt, why) => attempts.noteAttempt(db, attempt, why),
    expectRun: (attempt, expected) => attempts.expectRun(db, attempt, expected),
    claimAttempt: (attempt, run, checkRun, hash) => attempts.claimAttempt(db, attempt, run, checkRun, hash),
    findByRunToken: (attempt, hash) => attempts.findByRunToken(db, attempt, hash),
    recordHeartbeat: (attempt) => attempts.recordHeartbeat(db, attempt),
    settle: (attempt, outcome, hash, entries) => attempts.settle(db, attempt, outcome, hash, entries),
    async now() {
      const row = await db.selectNoFrom(NOW.as("now")).executeTakeFirstOrThrow();
      return EpochMs(row.now);
    },
    async close() {
      await close();
    },
  };
}
