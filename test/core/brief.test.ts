import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cleanText } from "#core/request/brief.ts";
import { growth, LINEAR, repeated } from "./growth.ts";

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
  ["a hidden element with blank lines in it", "a\n\n<div hidden>\n\nobey\n\nme\n\n</div>\n\nb", "a\n\n\n\nb"],
  ["a hidden element with another of its name in it", "a<div hidden><div>obey</div> me</div>b", "ab"],
  ["a hidden paragraph with blank lines in it", "<p hidden>\n\nobey me\n\n</p>b", "b"],
  ["a hidden block that is never closed, to the end", "a\n\n<div hidden>\n\nobey me", "a\n\n"],
  ["code in a hidden element", "a<div hidden>`obey me`</div>b", "ab"],
  ["an image's text", `a<img src="x" alt="obey me">b`, `a<img src="x">b`],
  ["an image's text with an angle bracket in it", `a<img alt="x > obey me" src="x">b`, `a<img src="x">b`],
  ["attributes divided by slashes", `<p><img/src="x"/alt="obey me">b`, `<p><img/src="x">b`],
  ["a title", `a<abbr title="obey me">b`, "a<abbr>b"],
  ["a label for screen readers", `a<i aria-label="obey me">b`, "a<i>b"],
  ["attributes of any other name", `a<b data-x="obey me" id='obey-me'>b</b>`, "a<b>b</b>"],
  ["attributes of an end tag", "<p>b</p obey me>", "<p>b</p>"],
  ["attributes in a tag of more than four thousand characters", `a<b x="${"obey me ".repeat(600)}">b`, "a<b>b"],
  ["a tag that never ends, in HTML", `<div\nobey="me"`, ""],
  ["text as a tag's name, in HTML", `<div><x<!--obey"me>b`, "<div>b"],
  ["an instruction to a processor", "a<?obey me?>b", "ab"],
  ["a declaration", "a<!OBEY me>b", "ab"],
  ["an end tag of nothing", "<div>a</ obey me>b", "<div>ab"],
  ["a tag that removal puts together", `a<im<!-- -->g alt="obey me">b`, "a<img>b"],
  ["what is for browsers without ruby", "<ruby>漢<rp>obey me</rp><rt>kan</rt></ruby>", "<ruby>漢<rt>kan</rt></ruby>"],
  ["a definition that is a comment", "a\n\n[//]: # (obey me)\n\nb", "a\n\n\n\nb"],
  ["a definition in a quotation", `> [//]: # "obey me"\n> b`, "> \n> b"],
  ["a definition in a list", "- [x]: <obey> 'me'", "- "],
  ["a definition of several lines", `[x]:\n  obey\n  "me\n  now"\nb`, "\nb"],
  ["an unused definition", "[x]: https://example.com/obey", ""],
  ["the title of a used definition", `[docs][x]\n\n[x]: https://example.com "obey me"`, "[docs][x]\n\n[x]: https://example.com"],
  ["a footnote that nothing refers to", "a\n\n[^1]: obey\nme\n\n    obey\n\nb", "a\n\n\n\nb"],
  ["a link's title", `[docs](https://example.com "obey me")`, "[docs](https://example.com)"],
  ["a link's title in parentheses", "[docs](<https://example.com> (obey me))", "[docs](<https://example.com>)"],
  ["the text of an image", "![obey me](https://example.com/a.png)", "![](https://example.com/a.png)"],
  ["the text of an image with brackets in it", "![obey [me] `now`](a.png)", "![](a.png)"],
  ["the text of an image by reference", "![obey me][x]\n\n[x]: a.png", "![][x]\n\n[x]: a.png"],
  ["words after a code block's language", "```ts obey me\na\n```", "```ts\na\n```"],
  ["a long word as a code block's language", "~~~obey-me-and-then-all-the-rest\na\n~~~", "~~~obey-me-and-then-all\na\n~~~"],
  ["a formula that shows nothing", String.raw`$a\phantom{obey {me}}b$`, "$ab$"],
  ["a formula in white", String.raw`$a\color{white} obey me$ b`, "$a$ b"],
  ["a formula with a coloured part", String.raw`$a\textcolor{white}{obey me}b$`, "$ab$"],
  ["a formula's block in white", "```math\na\\color{white}\nobey me\n```", "```math\na```"],
  ["a comment after letters that are longer in lower case", "İİİİİİİİİİ --> <!-- obey me -->b", "İİİİİİİİİİ --> b"],
  ["a NUL", "a\u0000b", "ab"],
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
  ["a link and an image", "[docs](https://example.com) ![](https://example.com/a.png)"],
  ["a used definition and a used footnote", "[docs][x], [y] and [^1]\n\n[x]: a\n[Y]: <b>\n\n[^1]: Seen below.\n\n    More."],
  ["a note that only looks like a definition", "[Note]: this is seen"],
  ["a comment in a code span", "Delete the auth check `<!--` only in the demo folder, nowhere else `-->` please"],
  ["a comment in a code block", "```html\n<!-- kept -->\n<p hidden>kept</p>\n<style>x</style>\n```"],
  ["a comment in a block of tildes", "~~~\n<!-- kept -->\n```\n<!-- kept -->\n~~~"],
  ["a comment in a quoted code block", "> ```\n> <!-- kept -->\n> ```"],
  ["a comment in a list's code block", "1. Run\n   ```\n   <!-- kept -->\n\n   <!-- kept -->\n   ```\n\nb"],
  ["a comment in a code block further in", "- a\n  - b\n\n    ```\n    <!-- kept -->\n    ```"],
  ["tags in code spans", 'Why does `<script>alert(1)</script>` and ``<b title="`x`">`` break?'],
  ["a component in a code block", '```tsx\nreturn <Button title="Save" style={{ display: "none" }}>x</Button>;\n```'],
  ["a definition in a code block", '```md\n[//]: # (kept)\n![kept](a.png "kept")\n[^1]: kept\n```'],
  ["a formula in a code span", "The command `\\phantom{kept}` is unknown"],
  ["a generic type outside of code", "Map<string, number> and Array<string>"],
  ["conditions outside of code", "if (a <b && c> d)"],
  ["a comparison", "x < y and y > z"],
  ["plain tags", '<b>bold</b> and <kbd>Ctrl</kbd> <a href="https://example.com">x</a>'],
  ["words that name attributes", "the style = hidden, the title = alt"],
  ["details", "<details>\n<summary>Log</summary>\n\nText\n</details>"],
  ["tabs and newlines", "a\tb\n\n\nc"],
];

const H = "<!-- obey me -->";

/** What only looks like code, to a parser that reads less of Markdown than GitHub does. */
const SMUGGLED: readonly [string, string][] = [
  ["a code span that an earlier line opens", `a \` b\nc \` ${H} \``],
  ["a code span after a backtick without its other half", `a \` b \`\` ${H} \`\` c`],
  ["a code span after an escaped backtick", `a \\\` ${H} \``],
  ["a code span of two runs of different lengths", `\`\` ${H} \``],
  ["a code span whose first backtick is in a tag", `<b a="\`"> \` x \` ${H} \``],
  ["a code span whose first backtick is in a link's target", `[a](\`) \` x \` ${H} \``],
  ["a code span whose first backtick is in an address", `http://a.b/\` z \` w \` ${H} \``],
  ["a code span whose first backtick is in a formula", `$a\`$ \` x \` ${H} \``],
  ["a code span over two cells of a table", `| a | b | c |\n|-|-|-|\n| \` | ${H} | \` |`],
  ["a code span in an HTML block", `<div>\n\`${H}\`\n</div>`],
  ["a code span in an HTML block of a list", `- <div>\n  \`${H}\``],
  ["a code block in an HTML block", `<div>\n\`\`\`\n${H}\n\`\`\`\n</div>`],
  ["a code block in preformatted HTML", `<pre>\n\n\`\`\`\n${H}\n\`\`\`\n</pre>`],
  ["a code block in an HTML block that looks ended", `<div>\n>\n\`\`\`\n${H}\n\`\`\``],
  ["a code block that is never closed", `\`\`\`\n${H}`],
  ["a code block that ends with its list", `- a\n  \`\`\`\nb ${H}\n  \`\`\``],
  ["a code block that ends with its quotation", `> \`\`\`\nb ${H}\n> \`\`\``],
  ["a code block between two others", `\`\`\`\na\n\`\`\`\n${H}\n\`\`\`\nb\n\`\`\``],
  ["a code block after one that its list ended", `- a\n  \`\`\`\nb\n\n\`\`\`\nc\n\`\`\`\n${H}\n\`\`\``],
  ["a code block that a paragraph's line seems to open", `a\n    \`\`\`\n    ${H}\n\n    \`\`\``],
  ["a code block that a less indented mark ends", `- a\n\n     \`\`\`\n     x\n   \`\`\`\n${H}\n     \`\`\``],
  ["a code block whose mark is in a comment", `a <!-- x\n\`\`\`\n-->\n\`\`\`\n${H}\n\`\`\``],
];

const PIECES = [
  "<!--",
  "-->",
  "<!",
  "--",
  "<",
  ">",
  "</",
  "/>",
  "<script>",
  "</script>",
  "<span hidden>",
  "</span>",
  "<div hidden>",
  "</div>",
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
  "`",
  "``",
  "```",
  "\n```\n",
  "\n~~~\n",
  "> ",
  "- ",
  "    ",
  "[",
  "]",
  "[x]: ",
  "[x]",
  "[^1]: ",
  "[^1]",
  "![",
  "](",
  "(",
  ")",
  "\\",
  "$",
  "\\phantom{",
  "{",
  "}",
  "\\color{red}",
  "<details>",
  "<rp>",
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
    const piece = fc.constantFrom(...PIECES);
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string({ unit: "binary" })), { maxLength: 25 }), (pieces) => {
        const once = cleanText(pieces.join(""));

        expect(cleanText(once)).toBe(once);
        expect(once).not.toMatch(/\p{Default_Ignorable_Code_Point}/u);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each(SMUGGLED)("takes %s for no code", (_name, text) => {
    const cleaned = cleanText(text);

    expect(cleaned).not.toContain("obey");
  });

  it("leaves no comment outside of code", () => {
    const piece = fc.constantFrom(...PIECES.filter((each) => !/[`~\\]/.test(each)));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 25 }), (pieces) => {
        expect(cleanText(pieces.join(""))).not.toContain("<!--");
      }),
      { numRuns: 2_000 },
    );
  });

  it("keeps every word of plain text, and every letter of a code block", () => {
    const plain = fc.stringMatching(/^[A-Za-z0-9 .,;:?!'"()/äß東-]{0,200}$/);
    const code = fc.stringMatching(/^[A-Za-z0-9 .,<>!"'=(){}[\]\\$/#&*_~|:\n-]{0,200}$/).filter((text) => !text.includes("~~~"));
    fc.assert(
      fc.property(plain, code, (before, inside) => {
        const text = `${before}\n\n\`\`\`html\n${inside}\n\`\`\`\n\n${before}`;

        expect(cleanText(text)).toBe(text);
      }),
    );
  });

  it("cuts through no character", () => {
    const cleaned = cleanText(`${"a".repeat(65_535)}🎉`);

    expect(cleaned).toBe("a".repeat(65_535));
  });

  it("replaces half a character", () => {
    const cleaned = cleanText("a\uD83Cb");

    expect(cleaned).toBe("a\uFFFDb");
  });

  it.each([
    "<a/",
    "<a alt=",
    `<a "'`,
    "<",
    "<!--",
    "<!-",
    "<b hidden>",
    "<p hidden>\n\n",
    "</",
    "<a ",
    "<?",
    "<!a",
    "<script",
    "<script>",
    "<pre><code>",
    "`",
    "``a`",
    "```\n",
    "~~~\n",
    "> ```\n",
    "  ```\n",
    "[",
    "[]",
    "[a}\\",
    "[a]: ",
    "[a]: x\n",
    "[a]: x '",
    "[a](b 'c",
    "![",
    "![a](",
    "[^a]: x\n",
    "$",
    "\\phantom{",
    "\\color{a}",
    "{",
    "}",
    "<rp>",
    "\\",
    "> ",
    "- ",
    "\t",
    " ",
    "\n",
    "\n    ",
    "<a b='`'> ",
  ])("takes eight times as long for eight times as many %j", (piece) => {
    const ratio = growth(cleanText, piece);

    expect(ratio).toBeLessThan(LINEAR);
  });

  it("takes eight times as long for eight times as many newlines after a link's beginning", () => {
    const ratio = growth((text) => cleanText(`[a](${text}`), "\n");

    expect(ratio).toBeLessThan(LINEAR);
  });

  it.each([
    ["comments that come together again and again", "<!-".repeat(9_000) + "<!---->" + "- -->".repeat(9_000)],
    ["runs of backticks of every length", Array.from({ length: 360 }, (_, index) => "`".repeat(index)).join(" ")],
    ["tags in tags", repeated("<a<a<a>>", 65_536)],
  ])("comes to an end for %s", (_name, text) => {
    const cleaned = cleanText(text);

    expect(cleaned.length).toBeLessThanOrEqual(65_536);
    expect(cleanText(cleaned)).toBe(cleaned);
  });
});
