import { z } from "zod";
import { ok } from "#core/wire/result.ts";
import { MINUTE_MS } from "#core/wire/units.ts";
import { type Account, type Seat, SEAT_WINDOWS, type SeatWindow } from "./limits.ts";
import { pieces } from "./pieces.ts";
import { toToolCall } from "./tool-calls.ts";
import type { Particulars, Reply, ServerSentEvent, Wire, WireRequest } from "./wire.ts";

const GivenBlock = z.object({ type: z.string(), text: z.string().optional() });
const Content = z.union([z.string().transform((text) => [{ type: "text", text }]), z.array(GivenBlock)]);

/** The part of a Messages request that the script looks at. */
const MessagesRequest = z.object({
  model: z.string(),
  max_tokens: z.number().int().positive(),
  stream: z.boolean().default(false),
  system: Content.optional(),
  tools: z.array(z.object({ name: z.string() })).default([]),
  messages: z.array(z.object({ role: z.enum(["user", "assistant", "system"]), content: Content })).min(1),
});
type MessagesRequest = z.infer<typeof MessagesRequest>;

const MODELS = ["claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5"];

/** docs.anthropic.com, api/errors: the type that goes with each status. */
const ERROR_TYPES: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  500: "api_error",
  504: "timeout_error",
  529: "overloaded_error",
};

/** Anthropic's Messages format, as Claude Code, opencode and the official SDK speak it. */
export const anthropicWire: Wire = {
  name: "anthropic-messages",

  ask(request) {
    const { method, path } = request;
    if (method === "GET" && path === "/v1/models") {
      const data = MODELS.map((id) => ({ type: "model", id, display_name: id, created_at: "2026-01-01T00:00:00Z" }));
      const body = { data, has_more: false, first_id: MODELS[0], last_id: MODELS.at(-1) };
      return { kind: "plain", status: 200, body };
    }
    if (method === "POST" && path === "/v1/messages/count_tokens") {
      return { kind: "plain", status: 200, body: { input_tokens: 1_200 } };
    }
    if (method !== "POST" || path !== "/v1/messages") return undefined;
    const parsed = MessagesRequest.safeParse(request.body);
    if (!parsed.success) return { kind: "wrong", message: z.prettifyError(parsed.error) };
    const { model, stream, tools, messages } = parsed.data;
    const blocks = messages.flatMap((message) => message.content);
    return {
      kind: "conversation",
      conversation: {
        model,
        stream,
        hasTools: tools.length > 0,
        turn: blocks.filter((block) => block.type === "tool_result").length,
        prompt: textsOf(messages.filter((message) => message.role === "user")).join("\n"),
      },
    };
  },

  keyOf,

  reply(request, turn, particulars) {
    const body = bodyOf(request);
    const content: Block[] = turn.say === undefined ? [] : [{ type: "text", text: turn.say }];
    if (turn.tool !== undefined) {
      const texts = [...textsOf(body.messages), ...(body.system ?? []).map((block) => block.text ?? "")];
      const offered = body.tools.map(({ name }) => ({ name, custom: false }));
      const call = toToolCall(turn.tool, offered, texts);
      if (!call.ok) return call;
      content.push({ type: "tool_use", id: `toolu_${particulars.id}`, ...call.value });
    }
    const stopReason = turn.tool === undefined ? "end_turn" : "tool_use";
    return ok(toReply(body.model, content, stopReason, particulars));
  },

  errorBody: (status, message, requestId) => ({
    type: "error",
    error: { type: ERROR_TYPES[status] ?? "api_error", message },
    request_id: requestId,
  }),

  errorEvent: (type, message) => event("error", { error: { type, message } }),

  usedUp: (_seat, _now, requestId) =>
    anthropicWire.errorBody(429, "This request would exceed your account's rate limit. Please try again later.", requestId),

  wrongKey: "invalid x-api-key",

  headers(requestId, account, now) {
    if (account === undefined) return { "request-id": requestId };
    const limits = account.seat === undefined ? keyHeaders(account, now) : seatHeaders(account.seat, now);
    return { "request-id": requestId, "anthropic-organization-id": account.organization, ...limits };
  },
};

/** How the token of a seat begins, as `claude setup-token` prints it. */
const TOKEN = "sk-ant-oat";

/**
 * The CLI sends a key as `x-api-key`, SDK 1.12 as a bearer's. A seat's token is a bearer's alone, and good only beside the beta that
 * says so.
 */
function keyOf({ headers }: WireRequest): string | undefined {
  const key = headers["x-api-key"];
  if (key !== undefined) return key.startsWith(TOKEN) ? undefined : key;
  const bearer = /^Bearer (.+)$/i.exec(headers["authorization"] ?? "")?.[1];
  const betas = (headers["anthropic-beta"] ?? "").split(",").map((beta) => beta.trim());
  return bearer?.startsWith(TOKEN) === true && !betas.includes("oauth-2025-04-20") ? undefined : bearer;
}

/** docs "Rate limits", read 2026-11-23: a token bucket each, in RFC 3339. */
function keyHeaders({ inputTokensAMinute: input }: Account, now: Date): Record<string, string> {
  const [reset] = new Date(now.getTime() + MINUTE_MS).toISOString().split(".");
  const output = Math.round(input / 5);
  const limits = { requests: [4_000, 1], "input-tokens": [input, 2_000], "output-tokens": [output, 1_000], tokens: [input + output, 3_000] }; // prettier-ignore
  return Object.fromEntries(
    Object.entries(limits).flatMap(([kind, [limit = 0, used = 0]]) => [
      [`anthropic-ratelimit-${kind}-limit`, String(limit)],
      [`anthropic-ratelimit-${kind}-remaining`, String(Math.max(0, limit - used))],
      [`anthropic-ratelimit-${kind}-reset`, `${reset}Z`],
    ]),
  );
}

/** In a header, and as the window that governs an answer. */
const SEAT_NAMES: Readonly<Record<SeatWindow, readonly [header: string, claim: string]>> = {
  fiveHour: ["5h", "five_hour"],
  week: ["7d", "seven_day"],
  scopedWeek: ["7d_oi", "seven_day_overage_included"],
};

/** As recorded from answers to seats (none are documented), `x-should-retry: true` on a quota's end among them. */
function seatHeaders({ windows, rejects }: Seat, now: Date): Record<string, string> {
  const seconds = (ms: number): string => String(Math.ceil(ms / 1_000));
  const [fullest] = SEAT_WINDOWS.toSorted((a, b) => (windows[b]?.share ?? -1) - (windows[a]?.share ?? -1));
  const governing = rejects ?? fullest ?? "fiveHour";
  const status = (share: number): string => (share >= 1 ? "rejected" : share >= 0.9 ? "allowed_warning" : "allowed");
  const { share = 0, resetsAt = now.getTime() } = windows[governing] ?? {};
  const common = {
    status: status(share),
    reset: seconds(resetsAt),
    "representative-claim": SEAT_NAMES[governing][1],
    "fallback-percentage": "0.5",
    "overage-status": "rejected",
    "overage-disabled-reason": "org_level_disabled",
  };
  const each = SEAT_WINDOWS.flatMap((window): [string, string][] => {
    const state = windows[window];
    if (state === undefined) return [];
    const [name] = SEAT_NAMES[window];
    return [
      [`${name}-status`, status(state.share)],
      [`${name}-reset`, seconds(state.resetsAt)],
      [`${name}-utilization`, String(Math.round(state.share * 10_000) / 10_000)],
    ];
  });
  const unified = [...Object.entries(common), ...each].map(
    ([name, value]) => [`anthropic-ratelimit-unified-${name}`, value] as const,
  );
  const refusal = rejects === undefined ? {} : { "retry-after": seconds(Math.max(0, resetsAt - now.getTime())), "x-should-retry": "true" }; // prettier-ignore
  return { ...Object.fromEntries(unified), ...refusal };
}

type Block =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "tool_use"; readonly id: string; readonly name: string; readonly input: unknown };

function toReply(model: string, content: readonly Block[], stopReason: string, { id, usage }: Particulars): Reply {
  const input = {
    input_tokens: usage.inputTokens,
    // The sum, and its parts by how long they live.
    cache_creation_input_tokens: usage.cacheWriteTokens + usage.cacheWrite1hTokens,
    cache_read_input_tokens: usage.cacheReadTokens,
  };
  const output = {
    output_tokens: usage.outputTokens,
    output_tokens_details: { thinking_tokens: usage.reasoningTokens },
  };
  const parts = { ephemeral_5m_input_tokens: usage.cacheWriteTokens, ephemeral_1h_input_tokens: usage.cacheWrite1hTokens };
  const message = { id: `msg_${id}`, type: "message", role: "assistant", model, stop_sequence: null };
  const events: ServerSentEvent[] = [
    // The first event already counts one output token; only `message_delta` has the whole number.
    event("message_start", {
      message: { ...message, content: [], stop_reason: null, usage: { ...input, cache_creation: parts, output_tokens: 1 } },
    }),
    event("ping", {}),
    ...content.flatMap(blockEvents),
    event("message_delta", {
      delta: { stop_reason: stopReason, stop_sequence: null },
      usage: { ...input, ...output },
    }),
    event("message_stop", {}),
  ];
  const json = {
    ...message,
    content,
    stop_reason: stopReason,
    usage: { ...input, cache_creation: parts, ...output },
  };
  return { json, events };
}

function blockEvents(block: Block, index: number): ServerSentEvent[] {
  const [start, deltas] =
    block.type === "text"
      ? [{ type: "text", text: "" }, pieces(block.text).map((text) => ({ type: "text_delta", text }))]
      : [
          { ...block, input: {} },
          pieces(JSON.stringify(block.input)).map((json) => ({ type: "input_json_delta", partial_json: json })),
        ];
  return [
    event("content_block_start", { index, content_block: start }),
    ...deltas.map((delta) => event("content_block_delta", { index, delta })),
    event("content_block_stop", { index }),
  ];
}

function event(type: string, data: object): ServerSentEvent {
  return { event: type, data: JSON.stringify({ type, ...data }) };
}

function textsOf(messages: MessagesRequest["messages"]): string[] {
  return messages.flatMap((message) => message.content).map((block) => block.text ?? "");
}

function bodyOf(request: WireRequest): MessagesRequest {
  return MessagesRequest.parse(request.body);
}
