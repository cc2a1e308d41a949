import type { EpochMs } from "../wire/units.ts";
import type { Estimate } from "./estimator.ts";
import { ROOM, type RoomConstants } from "./constants.ts";
import { counts, isCurrent, LENGTH_MS, ownOf, usedOf, type Allowance, type Learned } from "./windows.ts";

/**
 * Whether a job fits a window: with nine chances of ten it stays within what the window has left after our own and others' use,
 * what is held, the owner's part and the margin. A window that nobody has touched is as large as it is thought to be: there is
 * no better moment for what fits only then.
 */
export function isRoomFor(
  estimate: Estimate,
  window: Allowance,
  keepForOwner: number,
  now: EpochMs,
  room: RoomConstants = ROOM,
): boolean {
  const { capacity, observed } = window;
  if (window.name === "tokens-minute") return capacity === null || window.held + needOf(estimate, window) <= capacity.value;
  if (capacity === null) {
    const share = observed !== null && isCurrent(window, now) ? observed.share : 0;
    return window.held === 0 && share <= Math.min(room.unknownUpTo, 1 - keepForOwner - room.margin);
  }
  const isWhole = isUntouched(window, now);
  if (isWhole && !isSure(capacity, room)) return keepForOwner + room.margin < 1;
  const needed = needOf(estimate, window) + capacity.hiddenPerMs * estimate.ms;
  const size = isWhole ? capacity.value : sureSize(capacity, room);
  // To the last unit: shares are exact to far less.
  return needed / size <= leftShare(window, capacity, keepForOwner, now, room) + 1e-12;
}

/** What a job may use of a window. Of tokens a minute never more than all: the provider paces it, and it would wait for ever. */
export function needOf(estimate: Estimate, { name, capacity }: Pick<Allowance, "name" | "capacity">): number {
  return name === "tokens-minute" ? Math.min(estimate.tokensPerMinute, capacity?.value ?? Infinity) : estimate.p90;
}

/** Whether a size is known well enough to call a job too large for it. */
export function isSure({ error }: Learned, room: RoomConstants = ROOM): boolean {
  return error <= room.unsure;
}

function isUntouched(window: Allowance, now: EpochMs): boolean {
  const seen = window.observed !== null && isCurrent(window, now) ? window.observed.share : 0;
  return seen < 0.01 && window.held === 0 && ownOf(window, now) === 0;
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
export function sureSize({ value, error }: Learned, room: RoomConstants): number {
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
    // As it will be when it begins anew; a reset that has passed has brought all the room that it will.
    const anew = { ...window, observed: null, resetsAt: now, own: 0, since: 0, held: 0 };
    const isOver = window.resetsAt !== null && window.resetsAt <= now;
    if (isOver || !isRoomFor(task.estimate, anew, keepForOwner, now, room)) return null;
    at = Math.max(at, window.resetsAt ?? now + LENGTH_MS[window.name]);
  }
  return at;
}
