import { EpochMs } from "#core/wire/units.ts";
import type { Store } from "#ports/store.ts";
import * as classified from "./classified.ts";
import * as comments from "./comments.ts";
import { connectEmbedded, connectPostgres, type Connection } from "./connect.ts";
import * as content from "./content.ts";
import * as consents from "./consents.ts";
import * as conversation from "./conversation.ts";
import * as deliveries from "./deliveries.ts";
import * as fates from "./fates.ts";
import * as followUps from "./follow-ups.ts";
import * as leases from "./leases.ts";
import { expectMigrated, migrate, NOW } from "./migrations.ts";
import { release, releaseRows, renew } from "./queue.ts";
import * as pool from "./pool.ts";
import * as publishing from "./publishing.ts";
import * as receipts from "./receipts.ts";
import * as reports from "./reports.ts";
import * as reviews from "./reviews.ts";
import * as runs from "./runs.ts";
import * as scores from "./scores.ts";
import * as sweeps from "./sweep.ts";
import * as tasks from "./tasks.ts";
import * as trials from "./trials.ts";
import * as upstreams from "./upstreams.ts";

/**
 * Opens the store and brings its schema up to date: a real server where `databaseUrl` is given, else PGlite in `directory`.
 * Throws `StoreInUse`, `NewerSchema`, or what the driver says.
 */
export async function openStore(at: { databaseUrl: string } | { directory: string }): Promise<Store> {
  const connection = "databaseUrl" in at ? connectPostgres(at.databaseUrl) : await connectEmbedded(at.directory);
  return opened(connection, async () => {
    await migrate(connection.db);
    // The folder's guard has let us in, so whoever held rows of an embedded store is gone: they needn't run out first.
    if ("directory" in at) await releaseRows(connection.db);
  });
}

/** For a command beside the app: its database as it is. Throws where its schema isn't this program's. */
export async function joinStore({ databaseUrl }: { readonly databaseUrl: string }): Promise<Store> {
  const connection = connectPostgres(databaseUrl);
  return opened(connection, () => expectMigrated(connection.db));
}

async function opened(connection: Connection, prepare: () => Promise<void>): Promise<Store> {
  try {
    await prepare();
  } catch (error) {
    await connection.close();
    throw error;
  }
  return bindStore(connection);
}

export function bindStore({ db, close }: Connection): Store {
  return {
    renew: (row) => renew(db, row),
    postpone: (row, dueInMs) => release(db, row, { dueInMs, anew: false }),
    rest: (row, dueInMs) => release(db, row, { dueInMs, anew: true }),
    recordDelivery: deliveries.deliveryRecorder(db),
    claimDelivery: () => deliveries.claimDelivery(db),
    finishDelivery: (delivery, note) => deliveries.finishDelivery(db, delivery, note),
    openTask: (task, brief, delivery) => tasks.openTask(db, task, brief, delivery),
    openFollowUp: (task, brief, delivery) => followUps.openFollowUp(db, task, brief, delivery),
    readFollowers: (pull) => followUps.readFollowers(db, pull),
    findByPull: (pull) => conversation.findByPull(db, pull),
    findNewest: (issue) => conversation.findNewest(db, issue),
    renewTask: (task, brief, delivery) => conversation.renewTask(db, task, brief, delivery),
    stopTasks: (reach, why, delivery) => conversation.stopTasks(db, reach, why, delivery),
    dropRequests: (reach, delivery) => conversation.dropRequests(db, reach, delivery),
    refreshComment: (issue) => conversation.refreshComment(db, issue),
    pause: (owner, by) => conversation.pause(db, owner, by),
    readPause: (owner) => conversation.readPause(db, owner),
    renameRepository: (owner, repository, name) => conversation.renameRepository(db, owner, repository, name),
    claimTask: () => tasks.claimTask(db),
    countPlanned: (task, owner, person, since) => tasks.countPlanned(db, task, owner, person, since),
    recordClassified: (task, call) => classified.recordClassified(db, task, call),
    sumClassified: (owner, since) => classified.sumClassified(db, owner, since),
    readTask: (task) => tasks.readTask(db, task),
    findByCommit: (owner, repository, commit) => tasks.findByCommit(db, owner, repository, commit),
    hearCiChecks: (task, checks) => tasks.hearCiChecks(db, task, checks),
    keepCiCommit: (task, commit) => publishing.keepCiCommit(db, task, commit),
    beginBaseMerge: (task, merge) => publishing.beginBaseMerge(db, task, merge),
    keepBaseMerge: (task, merge) => publishing.keepBaseMerge(db, task, merge),
    readBaseMerges: (at) => publishing.readBaseMerges(db, at),
    recordDraftless: (owner, repository) => publishing.recordDraftless(db, owner, repository),
    isDraftless: (owner, repository) => publishing.isDraftless(db, owner, repository),
    hearPull: (owner, told) => fates.hearPull(db, owner, told),
    hearReverts: (owner, repository, reverted) => fates.hearReverts(db, owner, repository, reverted),
    advance: (task, event, patch, lease) => tasks.advance(db, task, event, patch, lease),
    hearRunEnded: (lease) => tasks.hearRunEnded(db, lease),
    giveConsent: (owner, credential, lender, delivery) => consents.giveConsent(db, owner, credential, lender, delivery),
    revokeConsent: (owner, credential, lender) => consents.revokeConsent(db, owner, credential, lender),
    notice: (brief, notice, onlyIfNone) => comments.notice(db, brief, notice, onlyIfNone),
    isUnused: () => deliveries.isUnused(db),
    adoptComment: (place, comment, notice) => comments.adoptComment(db, place, comment, notice),
    claimComment: () => comments.claimComment(db),
    begin: (comment, begun) => comments.begin(db, comment, begun),
    recordComment: (comment, written, said, again) => comments.recordComment(db, comment, written, said, again),
    recordTold: (comment, call) => comments.recordTold(db, comment, call),
    takeTurn: (installation, call, turn) => content.takeTurn(db, installation, call, turn),
    restContent: (installation, ms) => content.restContent(db, installation, ms),
    recordPolicy: (owner, policy) => pool.recordPolicy(db, owner, policy),
    readPolicy: (owner) => pool.readPolicy(db, owner),
    claimAdmission: () => pool.claimAdmission(db),
    readQueueHead: (owner) => tasks.readQueueHead(db, owner),
    admit: (owner, policy, decide) => pool.admit(db, owner, policy, decide),
    clearCredential: (owner, credential, account) => upstreams.clearCredential(db, { owner, credential }, account),
    replanQueued: (owner, commit) => tasks.replanQueued(db, owner, commit),
    refuseQueued: (owner, failure, task) => tasks.refuseQueued(db, owner, failure, task),
    readLease: (lease) => leases.readLease(db, lease),
    readLeases: (task) => leases.readLeases(db, task),
    noteLease: (lease, why) => leases.noteLease(db, lease, why),
    expectRun: (lease, expected) => leases.expectRun(db, lease, expected),
    withdrawLease: (lease) => leases.withdrawLease(db, lease),
    claimLease: (lease, run, checkRun, hash) => runs.claimLease(db, lease, run, checkRun, hash),
    keepSealing: (sealing) => leases.keepSealing(db, sealing),
    readSealing: (lease) => leases.readSealing(db, lease),
    findByRunToken: (lease, hash) => leases.findByRunToken(db, lease, hash),
    recordHeartbeat: (lease, heartbeat, listed) => runs.recordHeartbeat(db, lease, heartbeat, listed),
    settle: (lease, outcome, hash, settlement) => runs.settle(db, lease, outcome, hash, settlement),
    readChanges: (lease) => leases.readChanges(db, lease),
    readSession: (lease) => leases.readSession(db, lease),
    readOwners: () => reports.readOwners(db),
    readSeen: (owner, kinds) => pool.readSeen(db, owner, kinds),
    readPool: (owner) => reports.readPool(db, owner),
    readScores: (owner, repository) => scores.readScores(db, owner, repository),
    readAttempts: (owner) => scores.readAttempts(db, owner),
    findTask: (reference) => reports.findTask(db, reference),
    readDecisions: (task) => reports.readDecisions(db, task),
    askTrial: (trial) => trials.askTrial(db, trial),
    claimReview: () => reviews.claimReview(db),
    recordReview: (review, written) => reviews.recordReview(db, review, written),
    claimTrial: () => trials.claimTrial(db),
    offerTrial: (trial, owner, offer, pulls) => trials.offerTrial(db, trial, owner, offer, pulls),
    failTrial: (trial, failure) => trials.failTrial(db, trial, failure),
    startTrial: (trial) => trials.startTrial(db, trial),
    stopTrial: (trial) => trials.stopTrial(db, trial),
    fundTrial: (trial) => trials.fundTrial(db, trial),
    readTrial: (trial) => trials.readTrial(db, trial),
    readTrialPull: (trial, pull) => trials.readTrialPull(db, trial, pull),
    startSweep: () => sweeps.startSweep(db),
    claimSweep: () => sweeps.claimSweep(db),
    finishSweep: (sweep, dueInMs) => sweeps.finishSweep(db, sweep, dueInMs),
    expectLate: (delivery, when) => sweeps.expectLate(db, delivery, when),
    recordAsked: (delivery) => sweeps.recordAsked(db, delivery),
    readLate: (delivery, issue) => sweeps.readLate(db, delivery, issue),
    lookAtReceipts: (owner) => receipts.lookAtReceipts(db, owner),
    claimReceipts: () => receipts.claimReceipts(db),
    readLendings: (owner, since) => receipts.readLendings(db, owner, since),
    recordReceiptsIssue: (row, issue) => receipts.recordReceiptsIssue(db, row, issue),
    recordReceipt: (row, written) => receipts.recordReceipt(db, row, written),
    async now() {
      const row = await db.selectNoFrom(NOW.as("now")).executeTakeFirstOrThrow();
      return EpochMs(row.now);
    },
    close,
  };
}
