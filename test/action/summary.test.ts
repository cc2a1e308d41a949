import { describe, expect, test } from "vitest";
import { CONTRACT_VERSION, ENDINGS, NO_USAGE, type Outcome } from "#core/wire/contract.ts";
import { MicroUsd } from "#core/wire/units.ts";
import { makePhases, renderNote, renderSummary, type Told } from "../../action/src/job/summary.ts";

const SECRETIVE = "THE-MODEL'S-WORDS `x` | <b> ::error:: \n# heading";
const RAN: Extract<Outcome, { kind: "ran" }> = {
  kind: "ran",
  contract: CONTRACT_VERSION,
  ending: { kind: "completed", detail: SECRETIVE, turns: 4, finalMessage: SECRETIVE },
  usage: { ...NO_USAGE, inputTokens: 100, cacheReadTokens: 30, cacheWriteTokens: 4, cacheWrite1hTokens: 1, outputTokens: 57 },
  modelCalls: 4,
  estimated: false,
  observation: null,
  harnessVersion: "claude-code 2.1.330",
  sandbox: "srt",
  checks: { source: "settings", commands: [] },
  verification: [
    { command: SECRETIVE, exitCode: 0, output: "", ms: 10, before: "passed", flaky: false },
    { command: SECRETIVE, exitCode: 1, output: SECRETIVE, ms: 10, before: "passed", flaky: false },
    { command: SECRETIVE, exitCode: null, output: SECRETIVE, ms: 10, before: "passed", flaky: false },
  ],
  changes: [{ status: "deleted", path: SECRETIVE }],
  ms: 9_000,
};
const BLOCKED: Outcome = {
  kind: "blocked",
  contract: CONTRACT_VERSION,
  reason: "setupFailed",
  detail: SECRETIVE,
  usage: NO_USAGE,
  observation: null,
  ms: 1,
};
const TOLD: Told = {
  route: { tier: "light", harness: "claude-code", provider: "anthropic", model: "claude-haiku-5-5", effort: null, maxTurns: 9 },
  outcome: RAN,
  costMicroUsd: MicroUsd(10_173),
  phases: [{ phase: "fetch", ms: 400 }, { phase: "harness", ms: 8_123 }],
  undelivered: undefined,
}; // prettier-ignore

describe("the job's page", () => {
  test("tells an operator how it ended, what it took, and what to do", () => {
    const page = renderSummary(TOLD);

    for (const row of [
      "### agent-pool: `completed`",
      "| harness | `claude-code 2.1.330` |",
      "| model | `claude-haiku-5-5`, tier `light` |",
      "| tokens | 135 in (30 from the cache), 57 out |",
      "| cost at list price | $0.0102 |",
      "| checks | 1 of 3 passed |",
      "| changed files | 1 |",
      "| seconds | fetch 0.4, harness 8.1 |",
      "| outcome | delivered to the app |",
      "**Next:** Nothing here",
    ])
      expect(page).toContain(row);
  });

  test.each([
    ["an ending", RAN],
    ["a fault whose detail names files and commands", BLOCKED],
    ["another such fault", { ...BLOCKED, reason: "changesUnreadable" } as const],
  ])("shows of %s nothing that a model or a repository wrote", (_name, outcome) => {
    const page = renderSummary({ ...TOLD, outcome });

    expect(page).not.toMatch(/MODEL|heading|<b>|::error/);
  });

  test.each(ENDINGS)("says after %s what comes next", (kind) => {
    const page = renderSummary({ ...TOLD, outcome: { ...RAN, ending: { ...RAN.ending, kind } } });

    expect(page).toMatch(/\*\*Next:\*\* \w.{20,}\.\n$/);
  });

  test("says what is wrong with a key, and above all why an outcome was not delivered", () => {
    const outcome = { ...BLOCKED, reason: "keyMissing", detail: "There is no AGENT_POOL_KEY.\nmore" } as const;

    const page = renderSummary({ ...TOLD, outcome });
    const undelivered = renderSummary({ ...TOLD, outcome, undelivered: "The app is away." });

    expect(page).toContain("**Next:** keyMissing: There is no AGENT_POOL_KEY.\n");
    expect(undelivered).toContain("| outcome | not delivered |");
    expect(undelivered).toContain("**Next:** The app is away.\n");
  });

  test("has one line for a job without an attempt", () => {
    expect(renderNote("no attempt", "The app said no:\n# <img>")).toBe("### agent-pool: no attempt\n\nThe app said no: # img\n");
  });

  test("adds a phase up that was entered twice", () => {
    let at = 0;
    const phases = makePhases(() => at, 0);
    for (const [phase, now] of [["harness", 10], ["verify", 30], ["harness", 35], ["report", 65]] as const) {
      at = now;
      phases.enter(phase);
    } // prettier-ignore
    at = 66;

    expect(phases.current()).toBe("report");
    expect(phases.spans()).toEqual([
      { phase: "fetch", ms: 10 },
      { phase: "harness", ms: 50 },
      { phase: "verify", ms: 5 },
      { phase: "report", ms: 1 },
    ]);
  });
});
