import { stripInvisible } from "../../wire/text.ts";

/** What a text has besides words, each a count. */
export type TextFacts = {
  /** `- [ ]`, done or not. */
  readonly tasks: number;
  /** Listed under a heading like "Acceptance criteria". */
  readonly criteria: number;
  /** Types that it declares to show what it is about. */
  readonly declared: number;
  /** It shows the change it wants as a patch. */
  readonly hasPatch: boolean;
  /** It holds no words that can be read: empty, or bytes. */
  readonly isReadable: boolean;
};

const TASK = /^[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]+\[[ xX]\]/gm;
const HEADING = /^[ \t]{0,3}(?:#{1,6}[ \t]+)?(?:\*\*|__)?(?:acceptance criteria|definition of done|requirements)\b/i;
const ANY_HEADING = /^[ \t]{0,3}(?:#{1,6}[ \t]|\*\*[^*\n]{1,80}\*\*:?[ \t]*$)/;
const ITEM = /^[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]+\S/;
const DECLARED =
  /^[ \t>]*(?:(?:export|public|abstract|final|data|sealed|pub)[ \t]+){0,3}(?:class|interface|struct|enum|trait)[ \t]+\w+/gm;
const PATCH = /^(?:diff --git |--- a\/|\+\+\+ b\/|@@ -\d+(?:,\d+)? \+\d+)/m;

/** Linear in the text's length. Pure. */
export function factsOf(text: string): TextFacts {
  return {
    tasks: text.match(TASK)?.length ?? 0,
    criteria: criteriaIn(text),
    declared: text.match(DECLARED)?.length ?? 0,
    hasPatch: PATCH.test(text),
    isReadable: isReadable(text),
  };
}

function criteriaIn(text: string): number {
  let count = 0;
  let isUnder = false;
  for (const line of text.split("\n")) {
    if (HEADING.test(line)) isUnder = true;
    else if (ANY_HEADING.test(line)) isUnder = false;
    else if (isUnder && ITEM.test(line)) count += 1;
  }
  return count;
}

/** Bytes that were taken for a text are mostly not letters, in whatever script. */
function isReadable(text: string): boolean {
  const seen = stripInvisible(text).replace(/\s/g, "");
  const letters = seen.match(/[\p{L}\p{N}]/gu)?.length ?? 0;
  return letters >= 3 && letters * 2 >= seen.length;
}
