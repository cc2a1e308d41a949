import type { InstallationId, TaskId } from "../wire/ids.ts";
import type { FollowBound } from "../wire/failure.ts";
import type { EpochMs } from "../wire/units.ts";
import { issueOf, type Brief, type FollowReason, type Requester } from "../request/brief.ts";
import type { Plan } from "../plan/plan.ts";
import { checkName, type Told } from "../plan/told.ts";
import { mayBeMended, type CheckRun, type CiChecks } from "./ci-checks.ts";
import { threadMarker } from "./markers.ts";

/** How many follow-ups a pull request may have: that start by themselves, on one head and in all; and with those that people ask for. */
export const FOLLOW_UPS: Readonly<Record<FollowBound, number>> = { head: 1, automatic: 3, all: 10 };

/** How many there have been, whatever came of them. */
export type FollowCounts = Readonly<Record<FollowBound, number>>;

/** The bound that keeps another from starting; undefined: it may. Pure. */
export function boundReached(had: FollowCounts, why: FollowReason): FollowBound | undefined {
  const bounds: readonly FollowBound[] = why === "asked" ? ["all"] : ["all", "automatic", "head"];
  return bounds.find((bound) => had[bound] >= FOLLOW_UPS[bound]);
}

/**
 * Of what failed on a head, what a follow-up may begin with by itself. Not what fails on the base too (`onBase`), which is none of the pull
 * request's doing; nor what the head's own follow-up was told of (`told`): it has tried that, and who looks at it next is a person. Pure.
 */
export function failedAnew(
  failed: CiChecks["failed"],
  { onBase, told }: { readonly onBase: readonly CheckRun[]; readonly told: Told["checks"] },
): CiChecks["failed"] {
  const known = new Set([...onBase.filter(mayBeMended), ...told].map(({ name }) => checkName(name)));
  return failed.filter((check) => mayBeMended(check) && !known.has(checkName(check.name)));
}

/** Whether a check that failed on a head has not ended on the base yet: nobody knows whose doing it is. Pure. */
export function isAwaitedOnBase({ name }: CiChecks["failed"][number], onBase: readonly CheckRun[]): boolean {
  return onBase.some((run) => run.status !== "completed" && checkName(run.name) === checkName(name));
}

/** What asks for a follow-up. `words`: a command's own; `head`, `checks`: the one commit and what failed on it that it is about. */
export type Asking = {
  readonly why: FollowReason;
  readonly requester: Requester;
  readonly words: string | null;
  readonly head?: string;
  readonly checks?: readonly string[];
  readonly askedAt: EpochMs;
  readonly installation: InstallationId;
};

/** A follow-up's answer in a thread that it was told: GitHub makes a link of the commit. Nothing of it is a model's. Pure. */
export function threadAnswer(task: TaskId, commit: string): string {
  return `${threadMarker(task)}

A follow-up that was told of this thread is on the branch, with commit ${commit}. Whether it does what is asked for here is for a person to see: resolve the thread where it does; where it doesn't, say here what is missing, and comment \`/agent fix\` on the pull request.
`;
}

/**
 * The brief of a follow-up on a pull request's head: the text, the specialist and the route that were asked for before, by whoever asks
 * now, in the pull request's place. An approval holds on, but for one's own. Pure.
 */
export function followUpBrief(
  { id, brief, plan }: { readonly id: TaskId; readonly brief: Brief; readonly plan: Plan | null },
  { number, branch, commit }: { readonly number: number; readonly branch: string; readonly commit: string },
  { why, requester, words, checks, askedAt, installation }: Asking,
): Brief {
  const { approval, label: _label, follows: _follows, ...before } = brief;
  const label = plan?.agent?.label ?? brief.label;
  return {
    ...before,
    installation,
    issue: { ...brief.issue, number },
    requester,
    askedAt,
    ...(label === undefined ? {} : { label }),
    ...(approval === undefined || approval.id === requester.id ? {} : { approval }),
    follows: { task: id, issue: issueOf(brief), branch, head: commit, why, words, ...(checks === undefined ? {} : { checks }) },
  };
}
