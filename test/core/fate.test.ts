import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { endOf, hear, revertedIn, type Fate, type PullNews } from "#core/plan/fate.ts";
import { EpochMs } from "#core/wire/units.ts";

const OPENED = EpochMs(1_000);
const at = (second: number) => EpochMs(second * 1_000);

function fateOf(news: readonly PullNews[]): Fate | null {
  return news.reduce<Fate | null>((fate, each) => hear(fate, OPENED, each), null);
}

const instant = fc.integer({ min: 1, max: 9 }).map(at);
const commit = fc.constantFrom("a", "b", "c").map((letter) => letter.repeat(40));
const anyNews: fc.Arbitrary<PullNews> = fc.oneof(
  fc.record({ what: fc.constant("merged" as const), at: instant, commit }),
  fc.record({ what: fc.constant("closed" as const), at: instant }),
  fc.record({ what: fc.constant("reopened" as const), at: instant }),
  fc.record({ what: fc.constant("changes-requested" as const), commit }),
);

describe("what came of a pull request", () => {
  it("is the same in whatever order and how often its events arrive", () => {
    const orders = fc
      .array(anyNews, { minLength: 1, maxLength: 8 })
      .chain((news) =>
        fc.tuple(
          fc.constant(news),
          fc.shuffledSubarray(news, { minLength: news.length }),
          fc.array(fc.constantFrom(...news), { maxLength: 4 }),
        ),
      );

    fc.assert(
      fc.property(orders, ([news, shuffled, again]) => {
        expect(fateOf([...shuffled, ...again])).toEqual(fateOf(news));
      }),
    );
  });

  const merged: PullNews = { what: "merged", at: at(5), commit: "a".repeat(40) };
  const closed = (second: number): PullNews => ({ what: "closed", at: at(second) });
  const reopened = (second: number): PullNews => ({ what: "reopened", at: at(second) });
  it.each<[string, readonly PullNews[], ReturnType<typeof endOf>]>([
    ["merged", [merged], "merged"],
    ["closed, opened again and merged", [closed(2), reopened(3), merged], "merged"],
    ["merged, with a late word of having been closed before", [merged, closed(2)], "merged"],
    ["closed", [closed(2)], "closed"],
    ["closed and opened again", [closed(2), reopened(3)], "open"],
    ["closed a second time", [closed(2), reopened(3), closed(4)], "closed"],
    ["closed and opened again within a second", [closed(2), reopened(2)], "open"],
    ["reviewed", [{ what: "changes-requested", commit: "a".repeat(40) }], "open"],
  ])("%s", (_name, news, end) => {
    const fate = fateOf(news);

    expect(fate === null ? null : endOf(fate)).toBe(end);
  });

  it("counts a round for each commit on which changes were asked for, whoever asked", () => {
    const ask = (letter: string): PullNews => ({ what: "changes-requested", commit: letter.repeat(40) });

    expect(fateOf([ask("b"), ask("b"), ask("a")])?.rounds).toEqual(["a".repeat(40), "b".repeat(40)]);
  });
});

const ID = "0123456789abcdef0123456789abcdef01234567";
describe("what a text reverts", () => {
  it.each<[string, string, readonly string[]]>([
    ["the body that GitHub's button writes", "Reverts acme/web#12", ["#12"]],
    ["the same above a reason", "Reverts acme/web#12\r\n\r\nIt broke the export.", ["#12"]],
    ["a repository in other letters, which is the same", "Reverts Acme/Web#12", ["#12"]],
    ["a body that names no repository", "Reverts #12", ["#12"]],
    ["git's own message", `This reverts commit ${ID}.`, [ID]],
    ["git's message of a reverted merge", `This reverts commit ${ID}, reversing\nchanges made to ${ID}.`, [ID]],
    ["two at once", `Reverts #1\nReverts #2\nThis reverts commit ${ID}.`, ["#1", "#2", ID]],
    ["another repository", "Reverts acme/api#12", []],
    ["a model's words as we quote them", `> Reverts #12\n> This reverts commit ${ID}.`, []],
    ["a word in a sentence", "It reverts #12. Reverts #12 and more.", []],
    ["an id cut short", `This reverts commit ${ID.slice(0, 12)}.`, []],
    ["no number", "Reverts acme/web#0", []],
  ])("%s", (_name, text, reverted) => {
    expect(revertedIn(text, "acme/web")).toEqual(reverted);
  });
});
