import { align } from "../table.ts";
import type { Evaluation, Row } from "./evaluate.ts";

/** For people: a gain is claimed only where its whole interval is above 0. */
export function renderEvaluation({ issues, A, B, C, D }: Evaluation): string {
  const verifiers = Map.groupBy(C, ({ verifier }) => verifier);
  return [
    `${String(issues)} issues\n`,
    "A  size, against what people said",
    `   AUC over 15 min ${A.auc15m.toFixed(3)}, over an hour ${A.auc1h.toFixed(3)}; macro F1 ${A.macroF1.toFixed(3)}\n`,
    "B  up front, points above the line from all-light to all-frontier, the mean over all budgets and 20 pairs",
    `   ${signed(B.gain)} (${signed(B.low)} to ${signed(B.high)}): ${verdict(B)}\n`,
    "C  the whole policy, the mean over 20 pairs; points above the plain cascade's own line",
    ...[...verifiers].map(
      ([verifier, rows]) =>
        `   checks that notice/fail falsely ${verifier}\n${align([
          ["   policy", "resolved %", "$ an issue", "over the line", "95 %", ""],
          ...rows.map((row) => [
            `   ${row.policy}`,
            row.resolved.toFixed(1),
            row.usdPerIssue.toFixed(3),
            signed(row.overCascadeLine),
            `${signed(row.low)} to ${signed(row.high)}`,
            claim(row, rows),
          ]),
        ])}\n`,
    ),
    "D  tiers that another resolves no less than, for no more",
    ...(D.length === 0 ? ["   none"] : D.map(({ tier, dominatedBy }) => `   ${tier}: by ${dominatedBy}`)),
    "",
  ].join("\n");
}

function claim(row: Row, rows: readonly Row[]): string {
  if (row.policy === "plain cascade") return "the line itself";
  const cascade = rows.find(({ policy }) => policy === "plain cascade");
  const isSame = cascade?.resolved === row.resolved && cascade.usdPerIssue === row.usdPerIssue;
  return isSame ? "the plain cascade: nothing is claimed" : verdict(row);
}

function verdict({ low, high }: { readonly low: number; readonly high: number }): string {
  return low > 0 ? "better" : high < 0 ? "worse" : "coin toss";
}

function signed(points: number): string {
  return `${points < 0 ? "−" : "+"}${Math.abs(points).toFixed(2)}`;
}
