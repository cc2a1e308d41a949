import { SIZES, type Size } from "#core/wire/contract.ts";
import { sizeOf } from "#core/plan/size.ts";
import { DIFFICULTIES, type Difficulty, type Issue } from "./data.ts";

/** What the product's rules make of an issue. `points` ranks: the higher, the larger. */
export type Sized = {
  readonly size: Size;
  readonly confidence: number;
  readonly points: number;
  readonly difficulty: Difficulty;
};

/** The sizes' meaning in people's words, as the labels have it. */
const DIFFICULTY: Record<Size, Difficulty> = {
  xs: DIFFICULTIES[0],
  s: DIFFICULTIES[0],
  m: DIFFICULTIES[1],
  l: DIFFICULTIES[2],
  xl: DIFFICULTIES[3],
};

export function sizeIssues(issues: readonly Issue[]): ReadonlyMap<string, Sized> {
  return new Map(
    issues.map(({ id, text }) => {
      const [title = "", ...body] = text.split("\n");
      const { size, confidence } = sizeOf({ issue: { number: 1, title, body: body.join("\n"), labels: [] } });
      return [id, { size, confidence, points: SIZES.indexOf(size), difficulty: DIFFICULTY[size] }];
    }),
  );
}
