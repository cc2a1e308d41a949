import type { Change, Checks, Verification } from "../wire/contract.ts";
import { redact } from "../wire/redact.ts";
import { issueOf, type Brief } from "../request/brief.ts";
import type { Plan } from "../plan/plan.ts";
import { inlineCode } from "../change/inline-code.ts";
import { type LookFirst, lookFirst } from "../change/look-first.ts";
import { touchedBy, type Touched } from "../change/guards.ts";
import { commitText, oneLine } from "../change/publishable.ts";
import { describeSource, describeStanding } from "./check-words.ts";
import { checksOf, isProved, standings } from "./checks.ts";
import { describeProvenance, type Run } from "./provenance.ts";

export type Finished = {
  readonly brief: Brief;
  readonly plan: Plan;
  /** All of the task's, oldest first; the last one's result is published. */
  readonly runs: readonly Run[];
  readonly finalMessage: string | null;
  readonly checks: Checks;
  readonly verification: Verification[];
  readonly changes: readonly Change[];
  /** It should be a draft, and the owner's plan has none. */
  readonly isDraftless: boolean;
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
  const issue = `issue ${String(issueOf(brief))}`;
  const title = oneLine(brief.issue.title, 72) || issue.replace("i", "I");
  const [subject, what] =
    brief.follows === undefined
      ? [title, issue]
      : [`Follow-up: ${title}`, `${issue}, on pull request ${String(brief.issue.number)}`];
  return [
    `${subject}${skip}`,
    "",
    `Written by ${plan.route.harness} with ${plan.route.model} for ${what}, asked for by ${brief.requester.login}.`,
    ...coAuthor(brief.requester),
  ].join("\n");
}

/**
 * The trailer by which GitHub shows who asked beside the App. Source: docs.github.com, "Creating a commit with multiple authors"
 * and "Email addresses reference" (`ID+USERNAME@users.noreply.github.com`). A login in other characters is none of GitHub's.
 */
function coAuthor({ id, login }: Brief["requester"]): string[] {
  if (!isLogin(login)) return [];
  return ["", `Co-authored-by: ${login} <${String(id)}+${login}@users.noreply.github.com>`];
}

function isLogin(text: string): boolean {
  return /^[\w-]+$/.test(text);
}

/** Of the commit that changes nothing, and by which CI starts. */
export function ciMessage(asked: Brief): string {
  const who = isLogin(asked.requester.login) ? asked.requester.login : "somebody";
  return `Start CI\n\nAsked for by ${who} on pull request ${String(asked.issue.number)}: the files are those of the commit before.`;
}

/**
 * Of the merge by which a follow-up's base comes in. Where CI is held back it is here too: GitHub's own message would start it.
 * `base`: what is merged.
 */
export function mergeMessage({ requester, issue, follows }: Brief, base: string, ci: Plan["ci"]): string {
  const skip = ci === "approved" ? " [skip ci]" : "";
  const who = isLogin(requester.login) ? requester.login : "somebody";
  const what = `Merge ${oneLine(base, 100)} into ${oneLine(follows?.branch ?? "", 100)}${skip}`;
  return `${what}\n\nBefore a follow-up on pull request ${String(issue.number)}, asked for by ${who}.`;
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
  return [
    `Closes #${String(brief.issue.number)}.`,
    finished.isDraftless
      ? "**Take this for a draft** until you have read it: GitHub has no drafts in this repository, under its owner's plan."
      : null,
    ...describeTouched(touchedIn(finished)),
    said === ">" ? null : said,
    "### Checks",
    describeSource(checksOf(verify, finished.checks).source, verify),
    standings(verify, finished).map(describeStanding).join("\n"),
    "### Not verified",
    describeUnverified(finished),
    ...describeLookFirst(lookFirst(finished.changes)),
    "### How it was made",
    describeProvenance(finished.runs),
    // Without an @: the review request calls them, and one call is enough.
    `Asked for by ${brief.requester.login}${plan.agent === undefined ? "" : `, done by the specialist \`${plan.agent.name}\``}.${goneBefore(finished.runs)}`,
  ]
    .filter((part) => part !== null && part !== "")
    .join("\n\n");
}

/** What it touches of the paths that the repository protects and asks a person about. */
export function touchedIn({ plan, changes }: Pick<Finished, "plan" | "changes">): readonly Touched[] {
  return touchedBy(changes, plan.guards.asking ?? []);
}

/** A draft where the settings say so, or a person has something to decide first. */
export function wantsDraft(finished: Finished): boolean {
  const { plan } = finished;
  return plan.draft || touchedIn(finished).length > 0 || !isProved(plan.commands.verify, finished);
}

/** How many paths of a kind are named. */
const MAX_NAMED = 20;

function describeTouched(touched: readonly Touched[]): string[] {
  if (touched.length === 0) return [];
  const lines = touched.slice(0, MAX_NAMED).map(({ path, pattern }) => `- ${inlineCode(path)}, by ${inlineCode(pattern)}`);
  const more = touched.length > MAX_NAMED ? [`- and ${String(touched.length - MAX_NAMED)} more`] : [];
  return [
    "### A person decides first",
    "The repository's settings protect these paths (`guards.protected`) and ask a person about them:",
    [...lines, ...more].join("\n"),
    // Source: GitHub's 422 "Can not request changes on your own pull request" (Blazity/ai-workflow#180).
    "GitHub lets no author request changes on their own pull request, and the app is the author: it holds this back by opening it as a draft, where there are drafts, and by nothing else.",
  ];
}

/** What nobody has looked at when the pull request is opened, whatever has passed. */
function describeUnverified(finished: Finished): string {
  const { plan } = finished;
  const { verify } = plan.commands;
  const ci =
    plan.ci === "approved"
      ? "its CI, which waits: workflows for `push` and `pull_request` skip this commit, those for other events don't. Read the changes; then someone with write access starts it by a comment `/agent ci` here"
      : "its CI: where it has one, that starts with this pull request";
  return [
    ...(isProved(verify, finished)
      ? []
      : [
          `- **that it works**: ${standings(verify, finished).length === 0 ? "no check has run on it" : "not every check has passed on it"}`,
        ]),
    `- ${ci}`,
    "- that it does what the issue asks for: a model wrote it from the issue's text, and nobody has read it yet. Review it as you would a stranger's",
  ].join("\n");
}

function goneBefore(runs: readonly Run[]): string {
  const last = runs.at(-1)?.attempt;
  const before = new Map(runs.filter(({ attempt }) => attempt !== last).map(({ attempt, route }) => [attempt, route]));
  if (before.size === 0) return "";
  const named = [...before.values()].map(({ tier, model }) => `${model} (${tier})`).join(" and ");
  return ` It went on from where ${named} had not passed.`;
}

const WHY: Readonly<Record<LookFirst["why"], string>> = {
  executed: "CI or an install executes it",
  "not-shown": "GitHub folds its diff or shows none",
};

function describeLookFirst(found: readonly LookFirst[]): string[] {
  if (found.length === 0) return [];
  const lines = found.slice(0, MAX_NAMED).map(({ path, why }) => `- ${inlineCode(path)}: ${WHY[why]}`);
  const more = found.length > MAX_NAMED ? [`- and ${String(found.length - MAX_NAMED)} more of these kinds`] : [];
  return ["### Look at these first", [...lines, ...more].join("\n")];
}
