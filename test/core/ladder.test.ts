import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NO_CHECKS, WITH_CHECKS } from "#core/plan/belief.ts";
import { chooseRoute, type Ladder, type RouteOption, type Tried } from "#core/plan/ladder.ts";
import { MAX_TURNS } from "#core/plan/served.ts";
import { skillOf, TIER_SKILL, type Score } from "#core/plan/score.ts";
import { SIZES, TIERS, type Tier } from "#core/wire/contract.ts";
import { MicroUsd } from "#core/wire/units.ts";

const PRICE = { input: 1, output: 1, cacheRead: 1, cacheWrite: 1, cacheWrite1h: 1 };

function option(tier: Tier, name: string, dollars: number, skill = TIER_SKILL[tier]): RouteOption {
  const route = {
    tier,
    harness: "claude-code" as const,
    provider: "anthropic" as const,
    model: name,
    effort: null,
    maxTurns: MAX_TURNS[tier],
  };
  return { route, price: PRICE, skill, model: MicroUsd(Math.round(dollars * 1_000_000)), runner: MicroUsd(0) };
}

const LIGHT = option("light", "small", 0.05);
const OTHER = option("light", "small-2", 0.06);
const STANDARD = option("standard", "middle", 0.3);
const FRONTIER = option("frontier", "large", 0.7);

function ladder(overrides: Partial<Ladder> = {}): Ladder {
  return {
    options: [LIGHT, STANDARD, FRONTIER],
    checking: WITH_CHECKS,
    worth: MicroUsd(2_000_000),
    attempts: 3,
    budget: MicroUsd(5_000_000),
    ...overrides,
  };
}

const MIDDLING = { size: "m", confidence: 0.5 } as const;

function failed({ route, model }: RouteOption, times = 1): Tried {
  return { route, model: MicroUsd(Math.round(model * times)) };
}

/** What is taken, as `tier model`, or why nothing is. */
function taken(choice: ReturnType<typeof chooseRoute>): string {
  if ("stop" in choice) return choice.stop;
  const { tier, model } = choice.go.option.route;
  return `${tier} ${model}`;
}

const NEXT: readonly [string, Ladder, readonly Tried[], string][] = [
  ["begins with the cheapest, since checks tell when it fails", ladder(), [], "light small"],
  [
    "begins with the dearest where no check will tell, and a result is worth it",
    ladder({ checking: NO_CHECKS, worth: MicroUsd(20_000_000) }),
    [],
    "frontier large",
  ],
  ["goes on to the next tier", ladder(), [failed(LIGHT)], "standard middle"],
  [
    "goes on with another of the same tier where that is worth more",
    ladder({ options: [LIGHT, OTHER, FRONTIER] }),
    [failed(LIGHT)],
    "light small-2",
  ],
  ["never goes back to a lower tier", ladder({ options: [LIGHT, FRONTIER] }), [failed(FRONTIER)], "top"],
  ["never takes a route twice", ladder({ options: [LIGHT] }), [failed(LIGHT)], "top"],
  ["takes those of a tier in their order", ladder({ options: [OTHER, option("light", "cheapest", 0.01)] }), [], "light small-2"],
  ["stops after so many attempts", ladder({ attempts: 1 }), [failed(LIGHT)], "attempts"],
  [
    "stops where the budget doesn't hold another run",
    ladder({ budget: MicroUsd(700_000), options: [LIGHT, FRONTIER] }),
    [failed(LIGHT, 2)],
    "budget",
  ],
  [
    "takes a cheaper one where the budget doesn't hold the best",
    ladder({ budget: MicroUsd(700_000) }),
    [failed(LIGHT, 2)],
    "standard middle",
  ],
  ["stops where going on isn't worth what it costs", ladder({ worth: MicroUsd(900_000) }), [failed(LIGHT, 3)], "hopeless"],
  [
    "goes on after a short failure",
    ladder({ worth: MicroUsd(1_900_000), options: [LIGHT, FRONTIER] }),
    [failed(LIGHT, 0.5)],
    "frontier large",
  ],
  [
    "and stops after a long one",
    ladder({ worth: MicroUsd(1_900_000), options: [LIGHT, FRONTIER] }),
    [failed(LIGHT, 6)],
    "hopeless",
  ],
];

describe("the next route", () => {
  it.each(NEXT)("%s", (_name, given, tried, expected) => {
    expect(taken(chooseRoute(given, MIDDLING, tried))).toBe(expected);
  });

  it("is begun anyhow where a person has said so, in the tier that was named", () => {
    const dear = ladder({ worth: MicroUsd(1) });

    expect(taken(chooseRoute(dear, MIDDLING, []))).toBe("hopeless");
    expect(taken(chooseRoute(dear, MIDDLING, [], { anyhow: true }))).toBe("light small");
    expect(taken(chooseRoute(dear, MIDDLING, [], { anyhow: true, at: "frontier" }))).toBe("frontier large");
  });

  it("says what going on would be where it stops", () => {
    const stopped = chooseRoute(ladder({ attempts: 1 }), MIDDLING, [failed(LIGHT)]);

    expect(stopped).toMatchObject({ stop: "attempts", next: { option: { route: { tier: "standard" } } } });
  });

  it("is of a floor's tier or a higher one, and none where there is no such", () => {
    const tried = [failed(LIGHT)];
    const within = ladder({ options: [LIGHT, STANDARD] });

    expect(taken(chooseRoute(ladder(), MIDDLING, tried, { from: "frontier" }))).toBe("frontier large");
    expect(taken(chooseRoute(ladder(), MIDDLING, tried, { from: "standard" }))).toBe("standard middle");
    expect(taken(chooseRoute(within, MIDDLING, tried, { from: "frontier" }))).toBe("top");
  });

  it("takes an issue for no harder where the checks had passed, and a floor asked for another tier", () => {
    const refused = { ...failed(LIGHT), passed: true };
    const chance = (tried: readonly Tried[]) => {
      const choice = chooseRoute(ladder(), MIDDLING, tried, { from: "frontier", anyhow: true });
      return "go" in choice ? choice.go.chance : 0;
    };

    expect(chance([refused])).toBe(chance([]));
    expect(chance([failed(LIGHT)])).toBeLessThan(chance([refused]));
  });

  it("leaves half of what is left to one that may follow, and all of it to the last", () => {
    const first = chooseRoute(ladder(), MIDDLING, []);
    const last = chooseRoute(ladder({ attempts: 2 }), MIDDLING, [failed(LIGHT, 20)], { anyhow: true });

    expect(first).toMatchObject({ go: { cap: 2_500_000 } });
    expect(last).toMatchObject({ go: { cap: 4_000_000 } });
  });

  const anyLadder = fc.record({
    prices: fc.array(fc.tuple(fc.constantFrom(...TIERS), fc.double({ min: 0.01, max: 3, noNaN: true })), {
      minLength: 1,
      maxLength: 7,
    }),
    attempts: fc.integer({ min: 1, max: 5 }),
    budget: fc.integer({ min: 1, max: 20_000_000 }),
    worth: fc.integer({ min: 0, max: 10_000_000 }),
    checks: fc.boolean(),
    size: fc.constantFrom(...SIZES),
    confidence: fc.double({ min: 0, max: 1, noNaN: true }),
    overruns: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 5, maxLength: 5 }),
  });

  it("keeps the caps of attempts and dollars whatever each attempt costs up to its own, and never goes down a tier", () => {
    fc.assert(
      fc.property(anyLadder, ({ prices, attempts, budget, worth, checks, size, confidence, overruns }) => {
        const given = ladder({
          options: prices.map(([tier, price], at) => option(tier, String(at), price)),
          attempts,
          budget: MicroUsd(budget),
          worth: MicroUsd(worth),
          checking: checks ? WITH_CHECKS : NO_CHECKS,
        });
        const tried: Tried[] = [];
        for (;;) {
          const choice = chooseRoute(given, { size, confidence }, tried);
          if ("stop" in choice) break;
          const { option: next, chance, expected, cap } = choice.go;
          expect(chance).toBeGreaterThan(0);
          expect(expected).toBeLessThanOrEqual(1);
          const before = tried.at(-1)?.route.tier ?? "light";
          expect(TIERS.indexOf(next.route.tier)).toBeGreaterThanOrEqual(TIERS.indexOf(before));
          expect(tried.some(({ route }) => route.model === next.route.model)).toBe(false);
          tried.push({ route: next.route, model: MicroUsd(Math.floor(cap * (overruns[tried.length] ?? 1))) });
        }
        expect(tried.length).toBeLessThanOrEqual(attempts);
        expect(tried.reduce((sum, { model }) => sum + model, 0)).toBeLessThanOrEqual(budget);
      }),
    );
  });

  it("has a lower chance the more has failed", () => {
    const chances = [[], [failed(LIGHT)], [failed(LIGHT), failed(STANDARD)]].map((tried) => {
      const choice = chooseRoute(ladder(), MIDDLING, tried, { anyhow: true });
      return "go" in choice ? choice.go.chance - TIER_SKILL[choice.go.option.route.tier] : 1;
    });

    expect(chances).toEqual(chances.toSorted((one, other) => other - one));
  });
});

function score(tried: number, verified: number, expected: number): Score {
  return { harness: "claude-code", model: "small", tried, verified, expected };
}

describe("a route's skill", () => {
  it.each<[string, readonly (Score | undefined)[], "as its tier" | "higher" | "lower"]>([
    ["before anything is known", [undefined, undefined], "as its tier"],
    ["that did what was expected", [score(20, 14, 14)], "as its tier"],
    ["that did more", [score(20, 19, 14)], "higher"],
    ["that did less", [score(20, 6, 14)], "lower"],
    ["that got few, and was expected to", [score(20, 6, 5)], "higher"],
  ])("%s", (_name, levels, expected) => {
    const difference = skillOf("light", levels) - TIER_SKILL.light;

    expect(Math.abs(difference) < 1e-9 ? "as its tier" : difference > 0 ? "higher" : "lower").toBe(expected);
  });

  it("is drawn towards its tier's, the more the less was seen", () => {
    const [few, many] = [skillOf("light", [score(2, 0, 1.4)]), skillOf("light", [score(40, 0, 28)])];

    expect(many).toBeLessThan(few);
    expect(few).toBeLessThan(TIER_SKILL.light);
  });

  it("goes by the repository's own attempts first, drawn towards the owner's", () => {
    const owner = score(60, 20, 42);
    const here = score(30, 29, 21);

    const [both, elsewhere] = [skillOf("light", [here, owner]), skillOf("light", [undefined, owner])];

    expect(elsewhere).toBeLessThan(TIER_SKILL.light);
    expect(both).toBeGreaterThan(elsewhere);
  });
});
