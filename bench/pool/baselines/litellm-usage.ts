import { baseline, least } from "./kit.ts";

const MINUTE_MS = 60_000;

/**
 * LiteLLM's `usage-based-routing-v2`: the deployment with the fewest tokens in the running minute, where tokens are booked when
 * a request has ended; chance among equals.
 */
export const litellmUsage = baseline("litellm-usage", ({ random }) => {
  let minute = 0;
  const booked = new Map<number, number>();
  const turn = (now: number) => {
    if (Math.floor(now / MINUTE_MS) !== minute) booked.clear();
    minute = Math.floor(now / MINUTE_MS);
  };
  return {
    choose(_job, seats, now) {
      turn(now);
      return least(seats, ({ index }) => booked.get(index) ?? 0, random);
    },
    ended(seat, _job, ending, now) {
      turn(now);
      if (ending.how === "done") booked.set(seat.index, (booked.get(seat.index) ?? 0) + ending.spent);
    },
  };
});
