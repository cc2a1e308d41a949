import type { KNOWN } from "../wire/claimed-agent.ts";
import { describeViolation } from "../change/guards.ts";
import { inlineCode } from "../change/inline-code.ts";
import { oneLine } from "../change/publishable.ts";
import { couldNotStart, type EndingKind, type Tier } from "../wire/contract.ts";
import { tellingLines } from "../wire/failing-log.ts";
import { unreachable } from "../wire/result.ts";
import { describeBefore, describeEnd } from "./check-words.ts";
import type { Floor } from "../plan/floors.ts";
import type { FailedCheck, JudgedReason } from "./judge.ts";

/** How many lines of a failed check's output stand in the comment: where it names what failed, else its end. */
const OUTPUT_LINES = 8;
/** Lines that follow the error and hide it: frames of Node's and packages' own code, what Node's assertions add, lone brackets. */
const BESIDE_THE_ERROR = [
  /^\s*at .*(?:\bnode:|node_modules\/)/,
  /^\s*(?:generatedMessage: (?:true|false)|code: 'ERR_ASSERTION'|diff: '\w+'),?$/,
  /^npm (?:error|ERR!) A complete log of this run/,
  /^[^\p{L}\p{N}]*$/u,
];

function failedCheck(check: FailedCheck): string[] {
  return [`- ${describeFailedCheck(check)}`, ...tellingOutput(check.output, OUTPUT_LINES).map((line) => `  ${quoted(line)}`)];
}

/** Which check it is, and how it ended: one line. */
export function describeFailedCheck({ command, exitCode, before }: Omit<FailedCheck, "output">): string {
  const how =
    exitCode === undefined
      ? "did not run"
      : `${describeEnd(exitCode)}${before === undefined ? "" : describeBefore({ exitCode, before })}`;
  return `${inlineCode(command)} ${how}`;
}

/** Of what a failed check printed, at most `most` lines: those that tell what failed. */
export function tellingOutput(output: string, most: number): string[] {
  const lines = output.split("\n").filter((line) => !BESIDE_THE_ERROR.some((form) => form.test(line)));
  return tellingLines(lines, most);
}

/** What a command printed stands below the sentence that tells of it. */
function blockedText({ reason, detail }: Extract<JudgedReason, { why: "blocked" }>): string {
  const [what = "", ...printed] = detail.split("\n");
  const next = "Mend that, then label the issue again.";
  const sentence = `The job ended without a result (\`${reason}\`): ${oneLine(what, 700)}`;
  const lines = printed.filter((line) => line.trim() !== "").slice(-OUTPUT_LINES);
  return lines.length === 0 ? `${sentence} ${next}` : [sentence, ...lines.map(quoted), "", next].join("\n");
}

function quoted(line: string): string {
  return `> \`${oneLine(line, 200).replaceAll("`", "'")}\`  `;
}

/** How an attempt ended that another one has followed, in a clause. */
export function summarizeJudged(why: JudgedReason): string {
  switch (why.why) {
    case "checks-failed": {
      const named = why.failed.slice(0, 3).map(({ command }) => inlineCode(command, 120));
      const more = why.failed.length - named.length;
      return `${named.join(", ")}${more > 0 ? ` and ${String(more)} more` : ""} did not pass`;
    }
    case "no-change":
      return "it changed nothing";
    case "ending": {
      const { what } = describeEnding(why.ending, "frontier");
      return `${what.charAt(0).toLowerCase()}${what.slice(1)}`;
    }
    case "below-floor":
      return describeFloor(why.floor);
    // Nothing follows these.
    case "blocked":
    case "guards":
    case "unsandboxed":
    case "action-too-old":
    case "branch-not-protected":
    case "run-ended":
    case "never-ran":
    case "silent":
    case "cancelled":
    case "gave-way":
    case "deadline":
      return `it ended with \`${why.why}\``;
    default:
      return unreachable(why);
  }
}

function describeFloor({ named, tier }: Floor): string {
  return `it touches ${inlineCode(named)}, which no tier below \`${tier}\` may change (\`routing.floors\` in the policy)`;
}

const UNKNOWN: Readonly<Record<(typeof KNOWN)[number], string>> = {
  agents: "specialists (`agents` in the policy)",
  "follow-ups": "follow-ups of pull requests (`/agent fix`)",
};

/** Why an attempt brought nothing to publish and, where nothing else says it (`advises`), what to do next. */
export function describeJudged(why: JudgedReason, tier: Tier, advises = true): string {
  const then = (advice: string) => (advises ? ` ${advice}` : "");
  switch (why.why) {
    case "blocked":
      return blockedText(why);
    case "ending": {
      const { what, next } = describeEnding(why.ending, tier);
      const said = why.detail === null ? "" : `: ${oneLine(why.detail, 400).replace(/\.$/, "")}`;
      return `${what} (\`${why.ending}\`)${said}.${then(next)}`;
    }
    case "checks-failed":
      return [
        "The repository's checks did not all pass on the result, so it was not published:",
        ...why.failed.slice(0, 10).flatMap(failedCheck),
        ...(advises ? ["", adviceOnChecks(why.failed, tier)] : []),
      ].join("\n");
    case "no-change":
      return `The harness ended well and changed nothing.${then("Edit the issue so that it says more precisely what should be different, then comment `/agent`.")}`;
    case "guards":
      return [
        "The result was not published, because of what it touches:",
        ...why.violations.slice(0, 20).map((violation) => `- ${oneLine(describeViolation(violation), 300)}`),
        "",
        "Narrow the request so that it needs none of this, or make these changes by hand.",
      ].join("\n");
    case "below-floor":
      return `The result was not published: ${describeFloor(why.floor)}.${then(`Comment \`/agent use ${why.floor.tier}\`, or narrow the request.`)}`;
    case "branch-not-protected":
      return `The runner repository's \`${oneLine(why.branch, 100)}\` is not protected: whoever can push there can read the pool's keys. Protect it, then label the issue again.`;
    case "unsandboxed":
      return "The job ran without a sandbox, which only the demo may: its result was thrown away. Remove `AGENT_POOL_UNSANDBOXED` from the runner's environment.";
    case "action-too-old":
      return `The Action in the runner repository's workflow doesn't know ${why.lacks === undefined ? `\`${oneLine(why.harness, 50)}\`` : UNKNOWN[why.lacks]}. Raise the commit in its \`uses:\` to the one of the app's version, then label the issue again.`;
    case "run-ended":
      return `The workflow run ended with \`${oneLine(why.conclusion, 40)}\` and reported nothing. Its log says why; label the issue again to retry.`;
    case "never-ran":
      return [
        `GitHub ended the workflow run with \`${oneLine(why.conclusion, 40)}\` before any job of it began: no model was called, and nothing was tried. The run's page names the reason. It is one of these, for whoever keeps the runner repository:`,
        "- a workflow execution policy of the organisation that doesn't let this App start the workflow",
        "- the account's billing, or its spending limit for Actions",
        "- Actions are disabled there, or the actions that the workflow uses are not allowed",
        "- an error in the workflow file",
        "",
        "Once that is mended, label the issue again.",
      ].join("\n");
    case "silent":
      return "The job fell silent and was stopped. Its run's log may say why; label the issue again to retry.";
    case "cancelled":
      return "It was cancelled.";
    case "gave-way":
      return "It was on standby and stopped for other work, and reported nothing. Label the issue again to retry.";
    case "deadline":
      return "The job reported nothing before its lease ended. Label the issue again to retry.";
    default:
      return unreachable(why);
  }
}

function adviceOnChecks(failed: readonly FailedCheck[], tier: Tier): string {
  if (failed.every(({ exitCode }) => couldNotStart(exitCode)))
    return "No model can mend that: correct the command under `verify` in `.github/agent-pool.yml`, or add what it needs to `setup` or the runner, then comment `/agent`.";
  return tier === "frontier"
    ? "Correct the check or the issue's text where they are wrong, then comment `/agent`."
    : "Comment `/agent use frontier` to try a stronger model.";
}

/** How a run ended that brought nothing to publish, and what to do, for people who don't write code. */
function describeEnding(kind: EndingKind, tier: Tier): { readonly what: string; readonly next: string } {
  const stronger = tier === "frontier" ? "" : ", or comment `/agent use frontier` for a stronger model";
  switch (kind) {
    case "completed":
      return { what: "The harness ended well, and its result could not be judged", next: "Label the issue again to retry." };
    case "turnLimit":
      return {
        what: "The model came to its limit of turns before it was done",
        next: `Split the issue into smaller ones${stronger}.`,
      };
    case "budgetExhausted":
      return {
        what: "The attempt's budget was used up before the model was done",
        next: "Split the issue into smaller ones, or raise `task.budget` in the policy, then label the issue again.",
      };
    case "repeating":
      return {
        what: "The model repeated the same call again and again, and the same came of it each time",
        next: `Say more in the issue about what stands in its way${stronger}.`,
      };
    case "rateLimited":
    case "quotaExhausted":
      return {
        what: "The credential came to its provider's limit, and the work could not go on with another",
        next: "Label the issue again: it waits for a credential with room.",
      };
    case "overloaded":
      return { what: "The provider was overloaded, each time that it was asked", next: "Label the issue again later." };
    case "authFailed":
      return {
        what: "The provider refused the credential",
        next: "Whoever keeps the pool should renew its secret `AGENT_POOL_KEY`, or its identity in the policy; then label the issue again.",
      };
    case "billing":
      return {
        what: "The provider's account can't pay",
        next: "Whoever keeps the pool should look at its billing; then label the issue again.",
      };
    case "modelNotFound":
      return {
        what: "The provider has no such model for this credential",
        next: "Correct the model under `tiers` in the policy, or give that account access to it; then label the issue again.",
      };
    case "timedOut":
      return {
        what: "The time of the attempt was over before the model was done",
        next: `Split the issue into smaller ones${stronger}.`,
      };
    case "crashed":
      return { what: "The harness broke off in the middle", next: "Label the issue again to retry." };
    case "providerError":
      return { what: "The provider failed", next: "Label the issue again later." };
    default:
      return unreachable(kind);
  }
}
