/** Compiled by `npm run types`, never run: each line below an expected error must go on being one. */
import { stepAttempt, stepLease, stepTask } from "#core/task/lifecycle.ts";
import { branchName, commentMarker, runTitle } from "#core/task/markers.ts";
import { leftOf, subjectId, type Budget } from "#core/pool/windows.ts";
import { AttemptId, CredentialName, LeaseId, type OwnerId, RepositoryId, TaskId } from "#core/wire/ids.ts";
import { EpochMs, formatUsd, MicroUsd } from "#core/wire/units.ts";

const task = TaskId("t");
const attempt = AttemptId("a");
const lease = LeaseId("l");
declare const budget: Budget;

commentMarker(task);
runTitle(lease);
branchName(1, task);
formatUsd(MicroUsd(1));
leftOf({ ...budget, capacity: MicroUsd(1) });
subjectId({ kind: "repository", id: RepositoryId(1) });

// @ts-expect-error an attempt is no task
commentMarker(attempt);
// @ts-expect-error a bare string is no task
commentMarker("t");
// @ts-expect-error a task is no lease
runTitle(task);
// @ts-expect-error an attempt is no lease: it may have several
runTitle(attempt);
// @ts-expect-error a credential's name is no task
branchName(1, CredentialName("c"));
// @ts-expect-error a repository is no owner
export const owner: OwnerId = RepositoryId(1);
// @ts-expect-error a bare number is no owner
export const bare: OwnerId = 1;
// @ts-expect-error a point in time is no money
formatUsd(EpochMs(1));
// @ts-expect-error a bare number is no money
leftOf({ ...budget, capacity: 1 });
// @ts-expect-error a repository is no person
subjectId({ kind: "person", id: RepositoryId(1) });
// @ts-expect-error no such state
stepTask("sleeping", "plan");
// @ts-expect-error no such event
stepTask("planning", "sleep");
// @ts-expect-error an attempt ends by a verdict alone
stepAttempt("open", "report");
// @ts-expect-error a lease knows no such event
stepLease("offered", "admit");
