import { baseline, least, usedPercent, type Chooser } from "./kit.ts";

const POINTS_A_SESSION = 5;

/**
 * claude-threads: the least used seat, each running session counting as 5 points; equal ones in turn. There an account without
 * figures comes last; it asks before a session begins, which runs can't here, so an unseen seat counts as unused.
 */
export const claudeThreads = baseline("claude-threads", byUse);

/** The same with the product's own bound, one job at once on a seat: the least used by what was last seen. */
export const leastUsedOne = baseline("least-used, 1 at once", byUse, 1);

function byUse(): Chooser {
  return {
    choose(job, seats, now) {
      const load = (seat: (typeof seats)[number]) => usedPercent(seat, job, now) + POINTS_A_SESSION * seat.live;
      const lowest = Math.min(...seats.map(load));
      return least(
        seats.filter((seat) => load(seat) === lowest),
        ({ lastGrantAt }) => lastGrantAt,
      );
    },
  };
}
