import type { Log } from "#action/runner/log.ts";
import { SECOND_MS } from "#core/wire/units.ts";

/**
 * GitHub's cancel: SIGINT, 7.5 s, SIGTERM, 2.5 s, kill (docs "Workflow cancellation", read 2026-09-30). The outcome is out
 * within five seconds of the first: three for the work to end, two for the app to take it.
 */
const END_WORK_MS = 3 * SECOND_MS;
const END_REPORT_MS = 5 * SECOND_MS;

/** The two ways a job is stopped from outside. */
export type Stopping = {
  /** Aborted by either: what there is by then is still reported. */
  readonly signal: AbortSignal;
  /** By a signal to the process. */
  readonly cancelled: () => boolean;
  /** The app has no more use for the job. Nothing hurries. */
  readonly stop: (reason: string) => void;
  /** Resolved when a cancelled job's work has had its time. */
  readonly overdue: Promise<void>;
  /** Aborted when a cancelled job must have reported. */
  readonly gone: AbortSignal;
};

/** Effects: listens to the process's signals from now on. */
export function makeStopping(log: Log): Stopping {
  const stopping = new AbortController();
  const gone = new AbortController();
  const { promise: overdue, resolve } = Promise.withResolvers<void>();
  let cancelled = false;
  const cancel = (): void => {
    if (cancelled) return;
    cancelled = true;
    log("cancelled");
    stopping.abort();
    setTimeout(resolve, END_WORK_MS);
    setTimeout(() => gone.abort(), END_REPORT_MS);
  };
  process.on("SIGINT", cancel).on("SIGTERM", cancel);
  return {
    signal: stopping.signal,
    cancelled: () => cancelled,
    stop(reason) {
      log("stopping", { reason });
      stopping.abort();
    },
    overdue,
    gone: gone.signal,
  };
}
