import type { Change, Tier } from "../wire/contract.ts";
import { isAtLeast, floorOf } from "../plan/floors.ts";
import type { Floors, Plan } from "../plan/plan.ts";
import { checkChanges } from "../change/guards.ts";

/**
 * What the next attempt begins with of one that ended: its changes as far as they could be published, but none at a path that a floor
 * keeps for a higher tier than it had. Those are made anew by who may make them. Pure.
 */
export function carriedOver(
  changes: readonly Change[],
  { guards, floors = [] }: { readonly guards: Plan["guards"]; readonly floors?: Floors },
  tier: Tier,
): readonly Change[] {
  const checked = checkChanges(changes, guards);
  if (!checked.ok) return [];
  return checked.value.filter(({ path }) => {
    const floor = floorOf(floors, { labels: [], paths: [path] });
    return floor === undefined || isAtLeast(tier, floor.tier);
  });
}

/** Whether both give the same tree. Pure. */
export function isSameWork(one: readonly Change[], other: readonly Change[]): boolean {
  const told = (changes: readonly Change[]) => changes.map(keyOf).toSorted().join("\n");
  return told(one) === told(other);
}

function keyOf(change: Change): string {
  return JSON.stringify(change.status === "deleted" ? [change.path] : [change.path, change.mode, change.blob]);
}
