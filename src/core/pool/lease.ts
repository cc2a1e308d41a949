import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../wire/units.ts";

/** Time-boxes of a lease. Spans: points in time are the database's alone. */
export const LEASE = {
  /**
   * How long an offered lease waits for its run to claim it. Hosted runners queued for 15 minutes and more on
   * 2026-11-11; an offer consumes nothing but its reservation, so patience is cheap.
   */
  offerMs: 20 * MINUTE_MS,
  /** How long the model may be called, from the claim. */
  termMs: HOUR_MS,
  /** After the deadline: the job's time to verify and to report. */
  graceMs: 10 * MINUTE_MS,
  /** The workflow's own limit (`timeout-minutes`): no run costs more runner minutes than these. */
  jobMs: 75 * MINUTE_MS,
  heartbeatEveryMs: 20 * SECOND_MS,
  /** Without a heartbeat for this long a run is silent, and cancelled. */
  silentMs: 3 * MINUTE_MS,
  /**
   * After the deadline: from then on a lease's place at its credential and what it reserved of windows are free, though its
   * run may still have to verify and report. The gateway has refused it every call since the deadline, by its own clock, which
   * may be this far behind. Its money stays reserved until it is settled.
   */
  freedMs: 2 * MINUTE_MS,
} as const;
