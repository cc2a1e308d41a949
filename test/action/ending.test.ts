import { describe, expect, test } from "vitest";
import { faultOf } from "#core/pool/cooldown.ts";
import { Ending, ENDINGS, NO_USAGE } from "#core/wire/contract.ts";
import type { Signal } from "#core/wire/observation.ts";
import type { GatewayFacts } from "../../action/src/gateway/gateway.ts";
import { claudeCode, readClaude } from "../../action/src/harness/claude-code.ts";
import { isCredentialFault, toEnding, type Left } from "../../action/src/harness/reading.ts";
import { confirmEnding } from "../../action/src/job/ending.ts";

type Run = Left;
const readEnding = (left: Left) => toEnding(readClaude(left));

function streamOf(...events: readonly (object | string)[]): Run {
  const stdout = Buffer.from(events.map((it) => (typeof it === "string" ? it : JSON.stringify(it))).join("\n"));
  return { stdout, stderr: "", exitCode: 1, killed: false };
}

const failed = (facts: object): object => ({
  type: "result",
  subtype: "success",
  is_error: true,
  num_turns: 1,
  result: "API Error",
  ...facts,
});

describe("the ending of Claude Code", () => {
  test.each<[string, Run, Ending["kind"]]>([
    ["success", streamOf({ type: "result", subtype: "success", is_error: false, num_turns: 2, result: "Done." }), "completed"],
    [
      "success after lines that are no JSON",
      streamOf("{broken", { type: "result", is_error: false, result: "Done." }, "warning: x"),
      "completed",
    ],
    [
      "success that speaks of errors",
      streamOf({ type: "result", is_error: false, result: "API Error: 429 is now caught." }),
      "completed",
    ],
    ["the turn limit", streamOf({ type: "result", subtype: "error_max_turns", is_error: true, num_turns: 11 }), "turnLimit"],
    ["its own money limit", streamOf({ type: "result", subtype: "error_max_budget_usd", is_error: true }), "budgetExhausted"],
    ["the gateway's budget", streamOf(failed({ api_error_status: 403, api_error_type: "budget_exhausted" })), "budgetExhausted"],
    ["the lease's end", streamOf(failed({ api_error_status: 403, api_error_type: "deadline_passed" })), "timedOut"],
    ["429", streamOf(failed({ api_error_status: 429 })), "rateLimited"],
    [
      "a seat's window",
      streamOf(failed({ api_error_status: 429, result: "You've hit your weekly limit · resets 7am" })),
      "quotaExhausted",
    ],
    ["401", streamOf(failed({ api_error_status: 401 })), "authFailed"],
    [
      "403 of a model",
      streamOf(failed({ api_error_status: 403, result: "API Error: 403 Your API key may not use the model: no access" })),
      "modelNotFound",
    ],
    ["402", streamOf(failed({ api_error_status: 402 })), "billing"],
    ["400 for want of credit", streamOf(failed({ api_error_status: 400, result: "Your credit balance is too low" })), "billing"],
    ["404", streamOf(failed({ api_error_status: 404 })), "modelNotFound"],
    ["529", streamOf(failed({ api_error_status: 529 })), "overloaded"],
    ["500", streamOf(failed({ api_error_status: 500 })), "providerError"],
    ["our time limit", { ...streamOf({ type: "system", subtype: "api_retry", error: "rate_limit" }), killed: true }, "timedOut"],
    [
      "a final event just before our time limit",
      { ...streamOf({ type: "result", is_error: false, result: "Done." }), killed: true },
      "completed",
    ],
    ["no final event", streamOf({ type: "system", subtype: "init" }), "crashed"],
  ])("by %s", (_name, run, kind) => {
    expect(readEnding(run).kind).toBe(kind);
  });

  test.each([
    [
      "a closing message",
      20_000,
      (text: string) => readEnding(streamOf({ type: "result", is_error: false, result: text })).finalMessage,
    ],
    ["an error", 2_000, (text: string) => readEnding(streamOf(failed({ result: text }))).detail],
    ["what a crash printed", 2_000, (text: string) => readEnding({ ...streamOf(), stderr: text }).detail],
  ])("never cuts %s in the middle of a character", (_name, limit, read) => {
    // Two UTF-16 units each, so one of these two lengths would cut in the middle wherever the cut is made.
    const cuts = [read("😀".repeat(limit)), read(`${"😀".repeat(limit)}x`), read(`x${"😀".repeat(limit)}`)];

    expect(cuts.map((it) => it?.isWellFormed())).toEqual([true, true, true]);
    expect(cuts.map((it) => (it?.length ?? 0) >= limit - 1)).toEqual([true, true, true]);
    expect(read("😀")).toBe("😀");
  });

  test.each([
    ["3", 3],
    ["2.9", 2],
    ["-5", 0],
    ["1e300", 1_000_000],
    ["1e999", 1_000_000],
    ['"3"', null],
  ])("counts %s turns as what an outcome can hold", (said, turns) => {
    const run = streamOf(`{"type":"result","is_error":false,"result":"Done.","num_turns":${said}}`);

    expect(Ending.parse(readEnding(run)).turns).toBe(turns);
  });

  test("says what stderr said when it never began", () => {
    expect(readEnding({ ...streamOf(), stderr: "error: unknown option\n" })).toEqual({
      kind: "crashed",
      detail: "error: unknown option",
      turns: null,
      finalMessage: null,
    });
  });
});

describe("the limits in Claude Code's stream", () => {
  const event = (status: string) => ({ type: "rate_limit_event", rate_limit_info: { status } });
  const limitsIn = (...events: readonly (object | string)[]) =>
    claudeCode.limits?.({ ...streamOf(...events), exitCode: 0, signal: null, ms: 1 });

  test("are those of its last event of that kind", () => {
    expect(limitsIn(event("allowed"), event("allowed_warning"), { type: "result" }, "{broken")).toEqual(event("allowed_warning"));
  });

  test("are none where a model or a tool says its words", () => {
    const text = JSON.stringify(event("rejected"));
    const said = { type: "assistant", message: { content: [{ type: "text", text: `\n${text}\n` }] } };
    const printed = {
      type: "user",
      message: { content: [{ type: "tool_result", content: text }] },
      tool_use_result: event("rejected"),
    };

    expect(limitsIn(said, printed, `${text} `.slice(1), { type: "system" })).toBeUndefined();
  });
});

describe("a confirmed ending", () => {
  const quiet: GatewayFacts = {
    usage: NO_USAGE,
    modelCalls: 1,
    estimated: false,
    refusedForBudget: false,
    refusedForTime: false,
    refusedForRepeating: false,
    lastError: null,
    observation: null,
  };
  const ending = (kind: Ending["kind"]): Ending => ({ kind, detail: null, turns: 1, finalMessage: null });
  const saw = (status: number, signal: Signal["kind"] = "unknown"): GatewayFacts => {
    const told = { kind: signal, window: "unknown", scope: null, resetsInMs: null, retryAfterMs: null } as Signal;
    const lastError = { status, type: "", message: "" };
    return { ...quiet, lastError, observation: { readings: [], signal: told, upstream: null, ageMs: 0 } };
  };

  test.each<[string, Ending["kind"], GatewayFacts, Ending["kind"]]>([
    ["a forged rate limit", "rateLimited", quiet, "providerError"],
    ["a forged invalid key", "authFailed", saw(529, "overload"), "overloaded"],
    ["a rate limit the gateway saw", "rateLimited", saw(429, "throttle"), "rateLimited"],
    ["a window that is used up, in the words of a rate limit", "rateLimited", saw(429, "quota"), "quotaExhausted"],
    ["an invalid key the gateway saw", "authFailed", saw(401, "auth"), "authFailed"],
    ["a used up window that looks like an invalid key", "authFailed", saw(401, "quota"), "quotaExhausted"],
    ["a forged bill", "billing", saw(400), "providerError"],
    ["a bill the gateway saw", "providerError", saw(400, "billing"), "billing"],
    ["a model missing by a malformed call", "modelNotFound", saw(400), "providerError"],
    ["a model the provider doesn't know", "providerError", saw(404), "modelNotFound"],
    ["a model the key may not use", "modelNotFound", saw(403), "modelNotFound"],
    ["a page of something on the way", "authFailed", saw(403), "providerError"],
    ["a refusal before the last good answer", "rateLimited", { ...saw(429, "quota"), lastError: null }, "providerError"],
    ["a 403 that was our own budget", "authFailed", { ...quiet, refusedForBudget: true }, "budgetExhausted"],
    ["a 403 that was our own clock", "authFailed", { ...quiet, refusedForTime: true }, "timedOut"],
    ["a 403 that was for going in circles", "authFailed", { ...quiet, refusedForRepeating: true }, "repeating"],
    ["a harness that ended well all the same", "completed", { ...quiet, refusedForRepeating: true }, "completed"],
    ["success in spite of a refused call", "completed", { ...quiet, refusedForBudget: true }, "completed"],
    ["a crash", "crashed", saw(429, "throttle"), "crashed"],
  ])("takes %s for what it is", (_name, kind, facts, expected) => {
    expect(confirmEnding(ending(kind), facts).kind).toBe(expected);
  });
});

test.each(ENDINGS)(
  "%s is a fault of the credential's for the job, which hands over, where it is one for the pool, which moves",
  (kind) => {
    expect(isCredentialFault(kind)).toBe(faultOf({ ending: { kind }, observation: null }) !== null);
  },
);
