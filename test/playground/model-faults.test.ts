import { afterEach, describe, expect, it } from "vitest";
import type { FaultEffect } from "#playground/model/faults.ts";
import { startModel, type Model } from "#playground/model/model.ts";
import { usageOfTurn } from "#playground/model/usage.ts";
import { ask, eventsIn, FORMATS } from "./model-kit.ts";

let model: Model;
afterEach(() => model[Symbol.asyncDispose]());

async function start(effect: FaultEffect, more: object = {}): Promise<void> {
  model = await startModel({ script: [{ run: "npm test" }], faults: [{ effect, ...more }] });
}

/** A stream as far as it came, and whether it came to its end. */
async function readStream(answer: Response): Promise<{ readonly text: string; readonly ended: boolean }> {
  let text = "";
  try {
    const body = answer.body as ReadableStream<Uint8Array>;
    for await (const chunk of body.pipeThrough(new TextDecoderStream())) text += chunk;
    return { text, ended: true };
  } catch {
    return { text, ended: false };
  }
}

describe.each(Object.entries(FORMATS))("a fault of the scripted model, over %s,", (name, format) => {
  it("is a status with headers and a body of its own", async () => {
    await start({
      kind: "status",
      status: 429,
      headers: { "retry-after": "7" },
      body: { error: { type: "insufficient_quota" } },
    });

    const answer = await ask(model, format, { stream: true });

    expect([answer.status, answer.headers.get("retry-after"), await answer.json()]).toEqual([
      429,
      "7",
      { error: { type: "insufficient_quota" } },
    ]);
  });

  it("comes after so many good answers, so many times", async () => {
    await start({ kind: "status", status: 500 }, { after: 1, times: 2 });

    const statuses = [];
    for (let call = 0; call < 4; call += 1) statuses.push((await ask(model, format)).status);

    expect(statuses).toEqual([200, 500, 500, 200]);
  });

  it("is no answer at all", async () => {
    await start({ kind: "hang" });

    await expect(ask(model, format, { stream: true, signal: AbortSignal.timeout(200) })).rejects.toThrow("timeout");
    expect(model.requests()[0]).toMatchObject({ status: 0, usage: undefined });
  });

  it("is a stream that falls silent in its midst", async () => {
    await start({ kind: "hang", afterEvents: 2 });

    const { text, ended } = await readStream(await ask(model, format, { stream: true, signal: AbortSignal.timeout(300) }));

    expect([eventsIn(text).length, ended]).toEqual([2, false]);
    expect(model.requests()[0]).toMatchObject({ status: 200, usage: undefined });
  });

  it("is a stream that is cut", async () => {
    await start({ kind: "cut", afterEvents: 3 });

    const { text, ended } = await readStream(await ask(model, format, { stream: true }));

    expect([eventsIn(text).length, ended]).toEqual([3, false]);
    expect(model.requests()[0]?.usage).toBeUndefined();
  });

  it("is an error within a stream, in the format's own words", async () => {
    await start({ kind: "errorEvent", afterEvents: 2, type: "server_is_overloaded", message: "Too many" });

    const events = eventsIn(await (await ask(model, format, { stream: true })).text());

    const words = {
      anthropic: { type: "error", error: { type: "server_is_overloaded", message: "Too many" } },
      responses: {
        type: "response.failed",
        sequence_number: 2,
        response: { status: "failed", error: { code: "server_is_overloaded", message: "Too many" } },
      },
      chat: { error: { type: "server_is_overloaded", message: "Too many", code: null, param: null } },
    };
    expect(events.length).toBe(3);
    expect(events[2]).toMatchObject(words[name as keyof typeof words]);
    expect(model.requests()[0]?.usage).toBeUndefined();
  });

  it("is a good stream whose every event comes late", async () => {
    await start({ kind: "slow", pauseMs: 20 });

    const began = performance.now();
    const { text, ended } = await readStream(await ask(model, format, { stream: true }));
    const events = eventsIn(text);

    expect(ended).toBe(true);
    expect(performance.now() - began).toBeGreaterThan(20 * events.length - 20);
    expect(model.requests()[0]?.usage).toEqual(usageOfTurn(0));
  });
});
