import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ALLOWANCES } from "#core/pool/windows.ts";
import { Observation, type Observed, WINDOWS, type WindowReading } from "#core/wire/observation.ts";
import { observeAnswer, observeEvent } from "#core/wire/observe.ts";
import { DAY_MS, EpochMs, HOUR_MS, MINUTE_MS, SECOND_MS } from "#core/wire/units.ts";

const OPUS = "claude-opus-5-5";
const FABLE = "claude-fable-5-1";
/** The provider's clock; the caller's is five minutes wrong. */
const NOW = 1_785_510_000_000;
const DATE = new Date(NOW).toUTCString();
const WRONG = EpochMs(NOW - 5 * MINUTE_MS);

type Headers = Readonly<Record<string, string>>;

function answer(status: number, headers: Headers, body: unknown = "", model = OPUS): Observed {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return observeAnswer({ status, headers: { date: DATE, ...headers }, body: text, model, now: WRONG });
}

const unified = (of: Headers): Headers =>
  Object.fromEntries(Object.entries(of).map(([name, value]) => [`anthropic-ratelimit-unified-${name}`, value]));
const error = (type: string, message: string, more: object = {}) => ({ type: "error", error: { type, message, ...more } });

/** A five-hour window that is used up, as recorded; the week's is not. */
const REJECTED = unified({
  status: "rejected", reset: "1785518400", "representative-claim": "five_hour", "fallback-percentage": "0.5",
  "5h-status": "rejected", "5h-reset": "1785518400", "5h-utilization": "1.01", "5h-surpassed-threshold": "1.0",
  "7d-status": "allowed", "7d-reset": "1786006800", "7d-utilization": "0.69",
  "overage-status": "rejected", "overage-disabled-reason": "org_level_disabled",
}); // prettier-ignore
const ALLOWED = unified({
  status: "allowed", reset: "1785518400", "representative-claim": "five_hour",
  "5h-status": "allowed", "5h-reset": "1785518400", "5h-utilization": "0.16", "7d-status": "allowed", "7d-reset": "1786006800", "7d-utilization": "0.69",
}); // prettier-ignore
/** The one model's week is used up. */
const SCOPED = unified({
  status: "rejected", "representative-claim": "seven_day_overage_included", reset: "1786006800",
  "5h-status": "allowed", "5h-reset": "1785518400", "5h-utilization": "0.3", "7d-status": "allowed", "7d-reset": "1786006800", "7d-utilization": "0.75",
  "7d_oi-status": "rejected", "7d_oi-reset": "1786006800", "7d_oi-utilization": "1.02",
}); // prettier-ignore
const KEY_HEADERS = {
  "anthropic-organization-id": "11111111-2222-4333-8444-555555555555",
  "anthropic-ratelimit-requests-limit": "1000", "anthropic-ratelimit-requests-remaining": "999", "anthropic-ratelimit-requests-reset": "2026-07-31T15:00:01Z",
  "anthropic-ratelimit-tokens-limit": "96000", "anthropic-ratelimit-tokens-remaining": "76000", "anthropic-ratelimit-tokens-reset": "2026-07-31T15:00:12Z",
  "anthropic-ratelimit-input-tokens-limit": "80000", "anthropic-ratelimit-input-tokens-remaining": "60000", "anthropic-ratelimit-input-tokens-reset": "2026-07-31T15:00:15Z",
  "anthropic-ratelimit-output-tokens-limit": "16000", "anthropic-ratelimit-output-tokens-remaining": "16000", "anthropic-ratelimit-output-tokens-reset": "2026-07-31T15:00:00Z",
}; // prettier-ignore
const CODEX = {
  "x-codex-primary-used-percent": "100.0", "x-codex-primary-window-minutes": "300", "x-codex-primary-reset-at": "1785518400",
  "x-codex-secondary-used-percent": "41", "x-codex-secondary-window-minutes": "10080", "x-codex-secondary-reset-after-seconds": "465379",
  "x-codex-plan-type": "pro", "x-codex-active-limit": "premium",
}; // prettier-ignore

const UNTIL_5H = 1_785_518_400_000 - NOW;
const UNTIL_WEEK = 1_786_006_800_000 - NOW;
const quota = (window: string, resetsInMs: number | null = null, scope: string | null = null) => ({ kind: "quota", window, scope, resetsInMs }); // prettier-ignore
const throttle = (retryAfterMs: number | null) => ({ kind: "throttle", retryAfterMs });

describe("a failed answer", () => {
  test.each<[string, number, Headers, unknown, object, string?]>([
    // 429
    ["a seat's five hours", 429, { ...REJECTED, "retry-after": "7835", "x-should-retry": "true" }, error("rate_limit_error", "This request would exceed your account's rate limit."), quota("five-hour", UNTIL_5H)],
    ["a seat's week", 429, { ...REJECTED, ...unified({ "representative-claim": "seven_day", "7d-status": "rejected", "7d-utilization": "1.02", "5h-status": "allowed" }) }, "", quota("week", UNTIL_WEEK)],
    ["both, of which the later reset counts", 429, { ...REJECTED, ...unified({ "7d-status": "rejected" }) }, "", quota("week", UNTIL_WEEK)],
    ["the week of the one model that was asked", 429, SCOPED, "", quota("week-model", UNTIL_WEEK, FABLE), FABLE],
    ["a scoped week this table doesn't know the models of", 429, SCOPED, "", quota("week-model", UNTIL_WEEK, "claude-next-7"), "claude-next-7"],
    ["the account, where a scoped window is used up beside it", 429, { ...SCOPED, ...REJECTED }, "", quota("five-hour", UNTIL_5H), FABLE],
    ["a scoped window beside a governing one that is not", 429, { ...SCOPED, ...unified({ "representative-claim": "five_hour" }) }, "", quota("week-model", UNTIL_WEEK, FABLE), FABLE],
    ["a window nobody here has heard of", 429, unified({ status: "rejected", "representative-claim": "one_month", reset: "1786006800" }), "", quota("unknown", UNTIL_WEEK)],
    ["an older seat, of few words", 429, unified({ status: "rate_limited", "representative-claim": "five_hour", reset: "1785518400" }), "", quota("five-hour", UNTIL_5H)],
    ["a seat without a common status", 429, unified({ "7d-status": "rejected", "7d-utilization": "1" }), "", quota("week")],
    ["a seat without a reset, but a wait", 429, { ...unified({ status: "blocked" }), "retry-after": "7835" }, "", quota("unknown", 7_835 * SECOND_MS)],
    ["a seat's minute", 429, { ...ALLOWED, "retry-after": "12" }, error("rate_limit_error", "This request would exceed your account's rate limit."), throttle(12 * SECOND_MS)],
    ["a key's minute", 429, { ...KEY_HEADERS, "retry-after": "2" }, error("rate_limit_error", "Number of request tokens has exceeded your per-minute rate limit"), throttle(2 * SECOND_MS)],
    ["a wait that is over", 429, { "retry-after": "0" }, "", throttle(0)],
    ["a wait until a date", 429, { "retry-after": new Date(NOW + 90_000).toUTCString() }, "", throttle(90 * SECOND_MS)],
    ["a wait nobody can mean", 429, { "retry-after": "999999999999" }, "", throttle(null)],
    ["nothing else", 429, {}, "", throttle(null)],
    ["a tier's spend", 429, {}, error("rate_limit_error", "You have reached your API usage limits: your organization has crossed its monthly API usage threshold. You will regain access on 2026-08-01 at 00:00 UTC.", { details: { error_code: "enforced_spend_limit_reached" } }), quota("unknown", Date.UTC(2026, 7, 1) - NOW)],
    ["Codex's five hours", 429, CODEX, { error: { type: "usage_limit_reached", plan_type: "pro", resets_in_seconds: 3_600 } }, quota("five-hour", HOUR_MS), "gpt-5.5"],
    ["Codex, told a point in time", 429, CODEX, { error: { type: "usage_limit_reached", resets_at: 1_785_518_400 } }, quota("five-hour", UNTIL_5H), "gpt-5.5"],
    ["Codex, by its headers", 429, CODEX, { error: { type: "usage_limit_reached" } }, quota("five-hour", UNTIL_5H), "gpt-5.5"],
    ["Codex without headers", 429, {}, { error: { type: "usage_limit_reached", resets_in_seconds: 60 } }, quota("unknown", MINUTE_MS), "gpt-5.5"],
    ["one model's limit at Codex", 429, { ...CODEX, "x-codex-active-limit": "codex_bengalfox" }, { error: { type: "usage_limit_reached" } }, quota("five-hour", UNTIL_5H, "gpt-5.3-codex-spark"), "gpt-5.3-codex-spark"],
    ["Codex in haste", 429, { "x-codex-primary-used-percent": "12", "x-codex-primary-window-minutes": "300", "retry-after": "2" }, { error: { code: "rate_limit_exceeded" } }, throttle(2 * SECOND_MS), "gpt-5.5"],
    ["a workspace without credits", 429, { ...CODEX, "x-codex-rate-limit-reached-type": "workspace_owner_credits_depleted" }, { error: { type: "usage_limit_reached" } }, { kind: "billing" }, "gpt-5.5"],
    ["OpenAI's quota", 429, {}, { error: { type: "insufficient_quota", code: "insufficient_quota", message: "You exceeded your current quota, please check your plan and billing details." } }, quota("unknown"), "gpt-5.5"],
    // Overload
    ["an overload, whatever the status header", 529, ALLOWED, error("overloaded_error", "Overloaded"), { kind: "overload" }],
    ["an overload on a window that is used up", 529, { ...REJECTED, "x-should-retry": "true" }, "", { kind: "overload" }],
    ["an overload that a proxy calls a 503", 503, {}, "<html>", { kind: "overload" }],
    ["an overload by its type", 500, {}, error("overloaded_error", "Overloaded"), { kind: "overload" }],
    // Money
    ["no payment", 402, {}, error("billing_error", "Your account has insufficient credits."), { kind: "billing" }],
    ["no payment, without a word", 402, {}, "", { kind: "billing" }],
    ["no credit", 400, {}, error("invalid_request_error", "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing."), { kind: "billing" }],
    ["no credit, as a refused key", 403, {}, error("permission_error", "Your credit balance is too low."), { kind: "billing" }],
    ["a spend limit of one's own", 400, {}, error("invalid_request_error", "You have reached your specified API usage limits. You will regain access on 2026-08-01 at 00:00 UTC."), quota("unknown", Date.UTC(2026, 7, 1) - NOW)],
    ["a workspace's spend limit", 400, {}, error("invalid_request_error", "You have reached your specified workspace API usage limits."), quota("unknown")],
    // Keys
    ["a wrong key", 401, {}, error("authentication_error", "invalid x-api-key"), { kind: "auth" }],
    ["a wrong key of OpenAI's", 401, {}, { error: { type: "invalid_request_error", code: "invalid_api_key", message: "Incorrect API key provided" } }, { kind: "auth" }],
    ["an empty 401", 401, {}, "", { kind: "auth" }],
    ["a model that the key may not use", 403, {}, error("permission_error", "Your API key does not have permission to use the model claude-opus-5-5."), { kind: "unknown" }],
    ["a revoked token", 403, {}, error("permission_error", "OAuth token has been revoked."), { kind: "auth" }],
    ["a disabled organisation", 400, {}, error("invalid_request_error", "This organization has been disabled."), { kind: "auth" }],
    ["a firewall's page", 403, {}, "<html><title>Just a moment…</title>", { kind: "unknown" }],
    ["a seat that is used up, as a 401", 401, { ...REJECTED, "retry-after": "7835" }, error("authentication_error", "invalid bearer token"), quota("five-hour", UNTIL_5H)],
    ["a used-up seat in words, as a 403", 403, { "retry-after": "60" }, error("permission_error", "Your usage limit is exhausted."), quota("unknown", MINUTE_MS)],
    ["a rate limit, as a 401", 401, { "retry-after": "5" }, error("rate_limit_error", "slow down"), throttle(5 * SECOND_MS)],
    // The rest
    ["a malformed call", 400, {}, error("invalid_request_error", "messages: field required"), { kind: "unknown" }],
    ["a malformed call that quotes a limit", 400, {}, error("invalid_request_error", 'tools.0: "Your credit balance is too low", "This organization has been disabled"'), { kind: "unknown" }],
    ["no such model", 404, {}, error("not_found_error", "model: claude-nope"), { kind: "unknown" }],
    ["a defect", 500, REJECTED, error("api_error", "Internal server error"), { kind: "unknown" }],
    ["an overload in the middle of a stream", 200, ALLOWED, error("overloaded_error", "Overloaded"), { kind: "overload" }],
    ["a defect in the middle of a stream", 200, {}, error("api_error", "Internal server error"), { kind: "unknown" }],
    ["no status", Number.NaN, {}, "", { kind: "unknown" }],
  ])("is read for what it is: %s", (_name, status, headers, body, signal, model) => {
    expect(answer(status, headers, body, model).signal).toEqual(signal);
  }); // prettier-ignore

  test("is none where the call went well, in overage too", () => {
    const inOverage = { ...REJECTED, ...unified({ status: "allowed", "overage-status": "allowed", "overage-in-use": "true" }) };

    expect(answer(200, ALLOWED).signal).toBeNull();
    expect(answer(200, inOverage)).toMatchObject({ signal: null, readings: [{ window: "five-hour", rejected: true }, {}] });
  });
});

const reading = (window: WindowReading["window"], share: number | null, resetsInMs: number | null, more: Partial<WindowReading> = {}): WindowReading => ({ window, model: null, share, limit: null, resetsInMs, rejected: false, ...more }); // prettier-ignore

describe("the windows", () => {
  test("of a seat are told in fractions, their resets as spans by the provider's clock", () => {
    expect(answer(429, REJECTED).readings).toEqual([
      reading("five-hour", 1.01, UNTIL_5H, { rejected: true }),
      reading("week", 0.69, UNTIL_WEEK),
    ]);
  });

  test("of one model are those of that model alone", () => {
    const scoped = reading("week-model", 1.02, UNTIL_WEEK, { model: FABLE, rejected: true });
    const others = { ...SCOPED, ...unified({ "representative-claim": "seven_day" }) };

    expect(answer(429, SCOPED, "", FABLE).readings.at(-1)).toEqual(scoped);
    expect(answer(429, others, "", FABLE).readings.at(-1)).toEqual(scoped);
    expect(answer(200, others, "", OPUS).readings.map((it) => it.window)).toEqual(["five-hour", "week"]);
  });

  test.each<[string, Headers, Partial<WindowReading>[]]>([
    ["a caller's clock where there is no date", { ...unified({ "5h-utilization": "0.5", "5h-reset": String((WRONG + HOUR_MS) / 1_000) }), date: "" }, [{ share: 0.5, resetsInMs: HOUR_MS }]],
    ["a date of no HTTP", { ...unified({ "5h-utilization": "0.5", "5h-reset": String((WRONG + HOUR_MS) / 1_000) }), date: "5" }, [{ share: 0.5, resetsInMs: HOUR_MS }]],
    ["a reset that has passed", unified({ "5h-utilization": "0.5", "5h-reset": String((NOW - HOUR_MS) / 1_000) }), [{ share: 0.5, resetsInMs: 0 }]],
    ["a reset in milliseconds", unified({ "5h-utilization": "0.5", "5h-reset": String(NOW + HOUR_MS) }), [{ share: 0.5, resetsInMs: null }]],
    ["a reset further off than the window is long", unified({ "5h-utilization": "0.5", "5h-reset": String((NOW + DAY_MS) / 1_000) }), [{ share: 0.5, resetsInMs: null }]],
    ["a reset that jitters past the window's length", unified({ "5h-utilization": "0.5", "5h-reset": String((NOW + 5 * HOUR_MS + 2_000) / 1_000) }), [{ share: 0.5, resetsInMs: 5 * HOUR_MS }]],
    ["a reset of zero", unified({ "5h-utilization": "0.5", "5h-reset": "0" }), [{ share: 0.5, resetsInMs: null }]],
    ["a reset in words of RFC 3339", unified({ "5h-utilization": "0.29", "5h-reset": new Date(NOW + HOUR_MS).toISOString() }), [{ share: 0.29, resetsInMs: HOUR_MS }]],
    ["no share", unified({ "5h-status": "allowed_warning", "5h-surpassed-threshold": "0.9" }), [{ share: null, resetsInMs: null }]],
    ["a share that is none", unified({ "5h-status": "allowed", "5h-utilization": "NaN" }), [{ share: null }]],
    ["a share below nothing", unified({ "5h-status": "allowed", "5h-utilization": "-1" }), [{ share: null }]],
    ["a share of almost nothing", unified({ "5h-status": "allowed", "5h-utilization": "5e-05" }), [{ share: 0.00005 }]],
    ["a share beyond sense", unified({ "5h-status": "allowed", "5h-utilization": "87.5" }), [{ share: 10 }]],
  ])("say nothing that isn't so: %s", (_name, headers, readings) => {
    expect(answer(200, headers).readings).toMatchObject(readings);
  }); // prettier-ignore

  test("of an API key are its input tokens a minute, of the model, and its organisation is known", () => {
    const ok = answer(200, KEY_HEADERS);
    const empty = answer(429, { ...KEY_HEADERS, "anthropic-ratelimit-output-tokens-remaining": "0" });

    expect(ok).toEqual({
      readings: [reading("tokens-minute", 0.25, 15_000, { model: OPUS, limit: 80_000 })],
      signal: null,
      upstream: KEY_HEADERS["anthropic-organization-id"],
    });
    expect(empty.readings).toEqual([reading("tokens-minute", 1, 0, { model: OPUS, limit: 80_000, rejected: true })]);
  });

  test("of a seat are its own, though its organisation has many", () => {
    const organisation = { "anthropic-organization-id": "11111111-2222-4333-8444-555555555555" };

    expect(answer(200, { ...ALLOWED, ...organisation }).upstream).toBeNull();
    expect(answer(529, organisation).upstream).toBeNull();
    expect(answer(200, { ...KEY_HEADERS, "anthropic-organization-id": "a b" }).upstream).toBeNull();
  });

  test.each<[string, Headers, Partial<WindowReading>[], string?]>([
    ["in percent", CODEX, [reading("five-hour", 1, UNTIL_5H), reading("week", 0.41, 465_379_000)]],
    ["the first of which is the week", { "x-codex-primary-used-percent": "2", "x-codex-primary-window-minutes": "10080" }, [reading("week", 0.02, null)]],
    ["shorter than five hours", { "x-codex-primary-used-percent": "100.0", "x-codex-primary-window-minutes": "15", "x-codex-primary-reset-after-seconds": "275" }, [reading("five-hour", 1, 275_000)]],
    ["a second of zeros", { ...CODEX, "x-codex-secondary-used-percent": "0", "x-codex-secondary-window-minutes": "0", "x-codex-secondary-reset-at": "" }, [reading("five-hour", 1, UNTIL_5H)]],
    ["unused", { "x-codex-primary-used-percent": "0", "x-codex-primary-window-minutes": "300" }, [reading("five-hour", 0, null)]],
    ["of a length that has no name here", { "x-codex-primary-used-percent": "3", "x-codex-primary-window-minutes": "1440" }, []],
    ["without a length", { "x-codex-primary-used-percent": "3" }, []],
    ["of one model", { ...CODEX, "x-codex-active-limit": "codex_bengalfox", "x-codex-bengalfox-primary-used-percent": "100.0" }, [reading("five-hour", 1, UNTIL_5H, { model: "gpt-5.5" }), reading("week-model", 0.41, 465_379_000, { model: "gpt-5.5" })]],
    ["of other models beside the account's", { ...CODEX, "x-codex-bengalfox-primary-used-percent": "77", "x-codex-bengalfox-primary-window-minutes": "300" }, [reading("five-hour", 1, UNTIL_5H), reading("week", 0.41, 465_379_000)]],
  ])("of Codex, %s", (_name, headers, readings) => {
    expect(answer(200, headers, "", "gpt-5.5").readings).toEqual(readings);
  }); // prettier-ignore

  test("have the names the pool has", () => {
    expect(WINDOWS).toEqual(ALLOWANCES);
  });
});

const AT = EpochMs(Date.UTC(2026, 10, 23, 7, 20));

describe("a line of a harness", () => {
  const event = (info: object) => ({ type: "rate_limit_event", rate_limit_info: info });
  const hear = (line: Record<string, unknown>, model = OPUS) => observeEvent(line, { model, now: AT });
  const at = (AT + HOUR_MS) / 1_000;

  test.each<[string, object, Partial<WindowReading>[], object | null]>([
    ["in its old form", { status: "allowed", resetsAt: at, rateLimitType: "five_hour", isUsingOverage: false }, [reading("five-hour", null, HOUR_MS)], null],
    ["in its old form, near the end", { status: "allowed_warning", resetsAt: at, rateLimitType: "five_hour", utilization: 0.93 }, [reading("five-hour", 0.93, HOUR_MS)], null],
    ["in its old form, at the end", { status: "rejected", resetsAt: at, rateLimitType: "seven_day" }, [reading("week", null, HOUR_MS, { rejected: true })], quota("week", HOUR_MS)],
    ["with all windows", { status: "allowed", resetsAt: at, rateLimitType: "five_hour", unifiedWindows: { five_hour: { utilization: 0.16, resetsAt: at }, seven_day: { utilization: 0.81, resetsAt: at } } }, [reading("five-hour", 0.16, HOUR_MS), reading("week", 0.81, HOUR_MS)], null],
    ["of another model's week", { status: "allowed", unifiedWindows: { seven_day_sonnet: { utilization: 0.9, resetsAt: at } } }, [], null],
    ["of this model's week", { status: "allowed", unifiedWindows: { seven_day_opus: { utilization: 0.9, resetsAt: at } } }, [reading("week-model", 0.9, HOUR_MS, { model: OPUS })], null],
    ["of an unknown window", { status: "rejected", resetsAt: at, rateLimitType: "overage" }, [], quota("unknown", HOUR_MS)],
    ["in overage", { status: "rejected", resetsAt: at, rateLimitType: "five_hour", isUsingOverage: true }, [reading("five-hour", null, HOUR_MS, { rejected: true })], null],
    ["of few words", { status: "allowed", isUsingOverage: false }, [], null],
    ["of wrong types", { status: 1, resetsAt: "x", rateLimitType: {}, unifiedWindows: [1] }, [], null],
  ])("tells of limits %s", (_name, info, readings, signal) => {
    expect(hear(event(info))).toEqual({ readings, signal, upstream: null });
  }); // prettier-ignore

  test("tells of none where the words stand inside another event", () => {
    const words = event({ status: "rejected", resetsAt: at, rateLimitType: "five_hour" });
    const text = JSON.stringify(words);
    for (const line of [
      { type: "assistant", message: { content: [{ type: "text", text }] } },
      {
        type: "user",
        message: { content: [{ type: "tool_result", content: text }] },
        rate_limit_info: words.rate_limit_info,
      },
      { type: "result", subtype: "success", result: text, event: words },
      { type: "item.completed", item: { type: "agent_message", text, payload: { type: "token_count" } } },
    ])
      expect(hear(line)).toEqual({ readings: [], signal: null, upstream: null });
  });
});

describe("whatever comes back", () => {
  const value = fc.oneof(
    fc.constantFrom("", "rejected", "allowed", "five_hour", "seven_day", "seven_day_overage_included", "0", "1.01", "-1", "1e99", "999999999999999", "NaN", "1785518400", "2026-07-31T15:00:01Z", "codex_x", "premium", "10080", "300"),
    fc.double().map(String), fc.nat().map(String), fc.string(), fc.date().map((it) => (Number.isNaN(it.getTime()) ? "never" : it.toUTCString())),
  ); // prettier-ignore
  const names = [...Object.keys({ ...REJECTED, ...SCOPED, ...KEY_HEADERS, ...CODEX }), "retry-after", "date", "x-should-retry"];
  const headers = fc.dictionary(fc.oneof(fc.constantFrom(...names), fc.string()), fc.oneof(value, fc.array(value)));
  const told = fc.oneof(fc.string(), fc.double(), fc.constantFrom("usage_limit_reached", "rate_limit_error", "You have reached your API usage limits. You will regain access on 9999-99-99")); // prettier-ignore
  const body = fc.oneof(
    fc.constant(""),
    fc.string(),
    fc.json(),
    fc.record({ error: fc.dictionary(fc.constantFrom("type", "code", "message", "resets_at", "resets_in_seconds", "details"), told) }).map((it) => JSON.stringify(it)),
  ); // prettier-ignore
  const model = fc.oneof(fc.constantFrom(OPUS, FABLE, "gpt-5.5"), fc.string());
  const status = fc.oneof(fc.constantFrom(200, 400, 401, 402, 403, 404, 429, 500, 503, 529), fc.integer(), fc.double());
  const now = fc.oneof(fc.constant(NOW), fc.double(), fc.integer()).map(EpochMs);

  test("an answer is read, and what is read of it is of the contract", () => {
    fc.assert(
      fc.property(fc.record({ status, headers, body, model, now }), (given) => {
        const observed = observeAnswer(given);

        expect(Observation.parse({ ...observed, ageMs: 0 })).toEqual({ ...observed, ageMs: 0 });
        if (given.body === "") expect(observed.signal === null).toBe(given.status < 400);
        if (!(given.status < 400)) expect(observed.signal).not.toBeNull();
      }),
      { numRuns: 2_000 },
    );
  });

  test("a line is read, and what is read of it is of the contract", () => {
    const number = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(0, 300, 10_080, 1_785_518_400));
    const window = fc.record({ utilization: number, used_percent: number, window_minutes: number, resetsAt: number, resets_at: number, resets_in_seconds: number, status: value }, { requiredKeys: [] }); // prettier-ignore
    const info = fc.record({ status: value, rateLimitType: value, resetsAt: number, utilization: number, unifiedWindows: fc.dictionary(fc.constantFrom("five_hour", "seven_day", "seven_day_opus"), fc.oneof(window, fc.anything())) }, { requiredKeys: [] }); // prettier-ignore
    const limits = fc.record({ limit_id: value, primary: window, secondary: window, rate_limit_reached_type: value }, { requiredKeys: [] }); // prettier-ignore
    const event = fc.oneof(
      info.map((it) => ({ type: "rate_limit_event", rate_limit_info: it })),
      limits.map((it) => ({ type: "event_msg", payload: { type: "token_count", rate_limits: it } })),
      fc.dictionary(fc.constantFrom("type", "rate_limit_info", "payload"), fc.anything()),
    );
    fc.assert(
      fc.property(event, model, now, (given, asked, clock) => {
        const observed = observeEvent(given, { model: asked, now: clock });

        expect(Observation.parse({ ...observed, ageMs: 0 })).toEqual({ ...observed, ageMs: 0 });
      }),
      { numRuns: 2_000 },
    );
  });
});
