import { describe, expect, test } from "vitest";
import { CONTRACT_VERSION, NO_USAGE, Outcome } from "#core/wire/contract.ts";
import { toReportable } from "../../action/src/job/report.ts";

const KEY = "sk-live-0123456789abcdef";

type Ran = Extract<Outcome, { kind: "ran" }>;

function ran(said: string, command = "npm test"): Outcome {
  return {
    kind: "ran",
    contract: CONTRACT_VERSION,
    ending: { kind: "completed", detail: said, turns: 1, finalMessage: said },
    usage: NO_USAGE,
    modelCalls: 1,
    estimated: false,
    observation: null,
    harnessVersion: "claude-code 2.1.330",
    sandbox: "srt",
    checks: { source: "settings", commands: [command] },
    verification: [{ command, exitCode: 1, output: said.slice(-4_000), ms: 1, before: "passed", flaky: false }],
    changes: [],
    ms: 1,
  };
}

function reported(outcome: Outcome): Ran {
  const reportable = toReportable(outcome, [KEY]);
  if (reportable.kind !== "ran") throw new Error(reportable.detail);
  return reportable;
}

describe("what is reported", () => {
  test.each([
    ["a NUL", "one\u0000two", "onetwo"],
    ["half a surrogate pair", "one\uD83Dtwo", "one\uFFFDtwo"],
    ["whole characters", "one 😀 two", "one 😀 two"],
  ])("holds %s in a form that can be stored", (_name, said, stored) => {
    const { ending } = reported(ran(said));

    expect([ending.finalMessage, ending.detail]).toEqual([stored, stored]);
  });

  test("holds no secret that a NUL kept apart, and everything else", () => {
    const { ending } = reported(ran(`the key ${KEY.slice(0, 9)}\u0000\u0000\u0000\u0000\u0000${KEY.slice(9)} was seen`));

    expect(ending.finalMessage).toMatch(/^the key \S* was seen$/);
    expect(ending.finalMessage).not.toContain(KEY);
  });

  test("holds no secret in the name of a check", () => {
    const outcome = reported(ran("said", `curl -H 'x-api-key: ${KEY}' localhost`));

    expect(outcome.checks.commands).toEqual([outcome.verification[0]?.command]);
    expect(JSON.stringify(outcome)).not.toContain(KEY);
  });

  test("is of the contract, however long a command or a message is", () => {
    const outcome = reported(ran("😀".repeat(20_000), `x${"😀".repeat(1_000)}`));

    expect(Outcome.parse(outcome)).toEqual(outcome);
    expect(outcome.verification[0]?.command).toHaveLength(999);
    expect(outcome.ending.finalMessage).toHaveLength(20_000);
  });
});
