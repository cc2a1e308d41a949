import { TIERS, type Tier } from "../wire/contract.ts";
import type { Policy } from "../config/policy.ts";
import { fold, foldName } from "../change/guards.ts";
import { covers, readPattern } from "../change/pattern.ts";

/** Whether the tier is this one, or a higher one. */
export function isAtLeast(tier: Tier, floor: Tier): boolean {
  return TIERS.indexOf(tier) >= TIERS.indexOf(floor);
}

/** The lowest tier that may do this, and the label or file that says so. */
export type Floor = { readonly tier: Tier; readonly by: "label" | "path"; readonly named: string };

/**
 * The highest of the policy's floors that this falls under. Labels and files only raise it: nothing that an issue says takes one
 * away. Pure.
 */
export function floorOf(
  floors: Policy["routing"]["floors"],
  { labels, paths }: { readonly labels: readonly string[]; readonly paths: readonly string[] },
): Floor | undefined {
  const reached = floors.flatMap(({ labels: listed = [], paths: patterns = [], tier }): Floor[] => {
    const label = labels.find((each) => listed.some((one) => one.toLowerCase() === each.toLowerCase()));
    if (label !== undefined) return [{ tier, by: "label", named: label }];
    const read = patterns.map((text) => readPattern(text, foldName));
    const path = paths.find((each) => read.some((pattern) => covers(pattern, fold(each).split("/"), true)));
    return path === undefined ? [] : [{ tier, by: "path", named: path }];
  });
  return reached.toSorted((one, other) => TIERS.indexOf(other.tier) - TIERS.indexOf(one.tier))[0];
}
