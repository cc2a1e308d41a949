import { baseline, least } from "./kit.ts";

/** The seat whose last grant is longest ago (claude-relay-service). */
export const leastRecentlyUsed = baseline("least-recently-used", () => ({
  choose: (_job, seats) => least(seats, ({ lastGrantAt }) => lastGrantAt),
}));
