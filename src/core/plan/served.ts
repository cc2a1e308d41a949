import { TIERS, type Price, type Tier } from "../wire/contract.ts";
import { harnessesFor } from "../config/credential.ts";
import type { Policy } from "../config/policy.ts";
import { findModel } from "../config/catalog.ts";
import type { Named, Override } from "../request/command.ts";
import type { Route } from "./route.ts";

/** How long a harness may go on by turns; the budget usually ends it first. */
export const MAX_TURNS: Record<Tier, number> = { light: 40, standard: 60, frontier: 80 };

/** A choice of the policy's tiers that the pool can serve. */
export type Served = { readonly route: Route; readonly price: Price };

/** Everything that the tiers list and some credential of the pool can serve, tier by tier in the policy's order. */
export function servedBy(policy: Policy, use: Override): readonly Served[] {
  return TIERS.flatMap((tier) =>
    policy.tiers[tier].flatMap(({ harness, model, effort }): Served[] => {
      const row = findModel(model);
      const isServed = policy.pool.some(
        ({ provider, kind }) => provider === row?.provider && harnessesFor(kind).includes(harness),
      );
      if (row === undefined || !isServed) return [];
      const route = {
        tier,
        harness,
        provider: row.provider,
        model,
        effort: use.effort ?? effort ?? null,
        maxTurns: MAX_TURNS[tier],
      };
      return [{ route, price: row.price }];
    }),
  );
}

/** `light claude-code claude-haiku-5-5`, one a choice that the pool serves, for an error that names what can be had. */
export function servedRoutes(policy: Policy, tiers: readonly Tier[]): string[] {
  const open = servedBy(policy, {}).filter(({ route }) => tiers.includes(route.tier));
  return open.map(({ route: { tier, harness, model } }) => `${tier} ${harness} ${model}`);
}

/** What `/agent use` accepts beside its own words: the models that an owner's tiers name, and the specialists. */
export function namedIn(policy: Policy): Named {
  const models = Object.values(policy.tiers).flatMap((choices) => choices.map((choice) => choice.model));
  return { models: [...new Set(models)], agents: Object.keys(policy.agents) };
}
