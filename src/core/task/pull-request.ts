import type { Change, Checks, Verification } from "../wire/contract.ts";
import { redact } from "../wire/redact.ts";
import { formatUsd, type MicroUsd } from "../wire/units.ts";
import type { Brief } from "../request/brief.ts";
import type { Plan } from "../plan/plan.ts";
import type { Route } from "../plan/route.ts";
import { paidBySubscription, type Drawn } from "../pool/ledger.ts";
import { inlineCode } from "../change/inline-code.ts";
import { type LookFirst, lookFirst } from "../change/look-first.ts";
import { commitText, oneLine } from "../change/publishable.ts";
import { describeSource, describeStanding } from "./check-words.ts";
import { checksOf, standings } from "./checks.ts";

export type Finished = {
  readonly brief: Brief;
  readonly plan: Plan;
  /** The routes of attempts before it that were not verified: it began with what they had changed. */
  readonly earlier: readonly Pick<Route, "tier" | "model">[];
  readonly finalMessage: string | null;
  readonly checks: Checks;
  readonly verification: Verification[];
  readonly changes: readonly Change[];
  readonly modelCost: MicroUsd;
  /** What a subscription has paid; null where the model was paid by use. */
  readonly drawn: Drawn | null;
  readonly credential: string;
};

export function pullRequestTitle(brief: Brief): string {
  return oneLine(brief.issue.title, 200) || `Issue ${String(brief.issue.number)}`;
}

/**
 * The commit's message. `[skip ci]` is ours alone to write: it stands where CI waits for a person, and foreign skip
 * words have been taken out. Here alone: a squash merge takes the pull request's title and body for its own message,
 * and would switch CI off on the default branch. GitHub signs the commit because neither author nor committer is sent.
 */
export function commitMessage(finished: Finished): string {
  const { brief, plan } = finished;
  const skip = plan.ci === "approved" ? " [skip ci]" : "";
  return [
    `${oneLine(brief.issue.title, 72) || `Issue ${String(brief.issue.number)}`}${skip}`,
    "",
    `Written by ${plan.route.harness} with ${plan.route.model} for issue ${String(brief.issue.number)}, asked for by ${brief.requester.login}.`,
  ].join("\n");
}

/** GitHub takes 65,536 characters; what the model said is the only part that can be long. */
const MAX_SAID = 10_000;

export function pullRequestBody(finished: Finished): string {
  const { brief, plan } = finished;
  const { verify } = plan.commands;
  // Quoted line by line: a code block or heading the model leaves open ends with the quotation, not with our own words.
  const said = commitText(redact(finished.finalMessage ?? "").slice(0, MAX_SAID)).replace(/^.*$/gm, (line) =>
    `> ${line}`.trimEnd(),
  );
  const ci =
    plan.ci === "approved"
      ? "CI waits: workflows for `push` and `pull_request` skip this commit, those for other events don't. Read the changes, then push an empty commit to the branch to start it."
      : null;
  return [
    `Closes #${String(brief.issue.number)}.`,
    said === ">" ? null : said,
    "### Checks",
    describeSource(checksOf(verify, finished.checks).source, verify),
    standings(verify, finished).map(describeStanding).join("\n"),
    ...describeLookFirst(lookFirst(finished.changes)),
    ci,
    // Without an @: the review request calls them, and one call is enough.
    `Asked for by ${brief.requester.login}. Made by ${plan.agent === undefined ? "" : `the specialist \`${plan.agent.name}\`, `}${plan.route.harness} with ${plan.route.model} (${plan.route.tier}) on \`${finished.credential}\` ${finished.drawn === null ? `for ${formatUsd(finished.modelCost)}` : `(${paidBySubscription(finished.drawn)})`}${goneBefore(finished.earlier)}. A model wrote this from the issue's text: review it as you would a stranger's.`,
  ]
    .filter((part) => part !== null && part !== "")
    .join("\n\n");
}

function goneBefore(earlier: Finished["earlier"]): string {
  if (earlier.length === 0) return "";
  return `, from where ${earlier.map(({ tier, model }) => `${model} (${tier})`).join(" and ")} had not passed`;
}

const MAX_LOOK_FIRST = 20;

const WHY: Readonly<Record<LookFirst["why"], string>> = {
  executed: "CI or an install executes it",
  "not-shown": "GitHub folds its diff or shows none",
};

function describeLookFirst(found: readonly LookFirst[]): string[] {
  if (found.length === 0) return [];
  const lines = found.slice(0, MAX_LOOK_FIRST).map(({ path, why }) => `- ${inlineCode(path)}: ${WHY[why]}`);
  const more = found.length > MAX_LOOK_FIRST ? [`- and ${String(found.length - MAX_LOOK_FIRST)} more of these kinds`] : [];
  return ["### Look at these first", [...lines, ...more].join("\n")];
}
