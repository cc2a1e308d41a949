import type { EpochMs } from "../wire/units.ts";
import type { Estimate } from "./estimator.ts";
import { counts, isCurrent, LENGTH_MS, usedOf, type Allowance, type Learned } from "./windows.ts";

/** What the rules of room are tuned by (docs/pool.md says how they were found). */
export const ROOM = {
  /** Of a window whose size is known, what is never promised. */
  margin: 0.02,
  /** How many standard errors of the learned capacity are kept clear of. */
  errors: 2,
  /** Of a window whose size is not known yet, the observed share up to which one job at a time is tried. */
  unknownUpTo: 0.5,
  /** Of a window that nothing was seen of since its reset, what others are taken to have used at most. */
  unseenAtMost: 0.5,
};
export type RoomConstants = Readonly<typeof ROOM>;

/**
 * Whether a job fits a window: with nine chances of ten it stays within what the window has left after our own and others' use,
 * what is held, the owner's part and the margin.
 */
export function isRoomFor(
  estimate: Estimate,
  window: Allowance,
  keepForOwner: number,
  now: EpochMs,
  room: RoomConstants = ROOM,
): boolean {
  const { capacity, observed } = window;
  if (window.name === "tokens-minute") return capacity === null || window.held + estimate.tokensPerMinute <= capacity.value;
  if (capacity === null) {
    const share = observed !== null && isCurrent(window, now) ? observed.share : 0;
    return window.held === 0 && share <= room.unknownUpTo;
  }
  const size = sureSize(capacity, room);
  const needed = estimate.p90 + capacity.hiddenPerMs * estimate.ms;
  const kept = keptShare(window, keepForOwner, now);
  return usedShare(window, capacity, now, room) + (window.held + needed) / size <= 1 - room.margin - kept;
}

/**
 * The size by which amounts become shares, the smaller the less surely it is known. What the provider has stated as a share needs
 * none: with a doubtful size taken off the whole window instead, a week seen at 70 % whose size was known to a quarter
 * was not used again, and so neither better known, until its reset.
 */
function sureSize({ value, error }: Learned, room: RoomConstants): number {
  return value * (1 - Math.min(0.5, room.errors * error));
}

function usedShare(window: Allowance, capacity: Learned, now: EpochMs, room: RoomConstants): number {
  const { observed, own, since } = window;
  const size = sureSize(capacity, room);
  if (observed === null || !isCurrent(window, now)) {
    // Only a job can check what others are expected to use: a rate learned too high must not end all use, for it would never be mended.
    const others = Math.max(0, usedOf(window, capacity, now) - own) / size;
    return own / size + Math.min(others, room.unseenAtMost);
  }
  return observed.share + (since + capacity.hiddenPerMs * Math.max(0, now - observed.at)) / size;
}

/** What is kept for the owner, less what they have used of it themselves. */
function keptShare(window: Allowance, keepForOwner: number, now: EpochMs): number {
  const { capacity, own } = window;
  if (capacity === null) return 0;
  return Math.max(0, keepForOwner - Math.max(0, usedOf(window, capacity, now) - own) / capacity.value);
}

/** When a credential's windows will have room, if nobody else takes it: now, or at the last reset that is needed; null: never. */
export function roomAt(
  task: { readonly estimate: Estimate; readonly model: string },
  windows: readonly Allowance[],
  keepForOwner: number,
  now: EpochMs,
  room: RoomConstants = ROOM,
): number | null {
  let at: number = now;
  for (const window of windows) {
    if (!counts(window, task.model) || isRoomFor(task.estimate, window, keepForOwner, now, room)) continue;
    if (window.capacity !== null && task.estimate.p90 > window.capacity.value * (1 - keepForOwner - room.margin)) return null;
    at = Math.max(at, window.resetsAt ?? now + LENGTH_MS[window.name]);
  }
  return at;
}
