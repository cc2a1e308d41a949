import { performance } from "node:perf_hooks";
import type { Tree } from "#action/checkout/snapshot.ts";
import type { VerificationRun } from "#action/checks/verify.ts";
import type { Blocked } from "#action/runner/failure.ts";
import type { Log } from "#action/runner/log.ts";
import { couldNotStart, type Ending, type EndingKind, type Verification } from "#core/wire/contract.ts";
import { ok, type Result } from "#core/wire/result.ts";
import { MINUTE_MS } from "#core/wire/units.ts";

/** A repair round shorter than this would only cost. */
const MIN_REPAIR_MS = MINUTE_MS;

/** One run of the harness, what is published of the attempt after it, and the session as the harness names it. */
export type Round = { readonly ending: Ending; readonly tree: Tree; readonly session: string | null };
export type Worked = Round & { readonly verification: Verification[] };

export type Steps = {
  /** Runs the harness on the task, or on a check that its work fails, in the same session. */
  readonly run: (failed: Verification | undefined, maxTurns: number, onto: Tree) => Promise<Result<Round, Blocked>>;
  /** Of the attempt so far. */
  readonly verify: (tree: Tree) => Promise<VerificationRun>;
  readonly isBudgetSpent: () => boolean;
};
export type Bounds = {
  readonly maxTurns: number;
  /** How often the harness may be shown a failed check. */
  readonly repairs: number;
  readonly until: number;
  readonly signal: AbortSignal;
};

/** The harness, the checks, and while one fails because of the work, the harness again: within rounds, turns, budget and time. */
export async function workAndRepair(steps: Steps, begun: Tree, bounds: Bounds, log: Log): Promise<Result<Worked, Blocked>> {
  const { signal } = bounds;
  const first = await steps.run(undefined, bounds.maxTurns, begun);
  if (!first.ok) return first;
  let round = first.value;
  if (!WORKED.includes(round.ending.kind) || signal.aborted) return ok({ ...round, verification: [] });
  let verified = await steps.verify(round.tree);
  for (let repairs = 0; repairs < bounds.repairs; repairs += 1) {
    const { ending } = round;
    const turnsLeft = bounds.maxTurns - (ending.turns ?? 0);
    const isTime = performance.now() + MIN_REPAIR_MS < bounds.until && !signal.aborted;
    if (ending.kind !== "completed" || turnsLeft <= 0 || !isTime || steps.isBudgetSpent()) break;
    const { failure } = verified;
    // What can't be started there can't be after a repair either.
    if (failure === undefined || couldNotStart(failure.exitCode)) break;
    log("repair round: the model is shown what failed", { turnsLeft });
    const repaired = await steps.run(failure, turnsLeft, round.tree);
    if (!repaired.ok) return repaired;
    const { ending: then, tree, session } = repaired.value;
    const turns = (ending.turns ?? 0) + (then.turns ?? 0);
    round = { tree, session, ending: { ...then, turns, finalMessage: then.finalMessage ?? ending.finalMessage } };
    if (signal.aborted) return ok({ ...round, verification: [] });
    verified = await steps.verify(round.tree);
  }
  return ok({ ...round, verification: verified.results });
}

/** How a harness ends that has worked as far as it would, or was allowed to: its work may be good all the same. */
const WORKED: readonly EndingKind[] = ["completed", "turnLimit", "budgetExhausted", "repeating"];
