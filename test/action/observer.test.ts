import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { Observation } from "#core/wire/observation.ts";
import { makeObserver, type Observer } from "../../action/src/gateway/observer.ts";
import { CALL, MODEL, post, setUp } from "./kit/gateway.ts";
import { sendStream, toEvents } from "./kit/model.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const WALL = Date.UTC(2026, 10, 25, 12);

const seat = (of: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(of).map(([name, value]) => [`anthropic-ratelimit-unified-${name}`, value]));
const FIVE_HOURS = seat({ status: "allowed", "5h-utilization": "0.4", "5h-reset": String((WALL + HOUR) / SECOND) });
const WEEK = seat({ status: "allowed", "7d-utilization": "0.2" });
const REJECTED = { ...FIVE_HOURS, ...seat({ status: "rejected", "5h-status": "rejected", "5h-utilization": "1", "representative-claim": "five_hour" }) }; // prettier-ignore
const KEY = { "anthropic-organization-id": "org-1", "anthropic-ratelimit-input-tokens-limit": "1000", "anthropic-ratelimit-input-tokens-remaining": "250" }; // prettier-ignore

/** An observer and the clock it goes by. */
function observing(): { observer: Observer; pass: (ms: number) => void } {
  let ms = 0;
  const observer = makeObserver(MODEL, { monotonic: () => 5_000 + ms, wall: () => WALL + ms });
  return { observer, pass: (by) => void (ms += by) };
}

const event = (windows: object): Record<string, unknown> => ({
  type: "rate_limit_event",
  rate_limit_info: { status: "rejected", rateLimitType: "seven_day", unifiedWindows: windows },
});

describe("what a job has seen of limits", () => {
  test("is nothing before the first answer, and the credential's good health after one without headers", () => {
    const { observer } = observing();

    expect(observer.observation()).toBeNull();
    observer.saw({ status: 200, headers: {}, body: "" });
    expect(observer.observation()).toEqual({ readings: [], signal: null, upstream: null, ageMs: 0 });
  });

  test("is of each window the last word, as of one moment", () => {
    const { observer, pass } = observing();

    observer.saw({ status: 200, headers: FIVE_HOURS, body: "" });
    pass(MINUTE);
    observer.saw({ status: 200, headers: WEEK, body: "" });
    pass(10 * SECOND);
    observer.saw({ status: 429, headers: { "retry-after": "30" }, body: "" });
    pass(SECOND);

    const seen = Observation.parse(observer.observation());
    expect(seen).toMatchObject({
      readings: [{ window: "five-hour", share: 0.4, resetsInMs: HOUR }, { window: "week", share: 0.2, resetsInMs: null }],
      // From the moment of the first reading: 70 s later it was told to wait for 30.
      signal: { kind: "throttle", retryAfterMs: 100 * SECOND }, ageMs: 71 * SECOND,
    }); // prettier-ignore
  });

  test("leaves out what later answers have long stopped telling of", () => {
    const { observer, pass } = observing();

    observer.saw({ status: 200, headers: FIVE_HOURS, body: "" });
    pass(6 * MINUTE);
    observer.saw({ status: 200, headers: WEEK, body: "" });

    expect(observer.observation()).toMatchObject({ readings: [{ window: "week" }], ageMs: 0 });
  });

  test("keeps its age while the job verifies", () => {
    const { observer, pass } = observing();

    observer.saw({ status: 429, headers: REJECTED, body: "" });
    pass(20 * MINUTE);

    expect(observer.observation()).toMatchObject({
      readings: [{ window: "five-hour", rejected: true, resetsInMs: HOUR }],
      signal: { kind: "quota", window: "five-hour", resetsInMs: HOUR },
      ageMs: 20 * MINUTE,
    });
  });

  test("forgets a refusal when an answer is good again", () => {
    const { observer } = observing();

    observer.saw({ status: 429, headers: REJECTED, body: "" });
    observer.saw({ status: 200, headers: FIVE_HOURS, body: "" });

    expect(observer.observation()).toMatchObject({ readings: [{ share: 0.4, rejected: false }], signal: null });
  });

  test("names the organisation of a key, and never that of a seat", () => {
    const [key, team] = [observing().observer, observing().observer];

    key.saw({ status: 200, headers: KEY, body: "" });
    key.saw({ status: 529, headers: {}, body: "" });
    team.saw({ status: 200, headers: KEY, body: "" });
    team.saw({ status: 200, headers: { ...KEY, ...WEEK }, body: "" });

    expect([key, team].map((it) => it.observation()?.upstream)).toEqual(["org-1", null]);
  });

  test("takes from a harness's stream only what no answer told, and never a refusal", () => {
    const { observer } = observing();
    observer.saw({ status: 200, headers: FIVE_HOURS, body: "" });

    observer.heard(
      event({ five_hour: { utilization: 1, status: "rejected" }, seven_day: { utilization: 0.7, status: "rejected" } }),
    );

    expect(observer.observation()).toMatchObject({
      readings: [{ window: "five-hour", share: 0.4 }, { window: "week", share: 0.7, rejected: false }], signal: null,
    }); // prettier-ignore
  });

  test("takes nothing of a stream where answers are those to a key, or there was none", () => {
    const { observer } = observing();
    const forged = event({ five_hour: { utilization: 1, status: "rejected" } });

    observer.heard(forged);
    expect(observer.observation()).toBeNull();
    observer.saw({ status: 200, headers: KEY, body: "" });
    observer.heard(forged);

    expect(observer.observation()?.readings.map((it) => it.window)).toEqual(["tokens-minute"]);
  });
});

describe("the gateway", () => {
  test("knows what an answer's headers tell while it still streams", async () => {
    let finish: (() => void) | undefined;
    await using set = await setUp((response) => {
      response.writeHead(200, { "content-type": "text/event-stream", ...FIVE_HOURS });
      const [first = "", ...rest] = toEvents({ text: "slow" });
      response.write(first);
      finish = () => response.end(rest.join(""));
    });

    const answer = post(set, { ...CALL, stream: true });
    await expect.poll(() => set.gateway.facts().observation).toMatchObject({ readings: [{ share: 0.4 }], signal: null });
    finish?.();

    expect((await answer).status).toBe(200);
  });

  test("reads a refusal by its headers and body, and hands it on as it came", async () => {
    const body = JSON.stringify({ type: "error", error: { type: "invalid_request_error", message: "Your credit balance is too low." } }); // prettier-ignore
    await using set = await setUp((response) => void response.writeHead(400, { "content-type": "application/json" }).end(body));

    const { text } = await post(set, CALL);

    expect(text).toBe(body);
    expect(set.gateway.facts().observation).toMatchObject({ readings: [], signal: { kind: "billing" } });
  });

  test("hears of an overload that breaks off a stream", async () => {
    await using set = await setUp((response) => {
      response.writeHead(200, { "content-type": "text/event-stream", ...FIVE_HOURS });
      const overloaded = JSON.stringify({ type: "error", error: { type: "overloaded_error", message: "Overloaded" } });
      response.end(`${toEvents({ text: "no" }).slice(0, 2).join("")}event: error\ndata: ${overloaded}\n\n`);
    });

    await post(set, { ...CALL, stream: true });

    expect(set.gateway.facts().observation).toMatchObject({ readings: [{ share: 0.4 }], signal: { kind: "overload" } });
  });

  test("takes neither its own refusals nor counting for the provider's word", async () => {
    await using set = await setUp((response, { path }) =>
      path.includes("count_tokens") ? void response.writeHead(429, REJECTED).end("{}") : sendStream(response, { text: "Done." }),
    );

    await post(set, CALL, undefined, "/v1/messages/count_tokens");
    await post(set, { ...CALL, model: "claude-other" });
    const before = set.gateway.facts().observation;
    await post(set, CALL);
    set.gateway.setOpen(false);
    await post(set, CALL);

    expect([before, set.gateway.facts().observation?.signal]).toEqual([null, null]);
  });

  test("reads no more of an endless refusal than its beginning", async () => {
    await using set = await setUp(async (response) => {
      response.writeHead(403, { "content-type": "text/html" });
      for (let i = 0; i < 40 && !response.destroyed; i += 1) {
        response.write("x".repeat(64 * 1024));
        await sleep(1);
      }
      response.end();
    });

    const { text } = await post(set, CALL);

    expect(text).toHaveLength(64 * 1024);
    expect(set.gateway.facts()).toMatchObject({ observation: { signal: { kind: "unknown" } }, lastError: { status: 403 } });
  });

  test("tells usage and calls that only ever grow", async () => {
    await using set = await setUp((response, _seen, nth) => {
      if (nth % 3 === 1) response.writeHead(400).end("{}");
      else if (nth % 3 === 2) response.destroy();
      else sendStream(response, { text: "Done." });
    });
    const seen: number[][] = [];
    for (let i = 0; i < 6; i += 1) {
      await post(set, CALL);
      const { usage, modelCalls } = set.gateway.facts();
      seen.push([modelCalls, ...Object.values(usage)]);
    }

    for (const [i, now] of seen.entries()) expect(now.every((it, kind) => it >= (seen[i - 1]?.[kind] ?? 0))).toBe(true);
    expect(seen.at(-1)?.[0]).toBe(6);
  });
});
