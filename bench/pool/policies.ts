import type { Constants } from "#core/pool/constants.ts";
import { ccflare } from "./baselines/ccflare.ts";
import { claudeThreads, leastUsedOne } from "./baselines/claude-threads.ts";
import { fillFirst } from "./baselines/fill-first.ts";
import { leastBusy } from "./baselines/least-busy.ts";
import { leastRecentlyUsed } from "./baselines/least-recently-used.ts";
import { litellmUsage } from "./baselines/litellm-usage.ts";
import { personal } from "./baselines/personal.ts";
import { random } from "./baselines/random.ts";
import { roundRobin } from "./baselines/round-robin.ts";
import { threshold } from "./baselines/threshold.ts";
import { weightedRoundRobin, weightedRoundRobinOne } from "./baselines/weighted-round-robin.ts";
import type { PolicyMaker } from "./policy.ts";
import { product } from "./product.ts";

/** What all are compared with, by name. */
export const OURS = "paced";

const BASELINES: readonly PolicyMaker[] = [
  personal,
  random,
  roundRobin,
  weightedRoundRobin,
  leastRecentlyUsed,
  leastBusy,
  fillFirst,
  threshold,
  litellmUsage,
  ccflare,
  claudeThreads,
  weightedRoundRobinOne,
  leastUsedOne,
];

/** The product as it is shipped, then what it is compared with: itself without one of its parts, and other systems. */
export function policiesOf(constants: Constants): readonly PolicyMaker[] {
  return [
    product(OURS, { strategy: "paced", isFair: true, constants }),
    product("reservations", { strategy: "least-used", isFair: true, constants }),
    product("drain-soonest", { strategy: "drain-soonest", isFair: true, constants }),
    product(FIFO, { strategy: "paced", isFair: false, constants }),
    ...BASELINES,
  ];
}

/** Differs from `paced` in the order of the queue alone. */
export const FIFO = "first-in-first-out";
