import { MicroUsd } from "../wire/units.ts";

/**
 * What a minute of a runner costs, by the workflow's `runs-on`: rounded up per job, as GitHub bills. A label that isn't here
 * is a machine of one's own, or one that GitHub prices by contract: the policy says what its minute costs.
 */
export const RUNNER_PRICES: readonly {
  readonly runsOn: string;
  readonly minute: MicroUsd;
  readonly effective: string;
  readonly source: string;
}[] = ["ubuntu-latest", "ubuntu-24.04", "ubuntu-22.04"].map((runsOn) => ({
  runsOn,
  minute: MicroUsd(6_000),
  effective: "2026-01-01",
  source: "GitHub's price list, Linux two-core",
}));

export function minuteOf(runsOn: string): MicroUsd | undefined {
  return RUNNER_PRICES.find((row) => row.runsOn === runsOn)?.minute;
}
