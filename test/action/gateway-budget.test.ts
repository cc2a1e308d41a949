import { setTimeout as sleep } from "node:timers/promises";
import { request } from "undici";
import { describe, expect, test } from "vitest";
import { NO_USAGE } from "#core/wire/contract.ts";
import { CALL, DUMMY, post, setUp } from "./kit/gateway.ts";
import { type Reply, sendError, sendStream, toEvents } from "./kit/model.ts";

const stream: Reply = (response) => sendStream(response, { text: "Done." });

describe("of the budget, the gateway", () => {
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

  test("reserves a picture at the most it can cost, wherever it stands and however few its bytes", async () => {
    // 4,784 tokens written to the cache at $3.75 a million are 17,940 micro-dollars; the rest of the call is under 2,000.
    const budgetMicroUsd = 20_000;
    const data = "A".repeat(1_000);
    const picture = { type: "image", source: { type: "base64", media_type: "image/png", data } };
    const inside = [{ type: "tool_result", tool_use_id: "t", content: [picture, picture] }];
    await using set = await setUp(stream, { budgetMicroUsd });
    await using other = await setUp(stream, { budgetMicroUsd });
    const one = await post(set, { ...CALL, messages: [{ role: "user", content: [picture] }] });
    const two = await post(other, { ...CALL, messages: [{ role: "user", content: inside }] });
    expect([one.status, two.type]).toEqual([200, "budget_exhausted"]);
  });

  test("reserves what an hour in the cache costs, only for a call that asks for it", async () => {
    // 30,000 bytes are 10,000 tokens: 37,500 micro-dollars for five minutes in the cache, 60,000 for an hour.
    const asking = (ttl: object) => ({
      ...CALL,
      system: [{ type: "text", text: 'x"ttl":"1h"'.repeat(2_000), cache_control: { type: "ephemeral", ...ttl } }],
    });
    await using set = await setUp(stream, { budgetMicroUsd: 50_000 });
    const statuses = [(await post(set, asking({ ttl: "1h" }))).status, (await post(set, asking({}))).status];
    expect(statuses).toEqual([403, 200]);
  });

  test("frees what a refused call had reserved", async () => {
    await using set = await setUp(
      (response, _seen, nth) =>
        nth === 0 ? sendError(response, 400, "invalid_request_error") : sendStream(response, { text: "Done." }),
      { budgetMicroUsd: 2_500 },
    );
    const statuses = [(await post(set, CALL)).status, (await post(set, CALL)).status];
    expect(statuses).toEqual([400, 200]);
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

  // As reserved: a third of the body's bytes, written to the cache, and all the output asked for.
  const reserved = {
    inputTokens: 0,
    cacheWriteTokens: Math.ceil(JSON.stringify(CALL).length / 3),
    outputTokens: CALL.max_tokens,
  };

  test("charges all that was reserved when the provider drops a call it had", async () => {
    await using set = await setUp((response) => void response.destroy());
    expect((await post(set, CALL)).status).toBe(502);
    expect(set.gateway.facts()).toMatchObject({ estimated: true, usage: reserved });
  });

  test("charges all that was reserved when the client leaves before the answer begins", async () => {
    await using set = await setUp(() => {});
    const aborter = new AbortController();
    const left = request(`http://${set.gateway.address}/v1/messages`, {
      method: "POST",
      headers: { "x-api-key": DUMMY },
      body: JSON.stringify(CALL),
      signal: aborter.signal,
    }).catch(() => {});
    await expect.poll(() => set.model.seen.length).toBe(1);
    aborter.abort();
    await left;
    await expect.poll(() => set.gateway.facts()).toMatchObject({ estimated: true, usage: reserved });
  });

  test("charges all that was reserved for an answer without figures", async () => {
    await using set = await setUp(
      (response) => void response.writeHead(200, { "content-type": "application/json" }).end('{"type":"message"}'),
    );
    expect((await post(set, CALL)).status).toBe(200);
    expect(set.gateway.facts()).toMatchObject({ estimated: true, usage: reserved });
  });

  test("charges nothing for a provider that can't be reached", async () => {
    await using set = await setUp(stream, { upstream: new URL("http://127.0.0.1:9") });
    expect((await post(set, CALL)).status).toBe(502);
    expect(set.gateway.facts()).toMatchObject({
      estimated: false,
      usage: NO_USAGE,
      lastError: { type: "connection_failed", message: "no answer from the provider (ECONNREFUSED)" },
    });
  });
});
