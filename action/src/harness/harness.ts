import type { Auth, Claim, Ending, EndingKind } from "#core/wire/contract.ts";
import type { Ended } from "../process.ts";
import type { GatewayFacts } from "../gateway.ts";
import type { ToolId } from "../tools.ts";
import type { Left, Reading } from "./reading.ts";

/** One coding agent's command-line program, as the Action drives it. Adding one: a file here, a row in table.ts, its pin in tools.ts. */
export type Harness = {
  readonly tool: ToolId;
  /** What it speaks to its model, and so what the gateway must read. */
  readonly wire: "anthropic-messages";
  command(run: HarnessRun): HarnessCommand;
  read(left: Left): Reading;
  /** The last event of its stream that tells of the credential's limits, if any did. */
  limits(ended: Ended): Record<string, unknown> | undefined;
};

export type HarnessRun = {
  readonly executable: string;
  /** `127.0.0.2:<port>` */
  readonly gateway: string;
  /** What `dummy` stands for. */
  readonly auth: Auth;
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

/** An HTTP status with the error type that Anthropic gives it, and how its message begins where these don't tell enough. */
type Evidence = { readonly status: number; readonly type: string; readonly begins?: RegExp };

/**
 * What the gateway must have seen, as the provider's last answer, for an ending to be believed (docs "Errors", read
 * 2026-09-30). The sandbox can provoke a 400 whenever it likes, by a call that is malformed, so one stands for an ending
 * by its message alone, and by how that begins: further on, it may quote the call.
 */
const EVIDENCE: Partial<Record<EndingKind, readonly Evidence[]>> = {
  authFailed: [{ status: 401, type: "authentication_error" }, { status: 403, type: "permission_error" }],
  billing: [
    { status: 402, type: "billing_error" },
    { status: 403, type: "permission_error" },
    { status: 400, type: "invalid_request_error", begins: /^your credit balance is too low/i },
  ],
  rateLimited: [{ status: 429, type: "rate_limit_error" }],
  quotaExhausted: [{ status: 429, type: "rate_limit_error" }],
  overloaded: [{ status: 529, type: "overloaded_error" }, { status: 503, type: "overloaded_error" }],
  modelNotFound: [{ status: 404, type: "not_found_error" }, { status: 403, type: "permission_error" }],
}; // prettier-ignore
const KNOWN_TYPES = new Set([
  "invalid_request_error", "authentication_error", "billing_error", "permission_error", "not_found_error", "request_too_large",
  "rate_limit_error", "api_error", "timeout_error", "overloaded_error",
]); // prettier-ignore

/**
 * An ending as reported. What a harness prints can be forged by what it runs, and some endings cool a credential down:
 * those stand only where the gateway saw the provider say so. The gateway's own refusals are known to it alone.
 */
export function confirmEnding(ending: Ending, facts: GatewayFacts): Ending {
  if (ending.kind === "completed" || ending.kind === "turnLimit") return ending;
  if (facts.refusedForBudget) return { ...ending, kind: "budgetExhausted" };
  if (facts.refusedForTime) return { ...ending, kind: "timedOut" };
  const evidence = EVIDENCE[ending.kind];
  if (evidence === undefined || evidence.some((it) => supports(it, facts.lastError))) return ending;
  return { ...ending, kind: "providerError" };
}

/** A type that isn't Anthropic's own, as of a proxy before it, says nothing either way. */
function supports(evidence: Evidence, seen: GatewayFacts["lastError"]): boolean {
  if (seen === null || seen.status !== evidence.status) return false;
  if (evidence.begins !== undefined) return evidence.begins.test(seen.message);
  return seen.type === evidence.type || !KNOWN_TYPES.has(seen.type);
}

/** A word of a shell command line. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
