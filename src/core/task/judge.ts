import { floorOf, isAtLeast, type Floor } from "../plan/floors.ts";
import type { Floors, Verify } from "../plan/plan.ts";
import type { KNOWN } from "../wire/claimed-agent.ts";
import type { Change, EndingKind, Outcome, Tier, Verification } from "../wire/contract.ts";
import { checkChanges, type Guards, type Violation } from "../change/guards.ts";
import { isSameWork } from "./carried-over.ts";
import { isProved, standings } from "./checks.ts";
import type { Verdict } from "./lifecycle.ts";

/** Why an ended attempt was judged as it was. */
export type JudgedReason =
  | { readonly why: "blocked"; readonly reason: string; readonly detail: string }
  | { readonly why: "ending"; readonly ending: EndingKind; readonly detail: string | null }
  | { readonly why: "no-change" }
  | { readonly why: "checks-failed"; readonly failed: readonly FailedCheck[] }
  | { readonly why: "guards"; readonly violations: readonly Violation[] }
  /** What it touches is a higher tier's than the attempt's. */
  | { readonly why: "below-floor"; readonly floor: Floor }
  | { readonly why: "unsandboxed" }
  /** It doesn't know the harness; or, where it does, something else. */
  | { readonly why: "action-too-old"; readonly harness: string; readonly lacks?: (typeof KNOWN)[number] }
  | { readonly why: "branch-not-protected"; readonly branch: string }
  | { readonly why: "run-ended"; readonly conclusion: string }
  /** GitHub ended the run before any job of it began: that is no fault of the attempt's, nor lost. */
  | { readonly why: "never-ran"; readonly conclusion: string }
  | { readonly why: "silent" }
  | { readonly why: "cancelled" }
  /** It ran on standby, and others waited for what it took. */
  | { readonly why: "gave-way" }
  | { readonly why: "deadline" };

/** A check that should have passed. `exitCode` null: killed at a limit; undefined, like `before`: it never ran. */
export type FailedCheck = {
  readonly command: string;
  readonly exitCode?: number | null;
  readonly output: string;
  readonly before?: Verification["before"];
};

export type Judgement =
  | { readonly verdict: "solved"; readonly changes: readonly Change[] }
  | { readonly verdict: Exclude<Verdict, "solved">; readonly why: JudgedReason };

export type Planned = {
  readonly guards: Guards;
  readonly verify: Verify;
  readonly tier: Tier;
  readonly floors: Floors;
  /** What its attempt began with of those before: by itself that is nobody's result. */
  readonly begunWith: readonly Change[];
  /** Only where GitHub itself is a stand-in on this machine. */
  readonly mayBeUnsandboxed: boolean;
};

/**
 * Outcome → verdict. The work tree decides, not the harness's word or exit code: without changes of its own nothing was solved,
 * and a harness that was cut short has solved it only where the repository's checks say so. Pure.
 */
export function judge(outcome: Outcome, planned: Planned): Judgement {
  if (outcome.kind === "blocked") {
    return { verdict: "failed", why: { why: "blocked", reason: outcome.reason, detail: outcome.detail } };
  }
  if (outcome.sandbox === "none" && !planned.mayBeUnsandboxed) return { verdict: "refused", why: { why: "unsandboxed" } };
  const { ending } = outcome;
  const cutShort = ending.kind !== "completed";
  const hasChanged = outcome.changes.length > 0 && !isSameWork(outcome.changes, planned.begunWith);
  if (cutShort && (!hasChanged || !isProved(planned.verify, outcome))) {
    return { verdict: "failed", why: { why: "ending", ending: ending.kind, detail: ending.detail } };
  }
  if (!hasChanged) return { verdict: "noChange", why: { why: "no-change" } };
  const failed = failedChecks(planned.verify, outcome);
  if (failed.length > 0) return { verdict: "failed", why: { why: "checks-failed", failed } };
  const checked = checkChanges(outcome.changes, planned.guards);
  if (!checked.ok) return { verdict: "refused", why: { why: "guards", violations: checked.error } };
  const floor = floorOf(planned.floors, { labels: [], paths: checked.value.map(({ path }) => path) });
  return floor === undefined || isAtLeast(planned.tier, floor.tier)
    ? { verdict: "solved", changes: checked.value }
    : { verdict: "refused", why: { why: "below-floor", floor } };
}

/** The checks that count and did not pass, where that may be the work's fault. Pure. */
export function failedChecks(verify: Verify, reported: Pick<Extract<Outcome, { kind: "ran" }>, "checks" | "verification">) {
  return standings(verify, reported).flatMap((standing): FailedCheck[] => {
    const { command } = standing;
    if (standing.how === "notRun") return [{ command, output: "" }];
    if (standing.how !== "failed") return [];
    const { exitCode, output, before } = standing.ran;
    return [{ command, exitCode, output, before }];
  });
}
