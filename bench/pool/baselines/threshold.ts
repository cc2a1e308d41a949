import { baseline, least, usedPercent } from "./kit.ts";

const THRESHOLD_PERCENT = 98;
/** Unbounded, as shipped, all that waits for a reset falls on one seat at it, and nearly nothing gets done; so it is bounded here. */
const AT_ONCE = 3;

/**
 * teamclaude: stay on one seat until a window is 98 % used, then go to the one whose week begins anew soonest. Where all are
 * beyond it, the least used. Jobs at once: three, to its favour; beyond them, the next in that order.
 */
export const threshold = baseline("threshold", () => {
  let current: number | undefined;
  return {
    choose(job, able, now) {
      const seats = able.filter(({ live }) => live < AT_ONCE);
      const below = seats.filter((seat) => usedPercent(seat, job, now) < THRESHOLD_PERCENT);
      const stay = below.find(({ index }) => index === current);
      const weekEnds = ({ sightings }: (typeof able)[number]) => {
        const resetsAt = sightings.get("week")?.resetsAt ?? Infinity;
        return resetsAt > now ? resetsAt : Infinity;
      };
      const chosen = stay ?? least(below, weekEnds) ?? least(seats, (seat) => usedPercent(seat, job, now));
      current = chosen?.index;
      return chosen;
    },
  };
});
