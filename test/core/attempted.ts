import type { Tier } from "#core/wire/contract.ts";
import { TaskId } from "#core/wire/ids.ts";
import { EpochMs, HOUR_MS, MicroUsd } from "#core/wire/units.ts";
import type { Fate } from "#core/plan/fate.ts";
import type { Attempted } from "#core/plan/scoreboard.ts";

const MODELS = { light: "claude-haiku-5-5", standard: "claude-sonnet-5-5", frontier: "claude-opus-5-5" } as const;

/** A verified attempt on the light tier, without a pull request, that cost a dollar. */
export function attempted(tier: Tier, overrides: Partial<Attempted> = {}): Attempted {
  return {
    task: TaskId("t"),
    repository: "web",
    size: "s",
    worth: null,
    route: { tier, harness: "claude-code", model: MODELS[tier] },
    chance: null,
    tried: true,
    verified: true,
    cost: MicroUsd(1_000_000),
    pull: null,
    ...overrides,
  };
}

/** So many alike, each a task of its own. */
export function many(count: number, of: (at: number) => Attempted, name = "t"): readonly Attempted[] {
  return Array.from({ length: count }, (_, at) => ({ ...of(at), task: TaskId(`${name}${String(at).padStart(3, "0")}`) }));
}

/** Merged after so many hours and rounds. */
export function mergedAfter(hours: number, rounds = 0): Fate {
  const openedAt = EpochMs(1_000);
  return {
    openedAt,
    merged: { at: EpochMs(openedAt + hours * HOUR_MS), commit: "c".repeat(40) },
    closedAt: null,
    reopenedAt: null,
    rounds: Array.from({ length: rounds }, (_, at) => String(at).padStart(40, "0")),
  };
}
