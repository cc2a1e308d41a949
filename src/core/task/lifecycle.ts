import { err, ok, type Result } from "../wire/result.ts";

/**
 * The three lifecycles (task, attempt, lease), each one exhaustive table: a cell for every state and event, `null` = refused.
 * The store writes `… where id = $1 and state = $2`, so the database refuses what a table refuses, and its check
 * constraints list the same words (test/store/migrations.test.ts compares them).
 *
 *   planning ─plan─▶ queued ─admit─▶ dispatching ─dispatch─▶ awaiting ─claim─▶ running ─report─▶ judging ─move, escalate─▶ queued
 *      │ ▲            │  ▲             │     └──────────────claim────────────────▲                │  │
 *      │ └───replan───┤  └────────expire (awaiting)                │             │    score ─ accept reject
 *    refuse         refuse          refuse                        lose          lose     │        ▼  └─▶ unsolved
 *      ▼              ▼               ▼                            ▼             ▼     solved committing
 *   refused        refused         refused                      unsolved      unsolved        commit
 *                                                                                                ▼
 *                       solved ◀─invite─ inviting ◀─open─ opening ◀─branch──────────────── branching
 *
 * planning ─ask─▶ asking waits for a person's approval: ─replan─▶ planning with it, `refuse` without; `remind` leaves it there.
 * `cancel` leads to `cancelled` from every state before a branch is made, once no run works on it any more.
 * In `inviting` the pull request is open, and those are asked who are to review it.
 * `expire` leads from `dispatching` and `running` to `queued` as well: what is on standby gives way to others.
 * `score` ends a trial's task: what it made is judged, and published nowhere.
 * `stick` leads from every state with a step of its own to `stuck`: the task can't go on and says why; a person decides.
 */
export const TASK_STATES = [
  "planning",
  "asking",
  "queued",
  "dispatching",
  "awaiting",
  "running",
  "judging",
  "committing",
  "branching",
  "opening",
  "inviting",
  "solved",
  "unsolved",
  "refused",
  "stuck",
  "cancelled",
] as const;
export type TaskState = (typeof TASK_STATES)[number];

export const TASK_EVENTS = [
  "plan",
  "ask",
  "remind",
  "replan",
  "refuse",
  "admit",
  "dispatch",
  "claim",
  "expire",
  "report",
  "lose",
  "move",
  "escalate",
  "accept",
  "score",
  "reject",
  "commit",
  "branch",
  "open",
  "invite",
  "stick",
  "cancel",
] as const;
export type TaskEvent = (typeof TASK_EVENTS)[number];

type Table<State extends string, Event extends string> = Record<State, Record<Event, State | null>>;

const REFUSE_ALL = {
  plan: null,
  ask: null,
  remind: null,
  replan: null,
  refuse: null,
  admit: null,
  dispatch: null,
  claim: null,
  expire: null,
  report: null,
  lose: null,
  move: null,
  escalate: null,
  accept: null,
  score: null,
  reject: null,
  commit: null,
  branch: null,
  open: null,
  invite: null,
  stick: null,
  cancel: null,
} as const satisfies Record<TaskEvent, null>;

const STICK = { stick: "stuck" } as const;
const CANCEL = { cancel: "cancelled" } as const;

export const TASK_TRANSITIONS = {
  planning: { ...REFUSE_ALL, ...STICK, ...CANCEL, plan: "queued", ask: "asking", refuse: "refused" },
  asking: { ...REFUSE_ALL, ...STICK, ...CANCEL, remind: "asking", replan: "planning", refuse: "refused" },
  queued: { ...REFUSE_ALL, ...CANCEL, replan: "planning", admit: "dispatching", refuse: "refused" },
  // A run may claim before the answer to the dispatch that started it reaches us, or after that answer was lost; one on standby may have to
  // give way before it was dispatched.
  dispatching: {
    ...REFUSE_ALL,
    ...STICK,
    ...CANCEL,
    dispatch: "awaiting",
    claim: "running",
    expire: "queued",
    refuse: "refused",
  },
  awaiting: { ...REFUSE_ALL, ...STICK, ...CANCEL, claim: "running", expire: "queued", lose: "unsolved" },
  // The same run may claim again while it has not had our answer; told to give way, it may end unheard.
  running: { ...REFUSE_ALL, ...STICK, ...CANCEL, claim: "running", report: "judging", expire: "queued", lose: "unsolved" },
  // Interrupted by a limit of its credential, the same attempt goes on with another; ended unverified, the next one follows.
  judging: {
    ...REFUSE_ALL,
    ...STICK,
    ...CANCEL,
    move: "queued",
    escalate: "queued",
    accept: "committing",
    score: "solved",
    reject: "unsolved",
  },
  committing: { ...REFUSE_ALL, ...STICK, ...CANCEL, commit: "branching" },
  // From here on the work is there for all to see.
  branching: { ...REFUSE_ALL, ...STICK, branch: "opening" },
  opening: { ...REFUSE_ALL, ...STICK, open: "inviting" },
  inviting: { ...REFUSE_ALL, ...STICK, invite: "solved" },
  solved: REFUSE_ALL,
  unsolved: REFUSE_ALL,
  refused: REFUSE_ALL,
  stuck: REFUSE_ALL,
  cancelled: REFUSE_ALL,
} as const satisfies Table<TaskState, TaskEvent>;

/** The app's judgement of an attempt, and so its last state. */
export const VERDICTS = ["solved", "noChange", "failed", "refused", "lost"] as const;
export type Verdict = (typeof VERDICTS)[number];

/** One try under one route: open until it is judged, whatever number of leases it takes. */
export const ATTEMPT_STATES = ["open", ...VERDICTS] as const;
export type AttemptState = (typeof ATTEMPT_STATES)[number];

const JUDGED = { solved: null, noChange: null, failed: null, refused: null, lost: null } as const;

export const ATTEMPT_TRANSITIONS = {
  open: { solved: "solved", noChange: "noChange", failed: "failed", refused: "refused", lost: "lost" },
  solved: JUDGED,
  noChange: JUDGED,
  failed: JUDGED,
  refused: JUDGED,
  lost: JUDGED,
} as const satisfies Table<AttemptState, Verdict>;

/**
 * One run's use of one credential: offered until the run claims it, held while it works, then one of two ends. One whose
 * offer has run out is withdrawn first: from then on no run can claim it, and its run can be cancelled.
 */
export const LEASE_STATES = ["offered", "withdrawn", "held", "settled", "lost"] as const;
export type LeaseState = (typeof LEASE_STATES)[number];

export const LEASE_EVENTS = ["claim", "withdraw", "report", "lose"] as const;
export type LeaseEvent = (typeof LEASE_EVENTS)[number];

export const LEASE_TRANSITIONS = {
  offered: { claim: "held", withdraw: "withdrawn", report: null, lose: "lost" },
  withdrawn: { claim: null, withdraw: null, report: null, lose: "lost" },
  held: { claim: "held", withdraw: null, report: "settled", lose: "lost" },
  settled: { claim: null, withdraw: null, report: null, lose: null },
  lost: { claim: null, withdraw: null, report: null, lose: null },
} as const satisfies Table<LeaseState, LeaseEvent>;

export type IllegalTransition = { readonly reason: "illegal-transition"; readonly state: string; readonly event: string };

/** The state after `event`, or why there is none. Pure. */
export function stepTask(state: TaskState, event: TaskEvent): Result<TaskState, IllegalTransition> {
  const next = TASK_TRANSITIONS[state][event];
  return next === null ? err({ reason: "illegal-transition", state, event }) : ok(next);
}

export function stepAttempt(state: AttemptState, verdict: Verdict): Result<AttemptState, IllegalTransition> {
  const next = ATTEMPT_TRANSITIONS[state][verdict];
  return next === null ? err({ reason: "illegal-transition", state, event: verdict }) : ok(next);
}

export function stepLease(state: LeaseState, event: LeaseEvent): Result<LeaseState, IllegalTransition> {
  const next = LEASE_TRANSITIONS[state][event];
  return next === null ? err({ reason: "illegal-transition", state, event }) : ok(next);
}

/** True where no event leads on: nothing but a new request starts work on the issue again. */
export function isTerminal(state: TaskState): boolean {
  return Object.values(TASK_TRANSITIONS[state]).every((next) => next === null);
}

export const TERMINAL_TASK_STATES: readonly TaskState[] = TASK_STATES.filter(isTerminal);

/** The lease states in which its credential is in use. */
export const LIVE_LEASE_STATES: readonly LeaseState[] = LEASE_STATES.filter((state) => LEASE_TRANSITIONS[state].lose !== null);
