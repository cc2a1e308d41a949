import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import Anthropic from "@anthropic-ai/sdk";
import { request } from "undici";
import { describe, expect, test } from "vitest";
import { CALL, DUMMY, KEY, MODEL, post, setUp } from "./kit/gateway.ts";
import { type Reply, sendError, sendStream, toEvents } from "./kit/model.ts";

const stream: Reply = (response) => sendStream(response, { text: "Done." });

describe("the gateway", () => {
  test("gives the provider the real key in the header the client used, and the client nothing of it", async () => {
    await using set = await setUp(stream);

    const byKey = await post(set, { ...CALL, stream: true });
    const byBearer = await post(
      set,
      { ...CALL, stream: true },
      { authorization: `Bearer ${DUMMY}`, "x-api-key": "something else" },
    );

    expect([byKey.status, byBearer.status]).toEqual([200, 200]);
    expect(set.model.seen.map(({ headers }) => [headers["x-api-key"], headers.authorization])).toEqual([[KEY, undefined], [undefined, `Bearer ${KEY}`]]); // prettier-ignore
    expect(JSON.stringify([byKey, byBearer])).not.toContain(KEY);
    expect(set.gateway.facts()).toMatchObject({
      modelCalls: 2,
      estimated: false,
      usage: { inputTokens: 200, outputTokens: 84, cacheReadTokens: 20, cacheWriteTokens: 10 },
    });
  });

  test("answers the official SDK, which presents the dummy as a bearer token", async () => {
    await using set = await setUp(stream);
    const client = new Anthropic({ apiKey: DUMMY, baseURL: `http://${set.gateway.address}`, maxRetries: 0 });

    const message = await client.messages.stream({ ...CALL, messages: [{ role: "user", content: "hello" }] }).finalMessage();

    expect(message.content).toMatchObject([{ type: "text", text: "Done." }]);
    expect(set.model.seen[0]?.headers.authorization ?? set.model.seen[0]?.headers["x-api-key"]).toContain(KEY);
  });

  test.each([
    ["no key", {}, 401, "authentication_error"],
    ["another key", { "x-api-key": "sk-ant-api03-guess" }, 401, "authentication_error"],
    ["the real key", { "x-api-key": KEY }, 401, "authentication_error"],
  ])("refuses a client that presents %s", async (_name, headers, status, type) => {
    await using set = await setUp(stream);

    const answer = await post(set, CALL, headers);

    expect(answer).toMatchObject({ status, type });
    expect(set.model.seen).toEqual([]);
  });

  const image = (source: object): object => ({ role: "user", content: [{ type: "image", source }] });
  test.each([
    ["another model", { model: "claude-opus-5-5" }, "model_not_allowed"],
    ["a web search by the provider", { tools: [{ type: "web_search_20250305", name: "web_search" }] }, "not_allowed"],
    ["code execution by the provider", { tools: [{ type: "code_execution_20250825", name: "code_execution" }] }, "not_allowed"],
    ["remote MCP servers", { mcp_servers: [{ type: "url", url: "https://evil.example", name: "x" }] }, "not_allowed"],
    ["a container", { container: "container_1" }, "not_allowed"],
    ["a dearer speed", { speed: "fast" }, "not_allowed"],
    ["a picture by address", { messages: [image({ type: "url", url: "https://evil.example/?data" })] }, "not_allowed"],
    [
      "a file id beside a source",
      { messages: [{ role: "user", content: [{ type: "document", file_id: "file_1" }] }] },
      "not_allowed",
    ],
    ["a file id", { messages: [image({ type: "file", file_id: "file_1" })] }, "not_allowed"],
    [
      "a picture by address inside a tool's result",
      {
        messages: [
          {
            role: "user",
            content: [
              {
                type: "tool_result",
                tool_use_id: "t",
                content: [{ type: "document", source: { type: "url", url: "https://evil.example" } }],
              },
            ],
          },
        ],
      },
      "not_allowed",
    ],
  ])("refuses %s", async (_name, change, type) => {
    await using set = await setUp(stream);

    const answer = await post(set, { ...CALL, ...change });

    expect(answer).toMatchObject({ status: 403, type, headers: { "x-should-retry": "false" } });
    expect(set.model.seen).toEqual([]);
  });

  test("lets a tool's own input look like anything", async () => {
    await using set = await setUp(stream);
    const content = [
      { type: "tool_use", id: "t", name: "Write", input: { source: { type: "url" }, file_id: "x", type: "container" } },
    ];

    const answer = await post(set, { ...CALL, messages: [{ role: "assistant", content }] });

    expect(answer.status).toBe(200);
  });

  test("sends what it checked when a body names the model twice", async () => {
    await using set = await setUp(stream);
    const raw = `{"model":"claude-opus-5-5",${JSON.stringify(CALL).slice(1)}`;

    await request(`http://${set.gateway.address}/v1/messages`, {
      method: "POST",
      headers: { "x-api-key": DUMMY },
      body: raw,
    }).then((it) => it.body.dump());

    expect(set.model.seen[0]?.body["model"]).toBe(MODEL);
    expect(set.model.seen[0]?.raw).not.toContain("claude-opus-5-5");
  });

  test.each([["/v1/messages/batches"], ["/v1/files"], ["/v1/organizations/api_keys"], ["//v1/messages"]])(
    "has no route %s",
    async (path) => {
      await using set = await setUp(stream);

      expect((await post(set, CALL, undefined, path)).status).toBe(404);
      expect(set.model.seen).toEqual([]);
    },
  );

  test("refuses a call whose worst case the budget doesn't cover, before it is made", async () => {
    // 100 output tokens at $15 a million are 1,500 micro-dollars, and the input's estimate comes on top.
    await using set = await setUp(stream, { budgetMicroUsd: 1_500 });

    const answer = await post(set, CALL);

    expect(answer).toMatchObject({ status: 403, type: "budget_exhausted", headers: { "x-should-retry": "false" } });
    expect(set.gateway.facts()).toMatchObject({ modelCalls: 0, refusedForBudget: true });
  });

  test("reserves calls in flight, so that parallel ones can't overshoot together", async () => {
    await using set = await setUp(async (response) => {
      await sleep(200);
      sendStream(response, { text: "Done." });
    }, { budgetMicroUsd: 2_500 }); // prettier-ignore

    const answers = await Promise.all([post(set, CALL), post(set, CALL), post(set, CALL)]);

    expect(answers.map((it) => it.status).toSorted((a, b) => a - b)).toEqual([200, 403, 403]);
  });

  test("frees what a refused call had reserved", async () => {
    await using set = await setUp(
      (response, _seen, nth) =>
        nth === 0 ? sendError(response, 529, "overloaded_error") : sendStream(response, { text: "Done." }),
      { budgetMicroUsd: 2_500 },
    );

    const statuses = [(await post(set, CALL)).status, (await post(set, CALL)).status];

    expect(statuses).toEqual([529, 200]);
  });

  test("refuses every call after the lease's deadline", async () => {
    await using set = await setUp(stream, { deadline: performance.now() - 1 });

    expect(await post(set, CALL)).toMatchObject({ status: 403, type: "deadline_passed" });
    expect(set.gateway.facts().refusedForTime).toBe(true);
  });

  test("lets no call through while it is closed, but says that it is there", async () => {
    await using set = await setUp(stream);
    set.gateway.setOpen(false);

    expect((await post(set, CALL)).type).toBe("not_open");
    expect((await request(`http://${set.gateway.address}/healthz`)).statusCode).toBe(200);
  });

  test("tells the client not to retry, bounds its wait and remembers what the provider said", async () => {
    await using set = await setUp((response) => sendError(response, 429, "rate_limit_error", { "retry-after": "3600" }));

    const answer = await post(set, CALL);

    expect(answer).toMatchObject({ status: 429, headers: { "x-should-retry": "false", "retry-after": "60" } });
    expect(set.gateway.facts()).toMatchObject({
      lastError: { status: 429, type: "rate_limit_error" },
      usage: { inputTokens: 0 },
    });
  });

  test("passes a stream on as it comes", async () => {
    await using set = await setUp(async (response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      for (const event of toEvents({ text: "slow" })) {
        response.write(event);
        await sleep(60);
      }
      response.end();
    });
    const answer = await request(`http://${set.gateway.address}/v1/messages`, {
      method: "POST",
      headers: { "x-api-key": DUMMY },
      body: JSON.stringify(CALL),
    });

    const arrivals: number[] = [];
    for await (const _chunk of answer.body) arrivals.push(performance.now());

    expect(arrivals.length).toBeGreaterThanOrEqual(5);
    expect((arrivals.at(-1) ?? 0) - (arrivals[0] ?? 0)).toBeGreaterThan(200);
  });

  test("ends the provider's call when the client goes away, and charges an estimate", async () => {
    await using set = await setUp((response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(
        toEvents({ text: "a".repeat(300) })
          .slice(0, 3)
          .join(""),
      );
    });
    const aborter = new AbortController();
    const answer = await request(`http://${set.gateway.address}/v1/messages`, {
      method: "POST",
      headers: { "x-api-key": DUMMY },
      body: JSON.stringify(CALL),
      signal: aborter.signal,
    });
    answer.body.once("error", () => {});
    await new Promise((resolve) => answer.body.once("data", resolve));

    aborter.abort();

    await expect.poll(() => set.model.seen[0]?.aborted).toBe(true);
    await expect
      .poll(() => set.gateway.facts())
      .toMatchObject({ estimated: true, usage: { inputTokens: 100, outputTokens: 100 } });
  });

  test("charges nothing for a provider that can't be reached", async () => {
    await using set = await setUp(stream, { upstream: new URL("http://127.0.0.1:9") });

    expect((await post(set, CALL)).status).toBe(502);
    expect(set.gateway.facts().usage.inputTokens).toBe(0);
  });

  test("answers 426 to an upgrade", async () => {
    await using set = await setUp(stream);
    const [host = "", port = ""] = set.gateway.address.split(":");

    const line = await new Promise<string>((resolve) => {
      const socket = connect(Number(port), host, () =>
        socket.write("GET /v1/messages HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
      );
      socket.once("data", (data) => resolve(data.toString("latin1").split("\r\n", 1)[0] ?? ""));
    });

    expect(line).toBe("HTTP/1.1 426 Upgrade Required");
  });
});
