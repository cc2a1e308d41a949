import { z } from "zod";
import { ok } from "#core/wire/result.ts";
import { openAiCommon, seconds } from "./openai.ts";
import { pieces } from "./pieces.ts";
import { toToolCall, type Tool, type ToolCall } from "./tool-calls.ts";
import type { Usage } from "#core/wire/contract.ts";
import type { Particulars, Reply, ServerSentEvent, Wire, WireRequest } from "./wire.ts";

const Content = z.union([z.string().transform((text) => [{ text }]), z.array(z.object({ text: z.string().optional() }))]);

/** The part of a Chat Completions request that the script looks at. */
const ChatRequest = z.object({
  model: z.string(),
  stream: z.boolean().default(false),
  stream_options: z.object({ include_usage: z.boolean().default(false) }).nullish(),
  tools: z.array(z.object({ type: z.literal("function"), function: z.object({ name: z.string() }) })).default([]),
  messages: z.array(z.object({ role: z.string(), content: Content.nullish() })).min(1),
});
type ChatRequest = z.infer<typeof ChatRequest>;

/** OpenAI's Chat Completions format, as opencode speaks it to any server that has it. */
export const openAiChatWire: Wire = {
  ...openAiCommon,
  name: "openai-chat",

  ask(request) {
    if (request.method !== "POST" || request.path !== "/v1/chat/completions") return undefined;
    const parsed = ChatRequest.safeParse(request.body);
    if (!parsed.success) return { kind: "wrong", message: z.prettifyError(parsed.error) };
    const { model, stream, tools, messages } = parsed.data;
    return {
      kind: "conversation",
      conversation: {
        model,
        stream,
        hasTools: tools.length > 0,
        turn: messages.filter(({ role }) => role === "tool").length,
        prompt: textsOf(messages.filter(({ role }) => role === "user")).join("\n"),
      },
    };
  },

  reply(request, turn, particulars) {
    const body = bodyOf(request);
    const offered = body.tools.map(({ function: { name } }): Tool => ({ name, custom: false }));
    const call = turn.tool && toToolCall(turn.tool, offered, textsOf(body.messages));
    if (call?.ok === false) return call;
    return ok(toReply(body, { say: turn.say, call: call?.value }, particulars));
  },

  errorEvent: (type, message) => ({ data: JSON.stringify({ error: { message, type, code: null, param: null } }) }),
};

type Said = { readonly say: string | undefined; readonly call: ToolCall | undefined };

function toReply(request: ChatRequest, { say, call }: Said, { id, usage, now }: Particulars): Reply {
  const common = { id: `chatcmpl-${id}`, created: seconds(now.getTime()), model: request.model };
  const told = request.stream_options?.include_usage === true;
  const reason = call === undefined ? "stop" : "tool_calls";
  const tool = { id: `call_${id}`, type: "function" };
  const input = JSON.stringify(call?.input);
  const message = {
    role: "assistant",
    content: say ?? null,
    ...(call === undefined ? {} : { tool_calls: [{ ...tool, function: { name: call.name, arguments: input } }] }),
  };
  const choice = { index: 0, message, logprobs: null, finish_reason: reason };
  const json = { ...common, object: "chat.completion", choices: [choice], usage: toUsage(usage) };

  const chunk = (choices: readonly object[], counts: object | null): ServerSentEvent => ({
    data: JSON.stringify({ ...common, object: "chat.completion.chunk", choices, ...(told ? { usage: counts } : {}) }),
  });
  const delta = (part: object, end: string | null = null): ServerSentEvent =>
    chunk([{ index: 0, delta: part, logprobs: null, finish_reason: end }], null);
  const called = (part: object): ServerSentEvent => delta({ tool_calls: [{ index: 0, ...part }] });
  const events = [
    delta({ role: "assistant", content: "" }),
    ...pieces(say ?? "").map((content) => delta({ content })),
    ...(call === undefined
      ? []
      : [
          called({ ...tool, function: { name: call.name, arguments: "" } }),
          ...pieces(input).map((text) => called({ function: { arguments: text } })),
        ]),
    delta({}, reason),
    // The last chunk has no choice, and comes only to who asks for it.
    ...(told ? [chunk([], toUsage(usage))] : []),
    { data: "[DONE]" },
  ];
  return { json, events };
}

/** All input, with what of it was read from the cache and written to it; all output, with what of it was reasoning. */
function toUsage(usage: Usage): object {
  const input = usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens;
  return {
    prompt_tokens: input,
    prompt_tokens_details: { cached_tokens: usage.cacheReadTokens, cache_write_tokens: usage.cacheWriteTokens },
    completion_tokens: usage.outputTokens,
    completion_tokens_details: { reasoning_tokens: usage.reasoningTokens },
    total_tokens: input + usage.outputTokens,
  };
}

function textsOf(messages: ChatRequest["messages"]): string[] {
  return messages.flatMap(({ content }) => content ?? []).flatMap(({ text }) => text ?? []);
}

function bodyOf(request: WireRequest): ChatRequest {
  return ChatRequest.parse(request.body);
}
