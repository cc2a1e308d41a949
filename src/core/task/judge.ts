import type { Change, EndingKind, Outcome } from "../wire/contract.ts";
import { checkChanges, type Guards, type Violation } from "../change/guards.ts";
import type { Verdict } from "./lifecycle.ts";

/** Why an ended attempt was judged as it was. */
export type JudgedReason =
  | { readonly why: "blocked"; readonly reason: string; readonly detail: string }
  | { readonly why: "ending"; readonly ending: EndingKind; readonly detail: string | null }
  | { readonly why: "no-change" }
  | { readonly why: "checks-failed"; readonly failed: readonly FailedCheck[] }
  | { readonly why: "guards"; readonly violations: readonly Violation[] }
  | { readonly why: "unsandboxed" }
  | { readonly why: "action-too-old"; readonly harness: string }
  | { readonly why: "branch-not-protected"; readonly branch: string }
  | { readonly why: "run-ended"; readonly conclusion: string }
  | { readonly why: "silent" }
  | { readonly why: "deadline" };

/** A planned check that has not passed. `exitCode` null: killed at its time; undefined: it never ran. */
export type FailedCheck = { readonly command: string; readonly exitCode?: number | null; readonly output: string };

export type Judgement =
  | { readonly verdict: "solved"; readonly changes: readonly Change[] }
  | { readonly verdict: Exclude<Verdict, "solved">; readonly why: JudgedReason };

export type Planned = {
  readonly guards: Guards;
  readonly verify: readonly string[];
  /** Only where GitHub itself is a stand-in on this machine. */
  readonly mayBeUnsandboxed: boolean;
};

/**
 * Outcome → verdict. The work tree decides, not the harness's word or exit code: without changes nothing was solved,
 * and a harness that was cut short has solved it only where the repository's own checks say so. Pure.
 */
export function judge(outcome: Outcome, planned: Planned): Judgement {
  if (outcome.kind === "blocked") {
    return { verdict: "failed", why: { why: "blocked", reason: outcome.reason, detail: outcome.detail } };
  }
  if (outcome.sandbox === "none" && !planned.mayBeUnsandboxed) return { verdict: "refused", why: { why: "unsandboxed" } };
  const { ending, verification } = outcome;
  // Every planned command must have run and passed: one that is missing has proved nothing.
  const failed = planned.verify.flatMap((command): FailedCheck[] => {
    const ran = verification.filter((check) => check.command === command);
    if (ran.some((check) => check.exitCode === 0)) return [];
    const last = ran.at(-1);
    return [last === undefined ? { command, output: "" } : { command, exitCode: last.exitCode, output: last.output }];
  });
  const cutShort = ending.kind !== "completed";
  if (cutShort && (outcome.changes.length === 0 || planned.verify.length === 0 || failed.length > 0)) {
    return { verdict: "failed", why: { why: "ending", ending: ending.kind, detail: ending.detail } };
  }
  if (outcome.changes.length === 0) return { verdict: "noChange", why: { why: "no-change" } };
  if (failed.length > 0) return { verdict: "failed", why: { why: "checks-failed", failed } };
  const checked = checkChanges(outcome.changes, planned.guards);
  return checked.ok
    ? { verdict: "solved", changes: checked.value }
    : { verdict: "refused", why: { why: "guards", violations: checked.error } };
}
