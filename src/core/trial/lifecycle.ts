import { DAY_MS } from "../wire/units.ts";

/**
 * A trial: merged pull requests of a repository, done again by each of some routes, and judged by the tests that the merges added.
 *
 *   choosing ─offer─▶ offered ─start─▶ running ─end─▶ ended
 *      ├─fail─▶ failed ◀─┤                │
 *      └──────stop──────┬─┴──────stop──────┘
 *                       ▼
 *                    stopped
 *
 * Stopped, nothing of it starts any more; what runs is still judged. An offer that is not begun fails after `OFFER_STANDS_DAYS`.
 */
export const TRIAL_STATES = ["choosing", "offered", "running", "ended", "stopped", "failed"] as const;
export type TrialState = (typeof TRIAL_STATES)[number];

export const TRIAL_EVENTS = ["offer", "fail", "start", "end", "stop"] as const;
export type TrialEvent = (typeof TRIAL_EVENTS)[number];

const NONE = { offer: null, fail: null, start: null, end: null, stop: null } as const;

/** A cell for every state and event, `null` = refused. The store writes `… where id = $1 and state = $2`. */
export const TRIAL_TRANSITIONS = {
  choosing: { ...NONE, offer: "offered", fail: "failed", stop: "stopped" },
  offered: { ...NONE, fail: "failed", start: "running", stop: "stopped" },
  running: { ...NONE, end: "ended", stop: "stopped" },
  ended: NONE,
  stopped: NONE,
  failed: NONE,
} as const satisfies Record<TrialState, Record<TrialEvent, TrialState | null>>;

/** So long an offer waits to be begun, and private source of its tests is kept for it. Assumed: who asks decides within a week. */
export const OFFER_STANDS_DAYS = 7;
export const OFFER_STANDS_MS = OFFER_STANDS_DAYS * DAY_MS;
