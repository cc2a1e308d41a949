import { findModel } from "#core/plan/catalog.ts";
import { settlement } from "#core/pool/ledger.ts";
import type { HeartbeatReply, Outcome } from "#core/wire/contract.ts";
import type { AttemptId } from "#core/wire/ids.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import type { AttemptRow } from "#ports/store.ts";
import type { Refused } from "./claim.ts";
import type { Deps } from "./deps.ts";

const UNKNOWN: Refused = {
  status: 401,
  error: "the run token is not valid for this attempt",
  fix: "nothing to do: the job ends here",
};
const ENDED: Refused = { status: 409, error: "this attempt has ended", fix: "nothing to do: stop the job" };

async function authenticate(deps: Deps, attempt: AttemptId, runToken: string): Promise<Result<AttemptRow, Refused>> {
  const row = await deps.store.findByRunToken(attempt, deps.runtime.hash(runToken));
  return row === undefined ? err(UNKNOWN) : ok(row);
}

/** The job is alive. From the first on, its claim can't be repeated. */
export async function heartbeat(deps: Deps, attemptId: AttemptId, runToken: string): Promise<Result<HeartbeatReply, Refused>> {
  const attempt = await authenticate(deps, attemptId, runToken);
  if (!attempt.ok) return attempt;
  if (attempt.value.state !== "held") return err(ENDED);
  await deps.store.recordHeartbeat(attemptId);
  return ok({ stop: false });
}

/**
 * What the job reports, taken once: usage into the ledger, lease released, the task on to be judged. The same outcome
 * again is accepted and changes nothing, so that a lost answer can be repeated; another one is refused.
 */
export async function report(
  deps: Deps,
  attemptId: AttemptId,
  runToken: string,
  outcome: Outcome,
): Promise<Result<{ accepted: true }, Refused>> {
  const { store, runtime } = deps;
  const authenticated = await authenticate(deps, attemptId, runToken);
  if (!authenticated.ok) return authenticated;
  const attempt = authenticated.value;
  const hash = runtime.hash(JSON.stringify(outcome));
  if (attempt.outcomeHash === hash) return ok({ accepted: true });
  if (attempt.state !== "held") return err(ENDED);
  const task = await store.readTask(attempt.task);
  const row = task?.plan == null ? undefined : findModel(task.plan.route.model);
  if (row === undefined) throw new Error(`attempt ${attemptId} has no priced plan`);
  const estimated = outcome.kind === "ran" && outcome.estimated;
  const entries = settlement({ usage: outcome.usage, estimated, ms: outcome.ms }, row.price);
  if (!(await store.settle(attemptId, outcome, hash, entries))) {
    // Sent twice at once: the other one was first.
    return (await store.readAttempt(attemptId))?.outcomeHash === hash ? ok({ accepted: true }) : err(ENDED);
  }
  runtime.log.info({ task: attempt.task, attempt: attemptId, outcome: outcome.kind }, "attempt settled");
  return ok({ accepted: true });
}
