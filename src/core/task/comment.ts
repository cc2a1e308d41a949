import type { Waiting } from "../pool/decision.ts";
import type { Expected } from "../pool/expected.ts";
import { type Checks, type EndingKind, type SandboxKind, type Verification } from "../wire/contract.ts";
import type { Failure } from "../wire/failure.ts";
import type { TaskId } from "../wire/ids.ts";
import { unreachable } from "../wire/result.ts";
import { formatUsd, type MicroUsd } from "../wire/units.ts";
import { paidBySubscription, type Drawn } from "../pool/ledger.ts";
import type { Plan } from "../plan/plan.ts";
import { describeUpdate, summarizeTold } from "../plan/told.ts";
import type { Route, RouteReason } from "../plan/route.ts";
import { oneLine, publishable } from "../change/publishable.ts";
import { ASKING } from "./asking.ts";
import { describeCi, describeSource, describeStanding } from "./check-words.ts";
import { checksOf, isProved, standings } from "./checks.ts";
import type { JudgedReason } from "./judge.ts";
import { describeJudged, summarizeJudged } from "./judged-words.ts";
import { isTerminal, type TaskState, type Verdict } from "./lifecycle.ts";
import { commentMarker } from "./markers.ts";
import { describeInvited, type Invited } from "./reviewers.ts";
import { sizeReason } from "./size-words.ts";
import { progressText, standbyText, waitingText, type Progress } from "./so-far.ts";
import { describeNotice, headlineOf, type Notice } from "./notice.ts";
import type { CiChecks } from "./ci-checks.ts";

/** One lease of an attempt: a row of the table. An attempt whose offer ran out has several. */
export type LeaseView = {
  readonly attempt: number;
  readonly route: Pick<Route, "tier" | "model">;
  readonly credential: string;
  readonly runUrl: string | null;
  /** Of the attempt; shown at the lease that ended it. */
  readonly verdict: Verdict | null;
  readonly why: JudgedReason | null;
  /** The limit that interrupted it, where the attempt went on with another credential; or that it gave way to other work. */
  readonly movedBy: EndingKind | "gave-way" | null;
  /** null before a run has reported. */
  readonly checks: Checks | null;
  readonly verification: Verification[];
  readonly modelCost: MicroUsd | null;
  /** What a subscription has paid; null where the model was paid by use. */
  readonly drawn: Drawn | null;
  readonly runnerCost: MicroUsd | null;
  readonly sandbox: SandboxKind | null;
};

/** Everything the one comment says: of the issue's newest task, if it has one, and what was last answered to a request. */
export type CommentView = { readonly task: TaskView | null; readonly notice: Notice | null };

export type TaskView = {
  readonly task: TaskId;
  readonly state: TaskState;
  readonly failure: Failure | null;
  readonly waiting: Pick<Waiting, "position" | "until" | "whyNot" | "of"> | null;
  /** When it probably starts; null where nothing says. */
  readonly expected: Expected | null;
  /** Of a run that was heard of. */
  readonly progress: Progress | null;
  readonly plan: Plan | null;
  readonly leases: readonly LeaseView[];
  readonly pullRequest: { readonly number: number; readonly draft: boolean } | null;
  /** Whose review it asks for; null before that. */
  readonly invited: Invited | null;
  /** null before CI has ended there. */
  readonly ciChecks: CiChecks | null;
  /** The operator who has paused the owner's pool. */
  readonly pausedBy: string | null;
  /** It is to end as cancelled, and its run has not ended yet. */
  readonly ending: boolean;
  /** Nobody has approved it for a day. */
  readonly reminded: boolean;
  /** It goes on with the pull request on which this stands. */
  readonly isFollowUp: boolean;
};

/**
 * The states that the comment tells at once: that it starts, that it is at work, how it ended; `queued` where it must wait (the
 * store marks it when an admission ends in waiting). The others pass in seconds. Each edit is one call of the 500 an hour that
 * GitHub allows an installation (content-budget.ts): a task that starts at once takes three for its comment, one for its
 * review request and four for run, commit, branch and pull request, which is 62 tasks an hour; one that waits takes one more.
 */
export function isWorthSaying(state: TaskState): boolean {
  return state === "dispatching" || state === "asking" || state === "running" || isTerminal(state);
}

/** What the comment says without what changes while nothing happens: where only that differs, an edit tells progress, and may be dropped. */
export function withoutProgress({ task, notice }: CommentView): CommentView {
  return { notice, task: task === null ? null : { ...task, waiting: null, expected: null, progress: null } };
}

/** The issue's one comment. Pure; every foreign text in it has passed `publishable`. */
export function renderComment({ task, notice }: CommentView): string {
  const sections = [
    commentMarker(task?.task ?? null, task !== null && !isTerminal(task.state)),
    `**agent-pool** · ${task === null ? (notice === null ? "not started" : headlineOf(notice)) : headline(task)}`,
  ];
  if (notice !== null) sections.push(noticeText(notice));
  if (notice !== null && "answer" in notice && notice.answer === "planned")
    sections.push(planTable(notice.plan), reasonList(notice.plan));
  if (task !== null) sections.push(...taskSections(task));
  return `${sections.join("\n\n")}\n`;
}

function taskSections(view: TaskView): string[] {
  const sections: string[] = [];
  if (view.failure !== null) sections.push(noticeText(view.failure));
  if (view.state === "asking") sections.push(askingText(view));
  if (view.state === "queued" && view.pausedBy !== null)
    sections.push(`\`${oneLine(view.pausedBy, 40)}\` has paused the pool: it starts once \`/agent resume\` ends the pause.`);
  else if (view.state === "queued" && view.waiting !== null)
    sections.push(
      isOnStandby(view) ? standbyText(view.waiting, view.leases.length > 0) : waitingText(view.waiting, view.expected),
    );
  if (view.state === "running" && view.progress !== null) sections.push(progressText(view.progress));
  if (view.plan !== null) sections.push(planTable(view.plan));
  if (view.leases.length > 0) sections.push(leaseTable(view.leases, view.plan));
  if (view.plan?.told !== undefined) sections.push(publishable(summarizeTold(view.plan.told)));
  if (view.plan?.baseUpdate !== undefined) sections.push(withoutFences(publishable(describeUpdate(view.plan.baseUpdate))));
  if (!view.isFollowUp && view.plan?.draft === true && view.pullRequest?.draft === false)
    sections.push("Take it for a draft until you have read it: GitHub has no drafts in this repository, under its owner's plan.");
  if (view.invited !== null) sections.push(...describeInvited(view.invited));
  const last = view.leases.at(-1);
  if (view.plan !== null && last !== undefined && view.state !== "queued") sections.push(...checkNotes(last, view.plan, view));
  const current = last?.attempt ?? 1;
  sections.push(...view.leases.flatMap((lease) => attemptText(lease, view, lease.attempt === current)));
  if (view.leases.some((lease) => lease.sandbox === "none")) {
    sections.push("> Run without a sandbox: this is the demo's scripted model on a machine without bubblewrap.");
  }
  if (view.plan !== null) sections.push(reasonList(view.plan));
  return sections;
}

/** Why an attempt brought nothing; of one that another has followed, how it went on. */
function attemptText({ attempt, route, why }: LeaseView, { state, failure, plan }: TaskView, isLast: boolean): string[] {
  if (why === null) return [];
  const next = plan?.routeReasons.find((reason) => reason.fact === "escalated" && reason.attempt === attempt + 1);
  if (next?.fact === "escalated" && (!isLast || state === "queued"))
    return [`Attempt ${String(attempt)}: ${summarizeJudged(why)}, so ${routeReason(next)}.`];
  return [describeJudged(why, route.tier, failure?.reason !== "attempts-ended")];
}

/** How a request that waits for a person goes on. */
function askingText({ reminded }: TaskView): string {
  const since = reminded ? " Nobody has answered for a day." : "";
  return `It waits for \`/agent approve\`, by whoever decides here, and ends by itself after ${String(ASKING.days)} days.${since} A new label or \`/agent\` asks anew, with the issue's text as it is then; \`/agent cancel\` ends it.`;
}

function noticeText(notice: Notice): string {
  return withoutFences(publishable(describeNotice(notice)));
}

/** A notice's sentences hold values of others: none may open a code block that swallows what follows. */
function withoutFences(text: string): string {
  return text.replace(/^([ \t>]*)(`{3,}|~{3,})/gm, "$1\u200D$2");
}

function headline(view: TaskView): string {
  const draft = view.pullRequest?.draft === true ? "draft " : "";
  const without = `ended without a ${view.isFollowUp ? "change here" : "pull request"}`;
  if (view.ending) return "being cancelled";
  switch (view.state) {
    case "planning":
      return "reading the request";
    case "asking":
      return "waiting for approval";
    case "queued":
      if (view.pausedBy !== null) return "waiting, the pool is paused";
      if (isOnStandby(view)) return `on standby${goesOn(view) ? ", with another attempt" : ""}; it starts by itself`;
      return `waiting${view.waiting === null ? "" : `, number ${String(view.waiting.position)} in the queue,`} for a credential with room for ${goesOn(view) ? "another attempt" : "this"}; it starts by itself`;
    case "dispatching":
    case "awaiting":
      return goesOn(view) ? "started once more, waiting for a runner" : "started, waiting for a runner";
    case "running":
      return "at work";
    case "judging":
    case "committing":
    case "branching":
    case "opening":
    case "inviting":
      return view.isFollowUp ? "done, putting it on this branch" : "done, opening the pull request";
    case "solved":
      if (view.isFollowUp)
        return `a follow-up is on this branch, ready for review${isTested(view) ? "" : "; no check has passed on it yet"}`;
      return `${draft}pull request #${String(view.pullRequest?.number)} is ready for review${isTested(view) ? "" : "; no check has passed on it yet"}`;
    case "unsolved":
      return `${without}${view.failure?.reason === "attempts-ended" ? ", a person is asked" : ""}`;
    case "refused":
      return view.leases.some(({ runnerCost }) => runnerCost !== null) ? without : "not started";
    case "stuck":
      return "stuck, a person is needed";
    case "cancelled":
      return "cancelled";
    default:
      return unreachable(view.state);
  }
}

function isOnStandby({ plan }: TaskView): boolean {
  return plan?.asker.standby === true;
}

/** An attempt has ended unverified, and the next one follows it. */
function goesOn({ leases }: TaskView): boolean {
  return leases.some(({ verdict }) => verdict !== null);
}

/** By checks in the job or by CI, and by each that ran. */
function isTested({ plan, leases, ciChecks }: TaskView): boolean {
  const last = leases.at(-1);
  if (plan === null || last?.checks == null) return false;
  if (checksOf(plan.commands.verify, last.checks).source === "ci")
    return ciChecks !== null && ciChecks.failed.length === 0 && ciChecks.passed > 0;
  return isProved(plan.commands.verify, { checks: last.checks, verification: last.verification });
}

function planTable(plan: Plan): string {
  const { route } = plan;
  const effort = route.effort === null ? "" : `, effort ${route.effort}`;
  // Without a specialist the table has no place for one.
  const [head, line, by] = plan.agent === undefined ? ["", "", ""] : [" specialist |", " --- |", ` ${plan.agent.name} |`];
  return [
    `|${head} size | tier | harness | model | budget |`,
    `|${line} --- | --- | --- | --- | --- |`,
    `|${by} ${plan.size} | ${route.tier} | ${route.harness} | ${route.model}${effort} | ${budgetText(plan)} |`,
  ].join("\n");
}

/** What this attempt may spend, of what the task may. */
function budgetText({ budget, ladder, isDefaultBudget }: Plan): string {
  const whole = ladder === undefined || ladder.budget === budget ? "" : ` of ${formatUsd(ladder.budget)}`;
  return `${formatUsd(budget)}${whole}${isDefaultBudget ? " (default)" : ""}`;
}

function leaseTable(leases: readonly LeaseView[], plan: Plan | null): string {
  // Where all are of one route, it stands in the table above.
  const differ = leases.some(({ route }) => route.model !== plan?.route.model || route.tier !== plan.route.tier);
  return [
    `| attempt |${differ ? " tier | model |" : ""} credential | verdict | checks | model cost | runner | run |`,
    `| --- |${differ ? " --- | --- |" : ""} --- | --- | --- | --- | --- | --- |`,
    ...leases.map((lease) => {
      const checks = plan === null ? "none" : countPassed(lease, plan);
      const run = lease.runUrl === null ? "" : `[run](${lease.runUrl})`;
      const money = (amount: MicroUsd | null) => (amount === null ? "" : formatUsd(amount));
      const model = lease.drawn === null ? money(lease.modelCost) : paidBySubscription(lease.drawn);
      const verdict = lease.verdict ?? (lease.movedBy === null ? "" : movedText(lease.movedBy));
      const route = differ ? ` ${lease.route.tier} | ${lease.route.model} |` : "";
      return `| ${String(lease.attempt)} |${route} ${lease.credential} | ${verdict} | ${lease.verdict === null ? "" : checks} | ${model} | ${money(lease.runnerCost)} | ${run} |`;
    }),
  ].join("\n");
}

function movedText(by: NonNullable<LeaseView["movedBy"]>): string {
  return by === "gave-way" ? "gave way to other work" : `moved: ${by}`;
}

function countPassed({ checks, verification }: LeaseView, plan: Plan): string {
  if (checks === null || verification.length === 0) return "none";
  const all = standings(plan.commands.verify, { checks, verification });
  return `${String(all.filter(({ how }) => how === "passed" || how === "flaky").length)} of ${String(all.length)} pass`;
}

/** Of a result that was judged: where its checks come from, and which of them say less than they seem to. */
function checkNotes(
  { verdict, checks, verification }: LeaseView,
  plan: Plan,
  { ciChecks, pullRequest }: Pick<TaskView, "ciChecks" | "pullRequest">,
): string[] {
  if (verdict === null || checks === null) return [];
  const { verify } = plan.commands;
  const { source } = checksOf(verify, checks);
  if (source === "ci" && ciChecks !== null && pullRequest !== null)
    return [describeCi(ciChecks, pullRequest.number, plan.route.tier)];
  const told = standings(verify, { checks, verification }).filter(
    ({ how }) => source !== "settings" || how === "flaky" || how === "failedBefore",
  );
  const text = [describeSource(source, verify), ...told.map(describeStanding)].filter((line) => line !== null).join("\n");
  return text === "" ? [] : [text];
}

function reasonList(plan: Plan): string {
  const reasons = [...plan.sizeReasons.map(sizeReason), ...plan.routeReasons.map(routeReason)];
  return [
    "<details><summary>Why this size and route</summary>",
    "",
    ...reasons.map((reason) => `- ${reason}`),
    ...(plan.isDefaultBudget
      ? [
          `- the policy sets no \`task.budget\`: all attempts together may spend ${formatUsd(plan.ladder?.budget ?? plan.budget)} on models`,
        ]
      : []),
    `- policy at \`${plan.policyCommit.slice(0, 7)}\`, work from \`${oneLine(plan.base.branch).replaceAll("`", "'")}\` at \`${plan.base.commit.slice(0, 7)}\``,
    "",
    "</details>",
  ].join("\n");
}

export function routeReason(reason: RouteReason): string {
  switch (reason.fact) {
    case "starts-at":
      return `size ${reason.size} starts at ${reason.tier}`;
    case "nearest-allowed":
      return `the role of who asked doesn't allow that; the nearest it allows is ${reason.tier}`;
    case "asked-for":
      return `${reason.what} ${reason.value} was asked for`;
    case "floor":
      return `the ${reason.floor.by} \`${oneLine(reason.floor.named, 200).replaceAll("`", "'")}\` asks for ${reason.floor.tier} at least`;
    case "agent":
      return [
        `the specialist ${reason.agent} does it`,
        ...(reason.tiers === null ? [] : [`works with ${reason.tiers.join(", ")}`]),
        ...(reason.harness === null ? [] : [`prefers ${reason.harness}`]),
      ].join(", ");
    case "preferred":
      return reason.why === "explored"
        ? `${reason.first} is tried out in the place of ${reason.instead}, as the policy has it for a few small tasks`
        : `${reason.first} goes before ${reason.instead}: by the scoreboard its results cost less`;
    case "best-value": {
      const { model, chance, cost, worth, of } = reason;
      const among = of === 1 ? "" : `, the best value of ${String(of)} tiers`;
      return `${model}: right ${String(Math.round(chance * 100))} times in 100, at ${formatUsd(cost)} expected${among}; a result is worth ${formatUsd(worth)} here`;
    }
    case "escalated":
      return `attempt ${String(reason.attempt)} goes on with ${reason.model} (${reason.tier}): right ${String(Math.round(reason.chance * 100))} times in 100 by what was seen so far, at ${formatUsd(reason.cost)} expected`;
    default:
      return unreachable(reason);
  }
}
