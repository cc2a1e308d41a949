import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import Anthropic from "@anthropic-ai/sdk";
import { request } from "undici";
import { describe, expect, test } from "vitest";
import { CALL, DUMMY, KEY, post, setUp } from "./kit/gateway.ts";
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

  test("has at most 512 calls under way, and tells the next one to come again", async () => {
    const waiting: (() => void)[] = [];
    await using set = await setUp((response) => void waiting.push(() => sendStream(response, { text: "Done." })));
    const first = Array.from({ length: 512 }, () => post(set, CALL));
    await expect.poll(() => waiting.length, { timeout: 30_000 }).toBe(512);
    const refused = await post(set, CALL);
    for (const go of waiting.splice(0)) go();
    const statuses = (await Promise.all(first)).map((it) => it.status);
    const later = post(set, CALL);
    await expect.poll(() => waiting.length).toBe(1);
    waiting[0]?.();
    expect(refused).toMatchObject({
      status: 429,
      type: "rate_limit_error",
      headers: { "retry-after": "1", "x-should-retry": "true" },
    });
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect((await later).status).toBe(200);
    expect(set.gateway.facts()).toMatchObject({ modelCalls: 513, lastError: null });
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

  test("is closed for good by a stop, whoever opens it", async () => {
    const stopping = new AbortController();
    await using set = await setUp(stream, { stopping: stopping.signal });
    const before = await post(set, CALL);
    stopping.abort();
    set.gateway.setOpen(true);
    expect([before.status, (await post(set, CALL)).type]).toEqual([200, "not_open"]);
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
