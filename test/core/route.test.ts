import { describe, expect, it } from "vitest";
import { knownOf, NOTHING_KNOWN } from "#app/known.ts";
import { WITH_CHECKS } from "#core/plan/belief.ts";
import { routeOf, ROUTE_RULES, type Asked } from "#core/plan/route.ts";
import { Policy } from "#core/config/policy.ts";
import { RepositoryId } from "#core/wire/ids.ts";

const SIX = {
  version: 1,
  pool: [{ name: "platform-api", provider: "anthropic" }],
  runner: "acme/agent-runner",
  budget: "$200/month",
};

function policy(more: object = {}): Policy {
  return Policy.parse({
    ...SIX,
    pool: [...SIX.pool, { name: "codex-api", provider: "openai" }],
    tiers: {
      light: [
        { harness: "claude-code", model: "claude-haiku-5-5" },
        { harness: "codex", model: "gpt-6-luna" },
      ],
      standard: [{ harness: "claude-code", model: "claude-sonnet-5-5" }],
      frontier: [{ harness: "claude-code", model: "claude-opus-5-5" }],
    },
    ...more,
  });
}

function asked(overrides: Partial<Asked> = {}): Asked {
  return {
    policy: policy(),
    estimate: { size: "s", confidence: 0.5 },
    use: {},
    allowed: { login: "pat", tiers: null },
    labels: [],
    paths: [],
    ...overrides,
  };
}

function route(given: Asked, rules = ROUTE_RULES): string {
  const routed = routeOf(given, { ...knownOf(NOTHING_KNOWN, RepositoryId(20), given.policy), checking: WITH_CHECKS }, rules);
  if (!routed.ok) return routed.error.reason;
  const { tier, harness } = routed.value.first.option.route;
  return `${tier} ${harness}`;
}

const FLOORS = policy({
  routing: {
    floors: [
      { labels: ["security"], tier: "frontier" },
      { paths: ["src/billing/**", "*.sql"], tier: "standard" },
    ],
  },
});

const CASES: readonly [string, string, Asked, string][] = [
  ["none", "nothing is said: the cheapest of the tier's order", asked(), "light claude-code"],
  ["asked-harness", "a harness is named", asked({ use: { harness: "codex" } }), "light codex"],
  ["asked-model", "a model is named", asked({ use: { model: "gpt-6-luna" } }), "light codex"],
  ["asked-tier", "a tier is named", asked({ use: { tier: "frontier" } }), "frontier claude-code"],
  ["role", "the role allows the upper tiers", asked({ allowed: { login: "pat", tiers: ["standard"] } }), "standard claude-code"],
  ["floor", "a label has a floor", asked({ policy: FLOORS, labels: ["Security"] }), "frontier claude-code"],
  [
    "floor",
    "a file that the issue leads to has one",
    asked({ policy: FLOORS, paths: ["src/billing/total.ts"] }),
    "standard claude-code",
  ],
  [
    "floor",
    "a floor is above what was asked for",
    asked({ policy: FLOORS, labels: ["security"], use: { tier: "light" } }),
    "below-floor",
  ],
  [
    "floor",
    "a floor is above what the role allows",
    asked({ policy: FLOORS, labels: ["security"], allowed: { login: "pat", tiers: ["light"] } }),
    "below-floor",
  ],
  ["agent", "a specialist works with one tier", asked({ agent: { name: "docs", tiers: ["standard"] } }), "standard claude-code"],
  ["none", "a specialist prefers a harness", asked({ agent: { name: "docs", harness: "codex" } }), "light codex"],
  [
    "none",
    "a harness is named beside the one that a specialist prefers",
    asked({ use: { harness: "claude-code" }, agent: { name: "docs", harness: "codex" } }),
    "light claude-code",
  ],
  [
    "none",
    "a specialist prefers a harness, and the scoreboard may try others out",
    asked({ policy: policy({ routing: { explore: 0.05 } }), agent: { name: "docs", harness: "codex" } }),
    "light codex",
  ],
  [
    "agent",
    "a tier is named that the specialist doesn't work with",
    asked({ use: { tier: "frontier" }, agent: { name: "docs", tiers: ["light"] } }),
    "agent-not-served",
  ],
  [
    "agent",
    "the role allows none of the specialist's tiers",
    asked({ allowed: { login: "pat", tiers: ["light"] }, agent: { name: "docs", tiers: ["frontier"] } }),
    "agent-not-served",
  ],
  [
    "agent",
    "a floor is above the specialist's tiers",
    asked({ policy: FLOORS, labels: ["security"], agent: { name: "docs", tiers: ["light"] } }),
    "agent-not-served",
  ],
  [
    "start",
    "the policy names a tier for the size",
    asked({ policy: policy({ routing: { start: { s: "frontier" } } }) }),
    "frontier claude-code",
  ],
];

describe("the first route", () => {
  it.each(CASES)("by the rule %s: %s", (_rule, _name, given, expected) => {
    expect(route(given)).toBe(expected);
  });

  it.each(ROUTE_RULES.map(({ rule }) => rule))("the rule %s, taken away, changes a case above", (name) => {
    const without = ROUTE_RULES.filter(({ rule }) => rule !== name);

    const changed = CASES.filter(([, , given, expected]) => route(given, without) !== expected);

    expect(changed.map(([rule]) => rule)).toContain(name);
  });

  it("falls under the highest of several floors, whatever their order", () => {
    const given = asked({ policy: FLOORS, labels: ["security"], paths: ["db/1.sql"] });

    expect(route(given)).toBe("frontier claude-code");
  });

  it("names what is missing where the pool serves no route of a floor's tier", () => {
    const given = asked({
      labels: ["security"],
      policy: policy({
        pool: SIX.pool,
        tiers: { frontier: [{ harness: "codex", model: "gpt-6.1-sol" }] },
        routing: { floors: [{ labels: ["security"], tier: "frontier" }] },
      }),
    });

    expect(route(given)).toBe("route-not-served");
  });

  it("asks a person before the largest, unless one has approved it", () => {
    const given = asked({ estimate: { size: "xl", confidence: 0.5 } });

    expect(route(given)).toBe("too-big");
    expect(route({ ...given, use: { approved: true } })).toBe("light claude-code");
  });

  it("asks a person where no result is expected to be worth its cost, unless one has approved it", () => {
    const given = asked({ policy: policy({ routing: { worth: "$0.01" } }) });

    expect(route(given)).toBe("not-worth-it");
    expect(route({ ...given, use: { approved: true } })).toBe("light claude-code");
  });

  it("is refused where the task's budget can't be expected to hold it", () => {
    const given = asked({ policy: policy({ task: { budget: "$0.05" } }) });

    expect(route(given)).toBe("task-budget-too-small");
  });
});
