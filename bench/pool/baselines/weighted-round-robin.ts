import type { Workload } from "../workload.ts";
import { baseline, type Chooser } from "./kit.ts";

/** nginx's smooth weighted round-robin, as in CLIProxyAPI: each seat as often as its plan is large. */
export const weightedRoundRobin = baseline("weighted-round-robin", byTurns);

/** The same with the product's own bound, one job at once on a seat: what the bound alone is worth. */
export const weightedRoundRobinOne = baseline("weighted-round-robin, 1 at once", byTurns, 1);

function byTurns({ workload }: { readonly workload: Workload }): Chooser {
  const current = workload.seats.map(() => 0);
  return {
    choose(_job, seats) {
      let total = 0;
      for (const { index, plan } of seats) {
        total += plan.week;
        current[index] = (current[index] ?? 0) + plan.week;
      }
      const chosen = seats.reduce((best, seat) => ((current[seat.index] ?? 0) > (current[best.index] ?? 0) ? seat : best));
      current[chosen.index] = (current[chosen.index] ?? 0) - total;
      return chosen;
    },
  };
}
