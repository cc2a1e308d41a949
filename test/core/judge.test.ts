import { describe, expect, it } from "vitest";
import { gitBlobId } from "#core/change/guards.ts";
import { judge, type FailedCheck, type Judgement, type Planned } from "#core/task/judge.ts";
import type { Verify } from "#core/plan/plan.ts";
import { checked, ran } from "../kit/outcomes.ts";
import {
  BLOCKED_REASONS,
  ENDINGS,
  NO_USAGE,
  type Change,
  type EndingKind,
  Outcome,
  type Verification,
} from "#core/wire/contract.ts";

const PLANNED: Planned = {
  guards: { maxFiles: 50, maxBytes: 1_000, protected: [] },
  verify: [],
  tier: "light",
  floors: [],
  begunWith: [],
  mayBeUnsandboxed: false,
};

function write(path: string): Change {
  const content = Buffer.from("x\n");
  return { status: "added", path, mode: "100644", blob: gitBlobId(content), content: content.toString("base64") };
}

const GOOD = [write("src/a.ts")];
const BAD = [write(".github/workflows/ci.yml")];
const PASS: Verification = checked("npm test");
const FAIL: Verification = checked("npm run lint", { exitCode: 1, output: "2 errors" });
const KILLED: Verification = checked("npm run e2e", { exitCode: null });

function ended(
  ending: EndingKind,
  changes: readonly Change[],
  verification: readonly Verification[],
  detail: string | null = null,
): Outcome {
  return ran({
    ending: { kind: ending, detail, turns: 3, finalMessage: "All done, all tests pass!" },
    verification: [...verification],
    changes: [...changes],
  });
}

const solved: Judgement = { verdict: "solved", changes: GOOD };
const noChange: Judgement = { verdict: "noChange", why: { why: "no-change" } };
const failing = (...failed: FailedCheck[]): Judgement => ({ verdict: "failed", why: { why: "checks-failed", failed } });
const LINT: FailedCheck = { command: "npm run lint", exitCode: 1, output: "2 errors", before: "passed" };
const E2E: FailedCheck = { command: "npm run e2e", exitCode: null, output: "", before: "passed" };
const never = (command: string): FailedCheck => ({ command, output: "" });
const cut = (ending: EndingKind): Judgement => ({ verdict: "failed", why: { why: "ending", ending, detail: null } });
const guarded: Judgement = {
  verdict: "refused",
  why: { why: "guards", violations: [{ guard: "protected", path: ".github/workflows/ci.yml", pattern: ".github/workflows/**" }] },
};

const BILLED = [write("src/billing/total.ts")];
const belowFloor = (named: string): Judgement => ({
  verdict: "refused",
  why: { why: "below-floor", floor: { tier: "standard", by: "path", named } },
});

const COMPLETED: readonly [string, readonly Change[], readonly Verification[], Judgement][] = [
  ["changes and checks that pass", GOOD, [PASS, PASS], solved],
  ["changes and no check", GOOD, [], solved],
  ["changes and a check that fails", GOOD, [PASS, FAIL], failing(LINT)],
  ["changes and a check that was killed", GOOD, [KILLED], failing(E2E)],
  ["changes and several checks that fail", GOOD, [FAIL, KILLED], failing(LINT, E2E)],
  ["no change and checks that pass", [], [PASS], noChange],
  ["no change and a check that fails", [], [FAIL], noChange],
  ["no change and no check", [], [], noChange],
  ["changes that the guards refuse", BAD, [PASS], guarded],
  ["changes that the guards refuse and no check", BAD, [], guarded],
  ["changes that fail and that the guards refuse", BAD, [FAIL], failing(LINT)],
];

/** What was planned is what the outcome says was run, unless a test plans more. */
function judged(
  outcome: Outcome,
  verify: Verify = outcome.kind === "ran" ? outcome.verification.map((check) => check.command) : [],
): Judgement {
  return judge(outcome, { ...PLANNED, verify });
}

const CUT = ENDINGS.filter((ending) => ending !== "completed");

describe("judge", () => {
  it.each([
    ["none of the planned checks", [], ["npm test"], failing(never("npm test"))],
    ["one of two planned checks", [PASS], ["npm test", "npm run lint"], failing(never("npm run lint"))],
    ["another check than the planned one", [PASS], ["npm run e2e"], failing(never("npm run e2e"))],
  ])("a job that reports %s has proved nothing of the rest", (_name, verification, verify, expected) => {
    expect(judged(ended("completed", GOOD, verification), verify)).toEqual(expected);
  });

  it.each(COMPLETED)("a harness that completed with %s", (_name, changes, verification, expected) => {
    const judgement = judged(ended("completed", changes, verification));

    expect(judgement).toEqual(expected);
  });

  it.each(CUT)("takes work cut short by %s for solved only where the repository's checks pass", (ending) => {
    const judgements = [
      judged(ended(ending, GOOD, [PASS])),
      judged(ended(ending, GOOD, [])),
      judged(ended(ending, GOOD, [PASS, FAIL])),
      judged(ended(ending, GOOD, [KILLED])),
      judged(ended(ending, [], [PASS])),
      judged(ended(ending, [], [])),
      judged(ended(ending, BAD, [PASS])),
    ];

    expect(judgements).toEqual([solved, cut(ending), cut(ending), cut(ending), cut(ending), cut(ending), guarded]);
  });

  const LINT_BEFORE = checked("npm run lint", { exitCode: 1, before: "failed" });
  it.each([
    ["fails as before", LINT_BEFORE, solved],
    ["fails otherwise than before", { ...FAIL, before: "failedOtherwise" }, failing({ ...LINT, before: "failedOtherwise" })],
    ["fails, and how it ended before is unknown", { ...FAIL, before: "unknown" }, failing({ ...LINT, before: "unknown" })],
    ["is flaky", checked("npm run lint", { flaky: true, output: "1 failed" }), solved],
    [
      "could not be started, before or after",
      { ...LINT_BEFORE, exitCode: 127 },
      failing({ command: "npm run lint", exitCode: 127, output: "", before: "failed" }),
    ],
  ] as const)("a check that %s", (_name, check, expected) => {
    expect(judged(ended("completed", GOOD, [check]))).toEqual(expected);
  });

  it("takes no check that fails as before for proof of work that was cut short", () => {
    expect(judged(ended("turnLimit", GOOD, [PASS, LINT_BEFORE]))).toEqual(cut("turnLimit"));
  });

  it("believes the job which checks there are only where it was to look for them", () => {
    const failed = checked("npm test", { exitCode: 1 });
    const outcome = ran({ changes: GOOD, verification: [failed], checks: { source: "detected", commands: ["npm test"] } });

    const verdicts = [judged(outcome, "detect"), judged(outcome, "ci"), judged(outcome, ["npm run e2e"])];

    const ofTest: FailedCheck = { command: "npm test", exitCode: 1, output: "", before: "passed" };
    expect(verdicts).toEqual([failing(ofTest), solved, failing(never("npm run e2e"))]);
  });

  it("reads of a job no check in words of its own, nor any where it found none", () => {
    const parse = (checks: unknown): boolean => Outcome.safeParse({ ...ran(), checks }).success;

    expect(parse({ source: "detected", commands: ["npm test"] })).toBe(true);
    expect(parse({ source: "detected", commands: ["npm test; echo @all"] })).toBe(false);
    expect(parse({ source: "ci", commands: ["npm test"] })).toBe(false);
  });

  it("throws away what was made without a sandbox, but in the demo", () => {
    const outcome = { ...ended("completed", GOOD, [PASS]), sandbox: "none" as const };

    expect(judge(outcome, PLANNED)).toEqual({ verdict: "refused", why: { why: "unsandboxed" } });
    expect(judge(outcome, { ...PLANNED, mayBeUnsandboxed: true })).toEqual(solved);
  });

  it.each(["srt", "user"] as const)("takes what was made in a sandbox of the kind %s", (sandbox) => {
    const outcome = { ...ended("completed", GOOD, [PASS]), sandbox };

    expect(judge(outcome, PLANNED)).toEqual(solved);
  });

  const floors: Planned["floors"] = [{ paths: ["src/billing/**"], tier: "standard" }];
  it.each<[string, Partial<Planned>, readonly Change[], Judgement]>([
    ["a path of a floor", { floors }, BILLED, belowFloor("src/billing/total.ts")],
    ["it by a deletion", { floors }, [{ status: "deleted", path: "src/billing/old.ts" }], belowFloor("src/billing/old.ts")],
    ["it in other letters", { floors }, [write("SRC/Billing/x.ts")], belowFloor("SRC/Billing/x.ts")],
    ["it, made by that tier", { floors, tier: "standard" }, BILLED, { verdict: "solved", changes: BILLED }],
    ["it, made by a higher one", { floors, tier: "frontier" }, BILLED, { verdict: "solved", changes: BILLED }],
    ["nothing of it", { floors }, GOOD, solved],
    ["it and what the guards refuse", { floors }, [...BILLED, ...BAD], guarded],
  ])("holds the policy's floors for a result that touches %s", (_name, planned, changes, wanted) => {
    const judgement = judge(ended("completed", changes, []), { ...PLANNED, ...planned });

    expect(judgement).toEqual(wanted);
  });

  it("passes on what the harness said of its end", () => {
    const judgement = judged(ended("crashed", [], [], "out of memory"));

    expect(judgement).toMatchObject({ why: { ending: "crashed", detail: "out of memory" } });
  });

  it.each(BLOCKED_REASONS)("takes a job that %s blocked for failed, saying so", (reason) => {
    const judgement = judged({
      kind: "blocked",
      contract: 1,
      reason,
      detail: "because",
      usage: NO_USAGE,
      observation: null,
      ms: 1,
    });

    expect(judgement).toEqual({ verdict: "failed", why: { why: "blocked", reason, detail: "because" } });
  });
});
