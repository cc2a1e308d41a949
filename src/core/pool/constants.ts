import { QUEUE, type QueueConstants } from "./kept-free.ts";
import { ROOM, type RoomConstants } from "./room.ts";
import { PACED, type PacedConstants } from "./strategy.ts";

/** All that a choice is tuned by. The defaults are the product's; others are for `npm run bench:pool`. */
export type Constants = { readonly queue: QueueConstants; readonly room: RoomConstants; readonly paced: PacedConstants };
export const CONSTANTS: Constants = { queue: QUEUE, room: ROOM, paced: PACED };
