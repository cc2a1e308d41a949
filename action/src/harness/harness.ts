import type { Claim, Ending, EndingKind } from "#core/wire/contract.ts";
import type { Ended } from "../process.ts";
import type { GatewayFacts } from "../gateway.ts";
import type { ToolId } from "../tools.ts";

/** One coding agent's command-line program, as the Action drives it. Adding one: a file here, a row in table.ts, its pin in tools.ts. */
export type Harness = {
  readonly tool: ToolId;
  /** What it speaks to its model, and so what the gateway must read. */
  readonly wire: "anthropic-messages";
  command(run: HarnessRun): HarnessCommand;
  readEnding(ended: Ended): Ending;
};

export type HarnessRun = {
  readonly executable: string;
  /** `127.0.0.2:<port>` */
  readonly gateway: string;
  readonly dummy: string;
  readonly home: string;
  readonly route: Claim["route"];
  readonly budget: Claim["budget"];
  readonly maxTurns: number;
  /** A UUID of this run's own. `resume` continues the session it named before. */
  readonly session: string;
  readonly resume: boolean;
  /** A file of further instructions, or undefined. */
  readonly guide: string | undefined;
  readonly prompt: string;
};

export type HarnessCommand = { readonly line: string; readonly env: Readonly<Record<string, string>>; readonly input: string };

type Seen = NonNullable<GatewayFacts["lastError"]>;

/** What the gateway must have seen of the provider's last answer for an ending to be believed. A status alone can be provoked. */
const EVIDENCE: Partial<Record<EndingKind, (seen: Seen) => boolean>> = {
  authFailed: ({ status }) => status === 401 || status === 403,
  billing: ({ status, type, message }) => status === 402 || type === "billing_error" || /credit balance/i.test(message),
  rateLimited: ({ status }) => status === 429,
  quotaExhausted: ({ status }) => status === 429,
  overloaded: ({ status }) => status === 503 || status === 529,
  modelNotFound: ({ status, type, message }) => status === 404 || type === "not_found_error" || /\bmodel\b/i.test(message),
};

/**
 * An ending as reported. What a harness prints can be forged by what it runs, and some endings cool a credential down:
 * those stand only where the gateway saw the provider say so. The gateway's own refusals are known to it alone.
 */
export function confirmEnding(ending: Ending, facts: GatewayFacts): Ending {
  if (ending.kind === "completed" || ending.kind === "turnLimit") return ending;
  if (facts.refusedForBudget) return { ...ending, kind: "budgetExhausted" };
  if (facts.refusedForTime) return { ...ending, kind: "timedOut" };
  const evidence = EVIDENCE[ending.kind];
  if (evidence === undefined || (facts.lastError !== null && evidence(facts.lastError))) return ending;
  return { ...ending, kind: "providerError" };
}

/** A word of a shell command line. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
