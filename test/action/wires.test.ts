import { array, assert, constantFrom, nat, property } from "fast-check";
import { describe, expect, test } from "vitest";
import { NO_USAGE } from "#core/wire/contract.ts";
import { WIRE_IDS } from "#core/wire/harnesses.ts";
import { makeJsonMeter, makeSseMeter } from "../../action/src/gateway/meter.ts";
import { openaiChat } from "../../action/src/gateway/wires/openai-chat.ts";
import { openaiResponses } from "../../action/src/gateway/wires/openai-responses.ts";
import { WIRES } from "../../action/src/gateway/wires/table.ts";
import type { ModelCall, Wire } from "../../action/src/gateway/wires/wire.ts";

const MODEL = "gpt-6.1-sol";
const ASKED = { model: MODEL, maxTokens: 8_000 };
const CALL: ModelCall = { body: Buffer.alloc(0), inputTokens: 900, maxTokens: 500, longCache: false, isRepeating: false };

const RESPONSES = { model: MODEL, store: false, stream: true, input: "hello" };
const CHAT = { model: MODEL, stream: true, messages: [{ role: "user", content: "hello" }] };

function judge(wire: Wire, body: unknown, asked = ASKED) {
  const parsed = wire.parse(Buffer.from(JSON.stringify(body)), asked);
  return parsed.ok ? "passes" : parsed.error.type;
}
const item = (...input: object[]) => ({ ...RESPONSES, input });
const said = (...content: object[]) => item({ type: "message", role: "user", content });
const chatted = (...content: object[]) => ({ ...CHAT, messages: [{ role: "user", content }] });

describe("of a call of Responses, the gateway", () => {
  test.each<[string, object]>([
    ["what Codex asks", { ...RESPONSES, instructions: "", tool_choice: "auto", parallel_tool_calls: true, reasoning: { effort: "high" }, include: ["reasoning.encrypted_content"], prompt_cache_key: "k", text: { verbosity: "low" }, client_metadata: {} }],
    ["tools of the client", { ...RESPONSES, tools: [{ type: "function", name: "exec_command" }, { type: "custom", name: "apply_patch" }, { type: "tool_search", execution: "client" }] }],
    ["tools that come as an item", item({ type: "additional_tools", role: "developer", tools: [{ type: "namespace", name: "functions", tools: [{ type: "custom", name: "exec" }] }] })],
    ["what tools answered", item({ type: "function_call", call_id: "1", name: "f", arguments: "{}" }, { type: "function_call_output", call_id: "1", output: [{ type: "input_text", text: "ok" }] })],
    ["sealed reasoning", item({ type: "reasoning", summary: [{ type: "summary_text", text: "" }], encrypted_content: "x" })],
    ["a message without a type", item({ role: "user", content: "hello" })],
    ["a picture in the call", said({ type: "input_image", image_url: "data:image/png;base64,AAAA" })],
  ])("passes %s", (_name, body) => {
    expect(judge(openaiResponses, body)).toBe("passes");
  }); // prettier-ignore

  test.each<[string, object]>([
    ["another model", { ...RESPONSES, model: "gpt-6-astra" }],
    ["what would be stored", { ...RESPONSES, store: true }],
    ["what is stored unless told otherwise", { model: MODEL, input: "hello" }],
    ["an earlier response", { ...RESPONSES, previous_response_id: "resp_1" }],
    ["a stored conversation", { ...RESPONSES, conversation: "conv_1" }],
    ["a stored prompt", { ...RESPONSES, prompt: { id: "pmpt_1" } }],
    ["a run in the background", { ...RESPONSES, background: true }],
    ["another price", { ...RESPONSES, service_tier: "priority" }],
    ["a search of the web", { ...RESPONSES, tools: [{ type: "web_search" }] }],
    ["code run by the provider", { ...RESPONSES, tools: [{ type: "code_interpreter", container: { type: "auto" } }] }],
    ["a remote MCP server", { ...RESPONSES, tools: [{ type: "mcp", server_url: "https://evil.example" }] }],
    ["a search of tools by the provider", { ...RESPONSES, tools: [{ type: "tool_search" }] }],
    ["a tool of the provider's inside an item", item({ type: "additional_tools", tools: [{ type: "web_search" }] })],
    ["a tool of the provider's inside a namespace", { ...RESPONSES, tools: [{ type: "namespace", tools: [{ type: "mcp" }] }] }],
    ["a tool that is no list", { ...RESPONSES, tools: { type: "web_search" } }],
    ["a reference to an item", item({ type: "item_reference", id: "msg_1" })],
    ["a call of MCP", item({ type: "mcp_call", id: "1" })],
    ["a file by its id", said({ type: "input_file", file_id: "file-1" })],
    ["a picture by its address", said({ type: "input_image", image_url: "https://evil.example/?q=1" })],
    ["a picture by its id", said({ type: "input_image", image_url: "data:image/png;base64,AA", file_id: "file-1" })],
    ["a picture by its address in what a tool answered", item({ type: "function_call_output", output: [{ type: "input_image", image_url: "https://evil.example" }] })],
    ["what a search found", { ...RESPONSES, include: ["web_search_call.results"] }],
  ])("refuses %s", (_name, body) => {
    expect(judge(openaiResponses, body)).toMatch(/not_allowed$/);
  }); // prettier-ignore

  test("bounds the output where the client doesn't, and reserves as much", () => {
    const bounded = openaiResponses.parse(Buffer.from(JSON.stringify(RESPONSES)), ASKED);
    const unbounded = openaiResponses.parse(Buffer.from(JSON.stringify(RESPONSES)), { ...ASKED, maxTokens: null });
    const own = openaiResponses.parse(Buffer.from(JSON.stringify({ ...RESPONSES, max_output_tokens: 70 })), ASKED);

    expect([bounded, unbounded, own].map((it) => it.ok && [it.value.maxTokens, "max_output_tokens" in JSON.parse(String(it.value.body))])).toEqual([[8_000, true], [128_000, false], [70, true]]); // prettier-ignore
  });

  test("counts a picture as the most it can cost, whatever its bytes", () => {
    const picture = openaiResponses.parse(Buffer.from(JSON.stringify(said({ type: "input_image", image_url: `data:image/png;base64,${"A".repeat(3_000_000)}` }))), ASKED); // prettier-ignore

    expect(picture.ok && picture.value.inputTokens).toBeGreaterThan(10_000);
    expect(picture.ok && picture.value.inputTokens).toBeLessThan(10_100);
  });
});

describe("of a call of Chat, the gateway", () => {
  test.each<[string, object]>([
    ["what opencode asks", { ...CHAT, max_tokens: 8_192, reasoning_effort: "medium", tools: [{ type: "function", function: { name: "bash" } }], tool_choice: "auto", stream_options: { include_usage: true } }],
    ["what tools answered", { ...CHAT, messages: [{ role: "assistant", content: "", tool_calls: [] }, { role: "tool", tool_call_id: "1", content: "ok" }] }],
    ["a picture in the call", chatted({ type: "text", text: "see" }, { type: "image_url", image_url: { url: "data:image/png;base64,AA" } })],
  ])("passes %s", (_name, body) => {
    expect(judge(openaiChat, body)).toBe("passes");
  }); // prettier-ignore

  test.each<[string, object]>([
    ["another model", { ...CHAT, model: `${MODEL}:online` }],
    ["models to fall back on", { ...CHAT, models: ["gpt-6-astra"] }],
    ["another host", { ...CHAT, provider: { order: ["evil"] } }],
    ["a plugin", { ...CHAT, plugins: [{ id: "web" }] }],
    ["a search of the web", { ...CHAT, web_search_options: {} }],
    ["several answers", { ...CHAT, n: 5 }],
    ["what would be stored", { ...CHAT, store: true }],
    ["a tool of the provider's", { ...CHAT, tools: [{ type: "openrouter:web_search" }] }],
    ["a picture by its address", chatted({ type: "image_url", image_url: { url: "https://evil.example" } })],
    ["a file", chatted({ type: "file", file: { file_id: "1" } })],
    ["a role that isn't known", { ...CHAT, messages: [{ role: "root", content: "hello" }] }],
  ])("refuses %s", (_name, body) => {
    expect(judge(openaiChat, body)).toMatch(/not_allowed$/);
  }); // prettier-ignore

  test("asks a stream for its figures, and bounds the output where the client doesn't", () => {
    const parsed = openaiChat.parse(Buffer.from(JSON.stringify({ ...CHAT, stream_options: { include_usage: false } })), ASKED);

    expect(parsed.ok && JSON.parse(String(parsed.value.body))).toMatchObject({
      stream_options: { include_usage: true },
      max_tokens: 8_000,
    });
  });
});

describe("a call in each format", () => {
  test.each(WIRE_IDS.flatMap((id) => ["", "[]", "null", '"text"', "{"].map((text) => [id, text] as const)))(
    "of %s that is %j is no call",
    (id, text) => {
      expect(WIRES[id].parse(Buffer.from(text), ASKED)).toMatchObject({ ok: false, error: { type: "invalid_request_error" } });
    },
  );
});

const sse = (...events: object[]): string => events.map((it) => `data: ${JSON.stringify(it)}\n\n`).join("");

/** 1,000 tokens in, of which 600 were cached and 100 cached now; 50 out, of which nobody reads 20. */
const USED = {
  ...NO_USAGE,
  inputTokens: 300,
  cacheReadTokens: 600,
  cacheWriteTokens: 100,
  outputTokens: 50,
  reasoningTokens: 20,
};
const OF_RESPONSES = { input_tokens: 1_000, input_tokens_details: { cached_tokens: 600, cache_write_tokens: 100 }, output_tokens: 50, output_tokens_details: { reasoning_tokens: 20 } }; // prettier-ignore
const OF_CHAT = { prompt_tokens: 1_000, prompt_tokens_details: { cached_tokens: 600, cache_write_tokens: 100 }, completion_tokens: 50, completion_tokens_details: { reasoning_tokens: 20 } }; // prettier-ignore
const WHOLE: readonly [string, Wire, string, object][] = [
  [
    "Responses",
    openaiResponses,
    sse(
      { type: "response.created", response: { usage: null } },
      { type: "response.output_text.delta", delta: "Grüße — ✅" },
      { type: "response.completed", response: { usage: OF_RESPONSES } },
    ),
    OF_RESPONSES,
  ],
  [
    "Chat",
    openaiChat,
    `${sse({ choices: [{ delta: { content: "Grüße — ✅" } }], usage: null }, { choices: [], usage: OF_CHAT })}data: [DONE]\n\n`,
    OF_CHAT,
  ],
];

function meter(wire: Wire, text: string, cuts: readonly number[] = []) {
  const bytes = Buffer.from(text);
  const its = makeSseMeter(wire.readStream(CALL));
  let from = 0;
  for (const cut of [...cuts.map((it) => it % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]) {
    its.read(bytes.subarray(from, cut));
    from = cut;
  }
  return { used: its.end(), failure: its.failure() };
}

describe.each(WHOLE)("the meter of %s", (_name, wire, stream, usage) => {
  test("counts a stream the same whatever way it is cut and its lines end", () => {
    assert(
      property(array(nat(), { maxLength: 60 }), constantFrom("\n", "\r\n", "\r"), (cuts, ending) => {
        expect(meter(wire, stream.replaceAll("\n", ending), cuts).used).toEqual({ usage: USED, estimated: false });
      }),
      { numRuns: 300 },
    );
  });

  test("counts an answer that is one document", () => {
    const its = makeJsonMeter(wire.usageOf);

    its.read(Buffer.from(JSON.stringify({ usage })));

    expect(its.end()).toEqual({ usage: USED, estimated: false });
  });

  test("never counts more of a cache than there is input", () => {
    const odd = JSON.parse(JSON.stringify(usage).replace("600", "5000")) as Record<string, unknown>;

    expect(wire.usageOf({ usage: odd })).toMatchObject({ inputTokens: 0, cacheReadTokens: 1_000, cacheWriteTokens: 0 });
  });

  test("knows nothing of a stream that was cut before it began, or of a document without figures", () => {
    expect([meter(wire, "").used, wire.usageOf({}), wire.usageOf({ usage: {} })]).toEqual([undefined, undefined, undefined]);
  });
});

describe("of a stream that was cut before its figures, the meter", () => {
  const cut = (outputTokens: number) => ({ usage: { ...NO_USAGE, inputTokens: 900, outputTokens }, estimated: true });

  test.each<[string, Wire, string, number]>([
    ["Responses by its text", openaiResponses, sse({ type: "response.output_text.delta", delta: "a".repeat(300) }), 100],
    ["Responses by a call's arguments", openaiResponses, sse({ type: "response.function_call_arguments.delta", delta: "a".repeat(30) }), 10],
    ["Responses with hidden reasoning", openaiResponses, sse({ type: "response.output_item.added", item: { type: "reasoning" } }), 500],
    ["Chat by its text", openaiChat, sse({ choices: [{ delta: { content: "a".repeat(300) } }] }), 100],
    ["Chat by a call's arguments", openaiChat, sse({ choices: [{ delta: { tool_calls: [{ function: { arguments: "a".repeat(30) } }] } }] }), 10],
    ["Chat with reasoning", openaiChat, sse({ choices: [{ delta: { reasoning: "hm" } }] }), 500],
  ])("estimates %s", (_name, wire, text, output) => {
    expect(meter(wire, text).used).toEqual(cut(output));
  }); // prettier-ignore

  test.each<[string, Wire, string, object]>([
    ["Responses", openaiResponses, sse({ type: "response.failed", response: { error: { code: "rate_limit_exceeded", message: "slow" } } }), { error: { type: "rate_limit_exceeded", code: "rate_limit_exceeded" } }],
    ["Responses in an event of its own", openaiResponses, sse({ type: "error", code: "server_error", message: "x" }), { error: { code: "server_error" } }],
    ["Chat", openaiChat, sse({ error: { type: "overloaded_error", message: "x" } }), { error: { type: "overloaded_error" } }],
  ])("tells the failure of %s", (_name, wire, text, failure) => {
    expect(meter(wire, text).failure).toMatchObject(failure);
  }); // prettier-ignore
});
