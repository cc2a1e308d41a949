import { performance } from "node:perf_hooks";
import type { Limits } from "#action/runner/process.ts";
import { couldNotStart, MAX_CHECK_OUTPUT, type Verification } from "#core/wire/contract.ts";
import { failuresIn, relevantPart } from "#core/wire/failing-log.ts";
import { MINUTE_MS } from "#core/wire/units.ts";
import { bounded, type Place, toLog } from "./command.ts";

/** All checks together, each time that they run: one that hangs leaves time for the report, and for a repair. */
export const VERIFY_LIMIT_MS = 15 * MINUTE_MS;
/** Before the first model call: what it can't tell in that time is unknown, and the work waits no longer for it. */
export const BASELINE_LIMIT_MS = 10 * MINUTE_MS;
/** Running a failed check again is cheaper than a repair of what is not broken, as long as it is short. */
const RERUN_LIMIT_MS = 2 * MINUTE_MS;

/** Output is kept up to this, of stdout: the first failure is to be found in it too. */
const KEEP_BYTES = 1024 * 1024;

/** How one check ended. */
type CheckRun = { readonly exitCode: number | null; readonly log: string; readonly ms: number };
/** By command. One that did not end by itself is missing: nothing is known of it. */
export type Baseline = ReadonlyMap<string, CheckRun>;

/** Each check on the checkout as it stands, so that the work is not blamed for what fails already. */
export async function runBaseline(place: Place, commands: readonly string[], limits: Limits): Promise<Baseline> {
  const until = Math.min(limits.until, performance.now() + BASELINE_LIMIT_MS);
  const runs = new Map<string, CheckRun>();
  for (const line of commands) {
    if (performance.now() >= until) break;
    const ran = await runCheck(place, line, { ...limits, until });
    if (ran.exitCode !== null) runs.set(line, ran);
  }
  return runs;
}

export type VerificationRun = {
  readonly results: Verification[];
  /** The command that failed because of the work, as far as anyone can tell. */
  readonly failure: Verification | undefined;
};

/**
 * The checks after the work, with no network at all, up to the first that fails and did not fail so before.
 * A short one that fails is run once more on the same files: if it passes then, it is flaky, and no fault of the work's.
 */
export async function runVerification(
  place: Place,
  commands: readonly string[],
  baseline: Baseline,
  limits: Limits,
): Promise<VerificationRun> {
  const within = { ...limits, until: Math.min(limits.until, performance.now() + VERIFY_LIMIT_MS) };
  const results: Verification[] = [];
  for (const command of commands) {
    const ran = await runCheck(place, command, within);
    const before = compare(baseline.get(command), ran);
    const failed = ran.exitCode !== 0 && before !== "failed";
    const flaky = failed && isWorthRerunning(ran) && (await runCheck(place, command, within)).exitCode === 0;
    const output = ran.exitCode === 0 ? "" : relevantPart(ran.log, MAX_CHECK_OUTPUT);
    const result = { command, exitCode: flaky ? 0 : ran.exitCode, output, ms: ran.ms, before, flaky };
    results.push(result);
    if (failed && !flaky) return { results, failure: result };
  }
  return { results, failure: undefined };
}

/**
 * What a check's run before the work says of its run after it. Two failures are the same where the exit code is, and where
 * every failed test, or error by file, that the later log names was named before: most runners end with 1 whatever has failed.
 */
function compare(before: CheckRun | undefined, after: CheckRun): Verification["before"] {
  if (before === undefined) return "unknown";
  if (before.exitCode === 0) return "passed";
  if (after.exitCode === 0) return "failed";
  const known = failuresIn(before.log);
  const now = failuresIn(after.log);
  const isSame =
    before.exitCode === after.exitCode && [...now].every((name) => known.has(name)) && now.size > 0 === known.size > 0;
  return isSame ? "failed" : "failedOtherwise";
}

function isWorthRerunning({ exitCode, ms }: CheckRun): boolean {
  return exitCode !== null && !couldNotStart(exitCode) && ms <= RERUN_LIMIT_MS;
}

async function runCheck(place: Place, line: string, limits: Limits): Promise<CheckRun> {
  const ended = await place.sandbox.run({ ...bounded(line), reach: { to: "nothing" }, ...limits, keepBytes: KEEP_BYTES });
  return { exitCode: ended.killed ? null : (ended.exitCode ?? 128), log: toLog(ended, place.workspace), ms: ended.ms };
}
