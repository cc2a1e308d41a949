import type { EmulatedGitHub } from "./github/emulated-github.ts";
import type { Script } from "./model/script.ts";
import type { Person } from "./types.ts";

/**
 * A repository with a past: twelve commits on its default branch, some of them merges of pull requests that closed an issue and brought
 * tests, made through the API as people do. Whatever only a merge's tests say has `ONLY_IN_TESTS` in it.
 */
export const ONLY_IN_TESTS = "as the merge has it";

type Files = Readonly<Record<string, string>>;
type Step =
  | { readonly push: string; readonly files: Files }
  | {
      readonly pull: string;
      /** null: it closes none. */
      readonly issue: { readonly title: string; readonly body: string } | null;
      readonly files: Files;
      readonly method?: "merge" | "squash";
    };

const tests = (module: string, names: string, cases: readonly (readonly [string, string])[]): string =>
  [
    `import assert from "node:assert/strict";`,
    `import test from "node:test";`,
    `import { ${names} } from "../src/${module}.js";`,
    "",
    ...cases.map(([name, body]) => `test("${name}", () => {\n  ${body}\n});`),
    "",
  ].join("\n");

const PAGES = (round: string) => `export function pageCount(total, size) {\n  return Math.${round}(total / size);\n}\n`;
const SLUG = (text: string) =>
  `export function slug(text) {\n  return ${text}.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-|-$/g, "");\n}\n`;
const CSV = (cell: string) => `export function line(cells) {\n  return cells.map((cell) => ${cell}).join(",");\n}\n`;
const DURATION = (minutes: string) => `export function duration(seconds) {\n  return \`\${${minutes}} min\`;\n}\n`;

const PLAIN_SLUG = SLUG("text");
const FULL_SLUG = SLUG('text.normalize("NFD").replaceAll(/\\p{M}/gu, "")');
const BARE_CSV = CSV("String(cell)");
const QUOTED_CSV = CSV('/[",\\n]/.test(cell) ? `"${String(cell).replaceAll(\'"\', \'""\')}"` : String(cell)');

const PAGES_ISSUE = {
  title: "The last page is missing when it is not full",
  body: "250 customers at 100 a page are three pages, and `pageCount` in `src/pages.js` says two.",
};
const SLUG_ISSUE = {
  title: "Accented letters vanish from slugs",
  body: "`slug` in `src/slug.js` makes `caf-cr-me` of `Café crème`. It should be `cafe-creme`.",
};
const CSV_ISSUE = {
  title: "A comma in a name breaks the CSV",
  body: "`line` in `src/csv.js` should quote cells that hold a comma, a quotation mark or a line break, as RFC 4180 says.",
};

const FIRST: Files = {
  "package.json": `${JSON.stringify({ name: "web", private: true, type: "module", scripts: { test: "node --test" } }, null, 2)}\n`,
  ".github/agent-pool.yml": "version: 1\nverify: [npm test]\n",
  "src/pages.js": PAGES("floor"),
  "src/slug.js": PLAIN_SLUG,
  "src/csv.js": CSV("cell"),
  "src/duration.js": DURATION("Math.round(seconds / 60)"),
  "test/pages.test.js": tests("pages", "pageCount", [["full pages", "assert.equal(pageCount(200, 100), 2);"]]),
};

const STEPS: readonly Step[] = [
  {
    pull: "Count the last page",
    issue: PAGES_ISSUE,
    files: {
      "src/pages.js": PAGES("ceil"),
      "test/pages.test.js": tests("pages", "pageCount", [
        ["full pages", "assert.equal(pageCount(200, 100), 2);"],
        [`the last page, ${ONLY_IN_TESTS}`, "assert.equal(pageCount(250, 100), 3);"],
      ]),
    },
  },
  { push: "docs: what this is", files: { "README.md": "# web\n\nSmall functions for pages of text.\n" } },
  {
    pull: "Keep accented letters in slugs",
    issue: SLUG_ISSUE,
    files: {
      "src/slug.js": FULL_SLUG,
      "test/slug.test.js": tests("slug", "slug", [
        [`accents, ${ONLY_IN_TESTS}`, 'assert.equal(slug("Café crème"), "cafe-creme");'],
        ["plain words", 'assert.equal(slug("Two words"), "two-words");'],
      ]),
    },
  },
  {
    pull: "Make text of cells",
    issue: { title: "Numbers in cells", body: "`line` should take numbers." },
    files: { "src/csv.js": BARE_CSV },
  },
  {
    pull: "Test plain durations",
    issue: { title: "Durations have no tests", body: "They should." },
    files: { "test/duration.test.js": tests("duration", "duration", [["a minute", 'assert.equal(duration(60), "1 min");']]) },
  },
  {
    pull: "Say which function failed",
    issue: null,
    files: {
      "src/pages.js": `// Pages are counted from one.\n${PAGES("ceil")}`,
      "test/pages.test.js": tests("pages", "pageCount", [["one page", "assert.equal(pageCount(1, 100), 1);"]]),
    },
  },
  { push: "chore: ignore what editors leave", files: { ".gitignore": "*.swp\n" } },
  {
    pull: "Quote cells",
    issue: CSV_ISSUE,
    method: "merge",
    files: {
      "src/csv.js": QUOTED_CSV,
      "test/csv.test.js": tests("csv", "line", [
        [`a comma, ${ONLY_IN_TESTS}`, 'assert.equal(line(["Lovelace, Ada", 3]), \'"Lovelace, Ada",3\');'],
        [`a quotation mark, ${ONLY_IN_TESTS}`, 'assert.equal(line([\'a "b"\']), \'"a ""b"""\');'],
      ]),
    },
  },
  {
    pull: "Round durations in one place",
    issue: { title: "Durations are rounded in an odd place", body: "Nothing should change but the code." },
    files: {
      "src/duration.js": DURATION("Math.round(seconds / 60).toFixed(0)"),
      "test/duration.test.js": tests("duration", "duration", [["two minutes", 'assert.equal(duration(100), "2 min");']]),
    },
  },
  { push: "chore: version 2", files: { VERSION: "2\n" } },
];

/** What the past leaves to be tried: pull requests whose tests fail without their change, by the issue that each closed. */
export const TRIED = [PAGES_ISSUE.title, SLUG_ISSUE.title, CSV_ISSUE.title] as const;
/** One more qualifies until its tests are run: they pass without it. */
export const PROVES_NOTHING = "Durations are rounded in an odd place";

const write = (path: string, content: string): Script => [{ write: { path, content } }, { say: "Done." }];

/** What each of three models makes of an issue: one solves all, one two of three, one just the first. */
export function playHistory({ model, prompt }: { readonly model: string; readonly prompt: string }): Script {
  if (prompt.includes(PAGES_ISSUE.title)) return write("src/pages.js", PAGES("ceil"));
  if (prompt.includes(SLUG_ISSUE.title))
    return model.startsWith("qwen/") ? [{ say: "I see nothing to change." }] : write("src/slug.js", FULL_SLUG);
  if (prompt.includes(CSV_ISSUE.title))
    return write("src/csv.js", model.startsWith("gpt-") ? QUOTED_CSV : CSV("JSON.stringify(cell)"));
  return [{ say: "I see nothing to change." }];
}

/** The repository's first commit. */
export const HISTORY_FILES = FIRST;

/** Makes the other eleven. `token`: of a person who may write. */
export async function makeHistory(github: EmulatedGitHub, repository: string, person: Person, token: string): Promise<void> {
  const call = async (method: string, path: string, body: object): Promise<{ readonly number: number }> => {
    const response = await fetch(`${github.url}/repos/${repository}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${String(response.status)} ${await response.text()}`);
    return (await response.json()) as { number: number };
  };
  for (const [at, step] of STEPS.entries()) {
    if ("push" in step) {
      await github.push(repository, "main", step.files, step.push, person.login);
      continue;
    }
    const { pull, issue, files, method = "squash" } = step;
    const opened = issue === null ? undefined : await person.openIssue(repository, issue);
    const head = `work-${String(at)}`;
    await github.push(repository, head, files, pull, person.login);
    const body = opened === undefined ? "" : `Closes #${String(opened.number)}.`;
    const { number } = await call("POST", "/pulls", { title: pull, head, base: "main", body });
    await call("PUT", `/pulls/${String(number)}/merge`, { merge_method: method });
  }
}
