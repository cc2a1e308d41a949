import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CATALOG, findModel } from "#core/config/catalog.ts";
import { conservativeCharge, runnerAtMost, settlement, spendersOf, subjectsOf } from "#core/pool/ledger.ts";
import { costOf } from "#core/wire/cost.ts";
import { NO_USAGE, type Usage } from "#core/wire/contract.ts";
import { ActorId, RepositoryId } from "#core/wire/ids.ts";
import { formatUsd, MicroUsd } from "#core/wire/units.ts";

function priceOf(model: string) {
  const row = findModel(model);
  if (row === undefined) throw new Error(model);
  return row.price;
}

function usage(inputTokens: number, outputTokens = 0, cacheReadTokens = 0, cacheWriteTokens = 0, cacheWrite1hTokens = 0): Usage {
  return { ...NO_USAGE, inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, cacheWrite1hTokens };
}

/** Worked out by hand from the price lists: tokens × dollars per million. */
const INVOICES: readonly [string, Usage, number][] = [
  ["claude-sonnet-5-5", usage(1_000_000), 2_000_000],
  ["claude-sonnet-5-5", usage(0, 1_000_000), 10_000_000],
  ["claude-sonnet-5-5", usage(0, 0, 1_000_000), 100_000],
  ["claude-sonnet-5-5", usage(0, 0, 0, 1_000_000), 2_500_000],
  ["claude-sonnet-5-5", usage(12_345, 6_789, 234_567, 45_678), 24_690 + 67_890 + 23_457 + 114_195],
  ["claude-opus-5-5", usage(100_000, 20_000, 900_000, 50_000), 400_000 + 400_000 + 180_000 + 250_000],
  ["claude-sonnet-5-5", usage(0, 0, 0, 0, 1_000_000), 4_000_000],
  ["claude-sonnet-5-5", usage(0, 0, 0, 10_000, 20_000), 25_000 + 80_000],
  ["claude-haiku-5-5", usage(3, 1, 1, 1), 5],
  ["claude-haiku-5-5", usage(1), 1],
  ["claude-haiku-5-5", usage(2), 1],
  ["claude-haiku-5-5", usage(0, 0, 1), 1],
  ["claude-haiku-5-5", NO_USAGE, 0],
];

describe("cost", () => {
  it.each(INVOICES)("of %s for %o is %i micro-dollars", (model, used, micro) => {
    const cost = costOf(used, priceOf(model));

    expect(cost).toBe(micro);
  });

  it("is rounded up once, not once a kind of token", () => {
    const cost = costOf(usage(1, 1, 1, 1, 1), {
      input: 200_000,
      output: 200_000,
      cacheRead: 200_000,
      cacheWrite: 200_000,
      cacheWrite1h: 200_000,
    });

    expect(cost).toBe(1);
  });

  it("is exact where floating point would not be", () => {
    const cost = costOf(usage(9_007_199_254_740_991), {
      input: 999_999,
      output: 0,
      cacheRead: 0,
      cacheWrite: 0,
      cacheWrite1h: 0,
    });

    expect(cost).toBe(Number((9_007_199_254_740_991n * 999_999n + 999_999n) / 1_000_000n));
  });

  it("is a whole number, never below the exact sum and never a unit above it", () => {
    const count = fc.nat(10_000_000_000);
    const price = fc.record({
      input: fc.nat(100_000_000),
      output: fc.nat(100_000_000),
      cacheRead: fc.nat(100_000_000),
      cacheWrite: fc.nat(100_000_000),
      cacheWrite1h: fc.nat(100_000_000),
    });
    fc.assert(
      fc.property(
        fc.record({
          inputTokens: count,
          outputTokens: count,
          cacheReadTokens: count,
          cacheWriteTokens: count,
          cacheWrite1hTokens: count,
          reasoningTokens: fc.constant(0),
        }),
        price,
        (used, row) => {
          const cost = costOf(used, row);

          const exact = (["input", "output", "cacheRead", "cacheWrite", "cacheWrite1h"] as const).reduce(
            (sum, kind) => sum + BigInt(used[`${kind}Tokens`]) * BigInt(row[kind]),
            0n,
          );
          expect(Number.isSafeInteger(cost)).toBe(true);
          expect(BigInt(cost) * 1_000_000n >= exact).toBe(true);
          expect(BigInt(cost) * 1_000_000n - exact < 1_000_000n).toBe(true);
        },
      ),
    );
  });
});

const MINUTE = MicroUsd(6_000);

describe("ledger", () => {
  it.each([
    [0, 1],
    [1, 1],
    [60_000, 1],
    [60_001, 2],
    [3_599_999, 60],
  ])("takes a job of %i ms for %i minutes of a runner", (ms, minutes) => {
    const entries = settlement(
      { usage: NO_USAGE, estimated: false, ms, used: MicroUsd(0) },
      { price: priceOf("claude-haiku-5-5"), billed: true, minute: MINUTE },
    );

    const amount = minutes * MINUTE;
    expect(entries[1]).toEqual({ kind: "runner", amount, listed: amount, detail: { minutes } });
  });

  it("keeps the usage with its price, and whether it was estimated", () => {
    const used = usage(1_000, 500);

    const entries = settlement(
      { usage: used, estimated: true, ms: 90_000, used: MicroUsd(0) },
      { price: priceOf("claude-sonnet-5-5"), billed: true, minute: MINUTE },
    );

    expect(entries).toEqual([
      { kind: "model", amount: 7_000, listed: 7_000, detail: { usage: used, estimated: true } },
      { kind: "runner", amount: 12_000, listed: 12_000, detail: { minutes: 2 } },
    ]);
  });

  it("takes nothing back of what the job had reported before", () => {
    const entries = settlement(
      { usage: usage(1_000, 500), estimated: false, ms: 90_000, used: MicroUsd(9_000) },
      { price: priceOf("claude-sonnet-5-5"), billed: true, minute: MINUTE },
    );

    expect(entries[0]).toMatchObject({ amount: 9_000, listed: 9_000, detail: { estimated: true } });
  });

  it("spends no money on the model where a subscription has paid, and keeps what it would have cost", () => {
    const entries = settlement(
      { usage: usage(1_000, 500), estimated: false, ms: 90_000, used: MicroUsd(0) },
      { price: priceOf("claude-sonnet-5-5"), billed: false, minute: MINUTE },
    );

    expect(entries).toMatchObject([
      { kind: "model", amount: 0, listed: 7_000 },
      { kind: "runner", amount: 12_000, listed: 12_000 },
    ]);
  });
});

describe("what a lease is charged that ended unheard", () => {
  it.each<[string, number | null, object[]]>([
    ["nothing when it was never claimed", null, []],
    ["all it held, and the minutes since its claim", 90_000, [{ amount: 5, listed: 5 }, { amount: 2 * MINUTE }]],
    ["no more minutes than a job may last", 86_400_000, [{ amount: 5, listed: 5 }, { amount: 75 * MINUTE }]],
  ])("is %s", (_name, sinceClaimMs, expected) => {
    const charged = conservativeCharge({ cap: MicroUsd(5), billed: true, minute: MINUTE }, sinceClaimMs);

    expect(charged).toMatchObject(expected);
    expect(charged).toHaveLength(expected.length);
  });

  it("is the runner alone in money where a subscription has paid, its windows charged with all it held", () => {
    const charged = conservativeCharge({ cap: MicroUsd(5), billed: false, minute: MINUTE }, 90_000);

    expect(charged).toMatchObject([
      { kind: "model", amount: 0, listed: 5 },
      { kind: "runner", amount: 2 * MINUTE },
    ]);
  });

  it("counts for everyone whose money it is, and what GitHub takes for all of them but the credential", () => {
    const [model, runner] = conservativeCharge({ cap: MicroUsd(5), billed: true, minute: MINUTE }, 1);
    const others = spendersOf({ team: "web", repository: RepositoryId(20), person: ActorId(30) });
    const spender = { credential: "credential:a", others };

    expect(others).toEqual(["owner", "team:web", "repository:20", "person:30"]);
    expect(subjectsOf(model!, spender)).toEqual([...others, "credential:a"]);
    expect(subjectsOf(runner!, spender)).toEqual(others);
    expect(runnerAtMost(MINUTE)).toBe(75 * MINUTE);
  });
});

describe("catalog", () => {
  it.each(CATALOG.map((row) => [row.model, row] as const))("prices %s with source and date", (_model, row) => {
    const { price } = row;

    expect(Object.values(price).every((each) => Number.isSafeInteger(each) && each > 0)).toBe(true);
    expect(price.cacheRead).toBeLessThanOrEqual(price.input);
    expect(price.output).toBeGreaterThan(price.input);
    expect(row.effective ?? "2026-01-01").toMatch(/^\d{4}-\d{2}-\d{2}$/);
    expect(row.source).not.toBe("");
  });

  it("names each model once, and knows no other", () => {
    const names = CATALOG.map((row) => row.model);

    expect(new Set(names).size).toBe(names.length);
    expect(findModel("claude-opus-9")).toBeUndefined();
    // The list's own search takes this for claude-sonnet-5, whose cache costs twice as much.
    expect(findModel("claude-sonnet-5-5")?.price.cacheRead).toBe(100_000);
    expect(findModel("claude-haiku-4-5")?.price).toEqual({
      input: 1_000_000,
      output: 5_000_000,
      cacheRead: 100_000,
      cacheWrite: 1_250_000,
      cacheWrite1h: 2_000_000,
    });
  });
});

describe("formatUsd", () => {
  it.each([
    [0, "$0.00"],
    [1, "<$0.0001"],
    [99, "<$0.0001"],
    [100, "$0.0001"],
    [12_300, "$0.0123"],
    [120_000, "$0.12"],
    [123_000, "$0.123"],
    [1_000_000, "$1.00"],
    [1_234_567, "$1.2346"],
    [5_000_000, "$5.00"],
    [3_000_000_000, "$3000.00"],
    [9_999_999_990_000, "$9999999.99"],
  ])("shows %i as %s", (micro, shown) => {
    const text = formatUsd(MicroUsd(micro));

    expect(text).toBe(shown);
  });

  it("never shows an amount as nothing", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000_000_000 }), (micro) => {
        expect(formatUsd(MicroUsd(micro))).not.toMatch(/^\$0\.0+$/);
        expect(formatUsd(MicroUsd(micro))).toMatch(/^<?\$\d+\.\d{2,4}$/);
      }),
    );
  });
});
