import Anthropic from "@anthropic-ai/sdk";
import { afterEach, describe, expect, it } from "vitest";
import { startModel, type Model, type ModelOptions } from "#playground/model/model.ts";
import { parseScript, type Script } from "#playground/model/script.ts";
import { AUXILIARY_USAGE, sumOfUsage, usageOfTurn } from "#playground/model/usage.ts";

const SCRIPT: Script = [
  { say: "Looking." },
  { write: { path: "src/a.js", content: "const é = 1;\n" } },
  { run: "npm test" },
  { say: "All good." },
];
const TOOLS = ["Bash", "Write"].map((name) => ({ name, input_schema: { type: "object" as const } }));

let model: Model;
afterEach(() => model[Symbol.asyncDispose]());

async function start(options: Partial<ModelOptions> = {}): Promise<Anthropic> {
  model = await startModel({ script: SCRIPT, ...options });
  return new Anthropic({ apiKey: "good", baseURL: model.url, maxRetries: 0 });
}

/** A conversation that holds so many tool results. */
function talk(turn: number) {
  return {
    model: "claude-sonnet-5-5",
    max_tokens: 1000,
    tools: TOOLS,
    messages: [
      { role: "user" as const, content: "# Environment\n - Primary working directory: /repo\n - Platform: linux" },
      ...Array.from({ length: turn }, (_, index) => [
        { role: "assistant" as const, content: [{ type: "tool_use" as const, id: `t${index}`, name: "Bash", input: {} }] },
        { role: "user" as const, content: [{ type: "tool_result" as const, tool_use_id: `t${index}`, content: "ok" }] },
      ]).flat(),
    ],
  };
}

describe("scripted model", () => {
  it("plays one step a turn, the turn being the number of tool results", async () => {
    const client = await start();

    const answers = await Promise.all([0, 1, 2, 3].map((turn) => client.messages.create(talk(turn))));

    expect(answers.map((answer) => [answer.stop_reason, answer.content.map((block) => block.type)])).toEqual([
      ["tool_use", ["text", "tool_use"]],
      ["tool_use", ["tool_use"]],
      ["end_turn", ["text"]],
      ["end_turn", ["text"]],
    ]);
    expect(answers[0]?.content[1]).toMatchObject({
      name: "Write",
      input: { file_path: "/repo/src/a.js", content: "const é = 1;\n" },
    });
    expect(answers[1]?.content[0]).toMatchObject({ name: "Bash", input: { command: "npm test" } });
    expect(answers[2]?.content[0]).toMatchObject({ text: "All good." });
  });

  it("streams the same message that it answers without streaming, with the known usage", async () => {
    const client = await start();

    const whole = await client.messages.create(talk(1));
    const streamed = await client.messages.stream(talk(1)).finalMessage();

    expect(streamed.usage).toMatchObject({
      input_tokens: 1210,
      cache_creation_input_tokens: 400,
      cache_read_input_tokens: 9000,
      output_tokens: 175,
    });
    expect(streamed.usage).toMatchObject(whole.usage);
    expect(streamed.content[0]).toMatchObject({ type: "tool_use", input: { command: "npm test" } });
    expect(sumOfUsage(model.requests().flatMap((request) => request.usage ?? []))).toEqual(
      sumOfUsage([usageOfTurn(1), usageOfTurn(1)]),
    );
  });

  it("answers a request without tools with a short text and no turn", async () => {
    const client = await start();

    const { tools: _, ...bare } = talk(0);
    await client.messages.create(bare);

    expect(model.requests()[0]).toMatchObject({ turn: undefined, usage: AUXILIARY_USAGE, status: 200 });
  });

  it("refuses any other key as Anthropic does", async () => {
    const client = await start({ key: "real" });

    await expect(client.messages.create(talk(0))).rejects.toMatchObject({
      status: 401,
      error: { error: { type: "authentication_error" } },
    });
    expect(model.requests()[0]).toMatchObject({ key: "good", turn: 0, usage: undefined, status: 401 });
  });

  it("says what a request lacks instead of playing a step that cannot work", async () => {
    const client = await start();
    const blind = { ...talk(0), messages: [{ role: "user" as const, content: "hi" }] };

    await expect(client.messages.create({ ...talk(1), tools: TOOLS.slice(1) })).rejects.toThrow("one of the tools Bash");
    await expect(client.messages.create(blind)).rejects.toThrow("working directory");
  });

  it("meets a fault after N requests, so many times, for the keys it names", async () => {
    const client = await start({
      faults: [
        { effect: { kind: "status", status: 429, headers: { "retry-after": "3600" } }, after: 1, times: 1, keys: ["good"] },
      ],
    });
    const other = new Anthropic({ apiKey: "other", baseURL: model.url, maxRetries: 0 });

    await client.messages.create(talk(0));
    const refused = await client.messages.create(talk(0)).catch((error: unknown) => error);
    expect(refused).toMatchObject({ status: 429, error: { error: { type: "rate_limit_error" } } });
    expect((refused as InstanceType<typeof Anthropic.APIError>).headers?.get("retry-after")).toBe("3600");
    await other.messages.create(talk(0));
    await client.messages.create(talk(0));

    expect(model.requests().map((request) => request.status)).toEqual([200, 429, 200, 200]);
  });

  it("can cut a stream, put an error into one, and hang", async () => {
    const client = await start({
      faults: [
        { effect: { kind: "cut", afterEvents: 3 } },
        { effect: { kind: "errorEvent", afterEvents: 2, type: "overloaded_error", message: "Overloaded" }, after: 1 },
        { effect: { kind: "hang" }, after: 2 },
      ],
    });
    const attempt = (signal?: AbortSignal) => client.messages.stream(talk(1), { signal }).finalMessage();

    await expect(attempt()).rejects.toThrow();
    await expect(attempt()).rejects.toThrow("Overloaded");
    await expect(attempt(AbortSignal.timeout(100))).rejects.toThrow("aborted");
    expect(model.requests().map((request) => request.usage)).toEqual([undefined, undefined, undefined]);
  });

  it("may choose its script by model, so that a cheap one fails where a better one does not", async () => {
    const client = await start({ script: ({ model: name }) => (name.includes("haiku") ? [{ say: "I give up." }] : SCRIPT) });

    const cheap = await client.messages.create({ ...talk(0), model: "claude-haiku-5-5" });

    expect(cheap.content[0]).toMatchObject({ text: "I give up." });
  });

  it("serves the models and counts tokens", async () => {
    const client = await start();

    const models = await client.models.list();
    const count = await client.messages.countTokens({ model: "claude-sonnet-5-5", messages: talk(0).messages });

    expect(models.data.map((each) => each.id)).toContain("claude-haiku-5-5");
    expect(count.input_tokens).toBeGreaterThan(0);
  });

  it("says which step of a script is wrong", async () => {
    await start();

    expect(parseScript("[")).toMatchObject({ ok: false, error: expect.stringContaining("not JSON") });
    expect(parseScript('[{"run":"ls"},{"rum":"ls"}]')).toMatchObject({ ok: false, error: expect.stringContaining("at [1]") });
  });

  it.each<[string, Record<string, string>, number]>([
    ["a key as one", { "x-api-key": "good" }, 200],
    ["a key as a bearer's", { authorization: "Bearer good" }, 200],
    [
      "a token as a bearer's that says so",
      { authorization: "Bearer sk-ant-oat01-good", "anthropic-beta": "a,oauth-2025-04-20" },
      200,
    ],
    ["a token as a bearer's that doesn't say so", { authorization: "Bearer sk-ant-oat01-good", "anthropic-beta": "a" }, 401],
    ["a token as a key", { "x-api-key": "sk-ant-oat01-good", "anthropic-beta": "oauth-2025-04-20" }, 401],
  ])("is shown %s", async (_name, headers, status) => {
    await start({ key: ["good", "sk-ant-oat01-good"] });

    const answer = await fetch(`${model.url}/v1/messages`, { method: "POST", headers, body: JSON.stringify(talk(0)) });

    expect(answer.status).toBe(status);
  });
});
