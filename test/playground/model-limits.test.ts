import { describe, expect, it } from "vitest";
import type { Limits } from "#playground/model/limits.ts";
import { startModel, type Model } from "#playground/model/model.ts";
import type { Observed } from "#core/wire/observation.ts";
import { observeAnswer } from "#core/wire/observe.ts";
import { EpochMs, HOUR_MS, MINUTE_MS } from "#core/wire/units.ts";

const MODEL = "claude-opus-5-5";

type Answered = Observed & { readonly status: number; readonly headers: Headers };

/** A call, and what our own reading of limits makes of its answer. */
async function call(model: Model, key = "one"): Promise<Answered> {
  const body = { model: MODEL, max_tokens: 100, messages: [{ role: "user", content: "hello" }] };
  const answer = await fetch(`${model.url}/v1/messages`, { method: "POST", headers: { "x-api-key": key }, body: JSON.stringify(body) }); // prettier-ignore
  const { status, headers } = answer;
  const given = {
    status,
    headers: Object.fromEntries(headers),
    body: await answer.text(),
    model: MODEL,
    now: EpochMs(Date.now()),
  };
  return { ...observeAnswer(given), status, headers };
}

const start = (): Promise<Model> => startModel({ script: [], key: ["one", "two"] });
const in_ = (ms: number): number => Date.now() + ms;
/** By whole seconds of headers and the time a test takes. */
const nearly = (ms: number): unknown => expect.toSatisfy((it: number) => Math.abs(it - ms) < 5_000);

describe("the scripted model's limits", () => {
  it("are an API key's tokens a minute, of one organisation, unless set", async () => {
    await using model = await start();
    model.setLimits("two", { organization: "another-1", inputTokensAMinute: 80_000 });

    const [one, two] = [await call(model, "one"), await call(model, "two")];

    expect(one).toMatchObject({
      readings: [{ window: "tokens-minute", model: MODEL, limit: 2_000_000, share: 0.001, resetsInMs: nearly(MINUTE_MS) }],
      upstream: "00000000-0000-4000-8000-000000000000",
    });
    expect(two).toMatchObject({ readings: [{ limit: 80_000 }], upstream: "another-1" });
  });

  it("are a seat's windows, of which each call uses a share", async () => {
    await using model = await start();
    model.setLimits("one", { seat: { fiveHour: { share: 0.5, resetsAt: in_(HOUR_MS) } }, shareOfACall: 0.125 });

    await call(model);
    const { readings, upstream } = await call(model);

    expect(readings).toMatchObject([
      { window: "five-hour", share: 0.625, resetsInMs: nearly(HOUR_MS) },
      { window: "week", share: 0.125, resetsInMs: nearly(168 * HOUR_MS) },
    ]);
    expect(upstream).toBeNull();
  });

  it("refuse a seat after so many good calls, and nobody else", async () => {
    await using model = await start();
    model.setLimits("one", { seat: { fiveHour: { share: 0.9, resetsAt: in_(2 * HOUR_MS) } }, goodCalls: 2 });

    const answers = [await call(model), await call(model), await call(model), await call(model)];
    const refused = answers[2];

    expect(answers.map((it) => it.status)).toEqual([200, 200, 429, 429]);
    expect(refused).toMatchObject({
      signal: { kind: "quota", window: "five-hour", scope: null, resetsInMs: nearly(2 * HOUR_MS) },
      readings: [{ window: "five-hour", share: 1, rejected: true }, { window: "week", rejected: false }],
    }); // prettier-ignore
    const of = (name: string) => refused?.headers.get(name);
    expect([of("anthropic-ratelimit-unified-status"), of("anthropic-ratelimit-unified-representative-claim"), of("x-should-retry")]).toEqual(["rejected", "five_hour", "true"]); // prettier-ignore
    expect(Number(of("retry-after"))).toBeGreaterThan(7_100);
    expect((await call(model, "two")).status).toBe(200);
  });

  it.each<[string, NonNullable<Limits["seat"]>, object]>([
    ["its week", { week: { share: 1 } }, { window: "week", scope: null }],
    ["one model's week", { scopedWeek: { share: 1.02 } }, { window: "week-model", scope: MODEL }],
    ["the window that begins anew last", { fiveHour: { share: 1 }, week: { share: 1 } }, { window: "week", scope: null }],
  ])("refuse a seat for %s", async (_name, seat, signal) => {
    await using model = await start();
    model.setLimits("one", { seat });

    expect((await call(model)).signal).toMatchObject({ kind: "quota", ...signal });
  });

  it("begin anew at their reset, and when they are set", async () => {
    await using model = await start();
    const used = { seat: { fiveHour: { share: 1, resetsAt: in_(300) } } };
    model.setLimits("one", used);

    const before = (await call(model)).status;
    await expect.poll(async () => (await call(model)).status).toBe(200);
    model.setLimits("one", { seat: { week: { share: 1 } } });
    const again = (await call(model)).status;
    model.setLimits("one", { seat: {} });

    expect([before, again, (await call(model)).status]).toEqual([429, 429, 200]);
  });

  it("are told to no wrong key", async () => {
    await using model = await start();

    expect(await call(model, "wrong")).toMatchObject({ status: 401, readings: [], signal: { kind: "auth" }, upstream: null });
  });
});
