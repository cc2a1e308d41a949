import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cleanText } from "#core/task/brief.ts";

const TAGGED = Array.from("obey me", (letter) => String.fromCodePoint(0xe0000 + (letter.codePointAt(0) ?? 0))).join("");

const HIDDEN: readonly [string, string, string][] = [
  ["an HTML comment", "a<!-- obey me -->b", "ab"],
  ["a comment of several lines", "a<!--\nobey\nme\n-->b", "ab"],
  ["a comment that is never closed", "a<!-- obey me", "a"],
  ["a comment that removal puts together", "a<!-<!-- -->- obey me -->b", "ab"],
  ["a comment whose parts an invisible character holds apart", "a<!\u200B-- obey me -->b", "ab"],
  ["a script", "a<script>obey me</script>b", "ab"],
  ["a style", "a<style>.x{}</style>b", "ab"],
  ["a template", "a<template>obey me</template>b", "ab"],
  ["a hidden element and its content", "a<span hidden>obey me</span>b", "ab"],
  ["a hidden element with quoted attributes", `a<div class="x" hidden="hidden">obey me</div>b`, "ab"],
  ["hidden details, and not what comes after", "a<details hidden>obey me</details>b", "ab"],
  ["an element that style hides", `a<p style="color:red; display: none">obey me</p>b`, "ab"],
  ["an element without size", `a<p style='font-size:0'>obey me</p>b`, "ab"],
  ["a hidden element that is never closed, to its block's end", "a<span hidden>obey me\n\nb", "a\n\nb"],
  ["an image's text", `a<img src="x" alt="obey me">b`, "ab"],
  ["an image's text with an angle bracket in it", `a<img alt="x > obey me" src="x">b`, "ab"],
  ["attributes divided by slashes", `a<img/src="x"/alt="obey me">b`, "ab"],
  ["a title", `a<abbr title="obey me">b`, "ab"],
  ["a label for screen readers", `a<i aria-label="obey me">b`, "ab"],
  ["a tag that removal puts together", `a<im<img alt="x">g alt="obey me">b`, "ab"],
  ["zero-width characters", "a\u200B\u200C\u200D\u2060\uFEFFb", "ab"],
  ["bidirectional characters", "a\u202E\u202A\u2066\u2069\u200Eb", "ab"],
  ["a sentence in tag characters", `a${TAGGED}b`, "ab"],
  ["variation selectors", "a\uFE00\uFE0F\u{E0100}b", "ab"],
  ["fillers and joiners of other scripts", "a\u115F\u3164\uFFA0\u034F\u180Eb", "ab"],
  ["a soft hyphen", "a\u00ADb", "ab"],
  ["control characters", "a\u0000\u0007\u001B[31m\u009Bb", "a[31mb"],
];

const VISIBLE: readonly [string, string][] = [
  ["plain text", "The last page is missing."],
  ["a code block", "```ts\nconst a: Array<string> = [];\nif (a < b && b > c) {}\n\treturn `x`;\n```"],
  ["accents and other scripts", "Größe, naïve, Łódź, 東京, Ελλάδα, עברית, مرحبا"],
  ["emoji", "It works 🎉 👍🏽"],
  ["a table", "| a | b |\n| --- | --- |\n| 1 | 2 |"],
  ["a link and an image", "[docs](https://example.com) ![screen](https://example.com/a.png)"],
  ["a comparison", "x < y and y > z"],
  ["plain tags", '<b>bold</b> and <kbd>Ctrl</kbd> <a href="https://example.com">x</a>'],
  ["words that name attributes", "the style = hidden, the title = alt"],
  ["details", "<details>\n<summary>Log</summary>\n\nText\n</details>"],
  ["tabs and newlines", "a\tb\n\n\nc"],
];

describe("cleanText", () => {
  it.each(HIDDEN)("removes %s", (_name, text, expected) => {
    const cleaned = cleanText(text);

    expect(cleaned).toBe(expected);
  });

  it.each(VISIBLE)("keeps %s", (_name, text) => {
    const cleaned = cleanText(text);

    expect(cleaned).toBe(text);
  });

  it("makes every line end the same", () => {
    const cleaned = cleanText("a\r\nb\rc\n");

    expect(cleaned).toBe("a\nb\nc\n");
  });

  it("keeps an emoji readable without its variation selector", () => {
    const cleaned = cleanText("❤️");

    expect(cleaned).toBe("❤");
  });

  it("changes nothing the second time", () => {
    const piece = fc.constantFrom(
      "<!--",
      "-->",
      "<!",
      "--",
      "<",
      ">",
      "<script>",
      "</script>",
      "<span hidden>",
      "</span>",
      "<img ",
      `alt="`,
      `"`,
      "'",
      "\u200B",
      "\u0000",
      "\r",
      "\n",
      "\n\n",
      "x",
      " ",
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string({ unit: "binary" })), { maxLength: 25 }), (pieces) => {
        const once = cleanText(pieces.join(""));

        expect(cleanText(once)).toBe(once);
        expect(once).not.toContain("<!--");
        expect(once).not.toMatch(/\p{Default_Ignorable_Code_Point}/u);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ["tags that never end", "<a alt=".repeat(10_000)],
    ["quotes that never end", `<a "'`.repeat(14_000)],
    ["comments that come together again and again", "<!-".repeat(9_000) + "<!---->" + "- -->".repeat(9_000)],
    ["hidden elements that never end", "<b hidden>".repeat(6_500)],
  ])("takes less than a few seconds for %s", (_name, text) => {
    const started = performance.now();

    const cleaned = cleanText(text);

    expect(cleaned.length).toBeLessThanOrEqual(65_536);
    expect(performance.now() - started).toBeLessThan(4_000);
  });
});
