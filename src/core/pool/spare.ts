import { STANDBY, type RoomConstants, type StandbyConstants } from "./constants.ts";
import type { Estimate } from "./estimator.ts";
import { isSure, keptShare, leftShare, needOf, sureSize } from "./room.ts";
import { LENGTH_MS, leftOfTime, type Allowance } from "./windows.ts";
import type { EpochMs } from "../wire/units.ts";

/**
 * **Standby** is work for what would be lost: the part of a seat's windows that is forecast to expire unused. It is nobody's
 * turn: all other work goes first, and a run on standby is stopped where it alone keeps a credential from that.
 */

/** What the pool's other work has drawn from an account: a millisecond's mean, at list price, of a week and of the last five hours. */
export type Drawing = { readonly weekPerMs: number; readonly fiveHoursPerMs: number };

/**
 * Whether a job fits what a window is forecast to lose at its reset: what is left of it now, less what is kept for its owner, or
 * what others are expected to use by then where that is more, and less what the pool's other work is. Of a window whose size isn't
 * known well nothing is known to be lost, and what outlasts the reset
 * would draw on what comes after it.
 */
export function isSpare(
  estimate: Estimate,
  window: Allowance,
  keepForOwner: number,
  drawn: Drawing | null,
  now: EpochMs,
  { room, standby = STANDBY }: { readonly room: RoomConstants; readonly standby?: StandbyConstants | undefined },
): boolean {
  const { capacity, name } = window;
  // A limit by the minute paces a job, and is nothing that could be saved.
  if (name === "tokens-minute") return true;
  if (capacity === null || drawn === null || !isSure(capacity, room)) return false;
  const size = sureSize(capacity, room);
  // Of one that has begun anew a whole length: what isn't known lasts longer.
  const ms = leftOfTime(name, window.resetsAt, now);
  if (estimate.ms > ms) return false;
  const share = (perMs: number) => (standby.asMuchAgain * perMs * ms) / size;
  const pace = LENGTH_MS[name] <= LENGTH_MS["five-hour"] ? Math.max(drawn.weekPerMs, drawn.fiveHoursPerMs) : drawn.weekPerMs;
  const owners = Math.max(keptShare(window, capacity, keepForOwner, now), share(capacity.hiddenPerMs));
  const expires = leftShare(window, capacity, 0, now, room) - owners - share(pace);
  return needOf(estimate, window) / size <= expires + 1e-12;
}
