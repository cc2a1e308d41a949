import { describe, expect, test } from "vitest";
import { CALL, post, setUp } from "./kit/gateway.ts";
import { type Reply, sendError, sendStream } from "./kit/model.ts";

/** Refusals by turn, and a good answer after them. */
const first = (...refusals: readonly [status: number, type: string, headers?: Record<string, string>][]): Reply => {
  return (response, _seen, nth) => {
    const refusal = refusals[nth];
    return refusal === undefined ? sendStream(response, { text: "Done." }) : sendError(response, ...refusal);
  };
};
const always = (status: number, type: string, headers?: Record<string, string>): Reply => {
  return (response) => sendError(response, status, type, headers);
};

describe("of a refusal, the gateway", () => {
  test.each<[string, Reply, number]>([
    ["for too much haste", first([429, "rate_limit_error"]), 2],
    ["for an overload", first([529, "overloaded_error"]), 2],
    ["by a server that failed", first([500, "api_error"]), 2],
  ])("tries again by itself %s, so that the harness never hears of it", async (_name, reply, calls) => {
    await using set = await setUp(reply);

    expect([(await post(set, CALL)).status, set.model.seen.length]).toEqual([200, calls]);
    expect(set.gateway.facts()).toMatchObject({ modelCalls: 1, estimated: false, lastError: null });
  });

  test("waits as long as the provider says, and no longer than half a minute", async () => {
    await using short = await setUp(first([429, "rate_limit_error", { "retry-after": "2" }]));
    await using long = await setUp(first([429, "rate_limit_error", { "retry-after": "3600" }]));
    const started = performance.now();

    const answers = await Promise.all([post(short, CALL), post(long, CALL)]);

    expect(answers.map((it) => it.status)).toEqual([200, 429]);
    expect(performance.now() - started).toBeGreaterThan(1_990);
  });

  test("gives up after three tries", async () => {
    await using set = await setUp(always(529, "overloaded_error"));

    expect([(await post(set, CALL)).status, set.model.seen.length]).toEqual([529, 3]);
  }, 15_000);

  test.each<[string, Reply, number]>([
    ["a used up credit", always(402, "billing_error"), 402],
    ["an invalid key", always(401, "authentication_error"), 401],
    ["a used up window", always(429, "rate_limit_error", { "anthropic-ratelimit-unified-status": "rejected", "anthropic-ratelimit-unified-representative-claim": "five_hour", "anthropic-ratelimit-unified-5h-status": "rejected", "anthropic-ratelimit-unified-5h-utilization": "1.0" }), 429],
  ])("asks once about %s, however often the harness does", async (_name, reply, status) => {
    await using set = await setUp(reply);

    const answers = [await post(set, CALL), await post(set, CALL), await post(set, CALL)];

    expect(answers.map((it) => it.status)).toEqual([status, status, status]);
    expect(set.model.seen).toHaveLength(1);
  }); // prettier-ignore

  test("doesn't try again what the call itself brought about", async () => {
    await using set = await setUp(first([400, "invalid_request_error"]));

    expect([(await post(set, CALL)).status, (await post(set, CALL)).status]).toEqual([400, 200]);
  });

  test("tells a harness that repeats refusals of no passing one", async () => {
    await using set = await setUp(always(429, "rate_limit_error", { "retry-after": "3600" }), { repeatsRefusals: true });

    const answer = await post(set, CALL);

    expect(answer).toMatchObject({ status: 403, type: "provider_refused" });
    expect(answer.headers).not.toHaveProperty("retry-after");
    expect(set.gateway.facts()).toMatchObject({ lastError: { status: 429 }, observation: { signal: { kind: "throttle" } } });
  });

  test("stops waiting when the job stops", async () => {
    const stopping = new AbortController();
    await using set = await setUp(first([529, "overloaded_error"]), { stopping: stopping.signal });
    setTimeout(() => stopping.abort(), 100);
    const started = performance.now();

    const answer = await post(set, CALL);

    expect([answer.status, set.model.seen.length]).toEqual([529, 1]);
    expect(performance.now() - started).toBeLessThan(900);
  });
});
