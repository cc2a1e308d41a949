import { ROOM, type RoomConstants } from "./room.ts";
import { PACED, type PacedConstants } from "./strategy.ts";

/** What the queue is tuned by. */
export const QUEUE = {
  /** After this long passed over by others, the first credential that will have room is kept free for a task. */
  patienceMs: 30 * 60_000,
  /** Of all credentials, the share that may be kept free at once; one always may. */
  keptAtMost: 0.1,
};
export type QueueConstants = Readonly<typeof QUEUE>;

/** All that a choice is tuned by. The defaults are the product's; others are for `npm run bench:pool`. */
export type Constants = { readonly queue: QueueConstants; readonly room: RoomConstants; readonly paced: PacedConstants };
export const CONSTANTS: Constants = { queue: QUEUE, room: ROOM, paced: PACED };
