/** Words of the policy that the pool goes by. */

/**
 * `paced`: the one least used for where it should be by now. Least used alone drives all accounts to run out together late
 * in the week; soonest reset alone burns one at a time. Both stay selectable, with the same reservations.
 */
export const STRATEGIES = ["paced", "least-used", "drain-soonest"] as const;
export type Strategy = (typeof STRATEGIES)[number];

/** Of a budget: calendar periods, UTC. */
export const PERIODS = ["day", "week", "month"] as const;
export type Period = (typeof PERIODS)[number];

/** The team that work counts for where the policy names none, or the asker is in none of those it names. */
export const EVERYONE = "everyone";
