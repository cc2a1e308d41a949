import { type BLOCKED_REASONS, CONTRACT_VERSION, type Outcome, type Usage } from "#core/wire/contract.ts";
import type { Observation } from "#core/wire/observation.ts";
import { err, type Result } from "#core/wire/result.ts";
import { cut } from "#core/wire/text.ts";

/** Why the job can't do its work: reported to the app as `blocked`. `detail` is for people, and says what to do next. */
export type Blocked = { readonly reason: (typeof BLOCKED_REASONS)[number]; readonly detail: string };

export function blocked(reason: Blocked["reason"], detail: string): Blocked {
  return { reason, detail };
}

/** What was used and seen until then. */
export type SoFar = {
  readonly usage: Usage;
  readonly observation: Observation | null;
  readonly ms: number;
  readonly stopped?: true | undefined;
};

export function toBlocked(fault: Blocked, { usage, observation, ms, stopped }: SoFar): Outcome {
  return {
    kind: "blocked",
    contract: CONTRACT_VERSION,
    reason: fault.reason,
    detail: cut(fault.detail, 2_000),
    usage,
    observation,
    ...(stopped === true ? { stopped } : {}),
    ms: Math.round(ms),
  };
}

export function unreadable(detail: string): Result<never, Blocked> {
  return err(blocked("changesUnreadable", cut(detail, 2_000)));
}

/** What a thrown or returned error says, in one line. */
export function messageOf(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  return text.split("\n", 1)[0] ?? "";
}

/** Why a program that was run has failed. A repository can be too large for the time there is. */
export function whyFailed({ killed, stderr }: { readonly killed: boolean; readonly stderr: string }): string {
  return killed ? "out of time" : lastLine(stderr);
}

/** The last line of what a program printed, which is where it says why it failed. */
export function lastLine(text: string): string {
  return cut(text.trim().split("\n").at(-1) ?? "", 300);
}
