import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { knownOf, NOTHING_KNOWN } from "#app/known.ts";
import { WITH_CHECKS } from "#core/plan/belief.ts";
import type { RouteOption } from "#core/plan/ladder.ts";
import { preferred, type Preferring } from "#core/plan/prefer.ts";
import { routeOf } from "#core/plan/route.ts";
import { skillOf, type Score } from "#core/plan/score.ts";
import { Policy } from "#core/config/policy.ts";
import { SIZES, TIERS, type Size, type Tier } from "#core/wire/contract.ts";
import { routeReason } from "#core/task/comment.ts";
import { RepositoryId } from "#core/wire/ids.ts";
import { MicroUsd } from "#core/wire/units.ts";

const PRICE = { input: 1, output: 1, cacheRead: 1, cacheWrite: 1, cacheWrite1h: 1 };

/** Of which half was to be expected. */
function score(model: string, tried: number, verified: number): Score {
  return { harness: "claude-code", model, tried, verified, expected: tried / 2 };
}

function option(
  model: string,
  scores: readonly Score[],
  { tier = "light", dollars = 1 }: { tier?: Tier; dollars?: number } = {},
): RouteOption {
  const known = scores.find((each) => each.model === model);
  return {
    route: { tier, harness: "claude-code", provider: "anthropic", model, effort: null, maxTurns: 40 },
    price: PRICE,
    skill: skillOf(tier, [known]),
    model: MicroUsd(dollars * 1_000_000),
    runner: MicroUsd(0),
  };
}

function how(overrides: Partial<Preferring> = {}): Preferring {
  return { prefer: "scoreboard", explore: 0, estimate: { size: "s", confidence: 0.5 }, seed: "t", ...overrides };
}

const models = (options: readonly RouteOption[]) => options.map(({ route }) => route.model);

/** By the models `a` (first by configuration) and `b`: tried and verified, and what each costs. */
const CASES: readonly [string, { a?: [number, number]; b?: [number, number]; dollars?: [number, number] }, "a" | "b"][] = [
  ["nothing is known of either", {}, "a"],
  ["one lucky run of the other", { a: [20, 12], b: [1, 1] }, "a"],
  ["nine lucky runs of the other", { a: [20, 8], b: [9, 9] }, "a"],
  ["ten of ten against two of five", { a: [20, 8], b: [10, 10] }, "b"],
  ["as good, and much cheaper", { a: [20, 10], b: [20, 10], dollars: [1, 0.5] }, "b"],
  ["as good, and a little cheaper", { a: [20, 10], b: [20, 10], dollars: [1, 0.95] }, "a"],
  ["better, and dearer by more", { a: [20, 10], b: [20, 15], dollars: [1, 3] }, "a"],
  ["cheaper, and never tried", { a: [20, 10], dollars: [1, 0.1] }, "a"],
  ["worse", { a: [20, 15], b: [20, 5] }, "a"],
  ["known to be good, the first never tried", { b: [40, 36] }, "b"],
];

describe("a tier's routes", () => {
  const build = ({ a, b, dollars: [costA, costB] = [1, 1] }: (typeof CASES)[number][1]) => {
    const scores = [...(a === undefined ? [] : [score("a", ...a)]), ...(b === undefined ? [] : [score("b", ...b)])];
    return { scores, options: [option("a", scores, { dollars: costA }), option("b", scores, { dollars: costB })] };
  };

  it.each(CASES)("by scoreboard: %s", (_name, given, first) => {
    const { options, scores } = build(given);

    const ordered = preferred(options, scores, how());

    expect(models(ordered.options)[0]).toBe(first);
    expect(ordered.moved).toEqual(first === "a" ? [] : [{ tier: "light", why: "scoreboard", first: "b", instead: "a" }]);
  });

  it.each(CASES)("by configuration stand as they come: %s", (_name, given) => {
    const { options, scores } = build(given);

    expect(preferred(options, scores, how({ prefer: "configuration" }))).toEqual({ options, moved: [] });
  });

  it("go by the route that is cheapest for each verified result, of three", () => {
    const scores = [score("a", 20, 10), score("b", 20, 14), score("c", 20, 18)];

    const ordered = preferred(
      ["a", "b", "c"].map((model) => option(model, scores)),
      scores,
      how(),
    );

    expect(models(ordered.options)).toEqual(["c", "a", "b"]);
  });
});

const anyOptions = fc
  .array(fc.record({ tier: fc.constantFrom(...TIERS), tried: fc.nat(40), dollars: fc.integer({ min: 1, max: 9 }) }), {
    maxLength: 8,
  })
  .map((list) => {
    const scores = list.map(({ tried }, at) => score(`m${String(at)}`, tried, Math.floor(tried / (1 + (at % 3)))));
    const options = list.map(({ tier, dollars }, at) => option(`m${String(at)}`, scores, { tier, dollars }));
    return { scores, options: TIERS.flatMap((tier) => options.filter(({ route }) => route.tier === tier)) };
  });
const anyHow = fc.record({
  prefer: fc.constantFrom("configuration" as const, "scoreboard" as const),
  explore: fc.double({ min: 0, max: 0.05, noNaN: true }),
  estimate: fc.record({ size: fc.constantFrom(...SIZES), confidence: fc.double({ min: 0, max: 1, noNaN: true }) }),
  seed: fc.uuid(),
});

describe("whatever is preferred", () => {
  it("no route is lost, no tier leaves its place, and the same gives the same", () => {
    fc.assert(
      fc.property(anyOptions, anyHow, ({ options, scores }, preferring) => {
        const ordered = preferred(options, scores, preferring);

        expect(models(ordered.options).toSorted()).toEqual(models(options).toSorted());
        expect(ordered.options.map(({ route }) => route.tier)).toEqual(options.map(({ route }) => route.tier));
        expect(preferred(options, scores, preferring)).toEqual(ordered);
      }),
    );
  });

  it.each(SIZES)("nothing is explored on m, l and xl, nor where the policy doesn't say so: %s", (size) => {
    const options = ["a", "b"].map((model) => option(model, []));
    const explored = (explore: number) =>
      Array.from({ length: 500 }, (_, at) => String(at)).flatMap(
        (seed) => preferred(options, [], how({ explore, seed, estimate: { size, confidence: 0.5 } })).moved,
      );

    expect(explored(0.05).length > 0).toBe(size === "xs" || size === "s");
    expect(explored(0)).toEqual([]);
  });

  it.each<[Size, number]>([
    ["xs", 0.05],
    ["s", 0.05],
    ["s", 0.01],
  ])("of many %s tasks no more are explored than the share of %f, and each other route is among them", (size, explore) => {
    const options = ["a", "b", "c"].map((model) => option(model, []));
    fc.assert(
      fc.property(fc.string(), (salt) => {
        const tasks = Array.from({ length: 4_000 }, (_, at) =>
          createHash("sha256")
            .update(`${salt}${String(at)}`)
            .digest("hex"),
        );
        const moved = tasks.flatMap(
          (seed) => preferred(options, [], how({ explore, seed, estimate: { size, confidence: 0.5 } })).moved,
        );

        // Five standard deviations of as many draws.
        const most = explore + 5 * Math.sqrt((explore * (1 - explore)) / tasks.length);
        expect(moved.length / tasks.length).toBeLessThanOrEqual(most);
        expect(moved.length).toBeGreaterThan(0);
        expect(new Set(moved.map(({ first }) => first))).toEqual(new Set(["b", "c"]));
      }),
      { numRuns: 10 },
    );
  });
});

describe("a route that is chosen", () => {
  const policy = (routing: object) =>
    Policy.parse({
      version: 1,
      pool: [
        { name: "platform-api", provider: "anthropic" },
        { name: "codex-api", provider: "openai" },
      ],
      runner: "acme/agent-runner",
      budget: "$200/month",
      tiers: {
        light: [
          { harness: "claude-code", model: "claude-haiku-5-5" },
          { harness: "codex", model: "gpt-6-luna" },
        ],
      },
      routing: { start: { s: "light" }, ...routing },
    });
  const codex: Score = { harness: "codex", model: "gpt-6-luna", tried: 60, verified: 59, expected: 30 };
  const haiku: Score = { harness: "claude-code", model: "claude-haiku-5-5", tried: 60, verified: 6, expected: 30 };
  function chosen(routing: object, { seed = "t", use = {} }: { seed?: string; use?: object } = {}) {
    const given = policy(routing);
    const ledger = { ...NOTHING_KNOWN, scores: [[], [codex, haiku]], seed };
    const routed = routeOf(
      {
        policy: given,
        estimate: { size: "s", confidence: 0.5 },
        use,
        allowed: { login: "pat", tiers: null },
        labels: [],
        paths: [],
      },
      { ...knownOf(ledger, RepositoryId(20), given), checking: WITH_CHECKS },
    );
    if (!routed.ok) throw new Error(routed.error.reason);
    const { first, reasons } = routed.value;
    const reason = reasons.find(({ fact }) => fact === "preferred");
    return { model: first.option.route.model, said: reason === undefined ? undefined : routeReason(reason) };
  }

  it("is the first by configuration, unless the policy prefers the scoreboard, which says so", () => {
    expect(chosen({})).toEqual({ model: "claude-haiku-5-5", said: undefined });
    expect(chosen({ prefer: "scoreboard" })).toEqual({
      model: "gpt-6-luna",
      said: "gpt-6-luna goes before claude-haiku-5-5: by the scoreboard its results cost less",
    });
  });

  it("is another one now and then, where the policy explores, but not where a person has named one", () => {
    const seeds = Array.from({ length: 2_000 }, (_, at) => String(at));
    const explored = seeds.filter((seed) => chosen({ explore: 0.05 }, { seed }).said !== undefined);

    expect(explored.length).toBeGreaterThan(0);
    const [seed = ""] = explored;
    expect(chosen({ explore: 0.05 }, { seed })).toEqual({
      model: "gpt-6-luna",
      said: "gpt-6-luna is tried out in the place of claude-haiku-5-5, as the policy has it for a few small tasks",
    });
    expect(chosen({ explore: 0.05 }, { seed, use: { tier: "light" } })).toEqual({ model: "claude-haiku-5-5", said: undefined });
  });
});
