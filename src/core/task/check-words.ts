import { inlineCode } from "../change/inline-code.ts";
import { couldNotStart, type Checks, type Tier, type Verification } from "../wire/contract.ts";
import { unreachable } from "../wire/result.ts";
import { alsoOf, ownOf, type Verify } from "../plan/plan.ts";
import type { Standing } from "./checks.ts";
import type { CiChecks } from "./ci-checks.ts";

/** What comment and pull request say of checks, for people who don't write code. */

/** Where the checks come from, in a sentence before their list; null where the repository's settings list them, which needs no word. */
export function describeSource(source: Checks["source"], asked: Verify): string | null {
  switch (source) {
    case "settings":
      return null;
    case "detected":
      return `The repository's settings list no checks; these were found in its files${alsoOf(asked).length > 0 ? ", or are the specialist's" : ""}:`;
    case "ci":
      if (alsoOf(asked).length > 0)
        return "Of the repository's own checks none has run: its CI on the draft decides. The specialist's:";
      return ownOf(asked) === "detect"
        ? "Nothing was tested yet: no check was found that could run in the job. CI on the draft decides; to have some run before, list them under `verify` in `.github/agent-pool.yml`."
        : "Nothing was tested yet: the repository's settings leave that to its CI on the draft. The comment on the issue says how that ended, once it has.";
    default:
      return unreachable(source);
  }
}

/** How a check stands, as a line of a list. */
export function describeStanding(standing: Standing): string {
  const command = inlineCode(standing.command, 120);
  switch (standing.how) {
    case "passed":
      return `- passed: ${command}`;
    case "flaky":
      return `- **unreliable**: ${command} failed, then passed when it was run again on the same files`;
    case "failedBefore":
      return `- **failed as before**: ${command} fails without this change too, with the same exit code and, as far as its output says, no new failure, so it says little about the change`;
    case "failed":
      return `- **failed**: ${command} ${describeEnd(standing.ran.exitCode)}${describeBefore(standing.ran)}`;
    case "notRun":
      return `- **not run**: ${command}`;
    default:
      return unreachable(standing);
  }
}

export function describeEnd(exitCode: number | null): string {
  if (exitCode === null) return "was stopped at a limit of time, memory or processes";
  return couldNotStart(exitCode)
    ? `could not be started there (${String(exitCode)}); see “What your checks can use” in the README`
    : `ended with ${String(exitCode)}`;
}

/** What is known of a failed check from before the work. */
export function describeBefore({ exitCode, before }: Pick<Verification, "exitCode" | "before">): string {
  if (couldNotStart(exitCode)) return "";
  return {
    passed: "; it passed before",
    failed: "",
    failedOtherwise: "; it failed before as well, in another way",
    unknown: "; how it ended before is not known",
  }[before];
}

/** How many of CI's checks that did not pass are named. */
const MAX_NAMED = 10;

/** GitHub's, where they are more than a failure. */
const CONCLUSIONS: ReadonlyMap<string, string> = new Map([
  ["timed_out", "timed out"],
  ["cancelled", "cancelled"],
  ["action_required", "waits for a person"],
  ["stale", "never ended"],
  ["startup_failure", "could not start"],
]);

/** How CI ended on the pull request, and what to do next. */
export function describeCi({ passed, skipped, failed }: CiChecks, pull: number, tier: Tier): string {
  const on = `CI on #${String(pull)}`;
  if (failed.length > 0) {
    const more = failed.length - MAX_NAMED;
    return [
      `${on}: ${String(failed.length)} of ${countChecks(passed + failed.length)} did not pass:`,
      ...failed
        .slice(0, MAX_NAMED)
        .map(({ name, conclusion }) => `- **${CONCLUSIONS.get(conclusion) ?? "failed"}**: ${inlineCode(name, 120)}`),
      ...(more > 0 ? [`- and ${String(more)} more`] : []),
      "",
      `Look at them there. Then mend it on its branch, have it mended by \`/agent fix\` there, or close it and comment ${tier === "frontier" ? "`/agent`" : "`/agent use frontier`"}.`,
    ].join("\n");
  }
  if (passed === 0)
    return `Nothing was tested yet: ${on} skipped all its checks. Where it leaves drafts out, mark #${String(pull)} as ready for review.`;
  const also = skipped === 0 ? "" : `; ${String(skipped)} more ${skipped === 1 ? "was" : "were"} skipped`;
  return `${on} passed (${countChecks(passed)}${also}).`;
}

function countChecks(count: number): string {
  return `${String(count)} ${count === 1 ? "check" : "checks"}`;
}
