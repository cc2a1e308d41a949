import { TIERS, type Effort, type Harness, type Provider, type Size, type Tier } from "../wire/contract.ts";
import { err, ok, type Result } from "../wire/result.ts";
import type { Failure } from "../wire/failure.ts";
import { harnessesFor } from "../config/credential.ts";
import type { Policy } from "../config/policy.ts";
import type { Override } from "../request/command.ts";
import { findModel } from "../config/catalog.ts";

export type Route = {
  readonly tier: Tier;
  readonly harness: Harness;
  readonly provider: Provider;
  readonly model: string;
  readonly effort: Effort | null;
  readonly maxTurns: number;
};

/** A fact that led to the route. */
export type RouteReason =
  | { readonly fact: "starts-at"; readonly size: Size; readonly tier: Tier }
  | { readonly fact: "nearest-allowed"; readonly tier: Tier }
  | { readonly fact: "asked-for"; readonly what: "tier" | "harness" | "model" | "effort"; readonly value: string }
  | { readonly fact: "first-servable"; readonly tier: Tier; readonly provider: Provider };

/** How long a harness may go on by turns; the budget usually ends it first. */
export const MAX_TURNS: Record<Tier, number> = { light: 40, standard: 60, frontier: 80 };

/** Whose role decides which tiers may be used; `tiers` null: all. */
export type Allowed = { readonly login: string; readonly tiers: readonly Tier[] | null };

/**
 * Size and request → the route, by the owner's table: what a person asked for, else where the size starts, as far as
 * their role allows, and of that tier the first choice that some credential of the pool can serve. Pure.
 */
export function routeOf(
  policy: Policy,
  size: Size,
  use: Override,
  allowed: Allowed,
): Result<{ route: Route; reasons: readonly RouteReason[] }, Failure> {
  const reasons: RouteReason[] = [];
  const found = tierOf(policy, size, use, allowed, reasons);
  if (!found.ok) return found;
  const tier = found.value;
  for (const what of ["harness", "model", "effort"] as const) {
    const value = use[what];
    if (value !== undefined) reasons.push({ fact: "asked-for", what, value });
  }
  for (const choice of policy.tiers[tier]) {
    const row = findModel(choice.model);
    const isServed = policy.pool.some(
      ({ provider, kind }) => provider === row?.provider && harnessesFor(kind).includes(choice.harness),
    );
    if (row === undefined || !isServed) continue;
    if (use.harness !== undefined && choice.harness !== use.harness) continue;
    if (use.model !== undefined && choice.model !== use.model) continue;
    reasons.push({ fact: "first-servable", tier, provider: row.provider });
    const effort = use.effort ?? choice.effort ?? null;
    const route = { tier, harness: choice.harness, provider: row.provider, model: row.model, effort, maxTurns: MAX_TURNS[tier] };
    return ok({ route, reasons });
  }
  const asked = [use.tier ?? tier, use.harness, use.model].filter((word) => word !== undefined).join(" ");
  return err({ reason: "route-not-served", asked, served: servedRoutes(policy, allowed.tiers ?? TIERS) });
}

/** A model that was asked for by name brings its tier with it. What was asked for and isn't allowed is refused, never replaced. */
function tierOf(
  policy: Policy,
  size: Size,
  use: Override,
  { login, tiers: allowed }: Allowed,
  reasons: RouteReason[],
): Result<Tier, Failure> {
  const may = (tier: Tier) => allowed === null || allowed.includes(tier);
  const named =
    use.tier === undefined ? TIERS.filter((tier) => policy.tiers[tier].some(({ model }) => model === use.model)) : [use.tier];
  const [first] = named;
  if (first !== undefined) {
    const tier = named.find(may);
    if (tier === undefined) return err({ reason: "tier-not-allowed", login, tier: first, allowed: ranked(allowed ?? TIERS) });
    if (use.tier !== undefined) reasons.push({ fact: "asked-for", what: "tier", value: tier });
    return ok(tier);
  }
  const start = policy.routing.start[size];
  if (start === "ask") return err({ reason: "too-big" });
  reasons.push({ fact: "starts-at", size, tier: start });
  const tier = may(start) ? start : nearest(start, ranked(allowed ?? TIERS));
  if (tier !== start) reasons.push({ fact: "nearest-allowed", tier });
  return ok(tier);
}

/** The highest below, or the lowest above where there is none. */
function nearest(tier: Tier, allowed: readonly Tier[]): Tier {
  return allowed.findLast((each) => TIERS.indexOf(each) < TIERS.indexOf(tier)) ?? allowed[0] ?? tier;
}

function ranked(tiers: readonly Tier[]): readonly Tier[] {
  return TIERS.filter((tier) => tiers.includes(tier));
}

/** `light claude-code claude-haiku-5-5`, one a choice, for an error that names what can be had. */
function servedRoutes(policy: Policy, tiers: readonly Tier[]): string[] {
  return ranked(tiers).flatMap((tier) => policy.tiers[tier].map((choice) => `${tier} ${choice.harness} ${choice.model}`));
}

/** The models an owner's tiers name: what `/agent use` accepts. */
export function servedModels(policy: Policy): string[] {
  return [...new Set(Object.values(policy.tiers).flatMap((choices) => choices.map((choice) => choice.model)))];
}
