import type { EpochMs } from "../wire/units.ts";
import type { Estimate } from "./estimator.ts";
import { ROOM, type RoomConstants } from "./constants.ts";
import { counts, isCurrent, LENGTH_MS, ownOf, usedOf, type Allowance, type Learned } from "./windows.ts";

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
    return window.held === 0 && share <= Math.min(room.unknownUpTo, 1 - keepForOwner - room.margin);
  }
  const needed = estimate.p90 + capacity.hiddenPerMs * estimate.ms;
  // To the last unit: shares are exact to far less.
  return needed / sureSize(capacity, room) <= leftShare(window, capacity, keepForOwner, now, room) + 1e-12;
}

/** The share of a window whose size is known that may still be promised. Below zero after an estimate fell short. */
export function leftShare(
  window: Allowance,
  capacity: Learned,
  keepForOwner: number,
  now: EpochMs,
  room: RoomConstants = ROOM,
): number {
  const promised = usedShare(window, capacity, now, room) + window.held / sureSize(capacity, room);
  return 1 - room.margin - keptShare(window, capacity, keepForOwner, now) - promised;
}

/**
 * The size by which amounts become shares, the smaller the less surely it is known. What the provider has stated as a share
 * needs none: with a doubtful size taken off the whole window instead, a week seen at 70 % whose size was known to a quarter
 * was not used again, and so neither better known, until its reset (bench/pool).
 */
function sureSize({ value, error }: Learned, room: RoomConstants): number {
  return value * (1 - Math.min(0.5, room.errors * error));
}

function usedShare(window: Allowance, capacity: Learned, now: EpochMs, room: RoomConstants): number {
  const { observed, since } = window;
  const size = sureSize(capacity, room);
  const own = ownOf(window, now);
  if (observed === null || !isCurrent(window, now)) {
    // Only a job can check what others are expected to use: a rate learned too high must not end all use, and never be mended.
    const others = Math.max(0, usedOf(window, capacity, now) - own) / size;
    return own / size + Math.min(others, room.unseenAtMost);
  }
  const seen = observed.share + (since + capacity.hiddenPerMs * Math.max(0, now - observed.at)) / size;
  return Math.max(seen, own / capacity.value);
}

/** What is still kept for the owner: their own use counts against it. */
export function keptShare(window: Allowance, capacity: Learned, keepForOwner: number, now: EpochMs): number {
  const others = Math.max(0, usedOf(window, capacity, now) - ownOf(window, now));
  return Math.max(0, keepForOwner - others / capacity.value);
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
