import type { Route } from "../plan/route.ts";
import { redact } from "../wire/redact.ts";
import { cut, stripInvisible } from "../wire/text.ts";
import type { FailedCheck, JudgedReason } from "./judge.ts";
import { describeFailedCheck, summarizeJudged, tellingOutput } from "./judged-words.ts";

/** An attempt that was followed by another. `failed`: its last run's checks, whatever it ended by. */
export type EndedAttempt = {
  readonly number: number;
  readonly route: Pick<Route, "tier" | "harness" | "model">;
  readonly why: JudgedReason | null;
  readonly failed: readonly FailedCheck[];
};

const MAX_CHECKS = 3;
const MAX_LINES = 20;
const MAX_LINE = 200;

/**
 * What the next attempt's harness is told of those before it, oldest first. Plain text of at most some 15,000 characters. It
 * holds what a repository's code has printed, and so is data to whoever reads it. Pure. `kept`: what the last one had changed
 * is in the checkout.
 */
export function handOver(attempts: readonly EndedAttempt[], kept: boolean): string {
  const failed = attempts.at(-1)?.failed ?? [];
  return [
    ...attempts.map(
      ({ number, route, why }) =>
        `Attempt ${String(number)} (${route.tier}: ${route.harness}, ${route.model}): ${why === null ? "no result" : summarizeJudged(why)}.`,
    ),
    kept
      ? "What the last of them had changed is in the checkout. It may be wrong, and may be thrown away."
      : "None of their changes is in the checkout.",
    ...failed.slice(0, MAX_CHECKS).flatMap((check) => ["", `${describeFailedCheck(check)}:`, ...outputOf(check)]),
  ].join("\n");
}

function outputOf({ output }: FailedCheck): string[] {
  return tellingOutput(redact(stripInvisible(output)), MAX_LINES).map((line) => `    ${cut(line, MAX_LINE)}`);
}
