import { baseline, least, usedPercent } from "./kit.ts";

const PENALTY_MS = 500;
const PENALTY_POINTS = 100;

/** better-ccflare's `least-used`: the least used seat, with 100 points more for half a second after a pick. */
export const ccflare = baseline("ccflare", () => ({
  choose: (job, seats, now) =>
    least(seats, (seat) => {
      const isRecent = seat.lastGrantAt >= 0 && now - seat.lastGrantAt < PENALTY_MS;
      return usedPercent(seat, job, now) + (isRecent ? PENALTY_POINTS : 0);
    }),
}));
