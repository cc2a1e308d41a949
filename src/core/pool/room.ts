import type { EpochMs } from "../wire/units.ts";
import type { Estimate } from "./estimator.ts";
import { counts, isCurrent, LENGTH_MS, usedOf, type Allowance } from "./windows.ts";

/** What the rules of room are tuned by (docs/pool.md says how they were found). */
export const ROOM = {
  /** Of a window whose size is known, what is never promised. */
  margin: 0.02,
  /** How many standard errors of the learned capacity are kept clear of. */
  errors: 1,
  /** Of a window whose size is not known yet, the observed share up to which one job at a time is tried. */
  unknownUpTo: 0.5,
} as const;

/**
 * Whether a job fits a window: with nine chances of ten it stays within what the window has left after our own and others' use,
 * what is held, the owner's part and the margin, which is the wider the less surely the window's size is known.
 */
export function isRoomFor(estimate: Estimate, window: Allowance, keepForOwner: number, now: EpochMs): boolean {
  const { capacity, observed } = window;
  if (window.name === "tokens-minute") return capacity === null || window.held + estimate.tokensPerMinute <= capacity.value;
  if (capacity === null) {
    const share = observed !== null && isCurrent(window, now) ? observed.share : 0;
    return window.held === 0 && share <= Math.min(ROOM.unknownUpTo, 1 - keepForOwner - ROOM.margin);
  }
  return usedOf(window, capacity, now) + window.held + neededBy(estimate, window) <= usable(window, keepForOwner, now);
}

function neededBy({ p90, ms }: Estimate, { capacity }: Allowance): number {
  return p90 + (capacity?.hiddenPerMs ?? 0) * ms;
}

/** What of the window may be promised. Its owner's own use counts against what is kept for them. */
function usable(window: Allowance, keepForOwner: number, now: EpochMs): number {
  const { capacity, own } = window;
  if (capacity === null) return 0;
  const others = Math.max(0, usedOf(window, capacity, now) - own);
  const kept = Math.max(0, keepForOwner * capacity.value - others);
  const sure = capacity.value * (1 - ROOM.margin) - capacity.value * Math.min(0.5, ROOM.errors * capacity.error);
  return sure - kept;
}

/** When a credential's windows will have room, if nobody else takes it: now, or at the last reset that is needed; null: never. */
export function roomAt(
  task: { readonly estimate: Estimate; readonly model: string },
  windows: readonly Allowance[],
  keepForOwner: number,
  now: EpochMs,
): number | null {
  let at: number = now;
  for (const window of windows) {
    if (!counts(window, task.model) || isRoomFor(task.estimate, window, keepForOwner, now)) continue;
    if (window.capacity !== null && task.estimate.p90 > window.capacity.value * (1 - keepForOwner - ROOM.margin)) return null;
    at = Math.max(at, window.resetsAt ?? now + LENGTH_MS[window.name]);
  }
  return at;
}
