import { describe, expect, it } from "vitest";
import { afterEnding, ESCALATES } from "#core/task/escalate.ts";
import type { FailedCheck, JudgedReason } from "#core/task/judge.ts";
import { BLOCKED_REASONS, ENDINGS, type EndingKind } from "#core/wire/contract.ts";

const TEST: FailedCheck = { command: "npm test", exitCode: 1, output: "1 failed", before: "passed" };
const failing = (...failed: FailedCheck[]): JudgedReason => ({ why: "checks-failed", failed });
const ending = (kind: EndingKind): JudgedReason => ({ why: "ending", ending: kind, detail: null });

/** The rows, and endings that fall under each. */
const NEXT: readonly [string, JudgedReason][] = [
  ["checks fail", failing(TEST)],
  ["checks fail", failing({ ...TEST, before: "failedOtherwise" })],
  ["checks fail", failing({ ...TEST, exitCode: null, before: "passed" })],
  ["checks fail", failing(TEST, { command: "npm run e2e", output: "" })],
  ["no change", { why: "no-change" }],
  ["turn limit", ending("turnLimit")],
  ["budget exhausted", ending("budgetExhausted")],
  ["repeating", ending("repeating")],
  ["timed out", ending("timedOut")],
  ["below a floor", { why: "below-floor", floor: { tier: "frontier", by: "path", named: "src/billing/a.ts" } }],
];
const NEXT_ENDINGS: readonly EndingKind[] = ["turnLimit", "budgetExhausted", "repeating", "timedOut"];

const STOP: readonly [string, JudgedReason][] = [
  ["a check that can't be started", failing({ ...TEST, exitCode: 127 })],
  ["a check that can't be executed, beside one that fails", failing(TEST, { ...TEST, exitCode: 126 })],
  ["a check that came to no end before the work either", failing({ ...TEST, exitCode: null, before: "unknown" })],
  ["no check that ran at all", failing({ command: "npm test", output: "" })],
  ["what the guards refused", { why: "guards", violations: [] }],
  ["a job without a sandbox", { why: "unsandboxed" }],
  ["an Action that is too old", { why: "action-too-old", harness: "codex" }],
  ["a branch that is not protected", { why: "branch-not-protected", branch: "main" }],
  ["a run that ended without a word", { why: "run-ended", conclusion: "failure" }],
  ["a silent job", { why: "silent" }],
  ["a job past its deadline", { why: "deadline" }],
  ...BLOCKED_REASONS.map((reason): [string, JudgedReason] => [
    `a blocked job: ${reason}`,
    { why: "blocked", reason, detail: "" },
  ]),
  ...ENDINGS.filter((kind) => !NEXT_ENDINGS.includes(kind)).map((kind): [string, JudgedReason] => [kind, ending(kind)]),
];

describe("after an attempt that brought nothing", () => {
  it.each(NEXT)("the next route follows by the row “%s”, and no other row", (row, why) => {
    const next = afterEnding(why);
    const without = afterEnding(
      why,
      ESCALATES.filter((each) => each.ending !== row),
    );

    expect([next, without]).toEqual(["next", "stop"]);
  });

  it.each(STOP)("nothing follows %s", (_name, why) => {
    expect(afterEnding(why)).toBe("stop");
  });

  it("every row has an ending here", () => {
    expect(new Set(NEXT.map(([row]) => row))).toEqual(new Set(ESCALATES.map((each) => each.ending)));
  });
});
