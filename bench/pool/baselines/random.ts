import { baseline } from "./kit.ts";

/** Any seat that doesn't rest. LiteLLM's `simple-shuffle` without weights. */
export const random = baseline("random", ({ random }) => ({
  choose: (_job, seats) => seats[Math.floor(random.float() * seats.length)],
}));
