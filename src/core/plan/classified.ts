import type { Size } from "../wire/contract.ts";
import { MicroUsd } from "../wire/units.ts";

/** How sure the classifier may say it is: words, since a model's own figures are no measure of anything. */
export const SURE = ["low", "medium", "high"] as const;
export type Sure = (typeof SURE)[number];

/** All that is taken of the classifier's answer. */
export type SizeClass = { readonly size: Size; readonly sure: Sure };

/** Why there is no answer to count on. */
export const UNCLASSIFIED = [
  "not-configured",
  "day-used-up",
  "late",
  "unavailable",
  "refused",
  "out-of-schema",
  "too-dear",
] as const;
export type Unclassified = (typeof UNCLASSIFIED)[number];

/** What came of asking the classifier. `cost`: null where the provider didn't say what it used, or wasn't asked. */
export type Classified =
  | ({ readonly kind: "answer"; readonly model: string; readonly cost: MicroUsd } & SizeClass)
  | { readonly kind: "none"; readonly why: Unclassified; readonly cost: MicroUsd | null };

/** The same as facts of an estimate. `rules`: the size that the rules gave by themselves. */
export type ClassifierReason =
  | ({ readonly fact: "classified"; readonly rules: Size; readonly model: string; readonly cost: MicroUsd } & SizeClass)
  | { readonly fact: "rules-alone"; readonly why: Unclassified; readonly cost: MicroUsd | null };

/**
 * The most that one answer may cost, in micro-dollars: a cent. What is sent is cut to `MAX_TITLE` and `MAX_BODY`, 8,000
 * characters, which with the instruction and the answer are below half of that at the catalogue's price. A dearer one comes
 * from another model, or with another prompt, than was asked for.
 */
export const ANSWER_AT_MOST = MicroUsd(10_000);

/** The most that an owner's issues may cost a day (UTC), in micro-dollars: the key is the operator's own, whoever labels issues. */
export const DAY_AT_MOST = MicroUsd(1_000_000);

/** What is sent of an issue, in characters: whoever needs more has said by then how large it is. */
export const MAX_TITLE = 500;
export const MAX_BODY = 7_500;
