import { baseline } from "./kit.ts";

/** The next seat in turn (CLIProxyAPI's default). */
export const roundRobin = baseline("round-robin", () => {
  let last = -1;
  return {
    choose(_job, seats) {
      const next = seats.find(({ index }) => index > last) ?? seats[0];
      last = next?.index ?? last;
      return next;
    },
  };
});
