import { readFileSync } from "node:fs";
import { stripVTControlCharacters } from "node:util";
import { array, assert, constantFrom, nat, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { failuresIn, jobLog, relevantPart, tellingLines } from "#core/wire/failing-log.ts";

/** What each runner really printed, by its verbose reporter, of 60 or 120 tests that pass and one or two that don't. */
const readLog = (name: string): string => readFileSync(new URL(`../fixtures/failing-logs/${name}.txt`, import.meta.url), "utf8");
const FITTING = 1_000;

const LOGS: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ["vitest", ["FAIL  pages.test.js > pages > the last page counts", "expected 3 to be 4"], ["pages.test.js > pages > the last page counts"]],
  ["jest", ["● pages › the last page counts", "Expected: 4", "Received: 3"], ["./pages.test.js", "pages › the last page counts"]],
  ["node", ["✖ the last page counts", "Expected values to be strictly equal", "3 !== 4"], ["the last page counts"]],
  ["pytest", ["E       assert 3 == 4", "E       ZeroDivisionError"], ["test_pages.py::test_the_last_page_counts", "test_pages.py::test_no_items"]],
  ["go", ["Last(10, 3) = 3, want 4", "--- FAIL: TestLastPage"], ["TestLastPage", "TestNoItems", "TestNoItems/of_size_0", "example.com/pages"]],
  ["cargo", ["panicked at src/lib.rs:127:33", "left: 3", "right: 4"], ["tests::the_last_page_counts"]],
]; // prettier-ignore

describe("the relevant part of a log", () => {
  test.each(LOGS)("of %s holds what failed first and why, and the summary", (name, failures) => {
    const log = readLog(name);
    const part = relevantPart(log, FITTING);

    expect(log.length).toBeGreaterThan(3 * FITTING);
    expect(part.length).toBeLessThanOrEqual(FITTING);
    for (const failure of failures) expect(part).toContain(failure);
    expect(part.endsWith(stripVTControlCharacters(log).trim().split("\n").at(-1) ?? "none")).toBe(true);
  });

  test("is found where the end of the log says nothing of it", () => {
    const noise = "[webpack] still watching\n".repeat(10_000);
    const log = `${noise}src/pages.ts(3,14): error TS2322: Type 'string' is not assignable to type 'number'.\n${noise}`;

    expect(relevantPart(log, 4_000)).toContain("error TS2322");
    expect(log.slice(-4_000)).not.toContain("error TS2322");
  });

  test("is all of a short log, without its colours, and the end of one that names nothing", () => {
    expect(relevantPart("\u001B[31m1 failed\u001B[39m\r\nsee above\n", 100)).toBe("1 failed\nsee above");
    expect(relevantPart(`${"x".repeat(200)}the end`, 100)).toMatch(/^x+the end$/);
  });

  test("is never longer than asked, nor ends in half a character", () => {
    assert(
      property(string({ unit: "grapheme", maxLength: 400 }), nat(300), (text, max) => {
        const part = relevantPart(`FAIL a\n${text}\nError: b\n${text}`, 60 + max);

        expect(part.length).toBeLessThanOrEqual(60 + max);
        expect(part.isWellFormed()).toBe(true);
      }),
    );
  });
});

describe("the few telling lines of a log", () => {
  const after = Array.from({ length: 12 }, (_, at) => `line ${String(at)}`);

  test("begin where it names the first failure, without what passed", () => {
    const lines = tellingLines(["> test", "✓ a", "✖ b", "✓ c", "2 !== 3", ...after, "✖ d"], 4);

    expect(lines).toEqual(["✖ b", "2 !== 3", "line 0", "line 1"]);
  });

  test("are those that say why, where it names a failure twice", () => {
    const lines = tellingLines(["✖ b", ...after, "✖ b", "Error: 2 is not 3", ...after], 4);

    expect(lines).toEqual(["✖ b", "Error: 2 is not 3", "line 0", "line 1"]);
  });

  test("are those that name a failure rather than the many of one account", () => {
    const account = Array.from({ length: 12 }, (_, at) => `E   - ${String(at)}`);

    expect(tellingLines([...account, ...after, "FAILED a.py::b - assert"], 4).at(-1)).toBe("FAILED a.py::b - assert");
  });

  test.each([
    ["tells of none", after],
    ["only has npm say that a script failed", ["npm error Lifecycle script `test` failed", ...after]],
    ["tells of one there", ["> test", ...after.slice(0, 8), "FAIL a.js", "1 failed", "done"]],
  ])("are the end of one that %s", (_name, log) => {
    expect(tellingLines(log, 4)).toEqual(log.slice(-4));
  });

  test("are as many as asked, where there are so many", () => {
    const line = constantFrom("✖ a", "✓ b", "Error: c", "npm error d", "FAIL", "e");
    assert(
      property(array(line, { maxLength: 30 }), nat(10), (log, most) => {
        const kept = log.filter((text) => text !== "✓ b");

        expect(tellingLines(log, most)).toHaveLength(Math.min(most, kept.length));
      }),
    );
  });
});

describe("the failures that a log names", () => {
  test.each(LOGS)("of %s are its failed tests", (name, _part, names) => {
    expect([...failuresIn(readLog(name))]).toEqual(names);
  });

  test.each([
    ["not ok 3 - adds two numbers", "adds two numbers"],
    ["src/a.ts:10:3 - error TS2304: Cannot find name 'b'.", "src/a.ts error TS2304: Cannot find name 'b'."],
    ["src/a.ts(99,1): error TS2304: Cannot find name 'b'.", "src/a.ts error TS2304: Cannot find name 'b'."],
    ["main.c:3:5: error: expected ';'", "main.c error: expected ';'"],
    ["FAIL\texample.com/pages [build failed]", "example.com/pages [build failed]"],
    ["ERROR tests/test_a.py - ModuleNotFoundError: No module named 'b'", "tests/test_a.py"],
  ])("take %j for one, wherever in its file and however long it took", (line, name) => {
    expect([...failuresIn(line)]).toEqual([name]);
  });

  test.each(["✓ a ✖ b", "ok 3 - not ok 4 - x", "0 errors", "FAIL", "no error: all is well"])("don't take %j for one", (line) => {
    expect([...failuresIn(line)]).toEqual([]);
  });
});

describe("a job's log", () => {
  const stamped = (...lines: string[]) => lines.map((line) => `2026-11-30T12:00:00.1234567Z ${line}`).join("\r\n");
  const FAILED = ["##[group]Run npm test", "not ok 1 - pages", "##[error]Process completed with exit code 1."];

  test.each<[string, string, string]>([
    ["has no times before its lines", `\uFEFF${stamped("a", "", "2026-11-30 b")}\r\n`, "a\n\n2026-11-30 b"],
    [
      "ends before what is tidied up",
      stamped(...FAILED, "Post job cleanup.", "[command]/usr/bin/git version", "Cleaning up orphan processes"),
      FAILED.join("\n"),
    ],
    [
      "has what later steps say",
      stamped(...FAILED, "##[group]Run report", "sent"),
      [...FAILED, "##[group]Run report", "sent"].join("\n"),
    ],
    [
      "has an error of the tidying",
      stamped("Post job cleanup.", "##[error]No space left", "Cleaning up orphan processes"),
      "Post job cleanup.\n##[error]No space left",
    ],
    ["is as it is where it has another form", "not ok 1 - pages", "not ok 1 - pages"],
    ["may be nothing", "", ""],
  ])("%s", (_name, log, told) => {
    expect(jobLog(log)).toBe(told);
  });
});
