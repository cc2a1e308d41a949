/**
 * A trial: merged pull requests of a repository, done again by each of some routes, and judged by the tests that the merges added.
 *
 *   choosing ─offer─▶ offered ─start─▶ running ─end─▶ ended
 *      ├─fail─▶ failed   │                │
 *      └──────stop──────┬─┴──────stop──────┘
 *                       ▼
 *                    stopped
 *
 * Stopped, nothing of it starts any more; what runs is still judged.
 */
export const TRIAL_STATES = ["choosing", "offered", "running", "ended", "stopped", "failed"] as const;
export type TrialState = (typeof TRIAL_STATES)[number];

export const TRIAL_EVENTS = ["offer", "fail", "start", "end", "stop"] as const;
export type TrialEvent = (typeof TRIAL_EVENTS)[number];

const NONE = { offer: null, fail: null, start: null, end: null, stop: null } as const;

/** A cell for every state and event, `null` = refused. The store writes `… where id = $1 and state = $2`. */
export const TRIAL_TRANSITIONS = {
  choosing: { ...NONE, offer: "offered", fail: "failed", stop: "stopped" },
  offered: { ...NONE, start: "running", stop: "stopped" },
  running: { ...NONE, end: "ended", stop: "stopped" },
  ended: NONE,
  stopped: NONE,
  failed: NONE,
} as const satisfies Record<TrialState, Record<TrialEvent, TrialState | null>>;
