import { gzipSync } from "node:zlib";
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
  test("tells of a trial's tests without the work what it tells of those with it, and no secret", () => {
    const outcome = ran(`it says ${KEY}`, `TOKEN=${KEY} npm test`);
    const checked = outcome.kind === "ran" ? outcome.verification : [];

    const { control, verification } = reported({ ...outcome, control: checked } as Outcome);

    expect(control).toEqual(verification);
    expect(JSON.stringify(control)).not.toContain(KEY);
    expect(reported(outcome)).not.toHaveProperty("control");
  });

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

  test.each([
    ["names the key", KEY, false],
    ["names the key in base64", Buffer.from(`the key ${KEY}`).toString("base64"), false],
    ["names another token", "ghp_0123456789abcdefghij", true],
  ])("hands on a conversation that %s: %s %s", (_name, said, handedOn) => {
    const session = {
      harness: "codex",
      id: "1",
      path: "a/1.jsonl",
      checkout: "/repo",
      content: gzipSync(`{"said":"${said}"}\n`).toString("base64"),
    };

    expect(reported({ ...ran("said"), session } as Outcome).session).toEqual(handedOn ? session : undefined);
  });

  test("hands on no conversation that can't be looked through", () => {
    const session = { harness: "codex", id: "1", path: "a/1.jsonl", checkout: "/repo", content: "bm90IHBhY2tlZA==" };

    expect(reported({ ...ran("said"), session } as Outcome)).not.toHaveProperty("session");
  });

  test("holds no file in which the key stands, in whatever letters", () => {
    const change = { status: "added", path: "a.txt", mode: "100644", blob: "0".repeat(40) } as const;
    const of = (content: Buffer) =>
      toReportable({ ...ran("said"), changes: [{ ...change, content: content.toString("base64") }] } as Outcome, [KEY]).kind;

    expect(["utf8", "utf16le"].map((it) => of(Buffer.from(KEY, it as BufferEncoding)))).toEqual(["blocked", "blocked"]);
    expect(of(Buffer.from("nothing of the kind"))).toBe("ran");
  });

  test("is of the contract, however long a command or a message is", () => {
    const outcome = reported(ran("😀".repeat(20_000), `x${"😀".repeat(1_000)}`));

    expect(Outcome.parse(outcome)).toEqual(outcome);
    expect(outcome.verification[0]?.command).toHaveLength(999);
    expect(outcome.ending.finalMessage).toHaveLength(20_000);
  });
});
