import { describe, expect, it } from "vitest";
import { expectedStart } from "#core/pool/expected.ts";
import { EpochMs, MINUTE_MS } from "#core/wire/units.ts";

const NOW = EpochMs(Date.UTC(2026, 10, 30, 12, 0));
const seen = (n: number, minutes: number) => ({ n, log: 0, squares: 0, ms: n * minutes * MINUTE_MS, tokens: 0 });

describe("expected start", () => {
  it.each([
    ["two jobs seen", 3, { busy: 1 }, 2, seen(2, 10)],
    ["none seen", 3, { busy: 1 }, 2, undefined],
    ["nothing runs", 3, { busy: 1 }, 0, seen(50, 10)],
    ["written before anybody counted what runs", 3, { busy: 1 }, undefined, seen(50, 10)],
    ["a window is in the way of all", 3, { window: 2 }, 2, seen(50, 10)],
    ["a budget is in the way of all", 3, { budget: 2 }, 2, seen(50, 10)],
  ])("is not told where nothing says it: %s", (_name, position, whyNot, running, known) => {
    expect(expectedStart({ position, whyNot, ...(running === undefined ? {} : { running }) }, known, NOW)).toBeNull();
  });

  it("lies around as many ends of jobs as the place in the queue", () => {
    // Five run, ten minutes each: one ends every two minutes, the twentieth after forty.
    const expected = expectedStart({ position: 20, whyNot: { busy: 1 }, running: 5 }, seen(50, 10), NOW);

    expect(expected).toEqual({ from: NOW + 28 * MINUTE_MS, to: NOW + 52 * MINUTE_MS, of: 50 });
  });

  it("holds eight times in ten, by queues of jobs whose lengths are exponential", () => {
    let held = 0;
    const rounds = 2_000;
    // Park and Miller's generator: the same numbers each time.
    let random = 7;
    const draw = () => (random = (random * 48_271) % (2 ** 31 - 1)) / (2 ** 31 - 1);
    for (let round = 0; round < rounds; round += 1) {
      const ends = Array.from({ length: 12 }, () => -Math.log(draw()) * 2 * MINUTE_MS);
      const startsIn = ends.reduce((sum, each) => sum + each, 0);
      const expected = expectedStart({ position: 12, whyNot: { busy: 1 }, running: 5 }, seen(50, 10), NOW);
      if (expected !== null && NOW + startsIn >= expected.from && NOW + startsIn <= expected.to) held += 1;
    }

    expect(held / rounds).toBeGreaterThan(0.75);
    expect(held / rounds).toBeLessThan(0.9);
  });
});
