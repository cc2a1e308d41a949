import { request } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { startModel, type Model, type ModelOptions } from "#playground/model/model.ts";
import type { Script } from "#playground/model/script.ts";
import { usageOfTurn } from "#playground/model/usage.ts";
import { observeAnswer } from "#core/wire/observe.ts";
import { EpochMs, HOUR_MS } from "#core/wire/units.ts";
import { ask, eventsIn, FORMATS } from "./model-kit.ts";

const SCRIPT: Script = [{ say: "Looking." }, { write: { path: "a.js", content: "é".repeat(900) } }, { run: "npm test" }];
const { responses, chat } = FORMATS;
/** Of turn 1, as both formats tell it: all input, its cached part, all output, its reasoned part. */
const { inputTokens, cacheReadTokens, cacheWriteTokens, outputTokens, reasoningTokens } = usageOfTurn(1);
const INPUT = inputTokens + cacheReadTokens + cacheWriteTokens;

let model: Model;
afterEach(() => model[Symbol.asyncDispose]());

async function start(options: Partial<ModelOptions> = {}): Promise<void> {
  model = await startModel({ script: SCRIPT, key: "good", ...options });
}

describe("the scripted model over Responses", () => {
  it("streams what it answers without streaming, piece by piece", async () => {
    await start();

    const whole = (await (await ask(model, responses)).json()) as { output: [object, { arguments: string }] };
    const events = eventsIn(await (await ask(model, responses, { stream: true })).text());
    const deltas = events.filter(({ type }) => type === "response.function_call_arguments.delta");

    expect(whole.output).toMatchObject([
      { type: "message", content: [{ type: "output_text", text: "Looking." }] },
      { type: "function_call", name: "write" },
    ]);
    expect(JSON.parse(whole.output[1].arguments)).toEqual({ filePath: "/repo/a.js", content: "é".repeat(900) });
    expect(deltas.length).toBeGreaterThan(1);
    expect(deltas.map(({ delta }) => delta).join("")).toBe(whole.output[1].arguments);
    expect(events.map((event) => event["sequence_number"])).toEqual([...events.keys()]);
    expect(events.at(-1)).toMatchObject({ type: "response.completed", response: { status: "completed", usage: { total_tokens: 10_350 } } }); // prettier-ignore
  });

  it("tells the known usage", async () => {
    await start();

    expect(await (await ask(model, responses, { turn: 1 })).json()).toMatchObject({
      usage: {
        input_tokens: INPUT,
        input_tokens_details: { cached_tokens: cacheReadTokens, cache_write_tokens: cacheWriteTokens },
        output_tokens: outputTokens,
        output_tokens_details: { reasoning_tokens: reasoningTokens },
        total_tokens: INPUT + outputTokens,
      },
    });
    expect(model.requests()[0]?.usage).toEqual(usageOfTurn(1));
  });

  it("sends a WebSocket away, so that a client speaks HTTP at once", async () => {
    await start();
    const headers = { authorization: "Bearer good", connection: "Upgrade", upgrade: "websocket" };

    const { promise, resolve } = Promise.withResolvers<number | undefined>();
    request(`${model.url}/v1/responses`, { headers }, (answer) => resolve(answer.resume().statusCode)).end();

    expect(await promise).toBe(426);
  });
});

describe("the scripted model over Chat Completions", () => {
  it("streams what it answers without streaming, and its usage to who asks for it", async () => {
    await start();
    const stream = async (more: object) => {
      const text = await (await ask(model, chat, { stream: true, ...more })).text();
      expect(text.endsWith("data: [DONE]\n\n")).toBe(true);
      return eventsIn(text);
    };

    const whole = (await (await ask(model, chat)).json()) as {
      choices: [{ message: { content: string; tool_calls: [{ function: { arguments: string } }] } }];
      usage: object;
    };
    const [told, untold] = [await stream({ stream_options: { include_usage: true } }), await stream({})];
    const deltas = told.flatMap((chunk) => chunk["choices"] as { delta: { content?: string; tool_calls?: [{ function: { arguments: string } }] } }[]); // prettier-ignore

    const { message } = whole.choices[0];
    expect(whole.choices[0]).toMatchObject({ finish_reason: "tool_calls", message: { tool_calls: [{ function: { name: "write" } }] } }); // prettier-ignore
    expect(deltas.map(({ delta }) => delta.content ?? "").join("")).toBe(message.content);
    expect(deltas.map(({ delta }) => delta.tool_calls?.[0].function.arguments ?? "").join("")).toBe(message.tool_calls[0].function.arguments); // prettier-ignore
    expect(told.at(-1)).toMatchObject({ choices: [], usage: whole.usage });
    expect(untold.some((chunk) => "usage" in chunk)).toBe(false);
  });

  it("tells the known usage", async () => {
    await start();

    expect(await (await ask(model, chat, { turn: 1 })).json()).toMatchObject({
      usage: {
        prompt_tokens: INPUT,
        prompt_tokens_details: { cached_tokens: cacheReadTokens, cache_write_tokens: cacheWriteTokens },
        completion_tokens: outputTokens,
        completion_tokens_details: { reasoning_tokens: reasoningTokens },
        total_tokens: INPUT + outputTokens,
      },
    });
    expect(model.requests()[0]?.usage).toEqual(usageOfTurn(1));
  });
});

describe.each(Object.entries({ responses, chat }))("the scripted model's answers in OpenAI's %s format", (_name, format) => {
  it.each([
    [400, "invalid_request_error", null],
    [401, "invalid_request_error", "invalid_api_key"],
    [429, "rate_limit_error", "rate_limit_exceeded"],
    [500, "server_error", null],
    [502, "server_error", null],
    [503, "service_unavailable_error", "server_is_overloaded"],
  ])("have a %i's own body", async (status, type, code) => {
    await start({ faults: [{ effect: { kind: "status", status, message: "said" } }] });

    const answer = await ask(model, format);

    expect([answer.status, await answer.json()]).toEqual([status, { error: { message: "said", type, code, param: null } }]);
  });

  it("refuse a wrong key, and tell it no limits", async () => {
    await start();

    const answer = await ask(model, format, { key: "wrong" });

    expect([answer.status, await answer.json()]).toMatchObject([401, { error: { code: "invalid_api_key" } }]);
    expect([...answer.headers.keys()].filter((name) => /limit|codex|organization/.test(name))).toEqual([]);
  });

  it("tell an API key its tokens a minute", async () => {
    await start();
    model.setLimits("good", { organization: "org-1", inputTokensAMinute: 80_000 });

    const { headers } = await ask(model, format);

    const names = ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "openai-organization"];
    expect(names.map((name) => headers.get(name))).toEqual(["80000", "78000", "org-1"]);
  });

  it("tell a seat its windows, and refuse it when one is used up", async () => {
    await start();
    const resetsAt = Date.now() + 2 * HOUR_MS;
    model.setLimits("good", { seat: { fiveHour: { share: 0.9, resetsAt }, week: { share: 0.415 } }, goodCalls: 1 });
    const observed = async () => {
      const answer = await ask(model, format);
      const { status, headers } = answer;
      const now = EpochMs(Date.now());
      return observeAnswer({ status, headers: Object.fromEntries(headers), body: await answer.text(), model: "m", now });
    };

    const [good, refused] = [await observed(), await observed()];

    const within = expect.toSatisfy((ms: number) => Math.abs(ms - 2 * HOUR_MS) < 5_000) as number;
    expect(good.readings).toMatchObject([
      { window: "five-hour", share: 0.9, resetsInMs: within, rejected: false },
      { window: "week", share: 0.415 },
    ]);
    expect(refused).toMatchObject({
      signal: { kind: "quota", window: "five-hour", resetsInMs: within },
      readings: [{ window: "five-hour", share: 1, rejected: true }, {}],
    });
  });
});

describe("the scripted model's list of models", () => {
  it.each([
    ["OpenAI's to a client of OpenAI's", {}, { object: "list" }],
    ["Anthropic's to a client of Anthropic's", { "anthropic-version": "2023-06-01" }, { has_more: false }],
  ])("is %s", async (_name, headers, body) => {
    await start();

    const answer = await fetch(`${model.url}/v1/models`, { headers: { authorization: "Bearer good", ...headers } });

    expect(await answer.json()).toMatchObject(body);
  });
});
