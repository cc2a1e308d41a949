import { err, ok, type Result } from "#core/wire/result.ts";
import { parseRecord, record, textOf } from "./meter.ts";

/**
 * What a sandboxed process may ask of the provider. Allow-lists: a field or block this file doesn't know is refused,
 * because some would make the provider fetch, execute or bill outside what the sandbox and the budget bound
 * (provider-run tools, remote MCP, containers, file ids, `speed: fast`, `inference_geo`).
 *
 * Source: the requests of Claude Code 2.1.330 (recorded 2026-11-24) and the types of @anthropic-ai/sdk 1.12.0. Check
 * again whenever the pinned version in tools.ts is raised.
 */
const FIELDS = new Set([
  "model", "messages", "system", "tools", "tool_choice", "max_tokens", "stream", "metadata", "thinking", "temperature",
  "top_p", "top_k", "stop_sequences", "output_config", "output_format", "context_management", "cache_control",
]); // prettier-ignore

const BLOCKS = new Set([
  "text", "image", "document", "tool_use", "tool_result", "thinking", "redacted_thinking", "tool_reference", "search_result",
]); // prettier-ignore

const SOURCES = new Set(["base64", "text", "content"]);

export type ModelCall = {
  /** The body written again from what was checked, so that no second reading of the same bytes (a repeated key) can differ. */
  readonly body: string;
  readonly stream: boolean;
  readonly maxTokens: number;
};

export type CallRefusal = {
  readonly type: "invalid_request_error" | "model_not_allowed" | "not_allowed";
  readonly message: string;
};

/** Parses and judges the body of `/v1/messages` or `/v1/messages/count_tokens`. Pure. */
export function parseModelCall(bytes: Buffer, model: string): Result<ModelCall, CallRefusal> {
  const body = parseRecord(bytes.toString("utf8"));
  if (body === undefined) return refuse("invalid_request_error", "the body is not a JSON object");
  if (body["model"] !== model) return refuse("model_not_allowed", `this attempt may only use ${model}`);
  for (const field of Object.keys(body)) {
    if (!FIELDS.has(field)) return refuse("not_allowed", `the field ${field.slice(0, 60)} is not allowed here`);
  }
  const tool = list(body["tools"]).find((it) => !isOwnTool(it));
  if (tool !== undefined) return refuse("not_allowed", "tools run by the provider are not allowed here");
  const blocks = [...list(body["system"]), ...list(body["messages"]).flatMap((it) => list(record(it)?.["content"]))];
  const block = blocks.find((it) => !isOwnBlock(it, 0));
  if (block !== undefined) return refuse("not_allowed", `a content block of this kind is not allowed here: ${kindOf(block)}`);
  const maxTokens = body["max_tokens"];
  return ok({
    body: JSON.stringify(body),
    stream: body["stream"] === true,
    maxTokens: typeof maxTokens === "number" && Number.isSafeInteger(maxTokens) && maxTokens > 0 ? maxTokens : 0,
  });
}

function isOwnTool(value: unknown): boolean {
  const tool = record(value);
  return tool !== undefined && (tool["type"] === undefined || tool["type"] === null || tool["type"] === "custom");
}

/** Blocks nest only as tool_result → document → content; deeper than four levels nothing the CLI sends goes. */
function isOwnBlock(value: unknown, depth: number): boolean {
  const block = record(value);
  if (block === undefined || depth > 4 || !BLOCKS.has(textOf(block["type"])) || "file_id" in block) return false;
  // The input of a tool is the model's own data, not an instruction to the provider: it may look like anything.
  if (block["type"] === "tool_use") return true;
  const source = record(block["source"]);
  if (source !== undefined && (!SOURCES.has(textOf(source["type"])) || "file_id" in source)) return false;
  return [...list(block["content"]), ...list(source?.["content"])].every((it) => isOwnBlock(it, depth + 1));
}

function kindOf(block: unknown): string {
  return textOf(record(block)?.["type"]).slice(0, 60);
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function refuse(type: CallRefusal["type"], message: string): Result<never, CallRefusal> {
  return err({ type, message });
}
