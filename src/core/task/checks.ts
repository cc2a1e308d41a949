import { alsoOf, ownOf, type Verify } from "../plan/plan.ts";
import { couldNotStart, type Checks, type Outcome, type Verification } from "../wire/contract.ts";

type Reported = Pick<Extract<Outcome, { kind: "ran" }>, "checks" | "verification">;

/**
 * How one check stands after the work. `failedBefore`: it fails as it did on the untouched checkout, as far as its exit
 * code and the failures that it names can tell, which says little of the work. What could not be started has judged nothing,
 * before or after, and counts as failed.
 */
export type Standing = { readonly command: string } & (
  | { readonly how: "notRun" }
  | { readonly how: "passed" | "flaky" | "failedBefore" | "failed"; readonly ran: Verification }
);

/** The checks that count, and where the repository's own among them come from. */
export type Counted = { readonly source: Checks["source"]; readonly commands: readonly string[] };

/**
 * The checks that count. Commands of the settings and of a specialist were frozen with the plan, and what a job reports of them
 * is only how they ended; which ones a checkout shows how to run, the job alone can tell. Pure.
 */
export function checksOf(verify: Verify, reported: Checks): Counted {
  const own = ownOf(verify);
  const also = alsoOf(verify);
  if (typeof own !== "string" && own.length > 0) return { source: "settings", commands: own };
  return own === "detect" && reported.source === "detected"
    ? { source: "detected", commands: [...new Set([...reported.commands, ...also])] }
    : { source: "ci", commands: also };
}

/** Every check that counts, and how it stands: one that is missing in the report has proved nothing. Pure. */
export function standings(verify: Verify, reported: Reported): readonly Standing[] {
  return checksOf(verify, reported.checks).commands.map((command): Standing => {
    const runs = reported.verification.filter((run) => run.command === command);
    const ran = runs.find((run) => run.exitCode === 0) ?? runs.at(-1);
    return ran === undefined ? { command, how: "notRun" } : { command, how: standingOf(ran), ran };
  });
}

function standingOf(ran: Verification): "passed" | "flaky" | "failedBefore" | "failed" {
  if (ran.exitCode === 0) return ran.flaky ? "flaky" : "passed";
  return ran.before === "failed" && ran.exitCode !== null && !couldNotStart(ran.exitCode) ? "failedBefore" : "failed";
}

/** Checks of the repository's own ran in the job, and each passed, as did a specialist's. Pure. */
export function isProved(verify: Verify, reported: Reported): boolean {
  if (checksOf(verify, reported.checks).source === "ci") return false;
  const all = standings(verify, reported);
  return all.length > 0 && all.every(({ how }) => how === "passed" || how === "flaky");
}
