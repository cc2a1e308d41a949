import { describe, expect, it } from "vitest";
import { readClaude } from "../../action/src/harness/claude-code.ts";
import { readCodex } from "../../action/src/harness/codex.ts";
import { readOpencode } from "../../action/src/harness/opencode.ts";
import type { Left } from "../../action/src/harness/reading.ts";

function left(events: readonly object[], overrides: Partial<Left> = {}): Left {
  const stdout = Buffer.from(events.map((event) => `${JSON.stringify(event)}\n`).join(""));
  return { stdout, stderr: "", exitCode: 0, signal: null, killed: false, ...overrides };
}

const FAILED = { exitCode: 1 };

describe("a run of Codex", () => {
  const begun = { type: "thread.started", thread_id: "t-1" };
  const failed = (message: string) => left([begun, { type: "turn.failed", error: { message } }], FAILED);

  it.each([
    ["unexpected status 401 Unauthorized: Incorrect API key provided, url: …", "authFailed", true, true],
    ["unexpected status 402 Payment Required: Insufficient credits., url: …", "billing", true, true],
    ["exceeded retry limit, last status: 429 Too Many Requests", "rateLimited", true, true],
    ["Quota exceeded. Check your plan and billing details.", "quotaExhausted", true, true],
    ["You’ve hit your usage limit. Try again at 8:22 AM.", "quotaExhausted", true, true],
    ["The model `gpt-9` does not exist or you do not have access to it.", "modelNotFound", false, false],
    ["unexpected status 503 Service Unavailable: overloaded, url: …", "overloaded", true, false],
    ["unexpected status 400 Bad Request: unknown parameter, url: …", "providerError", false, false],
    ["unexpected status 500 Internal Server Error: …", "providerError", true, false],
    ["stream disconnected before completion", "providerError", true, false],
  ])("that says “%s” ended as %s", (message, ending, retryable, credentialFault) => {
    expect(readCodex(failed(message))).toMatchObject({
      ending,
      retryable,
      credentialFault,
      sessionId: "t-1",
      finalMessage: null,
    });
  });

  it("is completed by its last turn alone, whatever was warned of, tried again or quoted before", () => {
    const reading = readCodex(
      left([
        begun,
        { type: "error", message: "Reconnecting... 1/5 (unexpected status 401 Unauthorized)" },
        { type: "item.completed", item: { type: "error", message: "Model metadata for `m` not found" } },
        { type: "item.completed", item: { type: "command_execution", aggregated_output: '{"type":"turn.failed"}' } },
        { type: "item.completed", item: { type: "agent_message", text: "You’ve hit your usage limit." } },
        {
          type: "turn.completed",
          usage: {
            input_tokens: 13_000,
            cached_input_tokens: 10_000,
            cache_write_input_tokens: 0,
            output_tokens: 84,
            reasoning_output_tokens: 14,
          },
        },
      ]),
    );

    expect(reading).toMatchObject({
      ending: "completed",
      finalMessage: "You’ve hit your usage limit.",
      usage: { inputTokens: 3_000, cacheReadTokens: 10_000, outputTokens: 84, reasoningTokens: 14 },
    });
  });

  it("tells its plan's windows in the session's file, and when the full one begins anew", () => {
    const limits = (primary: number) => ({
      type: "event_msg",
      payload: {
        type: "token_count",
        rate_limits: {
          primary: { used_percent: primary, window_minutes: 300, resets_at: 1_795_422_168 },
          secondary: { used_percent: 41, window_minutes: 10_080, resets_at: 1_795_504_968 },
        },
      },
    });
    const rollout = [limits(91), limits(100)].map((line) => JSON.stringify(line)).join("\n");

    expect(readCodex({ ...failed("You’ve hit your usage limit."), rollout })).toMatchObject({
      resetsAt: 1_795_422_168,
      windows: [
        { name: "five_hour", utilization: 1 },
        { name: "seven_day", utilization: 0.41 },
      ],
    });
  });
});

describe("a run of opencode", () => {
  const refused = (
    statusCode: number | undefined,
    type: string,
    message: string,
    code: string | null = null,
    name = "APIError",
  ) =>
    left(
      [
        {
          type: "error",
          sessionID: "ses_1",
          error: { name, data: { message, statusCode, responseBody: JSON.stringify({ error: { message, type, code } }) } },
        },
      ],
      FAILED,
    );

  it.each([
    [refused(401, "invalid_request_error", "Incorrect API key provided", "invalid_api_key"), "authFailed", true],
    [refused(402, "insufficient_credits", "Insufficient credits"), "billing", true],
    [refused(404, "invalid_request_error", "The model `m` does not exist", "model_not_found"), "modelNotFound", false],
    [refused(429, "rate_limit_exceeded", "Rate limit reached", "rate_limit_exceeded"), "rateLimited", true],
    [refused(429, "insufficient_quota", "You exceeded your current quota.", "insufficient_quota"), "quotaExhausted", true],
    [refused(529, "overloaded_error", "Overloaded"), "overloaded", true],
    [
      refused(undefined, "invalid_request_error", "too many tokens", "context_length_exceeded", "ContextOverflowError"),
      "providerError",
      false,
    ],
  ])("that was refused ended by the provider's own words: %#", (run, ending, retryable) => {
    expect(readOpencode(run)).toMatchObject({ ending, retryable, sessionId: "ses_1" });
  });

  it("has ended well where it stopped by itself after a step, and adds its steps up", () => {
    const step = { tokens: { input: 1_500, output: 35, reasoning: 7, cache: { read: 5_000, write: 0 } }, cost: 0.001_584 };
    const run = left([
      { type: "step_finish", sessionID: "ses_1", part: step },
      { type: "text", sessionID: "ses_1", part: { text: "Done." } },
      { type: "step_finish", sessionID: "ses_1", part: step },
    ]);

    expect(readOpencode(run)).toEqual({
      ending: "completed",
      detail: null,
      retryable: false,
      credentialFault: false,
      resetsAt: null,
      windows: [],
      usage: { inputTokens: 3_000, outputTokens: 84, cacheReadTokens: 10_000, cacheWriteTokens: 0, reasoningTokens: 14 },
      costUsd: 0.003_168,
      turns: 2,
      sessionId: "ses_1",
      finalMessage: "Done.",
    });
    expect(readOpencode({ ...run, killed: true, exitCode: null, signal: "SIGTERM" })).toMatchObject({
      ending: "timedOut",
      turns: 2,
    });
  });
});

describe("a run of Claude Code that was resumed", () => {
  it("counts what was used since, and not the session", () => {
    const run = left([
      {
        type: "result",
        is_error: false,
        result: "Done.",
        num_turns: 1,
        session_id: "s-1",
        total_cost_usd: 0.097,
        usage: { input_tokens: 21, output_tokens: 77 },
        modelUsage: {
          a: { inputTokens: 10, outputTokens: 406, costUSD: 0.096 },
          b: { inputTokens: 21, outputTokens: 77, costUSD: 0.001 },
        },
        model_usage_since_last_result: {
          b: {
            inputTokens: 21,
            outputTokens: 77,
            cacheReadInputTokens: 4_000,
            cacheCreationInputTokens: 333,
            thinkingTokens: 0,
            costUSD: 0.001,
          },
        },
      },
    ]);

    expect(readClaude(run)).toMatchObject({
      costUsd: 0.001,
      usage: { inputTokens: 21, outputTokens: 77, cacheReadTokens: 4_000, cacheWriteTokens: 333, reasoningTokens: 0 },
    });
  });
});

describe.each([
  ["Claude Code", readClaude, { type: "system", session_id: "s" }],
  ["Codex", readCodex, { type: "thread.started", thread_id: "s" }],
  ["opencode", readOpencode, { type: "step_start", sessionID: "s" }],
])("a run of %s without an end", (_name, read, first) => {
  it.each([
    ["that we ended", { killed: true, exitCode: null }, [first], "timedOut", true],
    ["that was killed", { exitCode: null, signal: "SIGKILL" as const }, [first], "crashed", true],
    ["that broke off", { exitCode: 1 }, [first], "crashed", true],
    ["that refused to start", { exitCode: 1, stderr: "error: unknown option" }, [], "crashed", false],
  ])("%s", (_how, overrides, events, ending, retryable) => {
    expect(read(left(events, overrides))).toMatchObject({ ending, retryable, credentialFault: false, finalMessage: null });
  });

  it("and with lines that are no JSON, or of other shapes, is read all the same", () => {
    const noise = [
      '{"type":"result"',
      '"error"',
      '{"error":{"data":3},"sessionID":7,"type":"error"}',
      "[]",
      '{"type":"turn.failed","error":"x"}',
    ];
    const stdout = Buffer.from(noise.join("\n"));

    expect(() => read({ stdout, stderr: "", exitCode: 1, killed: false })).not.toThrow();
  });
});
