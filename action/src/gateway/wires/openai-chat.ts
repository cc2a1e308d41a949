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

/** OpenAI's Chat Completions, which hosts of open models speak, and opencode to them. */
export const openaiChat: Wire = {
  path: "/v1/chat/completions",
  parse: parseChat,
  headers: { names: new Set(["accept", "content-type", "user-agent"]), families: [], checked: () => ({}) },
  readStream,
  usageOf: (document) => usageOf(record(document["usage"])),
  refusal: toRefusal,
};

/**
 * What a sandboxed process may ask of the provider; allow-lists, as for Anthropic's format. Left out: other models to fall
 * back on and other hosts (`models`, `route`, `provider`), what the provider runs or fetches (`plugins`,
 * `web_search_options`, `file` parts), what multiplies the output (`n` over 1, `best_of`), what is stored (`store`), other prices (`service_tier`).
 *
 * Source: the requests of opencode 1.18.33 (recorded 2026-11-25), OpenAI's reference "Create chat completion" and
 * OpenRouter's "Parameters". Check again whenever a pin is raised.
 */
const FIELDS = new Set([
  "model", "messages", "tools", "tool_choice", "parallel_tool_calls", "max_tokens", "max_completion_tokens", "stream",
  "stream_options", "temperature", "top_p", "top_k", "stop", "seed", "frequency_penalty", "presence_penalty",
  "reasoning_effort", "response_format", "prompt_cache_key", "user", "n",
]); // prettier-ignore

const ROLES = new Set(["system", "developer", "user", "assistant", "tool"]);
const PARTS = new Set(["text", "refusal", "image_url"]);

function parseChat(bytes: Buffer, { model, maxTokens }: Asked): Result<ModelCall, CallRefusal> {
  const opened = openCall(bytes, model, FIELDS);
  if (!opened.ok) return opened;
  const { value: document } = opened;
  const { fields: body } = document;
  if ((body["n"] ?? 1) !== 1) return refuseCall("not_allowed", "one answer a call is allowed here");
  if (!list(body["tools"]).every((tool) => kindOf(tool) === "function"))
    return refuseCall("not_allowed", "tools run by the provider are not allowed here");
  const messages = list(body["messages"]).map((it) => record(it) ?? {});
  if (!messages.every((it) => ROLES.has(textOf(it["role"]))))
    return refuseCall("not_allowed", "a message of this role is not allowed here");
  const parts = messages.flatMap((it) => list(it["content"]).map((part) => record(part) ?? {}));
  const part = parts.find((it) => !PARTS.has(kindOf(it)) || (kindOf(it) === "image_url" && !isOwnImage(it)));
  if (part !== undefined) return refuseCall("not_allowed", `a content part of this kind is not allowed here: ${kindOf(part)}`);
  const asked = Math.max(count(body["max_tokens"]), count(body["max_completion_tokens"]));
  const bound = asked === 0 && maxTokens !== null ? { max_tokens: maxTokens } : {};
  // Without it a stream tells no figures.
  const figures = body["stream"] === true ? { stream_options: { include_usage: true } } : {};
  const sent = withFields(document, { ...bound, ...figures });
  const images = parts.filter((it) => kindOf(it) === "image_url").map(imageOf);
  return ok({
    body: sent,
    inputTokens: estimateInput(sent, images, IMAGE_TOKENS),
    maxTokens: asked === 0 ? (maxTokens ?? 0) : asked,
    longCache: false,
    isRepeating: isRepeating(stepsOf(messages)),
  });
}

/** From the end on. Nothing in this format says that a call has failed. */
function* stepsOf(messages: readonly Record<string, unknown>[]): Generator<Step> {
  for (let at = messages.length - 1; at >= 0; at -= 1) {
    const { role, content, tool_calls: calls } = messages[at] ?? {};
    if (role === "user") yield { kind: "word" };
    else if (role === "tool") yield { kind: "result", what: contentText(content), failed: false };
    else yield* list(calls).map(toToolCall).toReversed();
  }
}

function toToolCall(value: unknown): Step {
  const called = record(record(value)?.["function"]);
  return toCall(called?.["name"], called?.["arguments"]);
}

function imageOf(part: Record<string, unknown>): string {
  return textOf(record(part["image_url"])?.["url"]);
}

/** A picture travels in the call itself: by its address the provider would fetch it. */
function isOwnImage(part: Record<string, unknown>): boolean {
  return imageOf(part).startsWith("data:image/");
}

function usageOf(usage: Record<string, unknown> | undefined): Usage | undefined {
  return toUsage(usage, {
    input: "prompt_tokens",
    inputDetails: "prompt_tokens_details",
    output: "completion_tokens",
    outputDetails: "completion_tokens_details",
  });
}

/** Figures come in a chunk of their own, after the last words. Of a stream that was cut before it, the input is what was reserved for it. */
function readStream(call: ModelCall): StreamReader {
  let begun = false;
  let usage: Usage | undefined;
  let chars = 0;
  let thinking = false;
  let failure: Record<string, unknown> | undefined;
  return {
    read(chunk) {
      begun = true;
      usage = usageOf(record(chunk["usage"])) ?? usage;
      if (chunk["error"] !== undefined) failure = { error: chunk["error"] };
      for (const choice of list(chunk["choices"])) {
        const delta = record(record(choice)?.["delta"]);
        const calls = list(delta?.["tool_calls"]).map((it) => textOf(record(record(it)?.["function"])?.["arguments"]));
        chars += [textOf(delta?.["content"]), ...calls].reduce((sum, it) => sum + it.length, 0);
        thinking ||= ["reasoning", "reasoning_content"].some((name) => textOf(delta?.[name]) !== "");
      }
    },
    end: () => (begun ? meterStream(usage, { chars, thinking }, call) : undefined),
    failure: () => failure,
  };
}
