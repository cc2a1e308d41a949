import type { Checking } from "#core/plan/belief.ts";
import { mean } from "#core/plan/figures.ts";
import { bootstrap } from "./bootstrap.ts";
import { BASELINES, meanOf, overCascadeLine, plainCascade, type Expected } from "./cascade.ts";
import type { Data, Issue } from "./data.ts";
import { measureSizes } from "./measures.ts";
import { commonIssues, dominated, pairsOf, type Model, type Pair } from "./models.ts";
import { runShipped } from "./shipped.ts";
import type { Sized } from "./sizing.ts";
import { gainByDollar, gainOverMix } from "./up-front.ts";

export type Row = {
  /** `0.5/0.05`: of wrong results, the share that checks notice; of right ones, the share that they fail on. */
  readonly verifier: string;
  readonly policy: string;
  /** In 100. */
  readonly resolved: number;
  readonly usdPerIssue: number;
  /** Points above the plain cascade's own line, with the middle 95 % over samples of issues. */
  readonly overCascadeLine: number;
  readonly low: number;
  readonly high: number;
};

export type Evaluation = {
  readonly issues: number;
  readonly A: { readonly auc15m: number; readonly auc1h: number; readonly macroF1: number };
  readonly B: { readonly gain: number; readonly low: number; readonly high: number };
  readonly C: readonly Row[];
  readonly D: readonly { readonly tier: string; readonly dominatedBy: string }[];
};

const VERIFIERS: readonly Checking[] = [
  { noticed: 0.3, falseAlarm: 0.1 },
  { noticed: 0.5, falseAlarm: 0.05 },
  { noticed: 0.8, falseAlarm: 0.05 },
];

/** A policy under one pair of models, beside the two that make the line it is measured by. */
type Under = { readonly policy: Expected; readonly light: Expected; readonly cascade: Expected };

/** All tables. `sizeIssues`: the product's sizing, of what is known of the issues. */
export function evaluate(data: Data, sizeIssues: (issues: readonly Issue[]) => ReadonlyMap<string, Sized>): Evaluation {
  const issues = commonIssues(data);
  if (issues.length === 0) throw new Error("no issue was run on every model of the twenty pairs");
  const pairs = pairsOf(data);
  const sized = sizeIssues(data.issues);
  return {
    issues: issues.length,
    A: measureSizes(data.issues, sized),
    B: upFront(pairs, issues, sized),
    C: VERIFIERS.flatMap((checking) => rowsOf(pairs, issues, sized, checking)),
    D: dominated(data),
  };
}

function upFront(pairs: readonly Pair[], issues: readonly Issue[], sized: ReadonlyMap<string, Sized>): Evaluation["B"] {
  const scores = issues.map(({ id }) => {
    const size = sized.get(id);
    return size === undefined ? 0 : gainByDollar(size);
  });
  const gain = (weights: readonly number[]) => mean(pairs, (pair) => gainOverMix(pair, issues, scores, weights));
  return { gain: gain(issues.map(() => 1)), ...bootstrap(issues.length, gain) };
}

function rowsOf(
  pairs: readonly Pair[],
  issues: readonly Issue[],
  sized: ReadonlyMap<string, Sized>,
  checking: Checking,
): readonly Row[] {
  const lines = pairs.map((pair) => {
    const light = BASELINES[0]?.of(pair, issues) ?? { resolved: [], usd: [] };
    return { pair, light, cascade: plainCascade(pair, issues, checking) };
  });
  const verifier = `${String(checking.noticed)}/${String(checking.falseAlarm)}`;
  const row = (policy: string, under: readonly Under[]): Row => {
    const over = (weights: readonly number[]) =>
      mean(under, (each) => overCascadeLine(each.policy, each.light, each.cascade, weights));
    const all = issues.map(() => 1);
    return {
      verifier,
      policy,
      resolved: mean(under, (each) => meanOf(each.policy, all).resolved),
      usdPerIssue: mean(under, (each) => meanOf(each.policy, all).usd),
      overCascadeLine: over(all),
      ...bootstrap(issues.length, over),
    };
  };
  const lights = [...new Set(pairs.map(({ light }) => light))];
  const shipped = ({ light, frontier }: Pair, second?: Model) =>
    runShipped(
      [
        { tier: "light", model: light },
        ...(second === undefined ? [] : [{ tier: "light" as const, model: second }]),
        { tier: "frontier", model: frontier },
      ],
      issues,
      sized,
      checking,
    );
  const both = lines.flatMap((line) =>
    lights
      .filter(({ name }) => name !== line.pair.light.name)
      .map((second) => ({
        ...line,
        policy: shipped(line.pair, second),
        threeSteps: plainCascade(line.pair, issues, checking, second),
      })),
  );
  return [
    ...BASELINES.map(({ policy, of }) =>
      row(
        policy,
        lines.map((line) => ({ ...line, policy: of(line.pair, issues) })),
      ),
    ),
    row(
      "plain cascade",
      lines.map((line) => ({ ...line, policy: line.cascade })),
    ),
    row(
      "default, one light route",
      lines.map((line) => ({ ...line, policy: shipped(line.pair) })),
    ),
    row(
      "plain cascade, two light routes",
      both.map((each) => ({ ...each, policy: each.threeSteps })),
    ),
    row("default", both),
    // What of it is the router's, and not the second model's.
    row(
      "default, over the line of two light routes",
      both.map((each) => ({ ...each, cascade: each.threeSteps })),
    ),
  ];
}
