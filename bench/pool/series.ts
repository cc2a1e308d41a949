import type { Constants } from "#core/pool/constants.ts";
import { bound } from "./bound.ts";
import { measure, type Measures } from "./measure.ts";
import { FIFO, OURS, policiesOf } from "./policies.ts";
import type { Scenario } from "./scenario.ts";
import { simulate } from "./simulate.ts";
import { intervalOf, meanOf, type Interval } from "./statistics.ts";
import { makeWorkload } from "./workload.ts";

/** One scenario at one load with one seed: what a worker is asked for. */
export type Task = { readonly scenario: Scenario; readonly load: number; readonly seed: number };
export type Asked = { readonly policies: readonly string[] | null; readonly constants: Constants };

/** By policy. Every policy meets the same workload. */
export type Results = Readonly<Record<string, Measures>>;

export const BOUND = "bound";

export function runTask({ scenario, load, seed }: Task, { policies, constants }: Asked): Results {
  const workload = makeWorkload(scenario, load, seed);
  const wanted = policiesOf(constants).filter(({ name }) => isWanted(name, scenario, policies));
  const results: Record<string, Measures> = {};
  for (const policy of wanted) results[policy.name] = measure(simulate(scenario, workload, policy, seed), scenario);
  if (isWanted(BOUND, scenario, policies)) results[BOUND] = measure(bound(workload), scenario);
  return results;
}

/** First in, first out is of interest where teams compete. */
function isWanted(name: string, { hog, late, teams }: Scenario, policies: readonly string[] | null): boolean {
  if (policies !== null) return name === OURS || policies.includes(name);
  const compete = hog !== null || late !== null || teams.some(({ weight }) => weight !== teams[0]?.weight);
  return name !== FIFO || compete;
}

export type Row = {
  readonly scenario: string;
  readonly load: number;
  readonly policy: string;
  readonly seeds: number;
} & Measures;

/** `paced` less another policy, over the seeds. */
export type Difference = {
  readonly scenario: string;
  readonly load: number;
  readonly against: string;
  readonly measure: (typeof COMPARED)[number];
} & Interval;

const COMPARED = ["abortsPer100", "wastedShare", "waitP95Min", "doneShare"] as const;

export function rowsOf(done: readonly { readonly task: Task; readonly results: Results }[]): {
  rows: Row[];
  differences: Difference[];
} {
  const rows: Row[] = [];
  const differences: Difference[] = [];
  const settings = Map.groupBy(done, ({ task }) => `${task.scenario.name} ${String(task.load)}`);
  for (const group of settings.values()) {
    const first = group[0];
    if (first === undefined) continue;
    const at = { scenario: first.task.scenario.name, load: first.task.load };
    for (const policy of Object.keys(first.results)) {
      const measures = group.flatMap(({ results }) => results[policy] ?? []);
      rows.push({ ...at, policy, seeds: measures.length, ...summary(measures) });
      if (policy === OURS || policy === BOUND) continue;
      for (const name of COMPARED) {
        const pairs = group.flatMap(({ results }) => {
          const [ours, theirs] = [results[OURS]?.[name], results[policy]?.[name]];
          return ours === undefined || theirs === undefined ? [] : [ours - theirs];
        });
        differences.push({ ...at, against: policy, measure: name, ...intervalOf(pairs) });
      }
    }
  }
  return { rows, differences };
}

/** Means; of what must never happen, the sum; of the overshoot, the largest. */
function summary(measures: readonly Measures[]): Measures {
  const of = (pick: (each: Measures) => number) => measures.map(pick);
  const optional = (name: "othersP95Min" | "hogMin" | "lateP95Min") =>
    measures[0]?.[name] === undefined ? {} : { [name]: meanOf(of((each) => each[name] ?? 0)) };
  const teams = measures[0]?.teamP95Min;
  return {
    abortsPer100: meanOf(of((each) => each.abortsPer100)),
    wastedShare: meanOf(of((each) => each.wastedShare)),
    waitP95Min: meanOf(of((each) => each.waitP95Min)),
    doneShare: meanOf(of((each) => each.doneShare)),
    overshootMax: Math.max(...of((each) => each.overshootMax)),
    doubleGrants: of((each) => each.doubleGrants).reduce((sum, each) => sum + each, 0),
    leakedLeases: of((each) => each.leakedLeases).reduce((sum, each) => sum + each, 0),
    ...optional("othersP95Min"),
    ...optional("hogMin"),
    ...optional("lateP95Min"),
    ...(teams !== undefined && {
      teamP95Min: Object.fromEntries(
        Object.keys(teams).map((team) => [team, meanOf(of((each) => each.teamP95Min?.[team] ?? 0))]),
      ),
    }),
  };
}
