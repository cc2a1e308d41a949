import { z } from "zod";
import { ok } from "#core/wire/result.ts";
import { askForModels, openAiCommon, seconds } from "./openai.ts";
import { pieces } from "./pieces.ts";
import { toToolCall, type Tool, type ToolCall } from "./tool-calls.ts";
import type { Usage } from "#core/wire/contract.ts";
import type { Particulars, Reply, ServerSentEvent, Wire, WireRequest } from "./wire.ts";

const Content = z.union([z.string().transform((text) => [{ text }]), z.array(z.object({ text: z.string().optional() }))]);
const GivenTool = z.object({ type: z.string(), name: z.string().optional() });
/** Codex groups tools in namespaces, and offers those of its newer models in an item of the input. */
const GivenTools = z.array(GivenTool.extend({ tools: z.array(GivenTool).default([]) })).default([]);

/** The part of a Responses request that the script looks at. */
const ResponsesRequest = z.object({
  model: z.string(),
  stream: z.boolean().default(false),
  instructions: z.string().nullish(),
  tools: GivenTools,
  input: z.union([
    z.string().transform((text) => [{ type: "message", role: "user", content: [{ text }], tools: [] }]),
    z.array(
      z.object({
        type: z.string().default("message"),
        role: z.string().optional(),
        content: Content.nullish(),
        tools: GivenTools,
      }),
    ),
  ]),
});
type ResponsesRequest = z.infer<typeof ResponsesRequest>;

const RESULTS = new Set(["function_call_output", "custom_tool_call_output"]);

/** OpenAI's Responses format, as Codex and opencode speak it. */
export const openAiResponsesWire: Wire = {
  ...openAiCommon,
  name: "openai-responses",

  ask(request) {
    const { method, path, headers } = request;
    if (path !== "/v1/responses") return askForModels(request);
    // Codex tries a WebSocket first; at any other answer it tries again for seconds (0.169).
    if (method === "GET" && headers["upgrade"] === "websocket") {
      return { kind: "plain", status: 426, body: openAiCommon.errorBody(426, "WebSockets are not supported.", "") };
    }
    if (method !== "POST") return undefined;
    const parsed = ResponsesRequest.safeParse(request.body);
    if (!parsed.success) return { kind: "wrong", message: z.prettifyError(parsed.error) };
    const { model, stream, input } = parsed.data;
    return {
      kind: "conversation",
      conversation: {
        model,
        stream,
        hasTools: toolsOf(parsed.data).length > 0,
        turn: input.filter(({ type }) => RESULTS.has(type)).length,
        prompt: textsOf(input.filter(({ role }) => role === "user")).join("\n"),
      },
    };
  },

  reply(request, turn, particulars) {
    const body = bodyOf(request);
    const items: Item[] = turn.say === undefined ? [] : [toMessage(turn.say, particulars.id)];
    if (turn.tool !== undefined) {
      const call = toToolCall(turn.tool, toolsOf(body), [body.instructions ?? "", ...textsOf(body.input)]);
      if (!call.ok) return call;
      items.push(toCall(call.value, particulars.id));
    }
    return ok(toReply(body.model, items, particulars));
  },

  errorEvent(code, message, afterEvents) {
    const response = {
      id: "resp_failed",
      object: "response",
      status: "failed",
      error: { code, message },
      output: [],
      usage: null,
    };
    return toEvent("response.failed", { response }, afterEvents);
  },
};

/** An item of the output, whole. */
type Item = { readonly id: string; readonly status: "completed" } & (
  | { readonly type: "message"; readonly role: "assistant"; readonly content: readonly [Part] }
  | { readonly type: "function_call"; readonly call_id: string; readonly name: string; readonly arguments: string }
  | { readonly type: "custom_tool_call"; readonly call_id: string; readonly name: string; readonly input: string }
);
type Part = { readonly type: "output_text"; readonly text: string; readonly annotations: []; readonly logprobs: [] };

function toMessage(text: string, id: string): Item {
  const part: Part = { type: "output_text", text, annotations: [], logprobs: [] };
  return { id: `msg_${id}`, type: "message", status: "completed", role: "assistant", content: [part] };
}

function toCall({ name, input }: ToolCall, id: string): Item {
  const known = { status: "completed", call_id: `call_${id}`, name } as const;
  return typeof input === "string"
    ? { id: `ctc_${id}`, type: "custom_tool_call", ...known, input }
    : { id: `fc_${id}`, type: "function_call", ...known, arguments: JSON.stringify(input) };
}

function toReply(model: string, output: readonly Item[], { id, usage, now }: Particulars): Reply {
  const common = {
    id: `resp_${id}`,
    object: "response",
    created_at: seconds(now.getTime()),
    model,
    error: null,
    incomplete_details: null,
  };
  const begun = { response: { ...common, status: "in_progress", output: [], usage: null } };
  const json = { ...common, status: "completed", output, usage: toUsage(usage) };
  const events: Told[] = [
    ["response.created", begun],
    ["response.in_progress", begun],
    ...output.flatMap(toItemEvents),
    ["response.completed", { response: json }],
  ];
  return { json, events: events.map(([type, data], index) => toEvent(type, data, index)) };
}

type Told = readonly [type: string, data: Readonly<Record<string, unknown>>];

function toItemEvents(item: Item, index: number): Told[] {
  const at = { item_id: item.id, output_index: index };
  /** As it is announced, still empty. */
  const added = (empty: object): Told => [
    "response.output_item.added",
    { output_index: index, item: { ...item, status: "in_progress", ...empty } },
  ];
  const done: Told = ["response.output_item.done", { output_index: index, item }];
  if (item.type === "message") {
    const [part] = item.content;
    const within = { ...at, content_index: 0 };
    return [
      added({ content: [] }),
      ["response.content_part.added", { ...within, part: { ...part, text: "" } }],
      ...pieces(part.text).map((delta): Told => ["response.output_text.delta", { ...within, delta, logprobs: [] }]),
      ["response.output_text.done", { ...within, text: part.text, logprobs: [] }],
      ["response.content_part.done", { ...within, part }],
      done,
    ];
  }
  const [name, field, text] =
    item.type === "function_call"
      ? ["response.function_call_arguments", "arguments", item.arguments]
      : ["response.custom_tool_call_input", "input", item.input];
  return [
    added({ [field]: "" }),
    ...pieces(text).map((delta): Told => [`${name}.delta`, { ...at, delta }]),
    [`${name}.done`, { ...at, [field]: text }],
    done,
  ];
}

function toEvent(type: string, data: object, index: number): ServerSentEvent {
  return { event: type, data: JSON.stringify({ type, sequence_number: index, ...data }) };
}

/** All input, with what of it was read from the cache and written to it; all output, with what of it was reasoning. */
function toUsage(usage: Usage): object {
  const input = usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens;
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: usage.cacheReadTokens, cache_write_tokens: usage.cacheWriteTokens },
    output_tokens: usage.outputTokens,
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
    total_tokens: input + usage.outputTokens,
  };
}

function toolsOf({ tools, input }: ResponsesRequest): Tool[] {
  return [...tools, ...input.flatMap((item) => item.tools)]
    .flatMap((tool) => (tool.type === "namespace" ? tool.tools : [tool]))
    .flatMap(({ type, name }) => (name === undefined ? [] : [{ name, custom: type === "custom" }]));
}

function textsOf(input: ResponsesRequest["input"]): string[] {
  return input.flatMap(({ content }) => content ?? []).flatMap(({ text }) => text ?? []);
}

function bodyOf(request: WireRequest): ResponsesRequest {
  return ResponsesRequest.parse(request.body);
}
