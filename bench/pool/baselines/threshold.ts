import { baseline, least, usedPercent } from "./kit.ts";

const THRESHOLD_PERCENT = 98;

/**
 * teamclaude: stay on one seat until a window is 98 % used, then go to the one whose week begins anew soonest. Where all are
 * beyond it, the least used.
 */
export const threshold = baseline("threshold", () => {
  let current: number | undefined;
  return {
    choose(job, seats, now) {
      const below = seats.filter((seat) => usedPercent(seat, job, now) < THRESHOLD_PERCENT);
      const stay = below.find(({ index }) => index === current);
      const weekEnds = ({ sightings }: (typeof seats)[number]) => {
        const resetsAt = sightings.get("week")?.resetsAt ?? Infinity;
        return resetsAt > now ? resetsAt : Infinity;
      };
      const chosen = stay ?? least(below, weekEnds) ?? least(seats, (seat) => usedPercent(seat, job, now));
      current = chosen?.index;
      return chosen;
    },
  };
});
