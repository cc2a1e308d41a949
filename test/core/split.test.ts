import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { splitOf } from "#core/plan/split.ts";
import { makeBrief } from "../kit/briefs.ts";

function split(body: string): readonly string[] {
  return splitOf(makeBrief(1, { issue: { ...makeBrief(1).issue, body } }));
}

describe("an issue that is too large", () => {
  it.each<[string, string, readonly string[]]>([
    ["by the items of its task list", "Do all:\n\n- [ ] the pages\n- [ ] the export\n", ["the pages", "the export"]],
    ["by those that aren't done", "- [x] the model\n* [ ] the pages\n1. [ ] the export", ["the pages", "the export"]],
    ["by the outermost", "- [ ] the pages\n  - [ ] the last\n- [ ] the export", ["the pages", "the export"]],
    ["whatever ends its lines", "- [ ] a b\r\n- [ ] c d\r- [ ] e f", ["a b", "c d", "e f"]],
    ["not where it lists one", "- [ ] the pages\n", []],
    ["not where it lists none", "The pages are cut off.\n- first\n- second\n", []],
    ["not where all is done", "- [x] the pages\n- [X] the export", []],
    ["not by items without a word", "- [ ]\n- [ ]  \n- [ ] <!-- x -->", []],
  ])("is split %s", (_name, body, parts) => {
    expect(split(body)).toEqual(parts);
  });

  it("is split into ten at most, each of them short", () => {
    const body = Array.from({ length: 30 }, (_, at) => `- [ ] ${String(at)} ${"word ".repeat(200)}`).join("\n");

    const parts = split(body);

    expect(parts).toHaveLength(10);
    expect(Math.max(...parts.map((part) => part.length))).toBeLessThanOrEqual(150);
  });

  it("asks nobody, closes nothing and draws nothing by what its items say", () => {
    const hostile = fc.constantFrom(
      "@admin ",
      "![x](https://evil.test/) ",
      "fixes #1 ",
      "<img src=x> ",
      "/agent use frontier ",
      "\u202e",
      "```",
    );
    fc.assert(
      fc.property(fc.array(fc.array(hostile, { minLength: 1, maxLength: 6 }), { minLength: 2, maxLength: 5 }), (items) => {
        const text = split(items.map((words) => `- [ ] ${words.join("")}x`).join("\n")).join("\n");

        expect(text).not.toMatch(/@admin|!\[|fixes #1|<img|\u202e|\n\/agent/);
      }),
    );
  });
});
