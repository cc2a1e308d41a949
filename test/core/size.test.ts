import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SIZES, type Size } from "#core/wire/contract.ts";
import { sizeOf } from "#core/plan/size.ts";
import { growth, LINEAR } from "./growth.ts";

function issue(title: string, body = "", labels: readonly string[] = ["agent"]) {
  return { issue: { number: 1, title, body, labels } };
}

const tasks = (count: number) => Array.from({ length: count }, (_, index) => `- [ ] step ${String(index)}`).join("\n");

const CASES: readonly [Size, string, string, readonly string[]][] = [
  ["xs", "Typo on the start page", "It says 'recieve'.", ["small-change-words"]],
  ["xs", "Update README", "The docs name an old flag.", ["small-change-words"]],
  ["xs", "Bump lodash", "", ["small-change-words"]],
  ["xs", "Off-by-one in src/export.js", "The last page is missing.", ["small-change-words", "paths-named"]],
  ["s", "The last page is missing", "Pages are cut off.", ["nothing-known"]],
  ["s", "Button does nothing", "In `src/ui/button.tsx` the handler is never called.", ["paths-named"]],
  ["s", "Crash on start", "TypeError: x is not a function\n    at run (/app/src/main.js:12:5)", ["paths-named", "stack-trace"]],
  ["s", "Crash", "Traceback (most recent call last)\n  ...", ["stack-trace"]],
  ["s", "Two things", tasks(2), ["tasks-listed"]],
  ["s", "Rename and refactor the helper", "", ["small-change-words", "broad-change-words"]],
  ["m", "Refactor the importer", "", ["broad-change-words"]],
  ["m", "Wrong totals", "See src/a.ts, src/b.ts, src/c.ts and src/d.ts.", ["paths-named"]],
  ["m", "Checkout", tasks(5), ["tasks-listed"]],
  ["l", "Rewrite the importer from scratch", "", ["broad-change-words"]],
  ["l", "Migration of the store", tasks(4), ["broad-change-words", "tasks-listed"]],
  ["xl", "Redesign the architecture", `A rewrite across the codebase.\n${tasks(9)}`, ["broad-change-words", "tasks-listed"]],
];

describe("sizeOf", () => {
  it.each(CASES)("takes %s for %o", (size, title, body, facts) => {
    const estimate = sizeOf(issue(title, body));

    expect(estimate.size).toBe(size);
    expect(estimate.reasons.map((reason) => reason.fact)).toEqual(facts);
  });

  it.each(SIZES)("takes a size/%s label at its word, whatever the text says", (size) => {
    const estimate = sizeOf(issue("Rewrite everything from scratch", tasks(20), ["agent", `Size/${size.toUpperCase()}`]));

    expect(estimate).toEqual({ size, confidence: 0.9, reasons: [{ fact: "label", label: `Size/${size.toUpperCase()}` }] });
  });

  it("takes a label of another size for none", () => {
    const estimate = sizeOf(issue("Something", "", ["size/huge", "resize/xl"]));

    expect(estimate).toEqual({ size: "s", confidence: 0.3, reasons: [{ fact: "nothing-known" }] });
  });

  it("finds the same size each time, always with a reason", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), fc.string({ unit: "grapheme", maxLength: 500 }), (title, body) => {
        const estimate = sizeOf(issue(title, body));

        expect(sizeOf(issue(title, body))).toEqual(estimate);
        expect(SIZES).toContain(estimate.size);
        expect(estimate.reasons.length).toBeGreaterThan(0);
      }),
    );
  });

  it("looks at the first twenty thousand characters", () => {
    const named = sizeOf(issue("", `${"\n".repeat(19_000)}\n${tasks(9)}`));
    const beyond = sizeOf(issue("", `${"\n".repeat(20_000)}\n${tasks(9)}`));

    expect(named.size).toBe("l");
    expect(beyond.size).toBe("s");
  });

  it.each([
    "a",
    "a-",
    "-a",
    "a_",
    ".-",
    "a.",
    "a/",
    "a.a/",
    "/",
    "- ",
    "- [",
    "1.",
    "1",
    " ",
    "\t",
    "\n",
    " \n",
    "    at a:",
    " at ",
    "across the ",
    "all ",
    "typo",
    "panicked",
  ])("takes eight times as long for eight times as many %j", (piece) => {
    const ratio = growth((body) => sizeOf(issue("x", body)), piece);

    expect(ratio).toBeLessThan(LINEAR);
  });
});
