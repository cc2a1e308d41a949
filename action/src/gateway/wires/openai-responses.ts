import type { IncomingHttpHeaders } from "node:http";
import type { Usage } from "#core/wire/contract.ts";
import { record, textOf } from "#core/wire/json.ts";
import { ok, type Result } from "#core/wire/result.ts";
import { contentText, isRepeating, type Step, toCall } from "../repeats.ts";
import { withFields } from "./document.ts";
import { IMAGE_TOKENS, meterStream, toRefusal, toUsage } from "./openai.ts";
import {
  type Asked,
  type CallRefusal,
  count,
  estimateInput,
  kindOf,
  list,
  type ModelCall,
  openCall,
  refuseCall,
  type StreamReader,
  type Wire,
} from "./wire.ts";

/** OpenAI's Responses, as Codex and opencode speak it. */
export const openaiResponses: Wire = {
  path: "/v1/responses",
  parse: parseResponses,
  headers: {
    names: new Set(["accept", "content-type", "user-agent", "originator", "session-id", "thread-id", "x-client-request-id"]),
    families: [],
    checked: ({ "x-openai-internal-codex-responses-lite": lite }: IncomingHttpHeaders) =>
      // Beside it the tools come as an item of the input (gpt-6 and later).
      lite === "true" ? { "x-openai-internal-codex-responses-lite": lite } : {},
  },
  readStream,
  usageOf: (document) => usageOf(record(document["usage"])),
  refusal: toRefusal,
};

/**
 * What a sandboxed process may ask of the provider; allow-lists, as for Anthropic's format. Left out: what stays with the
 * provider beyond the call or is fetched from there (`previous_response_id`, `conversation`, `prompt`, `background`,
 * references to items and files: those of other runs with the same key, too), what bills at another price
 * (`service_tier`), and what compacts by a call of its own (`context_management`).
 *
 * Source: the requests of Codex 0.169.0 with gpt-5.5 and gpt-6.1-sol and of opencode 1.18.33 (recorded 2026-11-25), and
 * OpenAI's reference, "Create a response". Check again whenever a pin is raised.
 */
const FIELDS = new Set([
  "model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "reasoning", "store", "include", "text",
  "stream", "stream_options", "max_output_tokens", "prompt_cache_key", "client_metadata", "metadata", "temperature", "top_p",
  "truncation", "user", "safety_identifier",
]); // prettier-ignore

/** What a tool of the client's own is. `tool_search` finds among them, and runs where its `execution` says. */
const TOOLS = new Set(["function", "custom", "namespace", "tool_search"]);

const ITEMS = new Set([
  "message", "function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output", "reasoning",
  "additional_tools", "tool_search_call", "tool_search_output",
]); // prettier-ignore

const PARTS = new Set([
  "input_text",
  "output_text",
  "refusal",
  "input_image",
  "summary_text",
  "reasoning_text",
  "encrypted_content",
]);

/** Parts of what the answer brings back: the client's own reasoning, sealed. */
const INCLUDED = new Set(["reasoning.encrypted_content"]);

/** ChatGPT's own place takes no bound; this is what its models write at the most (GPT-5.5 and 6, model pages, 2026-11-25). */
const MOST_OUTPUT_TOKENS = 128_000;

function parseResponses(bytes: Buffer, { model, maxTokens }: Asked): Result<ModelCall, CallRefusal> {
  const opened = openCall(bytes, model, FIELDS);
  if (!opened.ok) return opened;
  const { value: document } = opened;
  const { fields: body } = document;
  if (body["store"] !== false) return refuseCall("not_allowed", "nothing may be stored with the provider: send store as false");
  if (!list(body["include"] ?? []).every((it) => typeof it === "string" && INCLUDED.has(it)))
    return refuseCall("not_allowed", "only sealed reasoning may be included");
  const input: readonly unknown[] = typeof body["input"] === "string" ? [] : list(body["input"]);
  const items = input.map((it) => record(it) ?? {});
  const tools = [...list(body["tools"]), ...items.flatMap((it) => list(it["tools"]))];
  if (!tools.every((tool) => isOwnTool(tool))) return refuseCall("not_allowed", "tools run by the provider are not allowed here");
  const item = items.find((it) => !isOwnItem(it));
  if (item !== undefined) return refuseCall("not_allowed", `an item of this kind is not allowed here: ${kindOf(item)}`);
  const parts = items.flatMap(partsOf);
  const part = parts.find((it) => !isOwnPart(it));
  if (part !== undefined) return refuseCall("not_allowed", `a content part of this kind is not allowed here: ${kindOf(part)}`);
  const asked = count(body["max_output_tokens"]);
  const sent = withFields(document, asked === 0 && maxTokens !== null ? { max_output_tokens: maxTokens } : {});
  const images = parts.filter((it) => kindOf(it) === "input_image").map((it) => textOf(it["image_url"]));
  return ok({
    body: sent,
    inputTokens: estimateInput(sent, images, IMAGE_TOKENS),
    maxTokens: asked === 0 ? (maxTokens ?? MOST_OUTPUT_TOKENS) : asked,
    longCache: false,
    isRepeating: isRepeating(stepsOf(items)),
  });
}

/** From the end on. Nothing in this format says that a call has failed, but Codex does (0.169.0, seen with gpt-5.5 and gpt-6.1-sol). */
function* stepsOf(items: readonly Record<string, unknown>[]): Generator<Step> {
  for (let at = items.length - 1; at >= 0; at -= 1) {
    const item = items[at] ?? {};
    if (item["role"] === "user") yield { kind: "word" };
    else if (item["type"] === "function_call") yield toCall(item["name"], item["arguments"]);
    else if (item["type"] === "custom_tool_call") yield toCall(item["name"], item["input"]);
    else if (item["type"] === "function_call_output" || item["type"] === "custom_tool_call_output")
      yield toResult(item["output"]);
  }
}

/** Where Codex tells of a command how it ran, before what it printed; of its `exec` as JSON, after a head of its own. */
const HEAD_CHARS = 200;
/** What it tells that is another each time. */
const OF_THE_RUN = /^Chunk ID: .*$|^Wall time.*$|"chunk_id":"\w*",|"wall_time_seconds":[\d.e+-]+,/gm;
const FAILED = /^Process exited with code (?!0$)|"exit_code":(?!0\b)/m;

function toResult(output: unknown): Step {
  const text = contentText(output);
  const head = text.slice(0, HEAD_CHARS);
  return { kind: "result", what: head.replaceAll(OF_THE_RUN, "") + text.slice(HEAD_CHARS), failed: FAILED.test(head) };
}

function isOwnTool(value: unknown, depth = 0): boolean {
  const tool = record(value);
  if (tool === undefined || !TOOLS.has(kindOf(tool)) || depth > 2) return false;
  if (kindOf(tool) === "tool_search") return tool["execution"] === "client";
  return list(tool["tools"]).every((it) => isOwnTool(it, depth + 1));
}

/** A message may come without its type. */
function isOwnItem(item: Record<string, unknown>): boolean {
  return item["type"] === undefined ? typeof item["role"] === "string" : ITEMS.has(kindOf(item));
}

function partsOf(item: Record<string, unknown>): readonly Record<string, unknown>[] {
  return [item["content"], item["output"], item["summary"]].flatMap((value) => list(value).map((it) => record(it) ?? {}));
}

/** A picture travels in the call itself: by its address or its file's id the provider would fetch it. */
function isOwnPart(part: Record<string, unknown>): boolean {
  if (!PARTS.has(kindOf(part)) || "file_id" in part) return false;
  return kindOf(part) !== "input_image" || textOf(part["image_url"]).startsWith("data:image/");
}

function usageOf(usage: Record<string, unknown> | undefined): Usage | undefined {
  return toUsage(usage, {
    input: "input_tokens",
    inputDetails: "input_tokens_details",
    output: "output_tokens",
    outputDetails: "output_tokens_details",
  });
}

/** The events that end a stream; each holds the response, and so the figures. */
const LAST = new Set(["response.completed", "response.incomplete", "response.failed"]);

/**
 * Figures come with the last event alone. Of a stream that was cut before it, the input is what was reserved for it, and the
 * output estimated.
 */
function readStream(call: ModelCall): StreamReader {
  let begun = false;
  let usage: Usage | undefined;
  let chars = 0;
  let thinking = false;
  let failure: Record<string, unknown> | undefined;
  return {
    read(event) {
      const type = textOf(event["type"]);
      begun = true;
      if (LAST.has(type)) {
        const response = record(event["response"]);
        usage = usageOf(record(response?.["usage"]));
        if (type === "response.failed") failure = toFailure(record(response?.["error"]));
      } else if (type === "error") failure = toFailure(record(event["error"]) ?? event);
      else if (type === "response.output_item.added") thinking ||= kindOf(event["item"]) === "reasoning";
      else if (type.endsWith(".delta")) chars += textOf(event["delta"]).length;
    },
    end: () => (begun ? meterStream(usage, { chars, thinking }, call) : undefined),
    failure: () => failure,
  };
}

function toFailure(error: Record<string, unknown> | undefined): Record<string, unknown> {
  return { error: { type: textOf(error?.["type"]) || textOf(error?.["code"]), ...error } };
}
