import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TIERS, SIZES } from "#core/wire/contract.ts";
import { TaskId } from "#core/wire/ids.ts";
import { EpochMs, HOUR_MS, MicroUsd } from "#core/wire/units.ts";
import type { Alternative } from "#core/plan/alternatives.ts";
import { ENOUGH } from "#core/plan/figures.ts";
import { routingReport } from "#core/plan/routing-report.ts";
import { scoreboard, tally, type Attempted } from "#core/plan/scoreboard.ts";
import { attempted, many, mergedAfter } from "./attempted.ts";

const dollars = (amount: number) => MicroUsd(amount * 1_000_000);

describe("the scoreboard", () => {
  it("has a row for each harness and model of each repository", () => {
    const rows = scoreboard([
      attempted("light"),
      attempted("light", { repository: "api", verified: false }),
      attempted("frontier"),
      attempted("light", { tried: false, verified: false }),
    ]);

    expect(
      rows.map(({ repository, model, attempts, tried, verified }) => [repository, model, attempts, tried, verified]),
    ).toEqual([
      ["api", "claude-haiku-5-5", 1, 1, 0],
      ["web", "claude-haiku-5-5", 2, 1, 1],
      ["web", "claude-opus-5-5", 1, 1, 1],
    ]);
  });

  it("counts what came of pull requests: one that was reverted was merged all the same", () => {
    const closed = { ...mergedAfter(1), merged: null, closedAt: EpochMs(2_000) };
    const pulls: readonly Attempted["pull"][] = [
      { fate: mergedAfter(1), reverted: false, followUps: MicroUsd(0) },
      { fate: mergedAfter(2), reverted: true, followUps: MicroUsd(0) },
      { fate: closed, reverted: false, followUps: MicroUsd(0) },
      { fate: null, reverted: false, followUps: MicroUsd(0) },
    ];

    const sums = tally(pulls.map((pull) => attempted("light", { pull })));

    expect(sums).toMatchObject({ pulls: 4, merged: 2, closed: 1, reverted: 1 });
  });

  it("charges what was merged with everything that was spent, and says the middle time and the mean of rounds", () => {
    const merged = many(ENOUGH, (at) =>
      attempted("light", { pull: { fate: mergedAfter(at + 1, at % 2), reverted: false, followUps: MicroUsd(0) } }),
    );
    const failed = many(5, () => attempted("light", { verified: false, cost: dollars(2) }));
    const closed = attempted("light", { cost: dollars(0), pull: { fate: null, reverted: false, followUps: dollars(5) } });

    const sums = tally([...merged, ...failed, closed]);

    expect(sums.costPerMerged).toEqual({ value: 2_500_000, of: 10 });
    expect(sums.msToMerge).toEqual({ value: 5.5 * HOUR_MS, of: 10 });
    expect(sums.roundsPerMerged).toEqual({ value: 0.5, of: 10 });
  });

  it("says nothing of fewer than ten, but their number", () => {
    const sums = tally(
      many(ENOUGH - 1, () => attempted("light", { pull: { fate: mergedAfter(1), reverted: false, followUps: MicroUsd(0) } })),
    );

    const none = { value: null, of: 9 };
    expect([sums.costPerMerged, sums.msToMerge, sums.roundsPerMerged]).toEqual([none, none, none]);
  });
});

describe("calibration", () => {
  const said = (count: number, chance: number | null, verified: boolean) =>
    many(count, () => attempted("light", { chance, verified }), `${String(chance)}${String(verified)}`);

  it("is the mean square of how far each prediction was off, beside that of one who only knows the mean", () => {
    const { calibration } = routingReport([...said(8, 0.75, true), ...said(2, 0.75, false)]);

    // (8 × 0.25² + 2 × 0.75²) / 10, and 0.8 × 0.2.
    expect(calibration.brier.value).toBeCloseTo(0.1625);
    expect(calibration.uninformed.value).toBeCloseTo(0.16);
    expect(calibration.bins).toEqual([{ of: 10, predicted: 0.75, verified: 0.8 }]);
  });

  it("leaves out what wasn't predicted and what says nothing of its route", () => {
    const attempts = [
      ...said(9, 0.5, true),
      ...said(20, null, true),
      ...said(20, 0.5, false).map((each) => ({ ...each, tried: false })),
    ];

    expect(routingReport(attempts).calibration.brier).toEqual({ value: null, of: 9 });
  });

  it("puts each prediction into one fifth, the certain ones into the last", () => {
    const chances = [0, 0.19, 0.2, 0.5, 0.8, 1];
    const { bins } = routingReport(chances.flatMap((chance) => said(1, chance, true))).calibration;

    expect(bins.map(({ of }) => of)).toEqual([2, 1, 1, 2]);
  });
});

const of = (alternatives: readonly Alternative[], policy: Alternative["policy"]) =>
  alternatives.find((each) => each.policy === policy)!;

describe("what might have been", () => {
  /** Light solves half of ten for $1; what it failed on went to the frontier for $4, which solved three of five and ten of ten others. */
  function history(worth: number | null = 10): readonly Attempted[] {
    const given = { worth: worth === null ? null : dollars(worth) };
    const light = many(20, (at) => attempted("light", { ...given, verified: at % 2 === 0 }), "a");
    const after = light
      .filter(({ verified }) => !verified)
      .map(({ task }, at) => attempted("frontier", { ...given, task, verified: at < 6, cost: dollars(4) }));
    const direct = many(10, () => attempted("frontier", { ...given, cost: dollars(4) }), "b");
    return [...light, ...after, ...direct].toSorted((one, other) => (one.task < other.task ? -1 : 1));
  }

  it("is compared with what was done: each task's attempts together", () => {
    const { alternatives } = routingReport(history());

    const done = of(alternatives, "done");
    // 20 tasks on light ($1 each, ten of them $4 more), and 10 on the frontier ($4 each); 10 + 6 + 10 of 30 are verified.
    expect(done).toMatchObject({ estimated: false, regret: { value: 0, of: 30 } });
    expect(done.verified).toEqual({ value: 26 / 30, of: 30 });
    expect(done.cost).toEqual({ value: ((20 + 40 + 40) * 1_000_000) / 30, of: 30 });
  });

  it("learns of tiers from a trial, whose routes nobody chose, and takes it for nothing that was done", () => {
    const trial = many(10, () => attempted("light", { worth: dollars(0), verified: false, cost: dollars(9) }), "z");

    const { alternatives } = routingReport([...history(), ...trial]);

    expect(of(alternatives, "done")).toEqual(of(routingReport(history()).alternatives, "done"));
    expect(of(alternatives, "always-light").verified.value).toBeCloseTo(10 / 30);
  });

  it("takes of one tier alone what its first tries came to", () => {
    const { alternatives } = routingReport(history());

    expect(of(alternatives, "always-light").verified).toEqual({ value: 0.5, of: 20 });
    expect(of(alternatives, "always-light").cost).toEqual({ value: 1_000_000, of: 20 });
    // Ten of ten first tries, drawn towards 16 of 20 of all by five, and by five again.
    const all = 16 / 20;
    const first = (10 + 5 * all) / 15;
    expect(of(alternatives, "always-frontier").verified.value).toBeCloseTo((10 + 5 * first) / 15);
  });

  it("knows that what failed on a lower tier is harder for the next", () => {
    const { alternatives } = routingReport(history());

    const after = (6 + 5 * (16 / 20)) / 15;
    const afterAlike = (6 + 5 * after) / 15;
    expect(of(alternatives, "cascade").verified.value).toBeCloseTo(0.5 + 0.5 * afterAlike);
    expect(of(alternatives, "cascade").cost.value).toBeCloseTo(1_000_000 + 0.5 * 4_000_000);
  });

  it("regrets by the worth of what would have been verified, less what it would have cost", () => {
    const { alternatives } = routingReport(history());

    const frontier = of(alternatives, "always-frontier");
    const gained = 10_000_000 * (frontier.verified.value! - 26 / 30) - (4_000_000 - (100 * 1_000_000) / 30);
    expect(frontier.regret.value).toBeCloseTo(gained);
    expect(of(alternatives, "always-light").regret.value).toBeCloseTo(
      10_000_000 * (0.5 - 26 / 30) - (1_000_000 - 100_000_000 / 30),
    );
  });

  it("regrets nothing where no plan said what a result is worth", () => {
    const { alternatives } = routingReport(history(null));

    const none = { value: null, of: 0 };
    expect(alternatives.map(({ regret }) => regret)).toEqual([none, none, none, none]);
  });

  it("is not said of a tier with fewer than ten attempts, nor a cascade of one tier", () => {
    const few = [...many(12, () => attempted("light"), "a"), ...many(9, () => attempted("frontier"), "b")];

    const { alternatives } = routingReport(few);

    expect(of(alternatives, "always-light").verified.value).toBe(1);
    expect(of(alternatives, "always-frontier").verified).toEqual({ value: null, of: 9 });
    expect(of(alternatives, "cascade").verified).toEqual({ value: null, of: 0 });
  });
});

const anyAttempt = fc
  .record({
    tier: fc.constantFrom(...TIERS),
    task: fc.integer({ min: 0, max: 30 }).map((at) => TaskId(`t${String(at)}`)),
    size: fc.constantFrom(...SIZES),
    tried: fc.boolean(),
    verified: fc.boolean(),
    chance: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
    worth: fc.option(fc.constant(dollars(5))),
    cost: fc.integer({ min: 0, max: 9_000_000 }).map(MicroUsd),
  })
  .map(({ tier, verified, ...rest }) => attempted(tier, { ...rest, verified: rest.tried && verified }));

describe("any history", () => {
  it("gives shares between 0 and 1, costs that are no less than nothing, and figures only of ten and more", () => {
    fc.assert(
      fc.property(fc.array(anyAttempt, { maxLength: 120 }), (attempts) => {
        const { alternatives, calibration, total, routes } = routingReport(attempts);

        for (const { verified, cost, regret } of alternatives) {
          for (const each of [verified, cost, regret]) expect(each.value === null).toBe(each.of < ENOUGH);
          if (verified.value !== null) expect(verified.value >= 0 && verified.value <= 1).toBe(true);
          if (cost.value !== null) expect(cost.value).toBeGreaterThanOrEqual(0);
        }
        if (calibration.brier.value !== null) expect(calibration.brier.value >= 0 && calibration.brier.value <= 1).toBe(true);
        expect(routes.reduce((sum, route) => sum + route.attempts, 0)).toBe(total.attempts);
      }),
    );
  });
});
