import { cut, storable } from "../wire/text.ts";

/** One of a commit's check runs, as GitHub tells of it: what we call CI. A check, elsewhere, is a command run in the job. */
export type CheckRun = { readonly name: string; readonly status: string; readonly conclusion: string | null };

/** How a repository's CI ended on one commit. What was skipped has judged nothing. */
export type CiChecks = {
  readonly passed: number;
  readonly skipped: number;
  readonly failed: readonly { readonly name: string; readonly conclusion: string }[];
};

/** Of more nothing is said: what was not read may have failed. */
export const MAX_CHECK_RUNS = 500;

const MAX_NAME = 120;

/** undefined: there are none, or more than are read, or not all have ended. Pure. */
export function judgeCiChecks(runs: readonly CheckRun[]): CiChecks | undefined {
  if (runs.length === 0 || runs.length > MAX_CHECK_RUNS) return undefined;
  if (runs.some(({ status }) => status !== "completed")) return undefined;
  const ended = (how: ReturnType<typeof howEnded>) => runs.filter(({ conclusion }) => howEnded(conclusion) === how);
  return {
    passed: ended("passed").length,
    skipped: ended("skipped").length,
    failed: ended("failed").map(({ name, conclusion }) => ({
      name: storable(cut(name, MAX_NAME)),
      conclusion: conclusion ?? "unknown",
    })),
  };
}

/**
 * Whether a change of the code may mend it. What was cancelled, went stale, could not start or waits for a person says nothing of the
 * code. Pure.
 */
export function mayBeMended({ conclusion }: Pick<CheckRun, "conclusion">): boolean {
  return conclusion === "failure" || conclusion === "timed_out";
}

/** A conclusion that is new is no pass. */
function howEnded(conclusion: string | null): "passed" | "skipped" | "failed" {
  if (conclusion === "success" || conclusion === "neutral") return "passed";
  return conclusion === "skipped" ? "skipped" : "failed";
}
