import { DIFFICULTIES, type Difficulty, type Issue } from "./data.ts";
import type { Sized } from "./sizing.ts";

/** The chance that one of the first kind ranks above one of the second; half where they are level. */
export function auc(ranked: readonly { readonly score: number; readonly positive: boolean }[]): number {
  const sorted = ranked.toSorted((one, other) => one.score - other.score);
  const positives = sorted.filter(({ positive }) => positive).length;
  const negatives = sorted.length - positives;
  if (positives === 0 || negatives === 0) return Number.NaN;
  let ranks = 0;
  for (let at = 0; at < sorted.length;) {
    const level = sorted.filter(({ score }) => score === sorted[at]?.score);
    ranks += level.filter(({ positive }) => positive).length * (at + (level.length + 1) / 2);
    at += level.length;
  }
  return (ranks - (positives * (positives + 1)) / 2) / (positives * negatives);
}

/** The mean of the classes' F1 scores, of those that there are. */
export function macroF1(pairs: readonly { readonly is: Difficulty; readonly said: Difficulty }[]): number {
  const scores = DIFFICULTIES.filter((difficulty) => pairs.some(({ is }) => is === difficulty)).map((difficulty) => {
    const right = pairs.filter(({ is, said }) => is === difficulty && said === difficulty).length;
    const either = pairs.filter(({ is }) => is === difficulty).length + pairs.filter(({ said }) => said === difficulty).length;
    return (2 * right) / either;
  });
  return scores.reduce((sum, score) => sum + score, 0) / Math.max(1, scores.length);
}

/** How well the product's sizes say what people said: of the issues that people labelled. */
export function measureSizes(
  issues: readonly Issue[],
  sized: ReadonlyMap<string, Sized>,
): { readonly auc15m: number; readonly auc1h: number; readonly macroF1: number } {
  const labelled = issues.flatMap(({ id, difficulty }) => {
    const size = sized.get(id);
    return difficulty === null || size === undefined ? [] : [{ difficulty, size }];
  });
  const above = (limit: number) =>
    auc(labelled.map(({ difficulty, size }) => ({ score: size.points, positive: DIFFICULTIES.indexOf(difficulty) > limit })));
  return {
    auc15m: above(0),
    auc1h: above(1),
    macroF1: macroF1(labelled.map(({ difficulty, size }) => ({ is: difficulty, said: size.difficulty }))),
  };
}
