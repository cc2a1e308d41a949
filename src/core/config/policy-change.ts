import { TIERS } from "../wire/contract.ts";
import { changesOf, code, differenceOf, listed, type Row, type Said } from "./changes.ts";
import { DEFAULT_TASK_BUDGET, type Policy, type RouteChoice } from "./policy.ts";
import { costs, money, NOTHING, percent, spending, viewOf, was, type View } from "./policy-view.ts";
import { POOL_ROWS } from "./pool-change.ts";
import { ROLE_ROWS } from "./roles-change.ts";

/**
 * What a change of a policy means, a sentence a setting. `before` undefined: none was in force. What no row of `POLICY_ROWS`
 * names is said by its setting's name and values. Pure.
 */
export function policyChanges(before: Policy | undefined, after: Policy): readonly Said[] {
  const said = changesOf(POLICY_ROWS, before === undefined ? NOTHING : viewOf(before), viewOf(after));
  const names = (policy: Policy | undefined) => (policy?.pool ?? []).map(({ name }) => name);
  const [was, is] = [names(before), names(after)];
  const moved = was.join(" ") !== is.join(" ") && was.toSorted().join(" ") === is.toSorted().join(" ");
  return moved ? [...said, { path: ["pool"], text: "The credentials of `pool` stand in another order.", warning: false }] : said;
}

/** `policyChanges` of two policies, as text. */
export function describeChange(before: Policy, after: Policy): string[] {
  return policyChanges(before, after).map(({ text }) => text);
}

function choices(routes: readonly RouteChoice[]): string {
  const each = ({ harness, model, effort }: RouteChoice) =>
    `${code(model)} in ${harness}${effort === undefined ? "" : ` (effort ${effort})`}`;
  return routes.slice(0, 20).map(each).join(", then ");
}

type Floor = Policy["routing"]["floors"][number];

function floorOf({ labels, paths, tier }: Floor): string {
  const of = [
    ...(labels === undefined ? [] : [`issues with the label ${listed(labels)}`]),
    ...(paths === undefined ? [] : [`changes of ${listed(paths)}`]),
  ];
  return `No tier below ${tier} does ${of.join(" or ")}`;
}

function startOf(start: Policy["routing"]["start"]["xs"]): string {
  if (start === "ask") return "waits for a person";
  return start === "auto" ? "starts where the best is expected for its cost" : `starts with ${start}`;
}

/** Everything that has a sentence of its own; a case in the test for each. */
export const POLICY_ROWS: readonly Row<View>[] = [
  ...POOL_ROWS,
  ...ROLE_ROWS,
  {
    at: "budget",
    say: (before, after) => costs("All credentials and runners together", before.budget, after.budget),
  },
  {
    at: "strategy",
    say: (before, after) => `The pool is drawn on by \`strategy: ${after.strategy}\`; it was \`${before.strategy}\`.`,
  },
  {
    at: "teams.*",
    say(before, after, [name = ""]) {
      const team = after.teams[name];
      if (team === undefined) return `The team ${code(name)} has no share of its own any more.`;
      if (before.teams[name] !== undefined) return undefined;
      const budget = team.budget === undefined ? "" : `, and may cost ${spending(team.budget)}`;
      return `The team ${code(name)} has a share of weight ${String(team.weight)}${budget}.`;
    },
  },
  {
    at: "teams.*.weight",
    say: (before, after, [name = ""]) =>
      `The share of the team ${code(name)} has the weight ${String(after.teams[name]?.weight ?? 1)}${was(before.teams[name]?.weight, String)}.`,
  },
  {
    at: "teams.*.budget",
    say: (before, after, [name = ""]) =>
      costs(`The work of the team ${code(name)}`, before.teams[name]?.budget, after.teams[name]?.budget),
  },
  {
    at: "people.budget",
    say: (before, after) => costs("The work of each person", before.people.budget, after.people.budget),
  },
  {
    at: "repositories.*.budget",
    say: (before, after, [name = ""]) =>
      costs(`Work in ${code(name)}`, before.repositories[name]?.budget, after.repositories[name]?.budget),
  },
  ...TIERS.map((tier): Row<View> => ({
    at: `tiers.${tier}`,
    say: (before, after) => `The tier ${tier} works with ${choices(after.tiers[tier])}; it was ${choices(before.tiers[tier])}.`,
  })),
  ...(["xs", "s", "m", "l", "xl"] as const).map((size): Row<View> => ({
    at: `routing.start.${size}`,
    say: ({ routing: before }, { routing: after }) =>
      `Work of size ${size} ${startOf(after.start[size])}; until now it ${startOf(before.start[size])}.`,
  })),
  {
    at: "routing.floors",
    say({ routing: before }, { routing: after }) {
      const { added, gone } = differenceOf(before.floors.map(floorOf), after.floors.map(floorOf));
      return [...added.map((floor) => `${floor}.`), ...gone.map((floor) => `No longer: ${floor}.`)].join(" ") || undefined;
    },
    warns: ({ routing: before }, { routing: after }) =>
      differenceOf(before.floors.map(floorOf), after.floors.map(floorOf)).gone.length > 0,
  },
  {
    at: "routing.prefer",
    say: (_before, after) =>
      after.routing.prefer === "scoreboard"
        ? "Of a tier's choices the one is first whose results have cost least."
        : "Of a tier's choices the one is first that stands first in the file.",
  },
  {
    at: "routing.explore",
    say: (before, after) =>
      `${percent(after.routing.explore)} of the xs and s tasks try another of their tier's choices; it was ${percent(before.routing.explore)}.`,
  },
  {
    at: "routing.escalate",
    say: (_before, after) =>
      after.routing.escalate
        ? "An attempt that ends unverified is followed by one on the next route."
        : "An attempt that ends unverified is the last: none follows it.",
  },
  {
    at: "routing.worth",
    say: (before, after) =>
      `A verified result is worth ${after.routing.worth === undefined ? "twice what the dearest tier is expected to cost" : money(after.routing.worth)}${was(before.routing.worth, money)}.`,
  },
  {
    at: "task.budget",
    say: (before, after) =>
      `All attempts of a task together may cost ${after.task.budget === undefined ? DEFAULT_TASK_BUDGET : money(after.task.budget)}; it was ${before.task.budget === undefined ? DEFAULT_TASK_BUDGET : money(before.task.budget)}.`,
  },
  {
    at: "task.attempts",
    say: (before, after) => `A task has at most ${String(after.task.attempts)} attempts; it was ${String(before.task.attempts)}.`,
  },
  {
    at: "receipts",
    say: (_before, after) =>
      after.receipts
        ? "Whoever lends a seat is told, in an issue of the policy repository, what it was used for."
        : "Whoever lends a seat isn't told any more what it was used for.",
    warns: (_before, after) => !after.receipts,
  },
  {
    at: "task.moves",
    say: (before, after) =>
      `A limit moves an attempt to another credential at most ${String(after.task.moves)} times; it was ${String(before.task.moves)}.`,
  },
];
