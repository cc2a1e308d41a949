import type { Tier } from "./contract.ts";
import { CANCELLED, NOT_MERGED, TRIAL_OVER, UNFIT, USED_UP } from "./failure-words.ts";
import { unreachable } from "./result.ts";
import { formatUsd, type EpochMs, type MicroUsd } from "./units.ts";

/** Where and why a configuration file is wrong. `line` and `column` count from 1. */
export type Problem = {
  readonly path: string;
  readonly line: number;
  readonly column: number;
  readonly found: string;
  readonly expected: string;
};

/**
 * Every expected failure of the app: a value with the facts of the case. Wording is `describe`'s alone, and each
 * sentence says what to do next.
 */
export type Failure =
  | { readonly reason: "policy-missing"; readonly repository: string; readonly file: string }
  | { readonly reason: "policy-unreadable"; readonly repository: string; readonly file: string }
  | { readonly reason: "config-invalid"; readonly file: string; readonly problems: readonly Problem[] }
  | { readonly reason: "repository-reserved"; readonly repository: string }
  | { readonly reason: "runner-of-another-owner"; readonly runner: string; readonly owner: string }
  | { readonly reason: "runner-not-installed"; readonly runner: string }
  | { readonly reason: "runner-is-public"; readonly runner: string }
  | { readonly reason: "environment-not-locked"; readonly credential: string; readonly runner: string; readonly branch: string }
  | { readonly reason: "actor-may-not-start"; readonly login: string; readonly role: string }
  | { readonly reason: "actor-in-no-role"; readonly login: string }
  | { readonly reason: "tier-not-allowed"; readonly login: string; readonly tier: Tier; readonly allowed: readonly Tier[] }
  | { readonly reason: "approval-of-an-operator"; readonly login: string }
  /** `editor`: null where GitHub names none. */
  | { readonly reason: "edited-lately"; readonly login: string; readonly editor: string | null }
  | { readonly reason: "tasks-used-up"; readonly login: string; readonly tasks: number; readonly opensAt: EpochMs }
  | { readonly reason: "task-under-way"; readonly login: string }
  | { readonly reason: "no-task"; readonly login: string; readonly asked: string }
  | { readonly reason: "task-late"; readonly login: string }
  | { readonly reason: "pull-open"; readonly login: string; readonly pull: number }
  | { readonly reason: "operators-decide"; readonly login: string; readonly asked: string }
  | { readonly reason: "approval-of-another"; readonly login: string }
  | { readonly reason: "not-approved"; readonly days: number }
  /** `login`: whose doing it was, where that is a person's. */
  | { readonly reason: "cancelled"; readonly why: Cancelled; readonly login: string | null }
  | {
      readonly reason: "seat-not-yours";
      readonly seat: string;
      readonly login: string;
      readonly repository: string;
      readonly file: string;
    }
  | { readonly reason: "nothing-lent"; readonly seat: string; readonly login: string }
  | { readonly reason: "lender-unverified"; readonly login: string }
  | { readonly reason: "command-unknown"; readonly word: string; readonly valid: string; readonly nearest?: string }
  /** `labels`: those that there are. */
  | { readonly reason: "agent-unknown"; readonly label: string; readonly labels: readonly string[] }
  | { readonly reason: "agents-several"; readonly agents: readonly string[] }
  | {
      readonly reason: "instructions-unreadable";
      readonly agent: string;
      readonly repository: string;
      readonly file: string;
      readonly why: "missing" | "empty" | "too-long";
    }
  /** `open`: the tiers that could be had here without the agent. */
  | {
      readonly reason: "agent-not-served";
      readonly agent: string;
      readonly tiers: readonly Tier[];
      readonly open: readonly Tier[];
    }
  /** `number`: of the issue or pull request that it is said on, where there is one. */
  | {
      readonly reason: "command-elsewhere";
      readonly asked: string;
      readonly on: "issue" | "pull";
      readonly number: number | null;
    }
  | { readonly reason: "ci-needs-write"; readonly login: string; readonly role: string }
  | { readonly reason: "ci-not-held"; readonly login: string }
  | { readonly reason: "head-moved"; readonly login: string }
  | { readonly reason: "follow-up-under-way"; readonly login: string }
  /** `bound`: which is reached: of those that start by themselves, on one head and in all; or of all. */
  | { readonly reason: "follow-ups-used-up"; readonly bound: FollowBound; readonly most: number }
  /** `login`: who asked; null: it began by itself, with CI that failed. */
  | { readonly reason: "nothing-to-follow"; readonly login: string | null }
  | { readonly reason: "pull-closed" }
  | { readonly reason: "branch-moved"; readonly branch: string }
  /** A follow-up goes on without what its base has new. `branch`: the base. */
  | { readonly reason: "base-not-merged"; readonly branch: string; readonly why: keyof typeof NOT_MERGED }
  | { readonly reason: "route-not-served"; readonly asked: string; readonly served: readonly string[] }
  /** `parts`: what the issue itself lists as its parts. */
  | { readonly reason: "too-big"; readonly parts?: readonly string[] }
  | {
      readonly reason: "below-floor";
      readonly login: string;
      readonly tier: Tier;
      readonly by: "label" | "path";
      readonly named: string;
    }
  /** `chance`: that its result would be right, between 0 and 1. */
  | {
      readonly reason: "not-worth-it";
      readonly model: string;
      readonly chance: number;
      readonly cost: MicroUsd;
      readonly worth: MicroUsd;
      readonly parts?: readonly string[];
    }
  | { readonly reason: "task-budget-too-small"; readonly model: string; readonly needed: MicroUsd; readonly cap: MicroUsd }
  /**
   * No attempt has brought anything to publish. `stop`: why no other follows by itself. `cost`: of them all. `next`: what
   * another would be, where there is one.
   */
  | {
      readonly reason: "attempts-ended";
      readonly stop: "attempts" | "budget" | "top" | "hopeless";
      readonly attempts: number;
      readonly cost: MicroUsd;
      readonly worth: MicroUsd;
      readonly next: { readonly model: string; readonly chance: number; readonly cost: MicroUsd } | null;
    }
  | { readonly reason: "base-unreadable"; readonly repository: string }
  | { readonly reason: "base-moved"; readonly branch: string; readonly message: string }
  | { readonly reason: "budget-too-small"; readonly neededUsd: string; readonly budgetUsd: string }
  | { readonly reason: "never-fits"; readonly why: "nobody-serves" | "no-seat" | "too-large" }
  | { readonly reason: "workflow-refused"; readonly runner: string; readonly workflow: string; readonly message: string }
  /** `by`: who else has changed it; null: an account that is gone. */
  | { readonly reason: "edited-since"; readonly login: string; readonly by: string | null }
  | { readonly reason: "records-lost" }
  | { readonly reason: "trial-over"; readonly why: "stopped" | "budget" | "proves-nothing" }
  | { readonly reason: "github-refused"; readonly route: string; readonly status: number; readonly message: string }
  | { readonly reason: "tries-used-up"; readonly step: string; readonly tries: number; readonly last: string };

/** What bounds the follow-ups of a pull request. */
export type FollowBound = keyof typeof USED_UP;

/** Why a task was cancelled. */
export type Cancelled = keyof typeof CANCELLED;

/** A failure as people read it, on the issue. Markdown, one paragraph or a list; no secret, no foreign text unescaped. */
export function describe(failure: Failure): string {
  switch (failure.reason) {
    case "policy-missing":
      return `There is no \`${failure.file}\` in \`${failure.repository}\`. Add it (six lines are enough: see the README), then label the issue again.`;
    case "policy-unreadable":
      return `\`${failure.file}\` in \`${failure.repository}\` can't be read. Install the App on \`${failure.repository}\` and keep the file under 100 kB of text, then label the issue again.`;
    case "config-invalid":
      return [
        `\`${failure.file}\` is not valid, so nothing was started:`,
        ...failure.problems
          .slice(0, 20)
          .map((p) => `- line ${String(p.line)}, column ${String(p.column)}, \`${p.path}\`: found ${p.found}; ${p.expected}`),
        "",
        "Correct the file on the default branch, then label the issue again.",
      ].join("\n");
    case "repository-reserved":
      return `No task starts in \`${failure.repository}\`: it holds the pool's own configuration or workflow. Open the issue in the repository whose code should change.`;
    case "runner-of-another-owner":
      return `\`runner: ${failure.runner}\` belongs to another owner than \`${failure.owner}\`. Keys and code must stay with one owner: name a repository of \`${failure.owner}\` in the policy.`;
    case "runner-not-installed":
      return `The App is not installed on the runner repository \`${failure.runner}\`. Add that repository to the installation, then label the issue again.`;
    case "runner-is-public":
      return `The runner repository \`${failure.runner}\` is public, so anyone could read its runs. Make it private, then label the issue again.`;
    case "environment-not-locked":
      return `The environment \`${failure.credential}\` of \`${failure.runner}\` is missing, or open to other branches than \`${failure.branch}\`. In that repository's settings, under Environments, let exactly the branch \`${failure.branch}\` deploy to it ("Selected branches"), then label the issue again.`;
    case "actor-may-not-start":
      return `@${failure.login} has the role \`${failure.role}\` here. Someone with write access starts agent work: ask one of them to set the label.`;
    case "actor-in-no-role":
      return `@${failure.login} is in none of the policy's \`roles\`, neither by login nor as an active member of a team. Ask someone who is to set the label, or have \`roles\` name this person or a team of theirs.`;
    case "tier-not-allowed":
      return `This asks for the tier \`${failure.tier}\`, and the role of @${failure.login} allows ${failure.allowed.map((tier) => `\`${tier}\``).join(", ")}. Comment \`/agent use ${failure.allowed.at(-1) ?? ""}\`, or ask an operator.`;
    case "approval-of-an-operator":
      return `Under the policy's \`roles\` an operator approves what would not start by itself, and @${failure.login} is none. Ask an operator to comment \`/agent approve\`, or split the issue.`;
    case "edited-lately":
      return `${failure.editor === null ? "Somebody whom GitHub doesn't name" : `@${failure.editor}, who may not write here,`} edited this issue's text less than ten minutes before @${failure.login} asked for it, or since: it may not be what was read. Look at what was changed ("edited", above the text). \`/agent approve\` takes the text as it stood when it was asked for.`;
    case "tasks-used-up":
      return `@${failure.login} has had the ${String(failure.tasks)} tasks a day that the policy's \`roles\` allow. Comment \`/agent\` again after ${utc(failure.opensAt)}, or ask an operator to set the label.`;
    case "task-under-way":
      return `@${failure.login} asked again while this was under way, which starts nothing. Comment \`/agent\` once it has ended.`;
    case "no-task":
      return `@${failure.login} asked for \`${failure.asked}\`, and nothing is under way here. Comment \`/agent\` to start work on this issue.`;
    case "task-late":
      return `@${failure.login} asked to cancel this when its pull request was being opened. Close that one where it isn't wanted.`;
    case "pull-open":
      return `@${failure.login} asked again, and pull request #${String(failure.pull)} is open for this. Review it, or close it first; \`/agent retry fresh\` has another made beside it.`;
    case "operators-decide":
      return `\`${failure.asked}\` is an operator's to say here, and @${failure.login} is none. Ask one: \`roles\` in the policy names them; where it has none, have one named there.`;
    case "approval-of-another":
      return `Under the policy (\`approve: other\`) nobody approves what they have asked for themselves, as @${failure.login} did. Ask somebody else to comment \`/agent approve\`.`;
    case "not-approved":
      return `Nobody approved this within ${String(failure.days)} days, so it was not started. Comment \`/agent\` to ask again.`;
    case "cancelled":
      return `${CANCELLED[failure.why](failure.login === null ? "somebody" : `@${failure.login}`)} ${failure.why === "closed" ? "Reopen it, then comment" : "Comment"} \`/agent\` to start anew.`;
    case "seat-not-yours":
      return `The policy has no seat \`${failure.seat}\` whose \`owner\` is @${failure.login}, and only its owner lends a seat. Compare \`pool\` in \`${failure.file}\` of \`${failure.repository}\`, then comment again.`;
    case "nothing-lent":
      return `@${failure.login} has lent no seat \`${failure.seat}\`, so there is nothing to take back. Who lent a seat takes it back; compare the name with \`pool\` in the policy.`;
    case "lender-unverified":
      return `GitHub names no role of @${failure.login} in this repository, so nothing here vouches for the owner of a seat. Comment on an issue of a repository where you have one.`;
    case "command-unknown":
      return failure.nearest === undefined
        ? `I don't know \`${failure.word}\`. Valid: ${failure.valid}. Comment again, like \`/agent use standard\`.`
        : `I don't know \`${failure.word}\`. Did you mean \`${failure.nearest}\`? Comment again; \`/agent help\` lists all there is.`;
    case "agent-unknown":
      return failure.labels.length === 0
        ? `The label ${quoted(failure.label)} would start a specialist, and the policy has none (\`agents\`). Set the label \`agent\` instead.`
        : `The label ${quoted(failure.label)} is no specialist's. There are: ${failure.labels.map(quoted).join(", ")}. Set one of these, or \`agent\`.`;
    case "agents-several":
      return `The issue has the labels of several specialists: ${failure.agents.map(quoted).join(", ")}. Say which is meant, like \`/agent use ${failure.agents[0] ?? ""}\`, or take the other labels off and ask again.`;
    case "instructions-unreadable":
      return `The specialist \`${failure.agent}\` is told what \`${failure.file}\` in \`${failure.repository}\` says, and that file ${UNFIT[failure.why]} on the default branch. Put it there, or take \`agents.${failure.agent}.instructions\` out of the policy; then ask again.`;
    case "agent-not-served":
      return `The specialist \`${failure.agent}\` works with ${failure.tiers.map(quoted).join(", ")} alone (\`agents.${failure.agent}.tiers\` in the policy), and by what was asked for, the role of who asked, \`routing.floors\` and the pool this could only have ${failure.open.map(quoted).join(", ")}. Ask for another tier or without the specialist, or have the policy give it one of these.`;
    case "command-elsewhere":
      return describeElsewhere(failure);
    case "ci-needs-write":
      return `@${failure.login} has the role \`${failure.role}\` here. CI runs what a model wrote, with the repository's secrets: ask someone with write access to read the changes and comment \`/agent ci\`.`;
    case "ci-not-held":
      return `@${failure.login} asked to start CI, and nothing holds it back here: it runs as the repository's workflows have it.`;
    case "head-moved":
      return `@${failure.login} asked to start CI, and what stands here now is another commit than could be seen then, or somebody else's. Read it, and comment \`/agent ci\` again. After a commit of a person's CI starts by itself.`;
    case "follow-up-under-way":
      return `@${failure.login} asked again while this was being gone on with, which starts nothing. Comment \`/agent fix\` once it has ended.`;
    case "follow-ups-used-up":
      return USED_UP[failure.bound](failure.most);
    case "nothing-to-follow":
      return failure.login === null
        ? "This began by itself because CI had failed, and none of it fails any more, or it runs again. Nothing was done. Comment `/agent fix` to have something done."
        : `@${failure.login} asked to go on with this, and there is nothing to go by: no open review thread, no request for changes by somebody who may write, and no failing check. Say what is to be done, like \`/agent fix the typo in the heading\`.`;
    case "pull-closed":
      return "The pull request is not open any more, so nothing was done on it. Reopen it, then comment `/agent fix`.";
    case "branch-moved":
      return `Somebody has changed the branch ${quoted(failure.branch)} since this was begun, or deleted it: what was done would not go on from there, and the branch was left as it is. Comment \`/agent fix\` to have it done from there.`;
    case "base-not-merged":
      return NOT_MERGED[failure.why](quoted(failure.branch));
    case "route-not-served":
      return failure.served.length === 0
        ? `Nothing in the pool serves \`${failure.asked}\`: no credential is of a provider whose models the policy's \`tiers\` name. Add one to \`pool\`, or name models of the pool's providers under \`tiers\`, then label the issue again.`
        : `Nothing in the pool serves \`${failure.asked}\`. Served: ${failure.served.map((name) => `\`${name}\``).join(", ")}. Ask for one of these, or add it to \`tiers\` in the policy.`;
    case "too-big":
      return `This looks too big for one attempt. Split it into issues of one change each, or have it tried as it is: by \`/agent size l\`, or \`/agent approve\`.${describeParts(failure.parts)}`;
    case "below-floor":
      return `The ${failure.by} \`${failure.named}\` asks for the tier \`${failure.tier}\` at least (\`routing.floors\` in the policy), and no route of that tier is open to @${failure.login} here. Ask for a higher tier, or have an operator set the label.`;
    case "not-worth-it":
      return `The best that could be begun with is \`${failure.model}\`, expected to cost ${formatUsd(failure.cost)} and to get this right ${String(Math.round(failure.chance * 100))} times in 100; a result is worth ${formatUsd(failure.worth)} here (\`routing.worth\` in the policy). Split the issue, or comment \`/agent approve\` to have it tried all the same.${describeParts(failure.parts)}`;
    case "task-budget-too-small":
      return `An attempt with \`${failure.model}\` is expected to cost ${formatUsd(failure.needed)}, and \`task.budget\` in the policy leaves ${formatUsd(failure.cap)} for it. Raise that budget (where \`task.attempts\` allows another attempt, half of it is kept for that one), or name a cheaper model under \`tiers\`.`;
    case "attempts-ended":
      return describeAttempts(failure);
    case "base-unreadable":
      return `\`${failure.repository}\` has no commit on its default branch to work from. Push one, then label the issue again.`;
    case "base-moved":
      return `\`${failure.branch}\` has moved on since this was begun, and GitHub refused the branch with the change: ${failure.message}. It does so once workflow files have changed meanwhile. Comment \`/agent\` to have the change made anew, on \`${failure.branch}\` as it is now.`;
    case "budget-too-small":
      return `This would reserve ${failure.neededUsd}, and the tightest budget is ${failure.budgetUsd} in all. Raise \`budget\` in the policy, or lower \`task.budget\`.`;
    case "never-fits":
      if (failure.why === "no-seat")
        return "On standby (`agent:whenever`) a task runs on what a seat's windows would lose unused, and the pool has no seat that may serve this. Have one lent (`/agent lend`, and `serves: everyone` in the policy), or set the label `agent` to have it done as other work is.";
      return failure.why === "nobody-serves"
        ? "No credential of the pool may serve this: they are of another provider, for other teams, repositories, tiers or models, or seats whose owners have not agreed to serve others (`agent-pool pool` shows them). Add one to `pool` in the policy, or widen `only`, then label the issue again."
        : "This is expected to use more than any credential's window or budget holds in all. Split the issue, or add a larger credential, then label the issue again.";
    case "workflow-refused":
      return `GitHub refused to start \`${failure.workflow}\` in \`${failure.runner}\`: ${failure.message}. Check that the file is on the default branch, declares \`workflow_dispatch\` with the inputs \`attempt\` and \`credential\`, and that Actions are enabled there.`;
    case "edited-since":
      return `@${failure.login} set the label while the app could not hear of it, and ${failure.by === null ? "somebody else" : `@${failure.by}`} has changed the issue since, so nobody has asked for what it says now. Read it, then comment \`/agent\`.`;
    case "records-lost":
      return "The app has lost its records of this: it runs on a new store, and can't go on with what was under way or waited. A pull request that is open stays open. Comment `/agent` to have it done anew.";
    case "trial-over":
      return TRIAL_OVER[failure.why];
    case "github-refused":
      return `GitHub refused \`${failure.route}\` with ${String(failure.status)}: ${failure.message}. Check the App's permissions and installation, then label the issue again.`;
    case "tries-used-up":
      return `Gave up on the step \`${failure.step}\` after ${String(failure.tries)} tries. The last error: ${failure.last}. Label the issue again to start over.`;
    default:
      return unreachable(failure);
  }
}

function quoted(text: string): string {
  return `\`${text.replaceAll("`", "'")}\``;
}

function describeElsewhere({ asked, on, number }: Extract<Failure, { reason: "command-elsewhere" }>): string {
  const there = number === null ? "" : ` #${String(number)}`;
  return on === "issue"
    ? `\`${asked}\` is said on the issue: comment it on${there}. Here, on its pull request, there are \`/agent fix\` and \`/agent ci\`.`
    : `\`${asked}\` is said on the pull request: comment it on${there || " that one, once there is one (`/agent` starts work that leads to one)"}${asked === "/agent ci" ? ", when you have read the changes" : ""}.`;
}

/** How it could be split, as its own list has it. */
function describeParts(parts: readonly string[] = []): string {
  return parts.length === 0 ? "" : `\n\nIts own list could be the issues:\n${parts.map((part) => `- ${part}`).join("\n")}`;
}

/** What was tried, why that was all, what going on would be, and how to say so. */
function describeAttempts({ stop, attempts, cost, worth, next }: Extract<Failure, { reason: "attempts-ended" }>): string {
  const tried = attempts === 1 ? "The attempt" : `${String(attempts)} attempts, each on another route,`;
  const why = {
    attempts: "the policy allows no more (`task.attempts`)",
    budget: "`task.budget` in the policy doesn't hold another",
    top: "no other route is open to it",
    hopeless: `another is not expected to be worth it: a result is worth ${formatUsd(worth)} here (\`routing.worth\` in the policy)`,
  }[stop];
  const sooner = "Edit the issue so that it says more precisely what should be different, then comment `/agent`";
  return [
    `${tried} brought nothing that could be published, for ${formatUsd(cost)} in all, and ${why}. A person decides how it goes on.`,
    next === null
      ? `${sooner}, or make the change by hand.`
      : `${sooner}; or comment \`/agent use ${next.model}\`, which is expected to cost ${formatUsd(next.cost)} and to get it right ${String(Math.round(next.chance * 100))} times in 100.`,
  ].join(" ");
}

/** `2026-03-02 00:00 UTC`. */
function utc(at: EpochMs): string {
  return `${new Date(at).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
