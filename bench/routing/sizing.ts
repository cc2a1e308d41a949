import type { Size } from "#core/wire/contract.ts";
import { NO_SURROUNDINGS, signalsOf } from "#core/plan/signals/signals.ts";
import { sizeOf } from "#core/plan/size.ts";
import { DIFFICULTIES, type Difficulty, type Issue } from "./data.ts";
import type { Trees } from "./trees.ts";

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

/** `trees`: of the repositories whose files are at hand, by `owner/name`; the others' issues are sized by their text. */
export function sizeIssues(issues: readonly Issue[], trees: Trees = new Map()): ReadonlyMap<string, Sized> {
  return new Map(
    issues.map(({ id, repository, text }) => {
      const [title = "", ...body] = text.split("\n");
      const issue = { number: 1, title, body: body.join("\n"), labels: [] };
      const files = trees.get(repository);
      const tree = files === undefined ? null : { files, isCut: false };
      const { size, confidence, points } = sizeOf({ issue }, signalsOf(issue, { ...NO_SURROUNDINGS, tree }));
      return [id, { size, confidence, points, difficulty: DIFFICULTY[size] }];
    }),
  );
}
