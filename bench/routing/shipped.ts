import type { Price, Size, Tier } from "#core/wire/contract.ts";
import { MicroUsd } from "#core/wire/units.ts";
import { WITH_CHECKS, type Checking } from "#core/plan/belief.ts";
import { chooseRoute, type RouteOption, type Tried } from "#core/plan/ladder.ts";
import { worthOf, type Route } from "#core/plan/route.ts";
import { MAX_TURNS } from "#core/plan/served.ts";
import { skillOf, type Score } from "#core/plan/score.ts";
import { estimateOf, NOTHING_SEEN, see, type Seen } from "#core/pool/estimator.ts";
import { priorOf } from "#core/pool/priors.ts";
import { randomOf } from "../pool/random.ts";
import { runOf, type Expected } from "./cascade.ts";
import type { Issue } from "./data.ts";
import type { Model } from "./models.ts";
import type { Sized } from "./sizing.ts";

/** A model in a tier, in the policy's order. */
export type Choice = { readonly tier: Tier; readonly model: Model };

/** How often the order of the issues, and what the checks see, is drawn anew. */
const ORDERS = 3;

/** As the product has them: of the policy that it ships with. */
const ATTEMPTS = 3;
const TASK_BUDGET = MicroUsd(5_000_000);

/**
 * The product's own choice, begun without a ledger: issues come one after the other, and what it learns of its routes is what it
 * saw of them: which attempts the checks passed, never which were right, and what they cost. It believes in checks of middling
 * strength, whatever these are. The last attempt's result counts, as the cascade's does. Runner minutes cost nothing here, since
 * the data has none.
 */
export function runShipped(
  choices: readonly Choice[],
  issues: readonly Issue[],
  sized: ReadonlyMap<string, Sized>,
  checking: Checking,
): Expected {
  const resolved = issues.map(() => 0);
  const usd = issues.map(() => 0);
  for (let order = 1; order <= ORDERS; order += 1) {
    const random = randomOf(order, "routing");
    const ledger = makeLedger(choices);
    const drawn = issues
      .map((issue, at) => ({ issue, at, place: random.float() }))
      .toSorted((one, other) => one.place - other.place);
    for (const { issue, at } of drawn) {
      const size = sized.get(issue.id);
      if (size === undefined) throw new Error(`${issue.id} was not sized`);
      const outcome = attempt(issue, size);
      resolved[at] = (resolved[at] ?? 0) + Number(outcome.resolved) / ORDERS;
      usd[at] = (usd[at] ?? 0) + outcome.usd / ORDERS;
    }

    function attempt(issue: Issue, size: Sized): { readonly resolved: boolean; readonly usd: number } {
      const options = ledger.options(size.size);
      const ladder = {
        options,
        checking: WITH_CHECKS,
        worth: worthOf(options),
        attempts: ATTEMPTS,
        budget: TASK_BUDGET,
      };
      const tried: Tried[] = [];
      let [isResolved, spent] = [false, 0];
      for (;;) {
        const choice = chooseRoute(ladder, size, tried);
        if ("stop" in choice) return { resolved: isResolved, usd: spent };
        const { option, expected } = choice.go;
        const run = runOf(ledger.modelOf(option.route), issue);
        const passes = random.float() >= (run.resolved ? checking.falseAlarm : checking.noticed);
        [isResolved, spent] = [run.resolved, spent + run.usd];
        ledger.learn(size.size, option.route, run.usd, passes, expected);
        if (passes) return { resolved: isResolved, usd: spent };
        tried.push({ route: option.route, model: MicroUsd(Math.round(run.usd * 1_000_000)) });
      }
    }
  }
  return { resolved, usd };
}

function makeLedger(choices: readonly Choice[]) {
  const seen = new Map<string, Seen>();
  const scores = new Map<string, Score>();
  const routes = choices.map(({ tier, model }) => ({ route: routeTo(tier, model.name), price: priceOf(model), model }));
  const kindOf = (size: Size, { model }: Route) => `${size}/${model}`;
  return {
    options: (size: Size): readonly RouteOption[] =>
      routes.map(({ route, price }) => {
        const { mean } = estimateOf([seen.get(kindOf(size, route)) ?? NOTHING_SEEN], priorOf(size, price));
        const skill = skillOf(route.tier, [scores.get(route.model)]);
        return { route, price, skill, model: MicroUsd(Math.round(mean)), runner: MicroUsd(0) };
      }),
    modelOf(route: Route): Model {
      const found = routes.find((each) => each.route.model === route.model);
      if (found === undefined) throw new Error(`no model ${route.model}`);
      return found.model;
    },
    learn(size: Size, route: Route, cost: number, passed: boolean, expected: number): void {
      const kind = kindOf(size, route);
      seen.set(kind, see(seen.get(kind) ?? NOTHING_SEEN, { cost: cost * 1_000_000, ms: 0, tokens: 0 }));
      const before = scores.get(route.model) ?? {
        harness: route.harness,
        model: route.model,
        tried: 0,
        verified: 0,
        expected: 0,
      };
      scores.set(route.model, {
        ...before,
        tried: before.tried + 1,
        verified: before.verified + Number(passed),
        expected: before.expected + expected,
      });
    },
  };
}

/** One harness ran them all. */
function routeTo(tier: Tier, model: string): Route {
  return { tier, harness: "opencode", provider: "openrouter", model, effort: null, maxTurns: MAX_TURNS[tier] };
}

function priceOf({ inputUsd }: Model): Price {
  const input = inputUsd * 1_000_000;
  return { input, output: input, cacheRead: input, cacheWrite: input, cacheWrite1h: input };
}
