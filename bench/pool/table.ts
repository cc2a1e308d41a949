import { align } from "../table.ts";
import type { Difference, Row } from "./series.ts";

/** For people: a table for each scenario and load, with how much better or worse than `paced` the others surely are. */
export function renderTable(rows: readonly Row[], differences: readonly Difference[]): string {
  const settings = Map.groupBy(rows, ({ scenario, load }) => `${scenario}, load ${String(load)}`);
  return [...settings]
    .map(([setting, found]) => {
      const lines = found.map((row) => [
        row.policy,
        row.abortsPer100.toFixed(2),
        percent(row.wastedShare),
        row.waitP95Min.toFixed(0),
        percent(row.doneShare),
        String(row.doubleGrants),
        String(row.leakedLeases),
        extraOf(row),
        verdictOf(row, differences),
      ]);
      const head = [
        "policy",
        "aborts/100",
        "wasted",
        "p95 wait min",
        "done",
        "double",
        "leaked",
        "",
        "paced: fewer aborts, less waste",
      ];
      return `${setting}, ${String(found[0]?.seeds ?? 0)} seeds\n${align([head, ...lines])}\n`;
    })
    .join("\n");
}

function verdictOf({ scenario, load, policy }: Row, differences: readonly Difference[]): string {
  const of = (measure: Difference["measure"]) =>
    differences.find(
      (each) => each.scenario === scenario && each.load === load && each.against === policy && each.measure === measure,
    );
  const word = (found: Difference | undefined) =>
    found === undefined ? "" : found.high < 0 ? "yes" : found.low > 0 ? "no" : "unsure";
  return `${word(of("abortsPer100"))} ${word(of("wastedShare"))}`.trim();
}

function extraOf({ othersP95Min, hogMin, lateP95Min, teamP95Min }: Row): string {
  return [
    othersP95Min === undefined ? [] : `others ${othersP95Min.toFixed(0)}, hog ${(hogMin ?? 0).toFixed(0)} min`,
    lateP95Min === undefined ? [] : `late ${lateP95Min.toFixed(0)} min`,
    teamP95Min === undefined ? [] : Object.entries(teamP95Min).map(([team, wait]) => `${team} ${wait.toFixed(0)}`),
  ]
    .flat(2)
    .join(" ");
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
