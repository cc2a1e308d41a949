import type { Brief } from "../request/brief.ts";
import { oneLine } from "../change/publishable.ts";

/** An item that isn't done yet. */
const ITEM = /^(?<indent>[ \t]{0,40})(?:[-*+]|\d{1,9}[.)])[ \t]{1,4}\[ \][ \t]+(?<what>\S.*)$/;
/** What is looked at, in characters, and what is proposed, in items. */
const MAX_READ = 20_000;
const MOST = 10;
const MAX_LENGTH = 150;

/**
 * The issues that one which is too large could be split into: the items of its own task list that stand the furthest left and
 * aren't done, fit to be published; none where there are fewer than two. Pure.
 */
export function splitOf({ issue }: Pick<Brief, "issue">): readonly string[] {
  const items = issue.body
    .slice(0, MAX_READ)
    .split(/\r\n?|\n/)
    .flatMap((line) => {
      const { indent, what } = ITEM.exec(line)?.groups ?? {};
      const part = what === undefined ? "" : oneLine(what, MAX_LENGTH);
      return indent === undefined || part === "" ? [] : [{ indent: indent.length, part }];
    });
  const outermost = Math.min(...items.map(({ indent }) => indent));
  const parts = items.filter(({ indent }) => indent === outermost).map(({ part }) => part);
  return parts.length < 2 ? [] : parts.slice(0, MOST);
}
