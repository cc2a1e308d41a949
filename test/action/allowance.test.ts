import { describe, expect, test } from "vitest";
import { NO_USAGE, type Usage } from "#core/wire/contract.ts";
import { makeAllowance, maxOutputTokens, reserve, settle, worstCase } from "../../action/src/gateway/allowance.ts";

const PRICE = { input: 3, output: 15, cacheRead: 1, cacheWrite: 4, cacheWrite1h: 6 };
const CALL = { inputTokens: 100, maxTokens: 10, longCache: false };

describe("the worst case of a call", () => {
  test.each<[string, Partial<typeof CALL>, Partial<typeof PRICE>, Partial<Usage>]>([
    ["writes it all to the cache", {}, {}, { cacheWriteTokens: 100 }],
    ["writes it all for an hour when it may", { longCache: true }, {}, { cacheWrite1hTokens: 100 }],
    ["is plain input where the cache is cheaper", {}, { cacheWrite: 2 }, { inputTokens: 100 }],
    [
      "is plain input where every cache is cheaper",
      { longCache: true },
      { cacheWrite: 1, cacheWrite1h: 2 },
      { inputTokens: 100 },
    ],
  ])("%s", (_name, call, price, input) => {
    expect(worstCase({ ...CALL, ...call }, { ...PRICE, ...price })).toEqual({ ...NO_USAGE, outputTokens: 10, ...input });
  });
});

describe("a call that names no bound of its output", () => {
  test("may ask for as much as a quarter of the budget pays", () => {
    const price = { input: 3_000_000, output: 15_000_000, cacheRead: 0, cacheWrite: 0, cacheWrite1h: 0 };

    expect([100_000, 1_000_000, 50_000_000].map((microUsd) => maxOutputTokens({ microUsd, price }))).toEqual([
      4_000, 16_666, 32_000,
    ]);
  });
});

describe("the allowance", () => {
  const worst = { ...NO_USAGE, inputTokens: 100, outputTokens: 10 };
  const used = { ...NO_USAGE, inputTokens: 60, cacheReadTokens: 30, outputTokens: 2 };

  test.each([
    ["a call that never reached the provider", "nothing" as const, NO_USAGE, false],
    ["a call whose figures are known", { usage: used, estimated: false }, used, false],
    ["a call whose figures were estimated", { usage: used, estimated: true }, used, true],
    ["a call whose figures never came", "unknown" as const, worst, true],
  ])("charges %s, and frees its reservation", (_name, outcome, usage, estimated) => {
    const allowance = makeAllowance(1_000, PRICE);
    reserve(allowance, worst);

    settle(allowance, worst, outcome);

    expect(allowance).toMatchObject({ usage, estimated, reserved: NO_USAGE });
  });
});
