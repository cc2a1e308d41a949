import { couldNotStart, type EndingKind } from "../wire/contract.ts";
import type { FailedCheck, JudgedReason } from "./judge.ts";

/** An ending that the next route may do better than this one. */
type Row = { readonly ending: string; readonly covers: (why: JudgedReason) => boolean };

/**
 * Which endings lead to the next attempt. Whatever no row covers stops: a fault of the set-up, of a credential or of the
 * provider is none of the route's, and what the guards refused is refused whoever made it.
 */
export const ESCALATES: readonly Row[] = [
  { ending: "checks fail", covers: (why) => why.why === "checks-failed" && isMendable(why.failed) },
  { ending: "no change", covers: ({ why }) => why === "no-change" },
  { ending: "turn limit", covers: isEnding("turnLimit") },
  { ending: "budget exhausted", covers: isEnding("budgetExhausted") },
  { ending: "repeating", covers: isEnding("repeating") },
  { ending: "timed out", covers: isEnding("timedOut") },
  { ending: "below a floor", covers: ({ why }) => why === "below-floor" },
];

/** What follows an attempt that ended so. Pure. */
export function afterEnding(why: JudgedReason, rows: readonly Row[] = ESCALATES): "next" | "stop" {
  return rows.some(({ covers }) => covers(why)) ? "next" : "stop";
}

function isEnding(kind: EndingKind): Row["covers"] {
  return (why) => why.why === "ending" && why.ending === kind;
}

/** Some check has judged the work, and none is a fault of the place, which would fail whoever works. */
function isMendable(failed: readonly FailedCheck[]): boolean {
  return failed.some(({ exitCode }) => exitCode !== undefined) && !failed.some(isOfThePlace);
}

/** It can't be started, or came to no end before the work and after it. */
function isOfThePlace({ exitCode, before }: FailedCheck): boolean {
  return couldNotStart(exitCode) || (exitCode === null && before === "unknown");
}
