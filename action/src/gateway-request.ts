import { parseRecord, record, textOf } from "#core/wire/json.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { cut } from "#core/wire/text.ts";

/**
 * What a sandboxed process may ask of the provider. Allow-lists: a field or block this file doesn't know is refused,
 * because some would make the provider fetch, execute or bill outside what the sandbox and the budget bound
 * (provider-run tools, remote MCP, containers, file ids, `compaction`, `speed: fast`, `inference_geo`).
 *
 * Source: the requests of Claude Code 2.1.330 (recorded 2026-11-25) and the types of @anthropic-ai/sdk 1.12.0. Check
 * again whenever the pinned version in tools.ts is raised.
 */
const FIELDS = new Set([
  "model", "messages", "system", "tools", "tool_choice", "max_tokens", "stream", "metadata", "thinking", "temperature",
  "top_p", "top_k", "stop_sequences", "output_config", "output_format", "context_management", "cache_control",
]); // prettier-ignore

const BLOCKS = new Set([
  "text", "image", "document", "tool_use", "tool_result", "thinking", "redacted_thinking", "tool_reference", "search_result",
]); // prettier-ignore

/**
 * Where a block's content may come from. PDFs (`document` from base64) are not among them: their tokens can't be bounded
 * by their bytes, only by 600 pages of up to 3,000 tokens of text and a picture each (docs "PDF support", 2026-11-25),
 * which no budget here would cover. Claude Code is told not to read them.
 */
const SOURCES: Readonly<Record<string, readonly string[]>> = { image: ["base64"], document: ["text", "content"] };

/** Those that only clear. `compact_20260112` makes a model call of its own, which the top-level usage leaves out (SDK, `BetaIterationsUsage`). */
const EDITS = new Set(["clear_thinking_20251015", "clear_tool_uses_20250919"]);

/** English text and code run at 3 to 4 bytes a token; the smaller one, so that a reservation is not too low. */
const BYTES_PER_TOKEN = 3;
/** An image costs a token for each 28 × 28 pixels and is scaled down to at most these (docs "Vision", high-resolution tier, 2026-11-25). */
const IMAGE_TOKENS = 4_784;

export type ModelCall = {
  /** The body written again from what was checked, so that no second reading of the same bytes (a repeated key) can differ. */
  readonly body: string;
  /** To reserve for its input. A tokenizer here would be another dependency to trust. */
  readonly inputTokens: number;
  readonly maxTokens: number;
  /** It asks for cache entries that live an hour. */
  readonly longCache: boolean;
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
    if (!FIELDS.has(field)) return refuse("not_allowed", `the field ${cut(field, 60)} is not allowed here`);
  }
  if (!list(body["tools"]).every(isOwnTool)) return refuse("not_allowed", "tools run by the provider are not allowed here");
  if (!isOnlyClearing(body["context_management"]))
    return refuse("not_allowed", "only edits of the context that clear are allowed here");
  const blocks = flatten([...list(body["system"]), ...list(body["messages"]).flatMap((it) => list(record(it)?.["content"]))]);
  const block = blocks.find((it) => !isOwnBlock(it));
  if (block !== undefined) return refuse("not_allowed", `a content block of this kind is not allowed here: ${kindOf(block)}`);
  const text = JSON.stringify(body);
  const images = blocks.filter((it) => kindOf(it) === "image").map((it) => textOf(record(it["source"])?.["data"]).length);
  const imageBytes = images.reduce((sum, it) => sum + it, 0);
  const maxTokens = body["max_tokens"];
  return ok({
    body: text,
    inputTokens: Math.ceil((Buffer.byteLength(text) - imageBytes) / BYTES_PER_TOKEN) + images.length * IMAGE_TOKENS,
    maxTokens: typeof maxTokens === "number" && Number.isSafeInteger(maxTokens) && maxTokens > 0 ? maxTokens : 0,
    // Inside a text the quotes would be escaped.
    longCache: text.includes('"ttl":"1h"'),
  });
}

function isOwnTool(value: unknown): boolean {
  const tool = record(value);
  return tool !== undefined && (tool["type"] === undefined || tool["type"] === null || tool["type"] === "custom");
}

function isOnlyClearing(management: unknown): boolean {
  const fields = record(management) ?? {};
  return Object.keys(fields).every((it) => it === "edits") && list(fields["edits"]).every((it) => EDITS.has(kindOf(it)));
}

type Block = Record<string, unknown>;

/** Blocks nest only as tool_result → document → content; deeper than four levels nothing the CLI sends goes, and stays unknown. */
function flatten(values: readonly unknown[], depth = 0): Block[] {
  return values.flatMap((value) => {
    const block = (depth > 4 ? undefined : record(value)) ?? {};
    // The input of a tool is the model's own data, not an instruction to the provider: it may look like anything.
    if (kindOf(block) === "tool_use") return [block];
    return [block, ...flatten([...list(block["content"]), ...list(record(block["source"])?.["content"])], depth + 1)];
  });
}

function isOwnBlock(block: Block): boolean {
  const kind = kindOf(block);
  if (!BLOCKS.has(kind) || "file_id" in block) return false;
  const source = record(block["source"]);
  const sources = SOURCES[kind];
  if (source === undefined) return sources === undefined;
  return sources?.includes(kindOf(source)) === true && !("file_id" in source);
}

function kindOf(value: unknown): string {
  return cut(textOf(record(value)?.["type"]), 60);
}

/** One object where a list belongs is judged like a list of it, whatever the provider makes of it. */
function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : record(value) === undefined ? [] : [value];
}

function refuse(type: CallRefusal["type"], message: string): Result<never, CallRefusal> {
  return err({ type, message });
}
