import { MINUTE_MS } from "../wire/units.ts";

/** What the queue is tuned by. */
const QUEUE = {
  /** After this long passed over by others, the first credential that will soon have room is kept free for a task. */
  patienceMs: 30 * MINUTE_MS,
  /** Of all credentials, the share that may be kept free at once; one always may. */
  keptAtMost: 0.1,
};
type QueueConstants = Readonly<typeof QUEUE>;

/** What the rules of room are tuned by (by `npm run bench:pool`, on seeds 1 to 20). */
export const ROOM = {
  /** Of a window whose size is known, what is never promised. */
  margin: 0.02,
  /** How many standard errors of the learned size it is taken to be smaller by. Two: a fifth fewer aborts than one, no more waiting. */
  errors: 2,
  /** Beyond this error, which one or two observations leave, no job is too large for a whole window: an owner may have used it too. */
  unsure: 0.3,
  /** Of a window whose size is not known yet, the observed share up to which one job at a time is tried. */
  unknownUpTo: 0.5,
  /** Of a window that nothing was seen of since its reset, what others are taken to have used at most. */
  unseenAtMost: 0.5,
};
export type RoomConstants = Readonly<typeof ROOM>;

/** What `paced` is tuned by. */
export const PACED = {
  /** What long and short windows weigh. At 0.7 and 0.3 aborts and waste were not surely below `least-used`'s; at halves they are. */
  long: 0.5,
  short: 0.5,
};
export type PacedConstants = Readonly<typeof PACED>;

/** What work on standby is tuned by. */
export const STANDBY = {
  /** How much more than expected others are taken to use before a window's reset: forecasts are means, and a burst is not. */
  asMuchAgain: 1.5,
};
export type StandbyConstants = Readonly<typeof STANDBY>;

/** What a choice is tuned by. The defaults are the product's; others are for `npm run bench:pool`. */
export type Constants = {
  readonly queue: QueueConstants;
  readonly room: RoomConstants;
  readonly paced: PacedConstants;
  /** Absent from what was recorded before there was standby. */
  readonly standby?: StandbyConstants;
};
export const CONSTANTS: Constants = { queue: QUEUE, room: ROOM, paced: PACED, standby: STANDBY };
