import { EFFORTS, HARNESSES, TIERS, type Effort } from "../wire/contract.ts";
import type { Failure } from "../wire/failure.ts";
import { err, ok, type Result } from "../wire/result.ts";
import { MicroUsd } from "../wire/units.ts";
import type { Policy } from "../config/policy.ts";
import type { Checking } from "../plan/belief.ts";
import { chooseRoute, type Ladder, type Prospect } from "../plan/ladder.ts";
import { rate, type Known, type Route } from "../plan/route.ts";
import { servedBy, type Served } from "../plan/served.ts";
import type { SizeEstimate } from "../plan/size.ts";

/**
 * A route as a trial names it: `tier`, `harness`, `model` or `harness:model[:effort]`, of what the policy's tiers offer and the pool
 * serves; the first that fits, from the light tier upwards. Pure.
 */
export function routeNamed(policy: Policy, word: string): Result<Served, Failure> {
  const { tier, harness, model, effort } = parse(word);
  const served = servedBy(policy, effort === undefined ? {} : { effort });
  const found = served.find(
    ({ route }) =>
      (tier ?? route.tier) === route.tier &&
      (harness ?? route.harness) === route.harness &&
      (model ?? route.model) === route.model,
  );
  return found === undefined ? err(notServed(word, served)) : ok(found);
}

/** The route that was offered, as it was then, where the policy's tiers still name its harness and model and the pool serves them. Pure. */
export function stillServed(policy: Policy, route: Route): Result<Served, Failure> {
  const served = servedBy(policy, {});
  const found = served.find((each) => each.route.harness === route.harness && each.route.model === route.model);
  return found === undefined ? err(notServed(nameOf(route), served)) : ok({ route, price: found.price });
}

function notServed(asked: string, served: readonly Served[]): Failure {
  return { reason: "route-not-served", asked, served: [...new Set(served.map(({ route }) => nameOf(route)))] };
}

function nameOf({ harness, model }: Route): string {
  return `${harness}:${model}`;
}

type Wanted = { readonly tier?: string; readonly harness?: string; readonly model?: string; readonly effort?: Effort };

/** Models may have a colon and a slash in their names; harnesses and efforts have neither. */
function parse(word: string): Wanted {
  if (TIERS.some((tier) => tier === word)) return { tier: word };
  const harness = HARNESSES.find((name) => word === name || word.startsWith(`${name}:`));
  if (harness === undefined) return { model: word };
  if (word === harness) return { harness };
  const rest = word.slice(harness.length + 1);
  const effort = EFFORTS.find((name) => rest.endsWith(`:${name}`));
  if (effort === undefined) return { harness, model: rest };
  return { harness, model: rest.slice(0, -effort.length - 1), effort };
}

/** The merge's own tests: they pass where the work is right, and nowhere else. */
const HIDDEN_TESTS: Checking = { noticed: 1, falseAlarm: 0 };

/** One attempt under one route, whatever it is worth: nothing follows it. Pure. */
export function onlyStep(
  served: Served,
  { size, confidence }: Pick<SizeEstimate, "size" | "confidence">,
  budget: MicroUsd,
  known: Omit<Known, "checking">,
): { readonly ladder: Ladder; readonly first: Prospect } {
  const option = rate(served, size, { ...known, checking: HIDDEN_TESTS });
  const ladder: Ladder = { options: [option], checking: HIDDEN_TESTS, worth: MicroUsd(0), attempts: 1, budget };
  const choice = chooseRoute(ladder, { size, confidence }, [], { anyhow: true });
  const first = "go" in choice ? choice.go : choice.next;
  if (first === null) throw new Error("no route is left of one");
  return { ladder, first };
}
