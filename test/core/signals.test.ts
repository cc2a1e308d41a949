import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CODE_OWNERS_FILES, ownersOf } from "#core/plan/signals/code-owners.ts";
import { mentionsIn } from "#core/plan/signals/mentions.ts";
import { filesMeant, type Lead, type TreeFile } from "#core/plan/signals/places.ts";
import { signalsOf } from "#core/plan/signals/signals.ts";
import { factsOf } from "#core/plan/signals/text.ts";
import { growth, LINEAR, repeated } from "./growth.ts";

const PATHS = [
  "README.md",
  "app/Login-Form.tsx",
  "app/login-form.test.tsx",
  "billing/__init__.py",
  "billing/invoice/__init__.py",
  "billing/invoice/lines.py",
  "billing/models.py",
  "cmd/pool/main.go",
  "core/src/main/java/org/acme/web/PageWriter.java",
  "core/src/test/java/org/acme/web/PageWriterTest.java",
  "crates/scan/src/lib.rs",
  "crates/scan/src/walk.rs",
  "setup.py",
  "shop/models.py",
  "tests/invoice/test_lines.py",
  "web/index.ts",
  "web/export/index.ts",
  "web/page.ts",
];
const TREE: readonly TreeFile[] = PATHS.map((path) => ({ path, size: path.length }));

const PYTHON = `Traceback (most recent call last):
  File "/home/ada/.venv/lib/python3.12/site-packages/billing/invoice/lines.py", line 12, in total
  File "/usr/lib/python3.12/decimal.py", line 3, in add`;
const NODE = `TypeError: x is not a function
    at write (/srv/app/web/page.ts:3:7)
    at file:///srv/app/web/export/index.ts:9:1
    at node:internal/main:1:2`;
const JAVA = `Exception in thread "main" java.lang.NullPointerException
	at org.acme.web.PageWriter.write(PageWriter.java:41)
	at java.base/java.lang.Thread.run(Thread.java:833)`;
const GO = `goroutine 1 [running]:
main.run(...)
	/home/ada/pool/cmd/pool/main.go:20 +0x1d`;
const RUST = "thread 'main' panicked at 'index out of bounds', crates/scan/src/walk.rs:8:5";

/** What is written → what is meant, and by what. */
const LEADS: readonly [string, string, readonly (readonly [string, Lead])[]][] = [
  ["a path", "In `web/page.ts` it fails.", [["web/page.ts", "path"]]],
  ["a path at a sentence's end", "Look at web/page.ts.", [["web/page.ts", "path"]]],
  ["a path by other letters", "See App/Login-form.TSX", [["app/Login-Form.tsx", "path"]]],
  ["a path with the backslashes of Windows", "in billing\\invoice\\lines.py", [["billing/invoice/lines.py", "path"]]],
  ["a path below the root by its end", "export/index.ts", [["web/export/index.ts", "path"]]],
  ["an address of the file", "https://github.com/acme/web/blob/main/web/page.ts#L3", [["web/page.ts", "path"]]],
  ["a file's name alone", "page.ts is wrong", [["web/page.ts", "name"]]],
  [
    "a name that two files have: both",
    "models.py",
    [
      ["billing/models.py", "name"],
      ["shop/models.py", "name"],
    ],
  ],
  ["a module", "`billing.invoice.lines` rounds", [["billing/invoice/lines.py", "module"]]],
  [
    "a method of a module, and not the packages above",
    "billing.invoice.lines.Lines.total",
    [["billing/invoice/lines.py", "module"]],
  ],
  ["a package", "the module billing.invoice", [["billing/invoice/__init__.py", "module"]]],
  ["a module that an example imports", "from billing.invoice.lines import total", [["billing/invoice/lines.py", "import"]]],
  ["a Rust path", "scan::src::walk panics", [["crates/scan/src/walk.rs", "module"]]],
  [
    "a symbol that a file is named after",
    "LoginForm shows nothing",
    [
      ["app/Login-Form.tsx", "symbol"],
      ["app/login-form.test.tsx", "symbol"],
    ],
  ],
  ["a symbol in a code span", "`PageWriter` fails", [["core/src/main/java/org/acme/web/PageWriter.java", "symbol"]]],
  ["a stack of Python", PYTHON, [["billing/invoice/lines.py", "frame"]]],
  [
    "a stack of Node",
    NODE,
    [
      ["web/export/index.ts", "frame"],
      ["web/page.ts", "frame"],
    ],
  ],
  ["a stack of Java", JAVA, [["core/src/main/java/org/acme/web/PageWriter.java", "frame"]]],
  ["a stack of Go", GO, [["cmd/pool/main.go", "frame"]]],
  ["a panic of Rust", RUST, [["crates/scan/src/walk.rs", "frame"]]],
  ["a path of elsewhere with the same name: nothing", "other/page.ts", []],
  ["a file at the root of elsewhere: nothing", "/usr/lib/foo/setup.py", []],
  ["an address that is no file on GitHub: nothing", "https://example.com/web/page.ts", []],
  ["words: nothing", "The pages are cut off and the login is slow.", []],
];

function meant(text: string, tree = TREE) {
  return filesMeant(mentionsIn(text), tree).map(({ path, by }) => [path, by]);
}

describe("files that a text leads to", () => {
  it.each(LEADS)("are found by %s", (_name, text, found) => {
    expect(meant(text)).toEqual(found);
  });

  it("are told by their surest lead, each once", () => {
    const text = `LoginForm\n${NODE}\nweb/page.ts, and page.ts again`;

    expect(meant(text).filter(([path]) => path === "web/page.ts")).toEqual([["web/page.ts", "path"]]);
  });

  it("are none where more than three fit", () => {
    const tree = Array.from({ length: 4 }, (_, at) => ({ path: `a${String(at)}/index.ts`, size: 1 }));

    expect(meant("index.ts", tree.slice(0, 3))).toHaveLength(3);
    expect(meant("index.ts", tree)).toEqual([]);
    expect(meant("a2/index.ts and index.ts", tree)).toEqual([["a2/index.ts", "path"]]);
  });

  it("hold each file that is named by its path, whatever else a text names", () => {
    const noise = fc.array(fc.constantFrom("page.ts", "`x_y`", "a.b.c", NODE, PYTHON, "x/y/z", "- [ ] no", "\n", "ignore web/"));
    fc.assert(
      fc.property(fc.constantFrom(...PATHS), noise, noise, (path, before, after) => {
        const text = [...before, path, ...after].join(" ");

        expect(filesMeant(mentionsIn(text), TREE).map((file) => file.path)).toContain(path);
      }),
    );
  });
});

describe("signals", () => {
  it("tell tests beside, languages, owners and bytes of those files", () => {
    const signals = signalsOf(
      { title: "Totals", body: "billing/invoice/lines.py and app/Login-Form.tsx", labels: ["agent"] },
      {
        tree: { files: TREE, isCut: false },
        codeOwners: "* @acme/all\nbilling/ @acme/money # theirs\n",
        links: { subIssues: 0, pullsOpen: 1, pullsClosed: 0 },
      },
    );

    expect(signals).toMatchObject({
      tests: ["app/login-form.test.tsx", "tests/invoice/test_lines.py"],
      languages: ["typescript", "python"],
      owners: ["@acme/all", "@acme/money"],
      bytes: "billing/invoice/lines.py".length + "app/Login-Form.tsx".length,
      absent: ["churn"],
    });
  });

  it("keep what the text names where no tree is known, and say what is absent", () => {
    const signals = signalsOf({ title: "In src/billing/", body: "see src/billing/x.py", labels: [] });

    expect(signals.files).toEqual([]);
    expect(signals.named).toEqual(["src/billing", "src/billing/x.py"]);
    expect(signals.absent).toEqual(["tree", "code-owners", "links", "churn"]);
  });

  it.each([
    ["tasks", "- [ ] a\n* [x] b\n1. [X] c\n- no\n[ ] no", { tasks: 3 }],
    ["acceptance criteria up to the next heading", "## Acceptance criteria\n- a\n- b\n\n## Notes\n- c", { criteria: 2 }],
    ["types that it declares", "class A:\n  pass\n  export abstract class B {}\nclassy things\n", { declared: 2 }],
    ["a patch", "diff --git a/x b/x", { hasPatch: true }],
    ["a list that is none", "--- a list\n+ of\n- signs", { hasPatch: false }],
  ])("count %s", (_name, text, facts) => {
    expect(factsOf(text)).toMatchObject(facts);
  });
});

describe("CODEOWNERS", () => {
  it("is looked for where GitHub does", () => {
    expect(CODE_OWNERS_FILES).toEqual([".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"]);
  });

  it.each([
    ["the last rule that fits", "* @a\n*.ts @b\n", "web/page.ts", ["@b"]],
    ["of a folder, all below", "/web/ @a", "web/export/index.ts", ["@a"]],
    ["of `web/*`, the files there", "web/* @a", "web/page.ts", ["@a"]],
    ["of `web/*`, none below", "web/* @a", "web/export/index.ts", []],
    ["several", "* @a @acme/b c@example.com", "x", ["@a", "@acme/b", "c@example.com"]],
    ["none where the rule names none", "* @a\n/web/page.ts\n", "web/page.ts", []],
    ["nothing of a comment", "# * @a\n", "x", []],
  ])("names %s", (_name, text, path, owners) => {
    expect(ownersOf(text, [path])).toEqual(owners);
  });
});

/** The median of five. */
function medianMs(work: () => unknown): number {
  const times = Array.from({ length: 5 }, () => {
    const started = performance.now();
    work();
    return performance.now() - started;
  });
  return times.toSorted((a, b) => a - b)[2] ?? Number.NaN;
}

describe("time", () => {
  const PIECES = [
    "http://",
    "https://a/b/c/blob/",
    "a",
    "a.",
    ".a",
    "a/",
    "/",
    "\\",
    "a/b.ts ",
    "../",
    "::a",
    "a::b",
    "#a",
    "`",
    "`a",
    "_",
    "a_",
    "aB",
    "AbC",
    "A",
    " at ",
    "    at a:",
    "    at (",
    '  File "',
    'File "a',
    "\t/a.go:",
    "panicked at '",
    "import ",
    "from a.b ",
    "- [ ] ",
    "1. ",
    "class ",
    "export ",
    "# requirements\n- a\n",
    "**a",
    "@@ -1 ",
    "--- a/",
    "~",
    "@",
    "-",
    "a-b",
    "\n",
    " ",
    "\t",
    "\u0000",
    "é",
  ];

  it.each(PIECES)("of eight times as many %j is eight times as long", (piece) => {
    expect(growth(mentionsIn, piece)).toBeLessThan(LINEAR);
    expect(growth(factsOf, piece)).toBeLessThan(LINEAR);
  });

  const MANY = Array.from({ length: 100_000 }, (_, at) => ({
    path: `src/p${String(at % 1_000)}/a${String(at)}/index.ts`,
    size: 1,
  }));

  it.each([
    ["plain", "In src/p7/a7/index.ts it fails."],
    ["names of one ending", repeated("index.ts ", 1_000_000)],
    ["paths of one ending", Array.from({ length: 2_000 }, (_, at) => `a${String(at)}/index.ts`).join(" ")],
    ["deep paths of one ending", Array.from({ length: 500 }, (_, at) => `/x/${String(at)}/src/p7/a7/index.ts`).join(" ")],
    ["modules", Array.from({ length: 2_000 }, (_, at) => `src.p${String(at)}.a${String(at)}.index`).join(" ")],
    ["bytes", repeated("\u0000\uFFFD", 1_000_000)],
  ])("of a tree of 100,000 files and a text of %s is tens of milliseconds", (_name, body) => {
    const around = { tree: { files: MANY, isCut: false }, codeOwners: repeated("src/p*/a*/ @a\n", 1_000_000), links: null };

    expect(medianMs(() => signalsOf({ title: "x", body, labels: [] }, around))).toBeLessThan(400);
  });
});
