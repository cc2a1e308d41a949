import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CONTENT_LIMITS, mayTellProgress, roomInMs, type Made, type Turn } from "#core/task/content-budget.ts";
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "#core/wire/units.ts";
import { busiest } from "../kit/busiest.ts";

const times = (count: number, everyMs: number, from = 0, turn: Turn = "work"): Made =>
  Array.from({ length: count }, (_, at) => ({ at: from + at * everyMs, turn }));

describe("content budget", () => {
  it.each<[string, Made, number, number]>([
    ["the first call", [], 0, 0],
    ["the last that fits into the minute", times(79, 0), 0, 0],
    ["one more than fits into the minute", times(80, 0), 0, 65 * SECOND_MS],
    ["one more, of calls that came one by one", times(80, 500, -79 * 500), 0, 65 * SECOND_MS - 79 * 500],
    ["the second more", times(80, 500, -79 * 500), 1, 65 * SECOND_MS - 78 * 500],
    ["as many more as another minute has", times(80, 0), 80, 130 * SECOND_MS],
    ["the last that fits into the hour", times(499, 6 * SECOND_MS, -499 * 6 * SECOND_MS), 0, 0],
    [
      "one more than fits into the hour",
      times(500, 6 * SECOND_MS, -500 * 6 * SECOND_MS),
      0,
      HOUR_MS - 495 * 6 * SECOND_MS - 25 * SECOND_MS,
    ],
  ])("says when there is room: %s", (_name, made, ahead, waitMs) => {
    expect(roomInMs({ now: 0, made, ahead })).toBe(waitMs);
  });

  it("never lets more through than GitHub does, whatever is asked when, and arrives up to five seconds late", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ afterMs: fc.integer({ min: 0, max: 20_000 }), ahead: fc.integer({ min: 0, max: 3 }) }), {
          minLength: 600,
          maxLength: 1_500,
        }),
        fc.integer({ min: 0, max: 4_999 }),
        (asked, lateMs) => {
          let now = 0;
          const made: { at: number; turn: Turn }[] = [];
          for (const { afterMs, ahead } of asked) {
            now += afterMs;
            if (roomInMs({ now, made, ahead }) === 0) made.push({ at: now, turn: "work" });
          }
          const arrived = made.map(({ at }, index) => at + (index % 2 === 0 ? lateMs : 0)).toSorted((a, b) => a - b);
          expect(busiest(arrived, MINUTE_MS)).toBeLessThanOrEqual(CONTENT_LIMITS.perMinute);
          expect(busiest(arrived, HOUR_MS)).toBeLessThanOrEqual(CONTENT_LIMITS.perHour);
        },
      ),
      { numRuns: 30 },
    );
  });

  it("uses the room up: who comes when they were told finds it, one after the other", () => {
    const made: { at: number; turn: Turn }[] = [];
    for (let call = 0; call < 1_000; call += 1) {
      const at = (made.at(-1)?.at ?? 0) + roomInMs({ now: made.at(-1)?.at ?? 0, made, ahead: 0 });
      made.push({ at, turn: "work" });
    }

    // 500 in the first seven minutes, the rest as the next hour has them.
    expect(made[499]?.at).toBe(6 * 65 * SECOND_MS);
    expect(made[999]?.at).toBe(HOUR_MS + 5 * SECOND_MS + 6 * 65 * SECOND_MS);
  });

  it.each<[string, boolean, Made, number]>([
    ["into a quiet installation", true, [], 0],
    ["the last of a minute", true, times(19, 0, 0, "progress"), 0],
    ["one more than a minute's", false, times(20, 0, 0, "progress"), 0],
    ["the last of an hour", true, times(199, 0, -10 * MINUTE_MS, "progress"), 0],
    ["one more than an hour's", false, times(200, 0, -10 * MINUTE_MS, "progress"), 0],
    ["while half of the minute is left", true, times(39, 0), 0],
    ["once half of the minute is used", false, times(40, 0), 0],
    ["once half of the hour is used", false, times(250, 0, -10 * MINUTE_MS), 0],
    ["while somebody waits for room", false, [], 1],
  ])("lets progress be told %s: %s", (_name, may, made, waiting) => {
    expect(mayTellProgress({ now: 1, made, waiting })).toBe(may);
  });
});
