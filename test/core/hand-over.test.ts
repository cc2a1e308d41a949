import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { handOver, type EndedAttempt } from "#core/task/hand-over.ts";

const LIGHT: EndedAttempt = {
  number: 1,
  route: { tier: "light", harness: "claude-code", model: "claude-haiku-5-5" },
  why: { why: "checks-failed", failed: [{ command: "npm test", exitCode: 1, output: "" }] },
  failed: [
    { command: "npm test", exitCode: 1, before: "passed", output: "ok 1 a\nnot ok 2 - the last page\n  expected 3\n# fail 1\n" },
  ],
};
const STANDARD: EndedAttempt = {
  number: 2,
  route: { tier: "standard", harness: "codex", model: "gpt-6-terra" },
  why: { why: "ending", ending: "turnLimit", detail: null },
  failed: [],
};

describe("the note to the next attempt", () => {
  it("says what was tried, how it ended, what failed with its telling lines, and what is in the checkout", () => {
    expect(handOver([LIGHT], true)).toBe(
      [
        "Attempt 1 (light: claude-code, claude-haiku-5-5): `npm test` did not pass.",
        "What the last of them had changed is in the checkout. It may be wrong, and may be thrown away.",
        "",
        "`npm test` ended with 1; it passed before:",
        "    not ok 2 - the last page",
        "      expected 3",
        "    # fail 1",
      ].join("\n"),
    );
  });

  it("names every attempt, and of the last one alone what its checks printed", () => {
    const note = handOver([LIGHT, STANDARD], false);

    expect(note).toBe(
      [
        "Attempt 1 (light: claude-code, claude-haiku-5-5): `npm test` did not pass.",
        "Attempt 2 (standard: codex, gpt-6-terra): the model came to its limit of turns before it was done.",
        "None of their changes is in the checkout.",
      ].join("\n"),
    );
  });

  it("holds no secret that a check has printed, whatever hides in it", () => {
    const output = `not ok 1 - login with ghp_${"a".repeat(20)}\u200b${"b".repeat(16)}`;

    const note = handOver([{ ...LIGHT, failed: [{ command: "npm test", exitCode: 1, output }] }], true);

    expect(note).toContain("not ok 1 - login with");
    expect(note).not.toMatch(/ghp_a|bbbb/);
  });

  it("stays short, whatever was printed and however often it was tried", () => {
    const line = fc.string({ maxLength: 2_000, unit: "grapheme" });
    const check = fc.record({
      command: line,
      exitCode: fc.constantFrom(1, null),
      output: fc.array(line, { maxLength: 60 }).map((lines) => lines.join("\n")),
    });
    fc.assert(
      fc.property(fc.array(check, { maxLength: 20 }), fc.integer({ min: 1, max: 10 }), (failed, times) => {
        const why = { why: "checks-failed", failed } as const;
        const attempts = Array.from({ length: times }, (_, at) => ({ ...LIGHT, number: at + 1, why, failed }));

        const note = handOver(attempts, true);

        expect(note.length).toBeLessThan(20_000);
        expect(note).not.toContain("\u0000");
      }),
      { numRuns: 50 },
    );
  });
});
