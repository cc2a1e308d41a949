import { DAY_MS } from "../wire/units.ts";

/** A request that waits for approval says so once more after a day, and ends by itself: nobody wants what nobody answers for. */
export const ASKING = { remindMs: DAY_MS, days: 14 } as const;
