import { baseline, least } from "./kit.ts";

/** The seat with the fewest jobs running, chance among equals (LiteLLM's `least-busy`). */
export const leastBusy = baseline("least-busy", ({ random }) => ({
  choose: (_job, seats) => least(seats, ({ live }) => live, random),
}));
