import type { SizeClass, Unclassified } from "#core/plan/classified.ts";
import type { Usage } from "#core/wire/contract.ts";
import type { MicroUsd } from "#core/wire/units.ts";

/**
 * What came of one call, with what the provider says that it used. `usage` null: it may have charged for it, and didn't say
 * what. `detail`: of the call, for the log; never a word of the issue or of the answer.
 */
export type Answered =
  | ({ readonly kind: "answer"; readonly usage: Usage } & SizeClass)
  | { readonly kind: "none"; readonly why: Unclassified; readonly detail: string; readonly usage: Usage | null };

/** A model that sizes an issue by its text. Never throws, and ends within seconds whatever the provider does. */
export type Classifier = {
  /** As the catalogue has it. */
  readonly model: string;
  classify(issue: { readonly title: string; readonly body: string }): Promise<Answered>;
};

/** One call as it is kept. `amount`: what it counts for. `usage`: null where the provider didn't say; the amount is then the most it can have cost. */
export type ClassifierCall = {
  readonly model: string;
  readonly usage: Usage | null;
  readonly amount: MicroUsd;
  readonly came: "answer" | Unclassified;
};
