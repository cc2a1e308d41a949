import { TIERS, type Effort, type Harness, type Price, type Provider, type Size, type Tier } from "../wire/contract.ts";
import { err, ok, type Result } from "../wire/result.ts";
import type { Failure } from "../wire/failure.ts";
import { MicroUsd } from "../wire/units.ts";
import { taskBudget, type Policy } from "../config/policy.ts";
import type { Override } from "../request/command.ts";
import type { NamedAgent } from "./agent.ts";
import { beliefOf, chanceOf, type Checking } from "./belief.ts";
import { floorOf, isAtLeast, type Floor } from "./floors.ts";
import { chooseRoute, type Ladder, type Prospect, type RouteOption } from "./ladder.ts";
import { preferred, type Moved } from "./prefer.ts";
import { servedBy, servedRoutes, type Served } from "./served.ts";
import { skillOf, TIER_SKILL, type Score } from "./score.ts";

export type Route = {
  readonly tier: Tier;
  readonly harness: Harness;
  readonly provider: Provider;
  readonly model: string;
  readonly effort: Effort | null;
  readonly maxTurns: number;
};

/** A fact that led to the route. Shares are between 0 and 1. */
export type RouteReason =
  | { readonly fact: "starts-at"; readonly size: Size; readonly tier: Tier }
  | { readonly fact: "nearest-allowed"; readonly tier: Tier }
  | { readonly fact: "asked-for"; readonly what: "tier" | "harness" | "model" | "effort"; readonly value: string }
  | { readonly fact: "floor"; readonly floor: Floor }
  /** `tiers`, `harness`: what the specialist is kept to and prefers; null: nothing. */
  | {
      readonly fact: "agent";
      readonly agent: string;
      readonly tiers: readonly Tier[] | null;
      readonly harness: Harness | null;
    }
  | ({ readonly fact: "preferred" } & Moved)
  /** `of`: so many could be begun with. `worth`: what a verified result may cost. */
  | {
      readonly fact: "best-value";
      readonly model: string;
      readonly chance: number;
      readonly cost: MicroUsd;
      readonly worth: MicroUsd;
      readonly of: number;
    }
  /** Since the attempt before this one ended unverified. `cost`: what it is expected to come to. */
  | {
      readonly fact: "escalated";
      readonly attempt: number;
      readonly tier: Tier;
      readonly model: string;
      readonly chance: number;
      readonly cost: MicroUsd;
    };

/**
 * A verified result is worth twice what the dearest tier is expected to spend on one of this size, where the policy says nothing:
 * small work isn't worth a dear model's price for large work. Assumed: at more the router asks a person less and spends more.
 */
const WORTH_FACTOR = 2;

/** Whose role decides which tiers may be used; `tiers` null: all. */
export type Allowed = { readonly login: string; readonly tiers: readonly Tier[] | null };

export type Asked = {
  readonly policy: Policy;
  readonly estimate: { readonly size: Size; readonly confidence: number };
  readonly use: Override;
  readonly allowed: Allowed;
  /** The specialist that is to do it. */
  readonly agent?: Pick<NamedAgent, "name" | "tiers" | "harness"> | undefined;
  readonly labels: readonly string[];
  /** The files that the text leads to. */
  readonly paths: readonly string[];
};

/** What is known of routes. */
export type Known = {
  readonly checking: Checking;
  /** Nearest first: the repository's, the owner's. */
  readonly scores: readonly (readonly Score[])[];
  /** The task's id: decides what of it is left to chance (`preferred`). */
  readonly seed: string;
  /** What a run on an issue of this size is expected to cost: its model at list price, its runner. */
  readonly costOf: (
    size: Size,
    route: Pick<Route, "harness" | "model">,
    price: Price,
  ) => { readonly model: MicroUsd; readonly runner: MicroUsd };
};

export type Routed = { readonly ladder: Ladder; readonly first: Prospect; readonly reasons: readonly RouteReason[] };

/** Narrows the routes that may be taken. `because`: the fact, where it made a difference. */
type Rule = {
  readonly rule: "asked-harness" | "asked-model" | "asked-tier" | "role" | "floor" | "agent" | "start";
  readonly narrow: <Option extends Served>(options: readonly Option[], asked: Asked) => readonly Option[];
  /** Why there is none left of these. */
  readonly refusal: (options: readonly Served[], asked: Asked) => Failure;
  readonly because: (kept: readonly Served[], asked: Asked) => readonly RouteReason[];
};

/** In this order. What was asked for and can't be is refused, never replaced. */
export const ROUTE_RULES: readonly Rule[] = [
  {
    rule: "asked-harness",
    narrow: (options, { use }) => options.filter(({ route }) => use.harness === undefined || route.harness === use.harness),
    refusal: notServed,
    because: (_, { use }) => askedFor("harness", use.harness),
  },
  {
    rule: "asked-model",
    narrow: (options, { use }) => options.filter(({ route }) => use.model === undefined || route.model === use.model),
    refusal: notServed,
    because: (_, { use }) => askedFor("model", use.model),
  },
  {
    rule: "asked-tier",
    narrow: (options, { use }) => options.filter(({ route }) => use.tier === undefined || route.tier === use.tier),
    refusal: notServed,
    because: (_, { use }) => askedFor("tier", use.tier),
  },
  {
    rule: "role",
    narrow: (options, { allowed: { tiers } }) => options.filter(({ route }) => tiers === null || tiers.includes(route.tier)),
    refusal: (options, asked) =>
      isNamed(asked.use) && options[0] !== undefined
        ? {
            reason: "tier-not-allowed",
            login: asked.allowed.login,
            tier: options[0].route.tier,
            allowed: ranked(asked.allowed.tiers ?? TIERS),
          }
        : notServed(options, asked),
    because: () => [],
  },
  {
    rule: "floor",
    narrow: (options, asked) => {
      const floor = floorOf(asked.policy.routing.floors, asked);
      return floor === undefined ? options : options.filter(({ route }) => isAtLeast(route.tier, floor.tier));
    },
    refusal: (options, asked) => {
      const floor = floorOf(asked.policy.routing.floors, asked);
      if (floor === undefined) return notServed(options, asked);
      const isServed = servedBy(asked.policy, {}).some(({ route }) => isAtLeast(route.tier, floor.tier));
      if (!isServed) return notServed(options, asked, floor.tier);
      return { reason: "below-floor", login: asked.allowed.login, tier: floor.tier, by: floor.by, named: floor.named };
    },
    because: (_, asked) => {
      const floor = floorOf(asked.policy.routing.floors, asked);
      return floor === undefined ? [] : [{ fact: "floor", floor }];
    },
  },
  {
    rule: "agent",
    narrow: (options, { agent }) => options.filter(({ route }) => agent?.tiers?.includes(route.tier) !== false),
    refusal: (options, asked) => {
      const { agent } = asked;
      if (agent?.tiers === undefined) return notServed(options, asked);
      const open = ranked(options.map(({ route }) => route.tier));
      return { reason: "agent-not-served", agent: agent.name, tiers: ranked(agent.tiers), open };
    },
    because: (_, { agent }) =>
      agent === undefined
        ? []
        : [{ fact: "agent", agent: agent.name, tiers: agent.tiers ?? null, harness: agent.harness ?? null }],
  },
  {
    rule: "start",
    narrow: (options, asked) => {
      const start = startOf(asked);
      const from = start === undefined ? undefined : nearest(start, options);
      return from === undefined ? options : options.filter(({ route }) => isAtLeast(route.tier, from));
    },
    refusal: notServed,
    because: (kept, asked) => {
      const start = startOf(asked);
      if (start === undefined) return [];
      const from = kept[0]?.route.tier ?? start;
      return [
        { fact: "starts-at", size: asked.estimate.size, tier: start },
        ...(from === start ? [] : [{ fact: "nearest-allowed", tier: from } as const]),
      ];
    },
  },
];

/**
 * Size and request → the routes that may be taken and the one to begin with: those of the owner's tiers that the pool can serve,
 * narrowed by `rules`, and of these the best value (`chooseRoute`). Pure.
 */
export function routeOf(asked: Asked, known: Known, rules = ROUTE_RULES): Result<Routed, Failure> {
  const { policy, estimate, use } = asked;
  if (policy.routing.start[estimate.size] === "ask" && !isChosen(use)) return err({ reason: "too-big" });
  const all = servedBy(policy, use).map((option) => rate(option, estimate.size, known));
  const reasons: RouteReason[] = [];
  let options: readonly RouteOption[] = all;
  for (const rule of rules) {
    const kept = rule.narrow(options, asked);
    if (kept.length === 0) return err(rule.refusal(options, asked));
    reasons.push(...rule.because(kept, asked));
    options = kept;
  }
  if (use.effort !== undefined) reasons.push(...askedFor("effort", use.effort));
  const { worth, escalate, prefer, explore } = policy.routing;
  const favoured = asked.agent?.harness;
  // The owner has said it of this kind of work, so no score and no trying out changes it.
  const preference =
    favoured === undefined
      ? { prefer, explore: isNamed(use) ? 0 : explore, estimate, seed: known.seed }
      : { prefer: "configuration" as const, explore: 0, estimate, seed: known.seed };
  const ordered = preferred(harnessFirst(options, favoured), known.scores.at(-1) ?? [], preference);
  const ladder: Ladder = {
    options: ordered.options,
    checking: known.checking,
    worth: worth ?? worthOf(all),
    attempts: escalate ? policy.task.attempts : 1,
    budget: taskBudget(policy),
  };
  // Where somebody has named it, it begins there.
  const at = use.model === undefined && startOf(asked) === undefined ? undefined : options[0]?.route.tier;
  const choice = chooseRoute(ladder, estimate, [], { anyhow: isDecided(asked), ...(at === undefined ? {} : { at }) });
  if ("go" in choice) {
    const { option, chance, cost } = choice.go;
    reasons.push(
      ...ordered.moved
        .filter(({ tier }) => tier === option.route.tier)
        .map((moved) => ({ fact: "preferred", ...moved }) as const),
    );
    const of = at === undefined ? new Set(ladder.options.map(({ route }) => route.tier)).size : 1;
    reasons.push({ fact: "best-value", model: option.route.model, chance, cost, worth: ladder.worth, of });
    return ok({ ladder, first: choice.go, reasons });
  }
  if (choice.next === null) throw new Error("no route is left of some");
  const { option, chance, cost, cap } = choice.next;
  const { model } = option.route;
  return err(
    choice.stop === "hopeless"
      ? { reason: "not-worth-it", model, chance, cost, worth: ladder.worth }
      : { reason: "task-budget-too-small", model, needed: option.model, cap },
  );
}

export function rate({ route, price }: Served, size: Size, { scores, costOf }: Known): RouteOption {
  const levels = scores.map((level) => level.find(({ harness, model }) => harness === route.harness && model === route.model));
  return { route, price, skill: skillOf(route.tier, levels), ...costOf(size, route, price) };
}

/** What a verified result is worth where the policy says nothing; `options`: all that the pool can serve. */
export function worthOf(options: readonly RouteOption[]): MicroUsd {
  const usual = beliefOf("m", 0);
  const each = options.map(({ model, runner, route }) => (model + runner) / chanceOf(usual, TIER_SKILL[route.tier]));
  return MicroUsd(Math.round(WORTH_FACTOR * Math.max(0, ...each)));
}

/** Those of this harness before the others, else in their order. */
function harnessFirst(options: readonly RouteOption[], harness: Harness | undefined): readonly RouteOption[] {
  const isFirst = ({ route }: RouteOption) => route.harness === harness;
  return [...options.filter(isFirst), ...options.filter((option) => !isFirst(option))];
}

function askedFor(what: "tier" | "harness" | "model" | "effort", value: string | undefined): readonly RouteReason[] {
  return value === undefined ? [] : [{ fact: "asked-for", what, value }];
}

function isNamed({ tier, harness, model }: Override): boolean {
  return tier !== undefined || harness !== undefined || model !== undefined;
}

/** A person has decided that it is started, whatever its size. */
function isChosen({ tier, model, approved }: Override): boolean {
  return tier !== undefined || model !== undefined || approved === true;
}

/** Who asked, or the owner by the policy, has named where it starts: whether that is worth it isn't the router's to say. */
function isDecided(asked: Asked): boolean {
  const { policy, use } = asked;
  return (
    use.approved === true ||
    isNamed(use) ||
    startOf(asked) !== undefined ||
    floorOf(policy.routing.floors, { ...asked, paths: [] }) !== undefined
  );
}

/** The tier that the policy names for the size; undefined: the best value's, or what was asked for. */
function startOf({ policy, estimate, use }: Asked): Tier | undefined {
  const start = policy.routing.start[estimate.size];
  return start === "auto" || start === "ask" || use.tier !== undefined || use.model !== undefined ? undefined : start;
}

/** That tier, or the highest below, or the lowest above where there is none. */
function nearest(tier: Tier, options: readonly Served[]): Tier | undefined {
  const tiers = options.map(({ route }) => route.tier);
  return tiers.includes(tier) ? tier : (tiers.findLast((each) => !isAtLeast(each, tier)) ?? tiers[0]);
}

function ranked(tiers: readonly Tier[]): readonly Tier[] {
  return TIERS.filter((tier) => tiers.includes(tier));
}

function notServed(_: readonly Served[], { policy, use, allowed }: Asked, tier: Tier | undefined = use.tier): Failure {
  const asked = [tier, use.harness, use.model].filter((word) => word !== undefined).join(" ");
  return {
    reason: "route-not-served",
    asked: asked === "" ? "any tier" : asked,
    served: servedRoutes(policy, allowed.tiers ?? TIERS),
  };
}
