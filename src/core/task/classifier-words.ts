import type { ClassifierReason, Unclassified } from "../plan/classified.ts";
import { formatUsd } from "../wire/units.ts";

/** What the classifier made of the size, or why it made nothing of it, with what that cost. Pure. */
export function classifierReason(reason: ClassifierReason): string {
  if (reason.fact === "classified") {
    const { rules, size, sure, model, cost } = reason;
    return `the rules say ${rules}; the classifier (${model}, ${formatUsd(cost)}) says ${size}, with ${sure} confidence`;
  }
  const { why, cost } = reason;
  return `the rules alone decide: ${WHY_NONE[why]}${cost === null || cost === 0 ? "" : ` (${formatUsd(cost)})`}`;
}

const WHY_NONE: Record<Unclassified, string> = {
  "not-configured": "no classifier is configured",
  "day-used-up": "what the classifier may cost a day is used up",
  late: "the classifier did not answer in time",
  unavailable: "the classifier can't be reached, or refuses the app",
  refused: "the classifier declined to read the text",
  "out-of-schema": "the classifier's answer was not one of a size",
  "too-dear": "the classifier's answer cost more than it may, and is not counted on",
};
