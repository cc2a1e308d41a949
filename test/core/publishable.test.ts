import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { commitText, oneLine, publishable } from "#core/change/publishable.ts";
import { growth, LINEAR } from "./growth.ts";

const Z = "\u200D";

const SHOWN: readonly [string, string, string][] = [
  ["an image", "![chart](https://evil.test/x.png?d=1)", "chart"],
  ["an image by reference", "![chart][c]\n\n[c]: https://evil.test/x.png", `chart\n\n[c]${Z}: \`https://evil.test/x.png\``],
  ["an image by its own name", "![c]", `!${Z}[c]`],
  ["an image with brackets in its text", "![a [b] c](https://evil.test/x)", `!${Z}[a [b] c]${Z}(\`https://evil.test/x\`)`],
  ["an image that removal puts together", "!![](a)[b](https://evil.test/)", `!b (\`https://evil.test/\`)`],
  ["a link", "see [this](https://evil.test/a).", "see this (`https://evil.test/a`)."],
  ["a link with a title", `[this](https://evil.test/a "hey")`, "this (`https://evil.test/a`)"],
  ["a link in angle brackets", "[this](<https://evil.test/a>)", "this (`https://evil.test/a`)"],
  ["a link without a scheme's name", "[this](//evil.test/a)", "this (//evil.test/a)"],
  ["a link to a script", "[this](javascript:alert(1))", `[this]${Z}(javascript:alert(1))`],
  ["a link that only begins like ours", "[this](https://github.com.evil.test/)", "this (`https://github.com.evil.test/`)"],
  ["a link with our host as a name", "[this](https://github.com@evil.test/)", "this (`https://github.com@evil.test/`)"],
  ["a link with an escaped at-sign", "[this](https://github.com\\@evil.test/)", `this (\`https://github.com\\@${Z}evil.test/\`)`],
  ["a link whose slash is written as a reference", "[this](/&#47;evil.test)", "this (/&amp;#47;evil.test)"],
  ["a definition in a quotation", "> [a]: https://evil.test/", `> [a]${Z}: \`https://evil.test/\``],
  ["a definition without a space", "[a][b]\n\n[b]:https://evil.test/", `[a][b]\n\n[b]${Z}:\`https://evil.test/\``],
  ["an autolink", "<https://evil.test/a>", "&lt;`https://evil.test/a`>"],
  ["a bare address", "at https://evil.test/a.", "at `https://evil.test/a`."],
  ["a bare address in parentheses", "(https://evil.test/a)", "(`https://evil.test/a`)"],
  [
    "a bare address after a digit or a line",
    "1https://evil.test _https://evil.test",
    "1`https://evil.test` _`https://evil.test`",
  ],
  ["a bare address without a scheme", "www.evil.test/a", "`www.evil.test/a`"],
  ["an address in code, which a backtick would open again", "`curl https://evil.test -o x`", "`curl ``https://evil.test`` -o x`"],
  ["an address after a stray backtick", "a ` b `https://evil.test", `a \` b \`${Z}\`\`https://evil.test\`\``],
  [
    "an address right behind one of ours",
    "[a](https://github.com/a)http://evil.test/x",
    "[a](https://github.com/a)`http://evil.test/x`",
  ],
  ["an address that goes on after a parenthesis", "https://github.com)@evil.test", `\`https://github.com)@${Z}evil.test\``],
  ["a comment", "a<!-- agent-pool:task:x -->b", "ab"],
  ["a comment that removal puts together", "<!-<!-- -->- x -->", "&lt;!-- x -->"],
  ["HTML", "<img src=x onerror=alert(1)> </details>", "&lt;img src=x onerror=alert(1)> &lt;/details>"],
  ["HTML that removal puts together", "<[img src=x](https://evil.test/)", "&lt;img src=x (`https://evil.test/`)"],
  ["a mention", "@admin and @acme/team", `@${Z}admin and @${Z}acme/team`],
  ["a mention in emphasis", "_@admin_ **@admin** `@admin", `_@${Z}admin_ **@${Z}admin** \`@${Z}admin`],
  [
    "a mention whose sign is written as a reference",
    "&#64;admin &#x40;admin &commat;admin",
    "&amp;#64;admin &amp;#x40;admin &amp;commat;admin",
  ],
  ["a command of ours", "/agent use frontier", `/${Z}agent use frontier`],
  ["a command of others on any line", "ok\n  /LGTM", `ok\n  /${Z}LGTM`],
  ["a closing keyword", "Fixes #12", `F${Z}ixes #12`],
  ["a closing keyword with a colon", "closes: #12", `c${Z}loses: #12`],
  ["a closing keyword for another repository", "resolved acme/web#12", `r${Z}esolved acme/web#${Z}12`],
  [
    "a closing keyword for an address",
    "fix https://github.com/acme/web/issues/12",
    `f${Z}ix https://redirect.github.com/acme/web/issues/12`,
  ],
  ["a closing keyword far from its issue", `Closes${" ".repeat(12)}#5`, `C${Z}loses${" ".repeat(12)}#5`],
  ["a closing keyword two lines above its issue", `Closes:${"\n".repeat(30)}#5`, `C${Z}loses:${"\n".repeat(30)}#5`],
  ["a closing keyword before an escaped issue", "closes \\#5", `c${Z}loses \\#5`],
  ["a reference to another repository's issue", "like acme/web#3 and a.b/c-d#4", `like acme/web#${Z}3 and a.b/c-d#${Z}4`],
  [
    "an address of another repository's issue",
    "https://github.com/acme/web/issues/3 and [it](https://github.com/acme/web/pull/1#x)",
    "https://redirect.github.com/acme/web/issues/3 and [it](https://redirect.github.com/acme/web/pull/1#x)",
  ],
  ["a diagram", "```mermaid\nflowchart LR\nclick a href\n```", "```text\nflowchart LR\nclick a href\n```"],
  ["a diagram in a list and in capitals", "- ~~~~ Mermaid x\n", "- ~~~~ text x\n"],
  ["a map", "```geojson\n{}\n```\n> ```topojson\n> ```stl", "```text\n{}\n```\n> ```text\n> ```text"],
  ["a formula's block", "```math\nx\n```", "```text\nx\n```"],
  ["a link in a formula", "$\\href{x}{y}$ $$\\HREF {x}$$", `$\\${Z}href{x}{y}$ $$\\${Z}HREF {x}$$`],
  [
    "a link that asks for rights",
    "[ok](https://github.com/login/oauth/authorize?client_id=x)",
    "ok (`https://github.com/login/oauth/authorize?client_id=x`)",
  ],
  ["a link to settings", "[ok](/settings/tokens)", "ok (/settings/tokens)"],
  ["a link to settings from another page", "[ok](../../../settings/keys/new)", "ok (../../../settings/keys/new)"],
  [
    "a link to a repository's settings",
    "[ok](https://github.com/acme/web/settings)",
    "ok (`https://github.com/acme/web/settings`)",
  ],
  [
    "a link to an app's installation",
    "https://github.com/apps/evil/installations/new",
    "`https://github.com/apps/evil/installations/new`",
  ],
  ["a link by another spelling", "[ok](https://github.com/%6cogin/oauth)", "ok (`https://github.com/%6cogin/oauth`)"],
  ["a link by way of another folder", "https://github.com/a/../login/oauth", "`https://github.com/a/../login/oauth`"],
  ["a link with two slashes", "https://github.com//login/oauth", "`https://github.com//login/oauth`"],
  ["a link in capitals", "https://GitHub.com/LOGIN/device", "`https://GitHub.com/LOGIN/device`"],
  ["a closing keyword for GH-12", "close GH-12", `c${Z}lose GH-12`],
  ["a closing keyword in emphasis", "_fixes_ **#12**", `_f${Z}ixes_ **#12**`],
  ["characters that show nothing", "a\u202Eb\u200Bc\u{E0041}d", "abcd"],
  ["carriage returns", "a\r\nb\rc", "a\nb\nc"],
];

const KEPT: readonly [string, string][] = [
  ["plain text", "The last page is no longer cut off. Größe, 東京 🎉"],
  ["a link to GitHub", "[run](https://github.com/acme/web/actions/runs/1)"],
  ["a bare link to GitHub", "https://github.com/acme/web/commit/1"],
  ["a link to a file of settings", "[a](https://github.com/acme/web/blob/main/src/settings/login.ts) [b](./src/settings/a.ts)"],
  ["a link to a comparison", "https://github.com/acme/web/compare/a...b"],
  ["a link to a repository's app", "https://github.com/acme/apps and https://github.com/acme/login"],
  ["code blocks that are not drawn", "```ts\na\n```\n```mathematica\nb\n```\nthe math of mermaid"],
  ["a command of a formula", "$\\frac{a}{b}$ and C:\\users\\hrefs"],
  ["a link to a heading or a file", "[top](#top) [file](/src/a.ts) [other](../b.md)"],
  ["an issue's number", "like #12 and (#3)"],
  ["a comparison", "a < b && c > d"],
  ["an e-mail address", "ada@example.test"],
  ["lists, tables and code", "- a\n- b\n\n| a | b |\n| - | - |\n\n```ts\nconst a = b[0];\n```"],
  ["a path in a sentence", "in src/a.ts or /usr/bin"],
  ["an escaped angle bracket", "a &lt;b&gt; c &amp; d"],
  ["words that only hold a keyword", "prefixes 12, disclosed #x, fixing #3"],
];

const LINES: readonly [string, string, string][] = [
  ["[skip ci]", "Fix it [skip ci]", "Fix it"],
  ["[ci skip]", "[ci skip] Fix it", "Fix it"],
  ["[no ci]", "Fix it [No CI]", "Fix it"],
  ["[skip actions]", "Fix [skip actions] it", "Fix it"],
  ["[actions skip]", "Fix it [ACTIONS SKIP]", "Fix it"],
  ["[skip-ci] of other systems", "Fix it [skip-ci]", "Fix it"],
  ["***NO_CI***", "Fix it ***NO_CI***", "Fix it"],
  ["skip words over two lines", "Fix it [skip\nci]", "Fix it"],
  ["skip words with wide gaps", "Fix it [ skip   ci ]", "Fix it"],
  ["skip words that removal puts together", "Fix it [skip [skip ci]ci]", "Fix it"],
  ["skip words with an invisible character", "Fix it [skip\u200B ci]", "Fix it"],
  ["skip words that an image holds apart", "Fix it [skip ![](x)ci]", `Fix it [${Z}skip ci]`],
  ["skip-checks", "Fix it\n\nskip-checks: true", "Fix it"],
  ["a foreign author", "Fix it\n\nCo-authored-by: Eve <eve@evil.test>", "Fix it"],
  ["a foreign sign-off", "Fix it\n  Signed-off-by: Eve", "Fix it"],
  ["trailers of other kinds", "Fix it\nReported-by: Eve\nTested-By : Eve", "Fix it"],
];

/** Where GitHub would notify someone: its mention filter reads rendered text, where emphasis and escapes are gone. */
const MENTION = /(?:^|[^A-Za-z0-9])@[A-Za-z0-9]/m;
const CLOSES = /\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+(?:[\w.-]+\/[\w.-]+)?#\d/i;
const SKIPS = /\[(?:skip ci|ci skip|no ci|skip actions|actions skip)\]/i;

const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ...Array.from("![]()<>`\\@#/:&;\"'*_~|\n\r\t a1-"),
        "![",
        "](",
        "[a]",
        "]:",
        "](https://github.com/a)",
        "https://",
        "http://evil.test/x",
        "https://evil.test",
        "https://github.com",
        "www.",
        "evil.test",
        "<!--",
        "-->",
        "<img ",
        "src=x",
        "@admin",
        "@acme/team",
        "&#64;",
        "&commat;",
        "/agent",
        "fixes",
        "Closes",
        " #12",
        "acme/web#1",
        "https://github.com/a/b/issues/1",
        "https://github.com/login/",
        "/settings",
        "/..",
        "%2e",
        "mermaid",
        "\\href",
        "\u200B",
        "\u200D",
        "\u202E",
        "[skip ci]",
        "[skip",
        "ci]",
        "skip ci",
        "Co-authored-by: x",
        "```",
        "~~~",
        "[redacted]",
        "javascript:",
      ),
      fc.string({ maxLength: 6 }),
    ),
    { maxLength: 30 },
  )
  .map((parts) => parts.join(""));

describe("publishable", () => {
  it.each(SHOWN)("takes the effect from %s", (_name, text, expected) => {
    const out = publishable(text);

    expect(out).toBe(expected);
  });

  it.each(KEPT)("keeps %s as written", (_name, text) => {
    const out = publishable(text);

    expect(out).toBe(text);
  });

  it.each([
    ["a comment", ["<!-- -->", "<!--x-->"]],
    ["an image", ["![](x)", "![](y)"]],
    ["an invisible character", ["\u200B", "\u2060"]],
  ])("finds a secret that %s holds apart", (_name, [first = "", second = ""]) => {
    const key = ["sk-", "ant-", "api03-abcdefghijklmnop"];

    const out = publishable(`key: ${key[0]}${first}${key[1]}${second}${key[2]}`);

    expect(out).toBe("key: [redacted]");
  });

  it("leaves no image, no foreign link, no mention, no comment, no HTML, no command and no closing keyword", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const out = publishable(text);

        expect(out).not.toContain("![");
        expect(out.replace(/\]\((?:https:\/\/(?:redirect\.)?github\.com\/|#|\.{0,2}\/(?!\/))/g, "")).not.toContain("](");
        expect(out).not.toMatch(/\]:/);
        expect(out).not.toMatch(/<[a-z/!?]/i);
        expect(out).not.toMatch(MENTION);
        expect(out).not.toMatch(/^[ \t]*\/[a-z]/im);
        expect(out).not.toMatch(CLOSES);
        expect(out).not.toMatch(/\/[\w.-]+#\d/);
        // Behind backticks on its own line it begins no block: a fence's first line has none.
        expect(out).not.toMatch(/^[^`~\n]*(?:`{3}|~{3})[ \t]*mermaid(?![\w-])|\\href\b/m);
        expect(out.split(/`+/).join(" ")).not.toMatch(/\]\([^()\s]*(?:github\.com|^)\/(?:login|settings)(?![\w.-])/);
        expect(out).not.toMatch(/&(?:#\d+|#x[\da-f]+|commat|num|sol|colon|lsqb);/i);
      }),
      { numRuns: 5_000 },
    );
  });

  it("leaves no address outside a code span that GitHub would make a link of", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const out = publishable(text);

        const plain = out.split("\n").map(withoutCode).join("\n");
        expect(plain.replace(/https:\/\/(?:redirect\.)?github\.com\//gi, "")).not.toMatch(
          /(?<![A-Za-z])(?:(?:https?|ftp):\/\/|www\.)[a-z0-9]/i,
        );
      }),
      { numRuns: 5_000 },
    );
  });

  it("is as safe after a second time as after the first", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const out = publishable(publishable(text));

        expect(out).not.toMatch(/!\[|<!--/);
        expect(out).not.toMatch(MENTION);
        expect(out).not.toMatch(CLOSES);
      }),
    );
  });

  it.each([
    "[",
    "![",
    "](",
    "[a](",
    "[a](b",
    "\n",
    "`",
    "https://evil.test ",
    "https://github.com/",
    "](https://github.com/",
    "https://github.com/a/",
    "/a",
    "a/",
    "fix ",
    "fix-",
    "fix https://",
    "fix-https://a",
    "fix a/",
    "```mermaid",
    "\\href",
    "[skip ",
    "[skip ci]",
    "a-",
    "a-by:",
    "@",
    "&#",
    "/a#1",
    "<!--",
    "*",
    "eyJ-",
  ])("takes eight times as long for eight times as many %j", (piece) => {
    const ratio = growth(commitText, piece);

    expect(ratio).toBeLessThan(LINEAR);
  });

  it("takes eight times as long for a link without an end and eight times as much in it", () => {
    const ratio = growth((text) => commitText(`[a](${text}`), "a");

    expect(ratio).toBeLessThan(LINEAR);
  });

  it("comes to an end for skip words in skip words", () => {
    const out = commitText("[skip ".repeat(2_000) + "ci]".repeat(2_000));

    expect(out).not.toMatch(SKIPS);
  });
});

/** A line without its code spans, by CommonMark's rule: a run of backticks pairs with the next run as long; `\` escapes one before. */
function withoutCode(line: string): string {
  let out = "";
  for (let at = 0; at < line.length;) {
    if (line[at] === "\\" && at + 1 < line.length) {
      out += line.slice(at, at + 2);
      at += 2;
      continue;
    }
    const run = /^`+/.exec(line.slice(at))?.[0];
    if (run === undefined) {
      out += line[at] ?? "";
      at += 1;
      continue;
    }
    const rest = line.slice(at + run.length);
    const close = [...rest.matchAll(/`+/g)].find((found) => found[0].length === run.length);
    out += close === undefined ? run : "\u0001";
    at += run.length + (close === undefined ? 0 : close.index + run.length);
  }
  return out;
}

describe("oneLine", () => {
  it.each(LINES)("takes out %s", (_name, text, expected) => {
    const line = oneLine(text);

    expect(line).toBe(expected);
  });

  it("cuts a long line with an ellipsis, and never through a character", () => {
    const line = oneLine(`${"a".repeat(30)}${"🎉".repeat(20)}`, 40);

    expect(line.length).toBeLessThanOrEqual(40);
    expect(line).toMatch(/^a+(?:🎉)*…$/u);
  });

  it("is one line, no longer than it may be, without effect", () => {
    fc.assert(
      fc.property(hostile, fc.integer({ min: 20, max: 120 }), (text, max) => {
        const line = oneLine(text, max);

        expect(line.length).toBeLessThanOrEqual(max);
        expect(line).not.toMatch(/[\n\r]/);
        expect(line).not.toMatch(SKIPS);
        expect(line).not.toMatch(/!\[|<!--/);
        expect(line).not.toMatch(MENTION);
        expect(line).not.toMatch(CLOSES);
        expect(withoutCode(line).replace(/https:\/\/(?:redirect\.)?github\.com\//gi, "")).not.toMatch(
          /(?<![A-Za-z])(?:https?|ftp):\/\/[a-z0-9]/i,
        );
      }),
      { numRuns: 3_000 },
    );
  });

  it("cuts no secret to a length that no longer looks like one", () => {
    const line = oneLine(`${"x ".repeat(50)}ghp_${"aB3".repeat(12)}`, 115);

    expect(line).not.toContain("ghp_");
  });
});

describe("commitText", () => {
  it("breaks a trailer that an image holds apart", () => {
    const out = commitText("Fix it\n\nCo-auth![](x)ored-by: Eve");

    expect(out).toBe(`Fix it\n\nC${Z}o-authored-by: Eve`);
  });

  it("holds no skip word and no trailer, whatever stands apart in the text", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const out = commitText(text);

        expect(out).not.toMatch(SKIPS);
        expect(out).not.toMatch(/^[ \t]*[a-z]+(?:-[a-z]+)*-by\s*:/im);
      }),
      { numRuns: 3_000 },
    );
  });
});
