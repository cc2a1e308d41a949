import { SIZES } from "../wire/contract.ts";
import type { Classified, Sure } from "./classified.ts";
import type { SizeEstimate } from "./size.ts";

/**
 * What the classifier's words weigh against the rules' figures, between 0 and 1. It reads the text alone, as the rules do
 * where they see no code (0.3 and 0.5); a person's word has 0.9, and nothing here comes near it.
 */
const CONFIDENCE: Record<Sure, number> = { low: 0.3, medium: 0.5, high: 0.7 };

/** Both have read the same text, so that their agreement proves little. */
const AGREED = 0.1;
const MOST_AGREED = 0.85;
/** What one step apart takes of the confidence of whose size it is. */
const DIFFERED = 0.1;
/** At two steps and more nobody knows. */
const FAR_APART = 0.3;

/** A label, or a command. */
const PERSONS_WORD: readonly string[] = ["label", "size-asked-for"];

/** Whether a person has said the size: neither rules nor classifier have a say in it then. */
export function isSaid({ reasons }: Pick<SizeEstimate, "reasons">): boolean {
  return reasons.some(({ fact }) => PERSONS_WORD.includes(fact));
}

/**
 * The rules' estimate and the classifier's answer → one estimate. The answer was written under the eyes of a hostile text: it
 * moves the size by one step at most, and a person's word not at all. Pure.
 *
 *   apart      the surer is                                             size                  confidence
 *   not        either                                                   as both say           the higher, and 0.1
 *   one step   the classifier, or neither and it says the larger        the classifier's      its own less 0.1
 *   one step   the rules, or neither and they say the larger            the rules'            theirs less 0.1
 *   further    the classifier, or neither and it says the larger        one step towards it   0.3
 *   further    the rules, or neither and they say the larger            the rules'            0.3
 */
export function mergeSize(rules: SizeEstimate, classified: Classified): SizeEstimate {
  if (isSaid(rules)) return rules;
  if (classified.kind === "none") {
    const { why, cost } = classified;
    return { ...rules, reasons: [...rules.reasons, { fact: "rules-alone", why, cost }] };
  }
  const { size, sure, model, cost } = classified;
  const reasons = [...rules.reasons, { fact: "classified" as const, rules: rules.size, size, sure, model, cost }];
  const at = SIZES.indexOf(rules.size);
  const apart = SIZES.indexOf(size) - at;
  const weight = CONFIDENCE[sure];
  const moves = weight > rules.confidence || (weight === rules.confidence && apart > 0);
  const surer = Math.max(weight, rules.confidence);
  return {
    size: SIZES[moves ? at + Math.sign(apart) : at] ?? rules.size,
    confidence: rounded(confidenceOf(Math.abs(apart), surer)),
    reasons,
  };
}

function confidenceOf(steps: number, surer: number): number {
  if (steps > 1) return FAR_APART;
  return steps === 1 ? surer - DIFFERED : Math.max(surer, Math.min(MOST_AGREED, surer + AGREED));
}

/** To hundredths: 0.7 + 0.1 is not 0.8 to a machine. */
function rounded(share: number): number {
  return Math.round(share * 100) / 100;
}
