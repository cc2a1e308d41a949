import { SECOND_MS } from "#core/wire/units.ts";
import type { Account, Seat, SeatWindow } from "./limits.ts";
import type { Asked, Wire, WireRequest } from "./wire.ts";

/** What OpenAI's two formats have in common: keys, errors, limits, the list of models. */
type Common = Pick<Wire, "keyOf" | "errorBody" | "usedUp" | "wrongKey" | "headers">;

export const openAiCommon: Common = {
  keyOf: ({ headers }) => /^Bearer (.+)$/i.exec(headers["authorization"] ?? "")?.[1],

  errorBody: (status, message) => ({ error: { message, param: null, ...(ERRORS[status] ?? ERRORS[500]) } }),

  /** As Codex 0.169 reads it: without `resets_at` it doesn't say when to try again. */
  usedUp({ windows, rejects }, now) {
    const resetsAt = windows[rejects ?? "fiveHour"]?.resetsAt ?? now.getTime();
    const message = "The usage limit has been reached";
    const reset = { resets_at: seconds(resetsAt), resets_in_seconds: seconds(Math.max(0, resetsAt - now.getTime())) };
    return { error: { type: "usage_limit_reached", message, plan_type: PLAN, ...reset } };
  },

  wrongKey: "Incorrect API key provided.",

  headers(requestId, account, now) {
    const common = { "x-request-id": requestId, "openai-version": "2020-10-01" };
    if (account === undefined) return common;
    const limits = account.seat === undefined ? keyHeaders(account) : seatHeaders(account.seat, now);
    return { ...common, "openai-organization": account.organization, ...limits };
  },
};

type Named = { readonly type: string; readonly code: string | null };

/** docs "Error codes", read 2026-11-23, and the codes that Codex 0.169 tells apart. */
const ERRORS: Readonly<Record<number, Named>> & { readonly 500: Named } = {
  400: { type: "invalid_request_error", code: null },
  401: { type: "invalid_request_error", code: "invalid_api_key" },
  402: { type: "billing_error", code: "billing_not_active" },
  403: { type: "permission_error", code: null },
  404: { type: "invalid_request_error", code: "model_not_found" },
  426: { type: "invalid_request_error", code: null },
  429: { type: "rate_limit_error", code: "rate_limit_exceeded" },
  500: { type: "server_error", code: null },
  503: { type: "service_unavailable_error", code: "server_is_overloaded" },
  529: { type: "service_unavailable_error", code: "server_is_overloaded" },
};

const MODELS = ["gpt-5.5", "gpt-6-luna", "gpt-6-sol"];

/** Undefined for all but the list of models. Anthropic's has the same path; its clients tell the version that they speak. */
export function askForModels({ method, path, headers }: WireRequest): Asked | undefined {
  if (method !== "GET" || path !== "/v1/models" || "anthropic-version" in headers) return undefined;
  const data = MODELS.map((id) => ({ id, object: "model", created: 1_767_225_600, owned_by: "openai" }));
  return { kind: "plain", status: 200, body: { object: "list", data } };
}

/** docs "Rate limits", read 2026-11-23: of requests and tokens a minute, with the time until they are full again. */
function keyHeaders({ inputTokensAMinute }: Account): Record<string, string> {
  return {
    "x-ratelimit-limit-requests": "10000",
    "x-ratelimit-remaining-requests": "9999",
    "x-ratelimit-reset-requests": "6ms",
    "x-ratelimit-limit-tokens": String(inputTokensAMinute),
    "x-ratelimit-remaining-tokens": String(Math.max(0, inputTokensAMinute - 2_000)),
    "x-ratelimit-reset-tokens": "60ms",
  };
}

const PLAN = "pro";
/** Windows of a seat or an access token: minutes, by the name in the headers. A model's own week is Anthropic's alone. */
const CODEX_WINDOWS: readonly (readonly [SeatWindow, name: string, minutes: number])[] = [
  ["fiveHour", "primary", 300],
  ["week", "secondary", 10_080],
];

/**
 * As recorded from answers to Codex (none are documented), but for `x-codex-active-limit: premium`: at a refusal that has it, Codex
 * 0.169 forgets the windows (tried 2026-11-25).
 */
function seatHeaders({ windows }: Seat, now: Date): Record<string, string> {
  const each = CODEX_WINDOWS.flatMap(([window, name, minutes]): [string, string][] => {
    const state = windows[window];
    if (state === undefined) return [];
    return [
      [`x-codex-${name}-used-percent`, String(Math.round(state.share * 10_000) / 100)],
      [`x-codex-${name}-window-minutes`, String(minutes)],
      [`x-codex-${name}-reset-at`, String(seconds(state.resetsAt))],
      [`x-codex-${name}-reset-after-seconds`, String(seconds(Math.max(0, state.resetsAt - now.getTime())))],
    ];
  });
  return { "x-codex-plan-type": PLAN, ...Object.fromEntries(each) };
}

export function seconds(ms: number): number {
  return Math.ceil(ms / SECOND_MS);
}
