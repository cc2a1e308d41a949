import { describe, expect, it } from "vitest";
import { knownOf, NOTHING_KNOWN } from "#app/known.ts";
import { WITH_CHECKS } from "#core/plan/belief.ts";
import { RepositoryId } from "#core/wire/ids.ts";
import { Policy } from "#core/config/policy.ts";
import { routeOf } from "#core/plan/route.ts";
import { routeReason } from "#core/task/comment.ts";
import type { Override } from "#core/request/command.ts";
import type { Size, Tier } from "#core/wire/contract.ts";

const POLICY = Policy.parse({
  version: 1,
  pool: [{ name: "platform-api", provider: "anthropic" }],
  runner: "acme/agent-runner",
  budget: "$200/month",
  routing: { start: { xs: "light", s: "light", m: "standard", l: "frontier" } },
  tiers: {
    standard: [
      { harness: "claude-code", model: "claude-sonnet-5-5" },
      { harness: "claude-code", model: "claude-haiku-5-5" },
    ],
  },
});

function route(size: Size, use: Override, tiers: readonly Tier[] | null) {
  const asked = { policy: POLICY, estimate: { size, confidence: 0.5 }, use, labels: [], paths: [] };
  return routeOf(
    { ...asked, allowed: { login: "pat", tiers } },
    { ...knownOf(NOTHING_KNOWN, RepositoryId(20), POLICY), checking: WITH_CHECKS },
  );
}

const SIZED: readonly [Size, readonly Tier[] | null, Tier, boolean][] = [
  ["l", null, "frontier", false],
  ["l", ["light", "standard", "frontier"], "frontier", false],
  ["l", ["standard", "light"], "standard", true],
  ["l", ["light"], "light", true],
  ["m", ["light", "frontier"], "light", true],
  ["m", ["frontier"], "frontier", true],
  ["s", ["frontier", "standard"], "standard", true],
  ["s", ["light"], "light", false],
];

const ASKED: readonly [Override, readonly Tier[], Tier | null][] = [
  [{ tier: "light" }, ["light"], "light"],
  [{ tier: "standard" }, ["light"], null],
  [{ tier: "light" }, ["frontier"], null],
  [{ model: "claude-opus-5-5" }, ["light", "standard"], null],
  [{ model: "claude-opus-5-5" }, ["frontier"], "frontier"],
  [{ model: "claude-haiku-5-5" }, ["light", "standard"], "light"],
  [{ model: "claude-haiku-5-5" }, ["standard"], "standard"],
  [{ tier: "frontier", model: "claude-opus-5-5" }, ["standard"], null],
  [{ harness: "claude-code" }, ["standard"], "standard"],
];

describe("the tiers that a role allows", () => {
  it.each(SIZED)("give size %s, with %j, %s", (size, tiers, expected, moved) => {
    const routed = route(size, {}, tiers);

    if (!routed.ok) throw new Error(routed.error.reason);
    expect(routed.value.first.option.route.tier).toBe(expected);
    const reasons = routed.value.reasons.map(routeReason);
    expect(reasons.some((reason) => reason.endsWith(`the nearest it allows is ${expected}`))).toBe(moved);
  });

  it.each(ASKED)("are never left for what was asked for: %j, with %j", (use, tiers, expected) => {
    const routed = route("s", use, tiers);

    if (expected !== null)
      expect(routed).toMatchObject({ ok: true, value: { first: { option: { route: { tier: expected } } } } });
    else expect(routed).toMatchObject({ ok: false, error: { reason: "tier-not-allowed", login: "pat", allowed: tiers } });
  });

  it("are named from the lowest, whatever their order in the policy", () => {
    const routed = route("s", { tier: "frontier" }, ["standard", "light"]);

    expect(routed).toMatchObject({ ok: false, error: { tier: "frontier", allowed: ["light", "standard"] } });
  });

  it("are the only ones that a refusal recommends", () => {
    const routed = route("s", { tier: "light", model: "claude-opus-5-5" }, ["light"]);

    expect(routed).toEqual({
      ok: false,
      error: {
        reason: "route-not-served",
        asked: "light claude-opus-5-5",
        served: ["light claude-code claude-haiku-5-5"],
      },
    });
  });

  it("don't start what a person must split first", () => {
    expect(route("xl", {}, ["light"])).toEqual({ ok: false, error: { reason: "too-big" } });
  });
});
