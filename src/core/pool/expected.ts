import { EpochMs } from "../wire/units.ts";
import type { WhyNot, Waiting } from "./decision.ts";
import type { Seen } from "./estimator.ts";

/** Between which instants a task probably starts, from how many jobs of late. */
export type Expected = { readonly from: EpochMs; readonly to: EpochMs; readonly of: number };

/** Fewer jobs than these say nothing of the next one. */
const ENOUGH = 5;
/** Of the normal distribution: eight of ten lie between these many standard deviations on both sides. */
const Z80 = 1.2816;

/** What ends with somebody else's job. All else ends at a time of its own, or by a person. */
const ENDS_WITH_A_JOB: readonly WhyNot["why"][] = ["runners-busy", "busy", "kept-free"];

/**
 * When a task that waits behind running jobs starts: at its place in the queue as many of these must have ended. With as many
 * running as now, each as long as such jobs were and as far on as chance has it, the ends come like those of a Poisson process:
 * the n-th after n mean lengths over the number running, give or take the root of n of these. null where that says nothing: too
 * few jobs seen, none running, or a window, a budget or a rest in the way of every credential. Pure.
 *
 * *Shape*: `seen` of the task's own kind; the instants are whole minutes, outwards.
 */
export function expectedStart(
  { position, whyNot, running }: Pick<Waiting, "position" | "whyNot" | "running">,
  seen: Seen | undefined,
  now: EpochMs,
): Expected | null {
  if (seen === undefined || seen.n < ENOUGH || running === undefined || running === 0) return null;
  if (!ENDS_WITH_A_JOB.some((why) => whyNot[why] !== undefined)) return null;
  const apart = seen.ms / seen.n / running;
  const middle = position * apart;
  const spread = Z80 * Math.sqrt(position) * apart;
  const minute = 60_000;
  return {
    from: EpochMs(Math.floor((now + Math.max(0, middle - spread)) / minute) * minute),
    to: EpochMs(Math.ceil((now + middle + spread) / minute) * minute),
    of: Math.floor(seen.n),
  };
}
