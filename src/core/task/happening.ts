import { TASK_STATES, TERMINAL_TASK_STATES, type TaskState } from "./lifecycle.ts";

/**
 * What happens to an issue from outside, and what that does to its newest task: one exhaustive table, by which the app goes and
 * from which docs/lifecycle.md is written.
 */
export const HAPPENINGS = {
  ask: "the label is set, or `/agent`",
  amend: "`/agent use …`, `/agent size …`",
  approve: "`/agent approve`",
  retry: "`/agent retry`",
  "retry-fresh": "`/agent retry fresh`",
  cancel: "`/agent cancel`, or the label is taken off",
  close:
    "the issue is closed, transferred or deleted, its repository archived, transferred or deleted, the App suspended or taken off",
} as const;
export type Happening = keyof typeof HAPPENINGS;

/** What comes of it, in words for the table. */
export const RESULTS = {
  open: "a task is opened",
  again: "a task is opened with the text that this one had",
  renew: "it is planned anew, as asked for now",
  approve: "it is planned anew, with the approval",
  stop: "it is cancelled, its run stopped",
  "under-way": "nothing; the comment says that it is under way",
  "no-task": "nothing; the comment says that there is nothing to do this to",
  "in-review": "nothing; the comment names its pull request",
  late: "nothing; the comment says that its pull request is being opened",
  nothing: "nothing",
} as const;
export type HappeningResult = keyof typeof RESULTS;

/** `none`: the issue has had no task. */
export type Situation = TaskState | "none";
export const SITUATIONS: readonly Situation[] = ["none", ...TASK_STATES];

type Row = Record<Happening, HappeningResult>;

const ENDED: Row = {
  ask: "open",
  amend: "open",
  approve: "open",
  retry: "again",
  "retry-fresh": "open",
  cancel: "no-task",
  close: "nothing",
};
const AT_WORK: Row = {
  ask: "under-way",
  amend: "under-way",
  approve: "under-way",
  retry: "under-way",
  "retry-fresh": "under-way",
  cancel: "stop",
  close: "stop",
};
const PUBLISHING: Row = { ...AT_WORK, cancel: "late", close: "nothing" };

const TABLE: Record<Situation, Row> = {
  none: { ...ENDED, retry: "open" },
  planning: { ...AT_WORK, amend: "renew", approve: "approve" },
  // Nothing has been done for it: a new request is as good as the old one.
  asking: { ...AT_WORK, ask: "renew", amend: "renew", approve: "approve", "retry-fresh": "renew" },
  // As long as no run has worked on it; what has begun goes on under the plan that it began with.
  queued: { ...AT_WORK, amend: "renew" },
  dispatching: AT_WORK,
  awaiting: AT_WORK,
  running: AT_WORK,
  judging: AT_WORK,
  committing: AT_WORK,
  branching: PUBLISHING,
  opening: PUBLISHING,
  inviting: PUBLISHING,
  // As long as its pull request is open (`resultOf`).
  solved: { ...ENDED, ask: "in-review", amend: "in-review", approve: "in-review", retry: "in-review" },
  unsolved: ENDED,
  refused: ENDED,
  stuck: ENDED,
  cancelled: ENDED,
};

/** What a happening does where the newest task stands so. `isPullClosed`: of a solved one, merged or not. Pure. */
export function resultOf(happening: Happening, situation: Situation, isPullClosed = false): HappeningResult {
  const result = TABLE[situation][happening];
  return result === "in-review" && isPullClosed ? ENDED[happening] : result;
}

/** The states that `stop` reaches. */
export const STOPPABLE: readonly TaskState[] = TASK_STATES.filter((state) => TABLE[state].cancel === "stop");
/** The states that `renew` and `approve` reach, as long as no run has worked on it. */
export const RENEWABLE: readonly TaskState[] = TASK_STATES.filter(
  (state) => !TERMINAL_TASK_STATES.includes(state) && Object.values(TABLE[state]).includes("renew"),
);
