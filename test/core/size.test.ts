import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SIZES, type Size } from "#core/wire/contract.ts";
import { sizeOf } from "#core/plan/size.ts";

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

  it.each([
    ["letters", "a".repeat(65_536)],
    ["newlines", "\n".repeat(65_536)],
    ["slashes", "a/".repeat(32_768)],
    ["dots and dashes", ".-".repeat(32_768)],
    ["spaces", " ".repeat(65_536)],
  ])("takes less than a second for a long run of %s", (_name, body) => {
    const started = performance.now();

    const estimate = sizeOf(issue("x", body));

    expect(estimate.size).toBe("s");
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});
