import { faultOf } from "#core/pool/cooldown.ts";
import { costOf } from "#core/wire/cost.ts";
import { settlement } from "#core/pool/ledger.ts";
import type { EndingKind, Heartbeat, HeartbeatReply, Outcome } from "#core/wire/contract.ts";
import type { LeaseId } from "#core/wire/ids.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import type { LeaseRow } from "#ports/store.ts";
import type { Refused } from "./claim.ts";
import type { Deps } from "./deps.ts";
import { isGivingWay } from "./stopped.ts";

const UNKNOWN: Refused = {
  status: 401,
  error: "the run token is not valid for this attempt",
  fix: "nothing to do: the job ends here",
};
const ENDED: Refused = { status: 409, error: "this attempt has ended", fix: "nothing to do: stop the job" };

/** How a run ends whose cost says what such jobs cost: it worked as far as it would, or was allowed to. */
const TYPICAL: readonly EndingKind[] = ["completed", "turnLimit", "budgetExhausted", "repeating"];

/** The lease whose run this is, before anything else of its request is read. */
export async function authenticate(deps: Deps, lease: LeaseId, runToken: string): Promise<Result<LeaseRow, Refused>> {
  const row = await deps.store.findByRunToken(lease, deps.runtime.hash(runToken));
  return row === undefined ? err(UNKNOWN) : ok(row);
}

/** The job is alive. From the first on, its claim can't be repeated. */
export async function heartbeat(deps: Deps, lease: LeaseRow, beat: Heartbeat): Promise<Result<HeartbeatReply, Refused>> {
  if (lease.state !== "held") return err(ENDED);
  await deps.store.recordHeartbeat(lease.id, beat, costOf(beat.usage, lease.attempt.price));
  return ok({ stop: lease.note?.why === "cancelled" || isGivingWay(lease) });
}

/**
 * What the job reports, taken once: usage into the ledger, lease released, the task on to be judged. The same outcome
 * again is accepted and changes nothing, so that a lost answer can be repeated; another one is refused.
 */
export async function report(deps: Deps, lease: LeaseRow, outcome: Outcome): Promise<Result<{ accepted: true }, Refused>> {
  const { store, runtime } = deps;
  const hash = runtime.hash(JSON.stringify(outcome));
  if (lease.outcomeHash === hash) return ok({ accepted: true });
  if (lease.state !== "held") return err(ENDED);
  const estimated = outcome.kind === "ran" && outcome.estimated;
  const { usage, ms } = outcome;
  const entries = settlement(
    { usage, estimated, ms, used: lease.used },
    { price: lease.attempt.price, billed: lease.billed, minute: lease.minute },
  );
  const fault = outcome.kind === "ran" ? faultOf(outcome) : null;
  const ranItsCourse =
    outcome.kind === "ran" && outcome.stopped !== true && !isGivingWay(lease) && TYPICAL.includes(outcome.ending.kind);
  const isTypical = ranItsCourse && fault === null;
  if (!(await store.settle(lease.id, outcome, hash, { entries, fault, isTypical }))) {
    // Sent twice at once: the other one was first.
    return (await store.readLease(lease.id))?.outcomeHash === hash ? ok({ accepted: true }) : err(ENDED);
  }
  runtime.log.info({ task: lease.task, lease: lease.id, outcome: outcome.kind }, "lease settled");
  return ok({ accepted: true });
}
