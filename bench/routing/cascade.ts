import type { Checking } from "#core/plan/belief.ts";
import type { Issue, Run } from "./data.ts";
import type { Model, Pair } from "./models.ts";

/** What a policy makes of each issue, in their order: expected, since checks are drawn by chance. */
export type Expected = { readonly resolved: readonly number[]; readonly usd: readonly number[] };

const NO_RUN: Run = { resolved: false, usd: 0 };

export function runOf({ runs }: Model, { id }: Issue): Run {
  return runs.get(id) ?? NO_RUN;
}

/** Up front: the share of each issue that goes to the frontier, and no checks. */
function upFront(pair: Pair, issues: readonly Issue[], share: (issue: Issue) => number): Expected {
  return mix(issues, (issue) => {
    const [light, frontier] = [runOf(pair.light, issue), runOf(pair.frontier, issue)];
    const dear = share(issue);
    return {
      resolved: (1 - dear) * Number(light.resolved) + dear * Number(frontier.resolved),
      usd: (1 - dear) * light.usd + dear * frontier.usd,
    };
  });
}

/** Light first; where the checks fail a second light one, if there is one, and then the frontier, whose result counts whatever they say. */
export function plainCascade(pair: Pair, issues: readonly Issue[], { noticed, falseAlarm }: Checking, second?: Model): Expected {
  return mix(issues, (issue) => {
    const runs = [pair.light, ...(second === undefined ? [] : [second]), pair.frontier].map((model) => runOf(model, issue));
    let [reached, resolved, usd] = [1, 0, 0];
    for (const [at, run] of runs.entries()) {
      const fails = at === runs.length - 1 ? 0 : run.resolved ? falseAlarm : noticed;
      resolved += reached * (1 - fails) * Number(run.resolved);
      usd += reached * run.usd;
      reached *= fails;
    }
    return { resolved, usd };
  });
}

/** What the product is compared with, beside the cascade. `random mix`: half. `oracle`: the cheaper that resolves it. */
export const BASELINES: readonly { readonly policy: string; readonly of: (pair: Pair, issues: readonly Issue[]) => Expected }[] =
  [
    { policy: "all-light", of: (pair, issues) => upFront(pair, issues, () => 0) },
    { policy: "all-frontier", of: (pair, issues) => upFront(pair, issues, () => 1) },
    { policy: "random mix", of: (pair, issues) => upFront(pair, issues, () => 0.5) },
    // Who has no label is taken for small.
    {
      policy: "human labels",
      of: (pair, issues) =>
        upFront(pair, issues, ({ difficulty }) => (difficulty === null || difficulty === "<15 min fix" ? 0 : 1)),
    },
    {
      policy: "oracle",
      of: (pair, issues) =>
        upFront(pair, issues, (issue) => {
          const [light, frontier] = [runOf(pair.light, issue), runOf(pair.frontier, issue)];
          return !light.resolved && frontier.resolved ? 1 : 0;
        }),
    },
  ];

function mix(issues: readonly Issue[], of: (issue: Issue) => { readonly resolved: number; readonly usd: number }): Expected {
  const each = issues.map(of);
  return { resolved: each.map(({ resolved }) => resolved), usd: each.map(({ usd }) => usd) };
}

/** Resolved in 100, and dollars an issue. `weights`: how often each counts. */
export function meanOf(
  { resolved, usd }: Expected,
  weights: readonly number[],
): { readonly resolved: number; readonly usd: number } {
  const count = weights.reduce((sum, weight) => sum + weight, 0);
  const mean = (values: readonly number[]) => {
    let sum = 0;
    // A loop, since the intervals take some hundred million of these.
    for (let at = 0; at < values.length; at += 1) sum += (values[at] ?? 0) * (weights[at] ?? 0);
    return sum / count;
  };
  return { resolved: 100 * mean(resolved), usd: mean(usd) };
}

/**
 * Points above the cascade's own line: what the cascade resolves at the same cost with a random share of its escalations
 * skipped. Beyond the cascade's cost the line goes on as steep as it was, which no such share reaches: the harder yardstick.
 */
export function overCascadeLine(policy: Expected, light: Expected, cascade: Expected, weights: readonly number[]): number {
  const [is, from, to] = [meanOf(policy, weights), meanOf(light, weights), meanOf(cascade, weights)];
  return is.resolved - (from.resolved + ((is.usd - from.usd) * (to.resolved - from.resolved)) / (to.usd - from.usd));
}
