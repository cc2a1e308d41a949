import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { capacityOf, isSameWindow, learn, NO_FIT, type Fit } from "#core/pool/capacity.ts";
import { estimateOf, NOTHING_SEEN, see, type Prior, type Seen } from "#core/pool/estimator.ts";
import { afterReading, afterUse, type Kept } from "#core/pool/observe.ts";
import { LENGTH_MS, periodOf, usedOf } from "#core/pool/windows.ts";
import { DAY_MS, EpochMs, HOUR_MS, MINUTE_MS, SECOND_MS } from "#core/wire/units.ts";
import { after, NOW, window } from "./pool-kit.ts";

/** The same numbers on every run, evenly spread over 0…1. */
function makeRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const normal = (random: () => number) => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

describe("a window's learned size", () => {
  /** What a provider shows, in steps of `step`, of an account that we and others use. */
  function learned(seed: number, intervals: number, { capacity = 50e6, hiddenPerHour = 1e6, step = 0 } = {}): Fit {
    const random = makeRandom(seed);
    let fit = NO_FIT;
    for (let at = 0; at < intervals; at += 1) {
      const own = random() < 0.3 ? 0 : random() * 2e6;
      const ms = (0.1 + random()) * HOUR_MS;
      const others = hiddenPerHour * (ms / HOUR_MS) * (0.5 + random());
      const share = (own + others) / capacity;
      fit = learn(fit, { own, ms, share: step === 0 ? share : Math.round(share / step) * step });
    }
    return fit;
  }

  it("comes within a few percent of the truth, with others' use beside ours", () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const found = capacityOf(learned(seed, 100))!;

      expect(Math.abs(found.value / 50e6 - 1)).toBeLessThan(0.1);
      expect(Math.abs((found.hiddenPerMs * HOUR_MS) / 1e6 - 1)).toBeLessThan(0.2);
    }
  });

  it("comes within a few percent on the average, though shares are told in whole percents", () => {
    const found = Array.from({ length: 40 }, (_, seed) => capacityOf(learned(seed, 100, { step: 0.01 }))!.value / 50e6);

    const mean = found.reduce((sum, value) => sum + value, 0) / found.length;
    expect(Math.abs(mean - 1)).toBeLessThan(0.05);
  });

  it("comes nearer the more is seen, and is the less sure the less was", () => {
    const errors = [3, 10, 100].map((count) => capacityOf(learned(7, count))!.error);

    expect(errors[0]).toBeGreaterThan(errors[1]!);
    expect(errors[1]).toBeGreaterThan(errors[2]!);
  });

  it("is exact, and knows of nobody else, where nobody else uses it", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1e6, max: 1e9 }),
        fc.array(fc.record({ own: fc.integer({ min: 1e4, max: 1e6 }), minutes: fc.integer({ min: 1, max: 300 }) }), {
          minLength: 3,
          maxLength: 30,
        }),
        (capacity, work) => {
          let fit = NO_FIT;
          for (const { own, minutes } of work) fit = learn(fit, { own, ms: minutes * MINUTE_MS, share: own / capacity });

          const found = capacityOf(fit)!;
          expect(found.value / capacity).toBeCloseTo(1, 6);
          expect(found.hiddenPerMs * HOUR_MS).toBeLessThan(capacity / 1_000);
        },
      ),
    );
  });

  it("is unknown, and not nothing, while no use of ours has moved the share", () => {
    fc.assert(
      fc.property(fc.array(fc.record({ ms: fc.nat(DAY_MS), share: fc.double({ min: 0, max: 0.5, noNaN: true }) })), (seen) => {
        let fit = NO_FIT;
        for (const each of seen) fit = learn(fit, { ...each, own: 0 });

        expect(capacityOf(fit)).toBeNull();
      }),
    );
  });

  it("follows a plan that was changed", () => {
    const random = makeRandom(3);
    let fit = learned(3, 100);
    for (let at = 0; at < 200; at += 1) {
      const own = random() * 2e6;
      fit = learn(fit, { own, ms: HOUR_MS, share: own / 200e6 });
    }

    expect(Math.abs(capacityOf(fit)!.value / 200e6 - 1)).toBeLessThan(0.1);
  });

  it("is never negative, infinite or not a number, whatever is reported", () => {
    const any = fc.record({
      own: fc.double({ min: 0, max: 1e9, noNaN: true }),
      ms: fc.integer({ min: 0, max: 30 * DAY_MS }),
      share: fc.double({ min: -0.005, max: 10, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(any, { maxLength: 30 }), (seen) => {
        const found = capacityOf(seen.reduce<Fit>(learn, NO_FIT));

        if (found === null) return;
        expect(found.value).toBeGreaterThan(0);
        expect(found.hiddenPerMs).toBeGreaterThanOrEqual(0);
        expect(found.error).toBeGreaterThan(0);
        for (const figure of Object.values(found)) expect(Number.isFinite(figure)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it("P7: a reset that jitters by seconds begins no new window, one that moves by a minute or a share that falls does", () => {
    const before = { share: 0.5, resetsAt: NOW };

    expect(isSameWindow(before, { share: 0.5, resetsAt: after(2 * SECOND_MS) })).toBe(true);
    expect(isSameWindow(before, { share: 0.5, resetsAt: after(MINUTE_MS) })).toBe(false);
    expect(isSameWindow(before, { share: 0.5, resetsAt: after(-MINUTE_MS) })).toBe(false);
    expect(isSameWindow(before, { share: 0.5, resetsAt: null })).toBe(true);
    expect(isSameWindow(before, { share: 0.4, resetsAt: null })).toBe(false);
  });
});

const KEPT: Kept = { share: 0.1, observedAt: NOW, resetsAt: after(5 * HOUR_MS), own: 100, since: 40, fit: NO_FIT };
const FIVE = LENGTH_MS["five-hour"];

describe("what is kept of a window", () => {
  it("adds our own use to what was seen, until it is seen again", () => {
    const used = afterUse(KEPT, 10, after(1), FIVE);

    expect(used).toMatchObject({ own: 110, since: 50, share: 0.1 });
    expect(afterReading(used, { share: 0.2, resetsAt: KEPT.resetsAt }, after(2), 0, FIVE)).toMatchObject({
      own: 110,
      since: 0,
      share: 0.2,
    });
  });

  it("keeps as use since a reading what a job used after it was made, however late it arrives", () => {
    const read = afterReading(afterUse(KEPT, 10, after(2), FIVE), { share: 0.2, resetsAt: KEPT.resetsAt }, after(1), 10, FIVE);

    expect(read).toMatchObject({ own: 110, since: 10 });
    // Learned from what lies between the two readings alone.
    expect(read.fit).toMatchObject({ oo: 1_600, n: 1 });
  });

  it("P15: a reading older than the one that is known changes nothing, in whatever order they arrive", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1_000), { minLength: 1, maxLength: 6 }), (ages) => {
        const readings = ages.map((age, at) => ({ at: after(age), share: 0.1 + at / 100 }));
        let kept = KEPT;
        for (const { at, share } of readings) kept = afterReading(kept, { share, resetsAt: KEPT.resetsAt }, at, 0, FIVE);

        const newest = Math.max(...ages);
        expect(kept.observedAt).toBe(after(newest));
        expect(readings.filter(({ at }) => at === after(newest)).map(({ share }) => share)).toContain(kept.share);
      }),
    );
  });

  it("begins anew with our own use after its reset, and ends a length later at the latest", () => {
    const used = afterUse(KEPT, 7, after(6 * HOUR_MS), FIVE);

    expect(used).toMatchObject({ share: null, observedAt: null, own: 7, since: 7, resetsAt: after(11 * HOUR_MS) });
    expect(used.fit).toBe(KEPT.fit);
    expect(afterUse(used, 1, after(11 * HOUR_MS), FIVE)).toMatchObject({ own: 1 });
  });

  it("begins anew a whole length after it was seen, where no reset is told", () => {
    const untold = { ...KEPT, resetsAt: null };

    expect(afterUse(untold, 7, after(FIVE - 1), FIVE)).toMatchObject({ own: 107 });
    expect(afterUse(untold, 7, after(FIVE), FIVE)).toMatchObject({ own: 7 });
  });

  it("never adds up over windows that nobody tells of", () => {
    let kept: Kept = { ...KEPT, resetsAt: null };
    for (let hour = 1; hour <= 1_000; hour += 1) {
      kept = afterUse(kept, 10, after(hour * HOUR_MS), FIVE);
      expect(kept.own).toBeLessThanOrEqual(150);
    }
  });

  it("learns nothing across a reset, and counts what was used after the reading into the new window", () => {
    const read = afterReading(KEPT, { share: 0.01, resetsAt: after(10 * HOUR_MS) }, after(5 * HOUR_MS + 1), 3, FIVE);

    expect(read).toMatchObject({ share: 0.01, own: 3, since: 3, fit: NO_FIT, resetsAt: after(10 * HOUR_MS) });
    // Told without its new reset, and with a larger share than before: it began anew all the same.
    expect(afterReading(KEPT, { share: 0.3, resetsAt: null }, after(6 * HOUR_MS), 3, FIVE)).toMatchObject({
      own: 3,
      fit: NO_FIT,
    });
  });

  it("adds readings up until they tell enough: a twentieth of growth, or a fifth of the window's time", () => {
    const read = (kept: Kept, share: number, minutes: number) => {
      const used = afterUse(kept, 1_000, after(minutes * MINUTE_MS), FIVE);
      return afterReading(used, { share, resetsAt: KEPT.resetsAt }, after(minutes * MINUTE_MS), 0, FIVE);
    };
    const first = read(KEPT, 0.12, 10);
    const second = read(first, 0.14, 20);
    const third = read(second, 0.15, 30);

    expect([first, second, third].map(({ fit }) => fit.n)).toEqual([0, 0, 1]);
    expect(second.fit.open).toEqual({ share: 0.1, at: NOW, own: 2_040 });
    expect(third.fit).toMatchObject({ oo: 3_040 ** 2, open: null });
    expect(read(KEPT, 0.1, 60).fit.n).toBe(1);
    // The same word told again is an interval of nothing, and is added up like any other.
    expect(afterReading(KEPT, { share: 0.1, resetsAt: KEPT.resetsAt }, after(3), 40, FIVE).fit.n).toBe(0);
  });

  it("keeps the known reset where the told one jitters", () => {
    expect(afterReading(KEPT, { share: 0.1, resetsAt: after(5 * HOUR_MS + 900) }, after(1), 0, FIVE).resetsAt).toBe(
      KEPT.resetsAt,
    );
  });

  it("counts as used what others are expected to have used since, to the window's end and no further", () => {
    const capacity = { value: 1_000, error: 0, hiddenPerMs: 1 / HOUR_MS };
    const seen = window({ name: "five-hour", observed: { share: 0.1, at: NOW }, resetsAt: after(4 * HOUR_MS) });

    expect([0, 1, 3].map((hour) => Math.round(usedOf(seen, capacity, after(hour * HOUR_MS))))).toEqual([100, 101, 103]);
    expect(usedOf(seen, capacity, after(4 * HOUR_MS))).toBe(0);
    expect(usedOf(seen, capacity, after(5 * HOUR_MS))).toBeCloseTo(1);
    expect(usedOf(seen, capacity, after(90 * HOUR_MS))).toBeCloseTo(5);
  });
});

const PRIOR: Prior = { median: 410_000, sigma: 0.6, ms: 8 * MINUTE_MS, tokens: 80_000 };

describe("an estimate", () => {
  const seen = (costs: readonly number[]): Seen =>
    costs.reduce((sums, cost) => see(sums, { cost, ms: 4 * MINUTE_MS, tokens: 1_000 }), NOTHING_SEEN);

  it("is the prior's where nothing was seen", () => {
    const { mean, p90, ms } = estimateOf([NOTHING_SEEN, NOTHING_SEEN], PRIOR);

    expect(mean).toBeCloseTo(410_000 * Math.exp(0.18), 3);
    expect(p90).toBeCloseTo(410_000 * Math.exp(1.2816 * 0.6), 3);
    expect(ms).toBe(PRIOR.ms);
  });

  it("is the data's where much was seen, whatever the prior", () => {
    const random = makeRandom(5);
    const costs = Array.from({ length: 2_000 }, () => 3e6 * Math.exp(0.4 * normal(random)));

    const found = estimateOf([seen(costs)], { ...PRIOR, sigma: 0.4 });

    const sorted = costs.slice(-300).toSorted((a, b) => a - b);
    expect(Math.abs(found.mean / (3e6 * Math.exp(0.08)) - 1)).toBeLessThan(0.25);
    expect(Math.abs(found.p90 / sorted[270]! - 1)).toBeLessThan(0.4);
    expect(found.ms).toBeLessThan(4.5 * MINUTE_MS);
  });

  it("moves from the prior to the data with each lease, one direction only", () => {
    const means = Array.from({ length: 60 }, (_, count) => estimateOf([seen(Array(count).fill(4_000_000))], PRIOR));

    // The median, since the spread shrinks meanwhile.
    for (const [at, { ms }] of means.entries()) if (at > 0) expect(ms).toBeLessThan(means[at - 1]!.ms);
    expect(means[0]!.mean).toBeLessThan(600_000);
    expect(means[59]!.mean).toBeGreaterThan(3_000_000);
  });

  it("draws a repository's few leases towards the owner's many", () => {
    const owner = seen(Array(80).fill(4_000_000));
    const alone = estimateOf([seen([400_000]), NOTHING_SEEN], PRIOR).mean;
    const among = estimateOf([seen([400_000]), owner], PRIOR).mean;

    expect(alone).toBeLessThan(600_000);
    expect(among).toBeGreaterThan(2_000_000);
    expect(among).toBeLessThan(estimateOf([NOTHING_SEEN, owner], PRIOR).mean);
  });

  it("has its nine chances of ten above its mean, and both are numbers, whatever was seen", () => {
    const costs = fc.array(fc.integer({ min: 0, max: 50_000_000 }), { maxLength: 60 });
    fc.assert(
      fc.property(costs, costs, (near, far) => {
        const { mean, p90 } = estimateOf([seen(near), seen(far)], PRIOR);

        expect(Number.isFinite(p90)).toBe(true);
        expect(mean).toBeGreaterThan(0);
        expect(p90).toBeGreaterThanOrEqual(mean);
      }),
    );
  });

  it("grows where every cost grows", () => {
    const costs = fc.array(fc.integer({ min: 1, max: 5_000_000 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(costs, fc.integer({ min: 2, max: 9 }), (each, times) => {
        const less = estimateOf([seen(each)], PRIOR);
        const more = estimateOf([seen(each.map((cost) => cost * times))], { ...PRIOR, median: PRIOR.median * times });

        expect(more.mean / less.mean).toBeCloseTo(times, 6);
        expect(more.p90 / less.p90).toBeCloseTo(times, 6);
      }),
    );
  });

  it("holds enough for nine of ten jobs that are like those before", () => {
    const random = makeRandom(11);
    const cost = () => 1e6 * Math.exp(0.7 * normal(random));
    let sums = NOTHING_SEEN;
    let within = 0;
    for (let at = 0; at < 2_000; at += 1) {
      const next = cost();
      if (at >= 200 && next <= estimateOf([sums], PRIOR).p90) within += 1;
      sums = see(sums, { cost: next, ms: MINUTE_MS, tokens: 1_000 });
    }

    expect(within / 1_800).toBeGreaterThan(0.86);
    expect(within / 1_800).toBeLessThan(0.94);
  });
});

describe("a period", () => {
  it.each([
    ["day", "2026-11-24T12:00:00Z", "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z"],
    ["day", "2026-12-31T23:59:59.999Z", "2026-12-31T00:00:00Z", "2027-01-01T00:00:00Z"],
    ["day", "2028-02-29T00:00:00Z", "2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z"],
    ["week", "2026-11-24T12:00:00Z", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"],
    ["week", "2026-11-23T00:00:00Z", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"],
    ["week", "2026-11-29T23:59:59.999Z", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"],
    ["week", "2027-01-01T00:00:00Z", "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z"],
    ["month", "2026-11-24T12:00:00Z", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"],
    ["month", "2026-12-31T23:59:59.999Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"],
    ["month", "2028-02-29T00:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"],
    ["month", "2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"],
  ] as const)("a %s of %s begins %s and ends %s", (period, now, start, end) => {
    expect(periodOf(period, EpochMs(Date.parse(now)))).toEqual({ start: Date.parse(start), end: Date.parse(end) });
  });

  it("holds its instant, and follows on the one before without a gap, in UTC", () => {
    const instant = fc.integer({ min: Date.UTC(2020, 0), max: Date.UTC(2040, 0) });
    fc.assert(
      fc.property(instant, fc.constantFrom("day" as const, "week" as const, "month" as const), (now, period) => {
        const { start, end } = periodOf(period, EpochMs(now));

        expect(start <= now && now < end).toBe(true);
        expect(periodOf(period, end).start).toBe(end);
        expect(periodOf(period, EpochMs(start - 1)).end).toBe(start);
        expect(start % DAY_MS).toBe(0);
      }),
    );
  });
});
