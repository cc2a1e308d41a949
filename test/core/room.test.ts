import { describe, expect, it } from "vitest";
import { isTelling } from "#core/pool/capacity.ts";
import { isRoomFor } from "#core/pool/room.ts";
import { LENGTH_MS, type Allowance } from "#core/pool/windows.ts";
import { EpochMs, HOUR_MS } from "#core/wire/units.ts";

const NOW = EpochMs(Date.UTC(2026, 10, 24, 12));

function week(overrides: Partial<Allowance> = {}): Allowance {
  return {
    name: "week",
    model: null,
    capacity: { value: 1_000, error: 0.02, hiddenPerMs: 0 },
    observed: { share: 0, at: NOW },
    resetsAt: EpochMs(NOW + 24 * HOUR_MS),
    own: 0,
    since: 0,
    held: 0,
    ...overrides,
  };
}

const job = (p90: number) => ({ mean: p90, p90, ms: HOUR_MS, tokensPerMinute: 0 });

describe("room", () => {
  it("takes a doubtful size off what is left, not off what was seen", () => {
    const doubtful = week({ capacity: { value: 1_000, error: 0.2, hiddenPerMs: 0 }, observed: { share: 0.7, at: NOW } });

    // 0.28 of a week that is taken for 600.
    expect(isRoomFor(job(160), doubtful, 0, NOW)).toBe(true);
    expect(isRoomFor(job(180), doubtful, 0, NOW)).toBe(false);
  });

  it("is tried after a reset, however much others are expected to use", () => {
    const since = { observed: { share: 1, at: EpochMs(NOW - 48 * HOUR_MS) }, resetsAt: EpochMs(NOW - 24 * HOUR_MS) };
    const feared = week({ ...since, capacity: { value: 1_000, error: 0.02, hiddenPerMs: 1 } });

    expect(isRoomFor({ ...job(300), ms: 0 }, feared, 0, NOW)).toBe(true);
  });

  it("is what the owner's part leaves, less what they have used of it", () => {
    const used = week({ observed: { share: 0.2, at: NOW } });

    expect(isRoomFor(job(600), used, 0.3, NOW)).toBe(true);
    expect(isRoomFor(job(700), used, 0.3, NOW)).toBe(false);
  });
});

describe("an interval", () => {
  it("tells something by its growth or its length", () => {
    const length = LENGTH_MS["five-hour"];

    expect(isTelling({ share: 0.04, ms: 5 * 60_000 }, length)).toBe(false);
    expect(isTelling({ share: 0.05, ms: 5 * 60_000 }, length)).toBe(true);
    expect(isTelling({ share: 0, ms: HOUR_MS }, length)).toBe(true);
  });
});
