import type { IncomingHttpHeaders } from "node:http";
import type { Auth, Usage } from "#core/wire/contract.ts";
import { record, textOf } from "#core/wire/json.ts";
import { ok, type Result } from "#core/wire/result.ts";
import { contentText, isRepeating, type Step, toCall } from "../repeats.ts";
import {
  type Asked,
  type CallRefusal,
  count,
  estimateInput,
  estimateOutput,
  kindOf,
  list,
  type ModelCall,
  openCall,
  refuseCall,
  type StreamReader,
  type Wire,
} from "./wire.ts";

/** Anthropic's Messages, as Claude Code, the official SDK and opencode speak it. */
export const anthropicMessages: Wire = {
  path: "/v1/messages",
  countingPath: "/v1/messages/count_tokens",
  parse: parseMessages,
  headers: {
    names: new Set([
      "accept",
      "content-type",
      "user-agent",
      "anthropic-version",
      "anthropic-dangerous-direct-browser-access",
      "x-app",
    ]),
    families: ["x-stainless-", "x-claude-code-"],
    checked: betasOf,
  },
  readStream,
  usageOf: (document) => {
    const figures = grow(undefined, record(document["usage"]));
    return figures === undefined ? undefined : toUsage(figures);
  },
  refusal: (type, message) => ({ type: "error", error: { type, message } }),
};

/**
 * What a sandboxed process may ask of the provider. Allow-lists: a field or block this file doesn't know is refused,
 * because some would make the provider fetch, execute or bill outside what the sandbox and the budget bound
 * (provider-run tools, remote MCP, containers, file ids, `compaction`, `speed: fast`, `inference_geo`).
 *
 * Source: the requests of Claude Code 2.1.330 (recorded 2026-11-25) and the types of @anthropic-ai/sdk 1.12.0. Check
 * again whenever the pinned version in pins.json is raised.
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

/** An image costs a token for each 28 × 28 pixels and is scaled down to at most these (docs "Vision", high-resolution tier, 2026-11-25). */
const IMAGE_TOKENS = 4_784;

/*
 * Source of the headers above and the betas below: what Claude Code 2.1.330 sent on 2026-11-25, with Haiku, Sonnet and Opus 5.5 and
 * Sonnet 4.5, at each effort, with sub-agents (`x-claude-code-agent-id`), deferred tools, images, retries and `--resume`. Of what it
 * sent, `connection`, `host`, `accept-encoding` and `content-length` are the hop's own. Check again whenever a pin is raised.
 */

/**
 * The nine betas of those runs, and the one that `ENABLE_PROMPT_CACHING_1H` adds. Left out is `fallback-credit-2026-06-01`,
 * sent with the CLI's own summary of a full context: it is about a second model, which an attempt doesn't have. Others
 * would let the provider fetch, run or bill what isn't metered here (`mcp-client-*`, `code-execution-*`, `compact-*`,
 * `context-1m-*`, `fast-mode-*`).
 */
const BETAS = new Set([
  "claude-code-20250219", "interleaved-thinking-2025-05-14", "context-management-2025-06-27", "per-turn-control-2026-07-01",
  "mid-conversation-tool-changes-2026-07-01", "thinking-token-count-2026-05-13", "advanced-tool-use-2025-11-20",
  "effort-2025-11-24", "thinking-display-updates-2026-08-18", "extended-cache-ttl-2025-04-11",
]); // prettier-ignore

/**
 * Says that the bearer's token is no API key. The CLI adds it to a seat's requests itself; to those of a job's own identity, of
 * which the CLI doesn't know, it is added here as the official SDK does (1.12.0).
 */
const OAUTH_BETA = "oauth-2025-04-20";

function parseMessages(bytes: Buffer, { model }: Asked): Result<ModelCall, CallRefusal> {
  const opened = openCall(bytes, model, FIELDS);
  if (!opened.ok) return opened;
  const { value: document } = opened;
  const { fields: body } = document;
  if (!list(body["tools"]).every(isOwnTool)) return refuseCall("not_allowed", "tools run by the provider are not allowed here");
  if (!isOnlyClearing(body["context_management"]))
    return refuseCall("not_allowed", "only edits of the context that clear are allowed here");
  const blocks: Block[] = [];
  addBlocks(list(body["system"]), blocks);
  for (const it of list(body["messages"])) addBlocks(list(record(it)?.["content"]), blocks);
  const block = blocks.find((it) => !isOwnBlock(it));
  if (block !== undefined) return refuseCall("not_allowed", `a content block of this kind is not allowed here: ${kindOf(block)}`);
  const images = blocks.filter((it) => kindOf(it) === "image").map((it) => textOf(record(it["source"])?.["data"]));
  return ok({
    body: document.bytes,
    inputTokens: estimateInput(document.bytes, images, IMAGE_TOKENS),
    maxTokens: count(body["max_tokens"]),
    longCache: document.objects.some((it) => it["ttl"] === "1h"),
    isRepeating: isRepeating(stepsOf(list(body["messages"]))),
  });
}

/** From the end on. A reminder that the CLI puts beside a result is no word of the user's. */
function* stepsOf(messages: readonly unknown[]): Generator<Step> {
  for (let at = messages.length - 1; at >= 0; at -= 1) {
    const message = record(messages[at]);
    const steps = list(message?.["content"]).flatMap((it) => toStep(record(it) ?? {}));
    if (steps.length === 0 && message?.["role"] === "user") yield { kind: "word" };
    yield* steps.toReversed();
  }
}

function toStep(block: Block): readonly Step[] {
  if (block["type"] === "tool_use") return [toCall(block["name"], block["input"])];
  if (block["type"] !== "tool_result") return [];
  return [{ kind: "result", what: contentText(block["content"]), failed: block["is_error"] === true }];
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
function addBlocks(values: readonly unknown[], blocks: Block[], depth = 0): void {
  for (const value of values) {
    const block = (depth > 4 ? undefined : record(value)) ?? {};
    blocks.push(block);
    // The input of a tool is the model's own data, not an instruction to the provider: it may look like anything.
    if (kindOf(block) === "tool_use") continue;
    addBlocks(list(block["content"]), blocks, depth + 1);
    addBlocks(list(record(block["source"])?.["content"]), blocks, depth + 1);
  }
}

function isOwnBlock(block: Block): boolean {
  const kind = kindOf(block);
  if (!BLOCKS.has(kind) || "file_id" in block) return false;
  const source = record(block["source"]);
  const sources = SOURCES[kind];
  if (source === undefined) return sources === undefined;
  return sources?.includes(kindOf(source)) === true && !("file_id" in source);
}

function betasOf(from: IncomingHttpHeaders, auth: Auth): Record<string, string> {
  const betas = String(from["anthropic-beta"] ?? "").split(",").map((it) => it.trim()).filter((it) => BETAS.has(it) || (auth === "oauth" && it === OAUTH_BETA)); // prettier-ignore
  if (auth === "workload-identity") betas.push(OAUTH_BETA);
  return betas.length > 0 ? { "anthropic-beta": betas.join(",") } : {};
}

/**
 * The stream names its totals in `message_start.message.usage` and again, cumulatively, in every `message_delta.usage`, which
 * may repeat input and cache counts: so each figure only ever grows to the largest seen, and nothing is added up within a
 * call. A stream that ends before its first `message_delta` with an output count has no final figures.
 *
 * `cache_creation_input_tokens` is all that was written to the cache; `cache_creation.ephemeral_1h_input_tokens`, in
 * `message_start` and JSON but in no `message_delta`, is the part that is kept for an hour (types of
 * @anthropic-ai/sdk 1.12.0).
 */
function readStream(call: ModelCall): StreamReader {
  let figures: Figures | undefined;
  let final = false;
  let chars = 0;
  let thinking = false;
  let failure: Record<string, unknown> | undefined;
  return {
    count(stream, at) {
      DELTA_HEAD.lastIndex = at;
      if (!DELTA_HEAD.test(stream)) return false;
      const begin = DELTA_HEAD.lastIndex;
      PLAIN_TEXT.lastIndex = begin;
      if (!PLAIN_TEXT.test(stream)) return false;
      chars += PLAIN_TEXT.lastIndex - 1 - begin;
      return true;
    },
    read(event) {
      if (event["type"] === "message_start") {
        figures = grow(figures, record(record(event["message"])?.["usage"]));
      } else if (event["type"] === "message_delta") {
        const usage = record(event["usage"]);
        figures = grow(figures, usage);
        final ||= typeof usage?.["output_tokens"] === "number";
      } else if (event["type"] === "error") {
        failure = event;
      } else if (event["type"] === "content_block_start") {
        thinking ||= kindOf(event["content_block"]).endsWith("thinking");
      } else if (event["type"] === "content_block_delta") {
        const delta = record(event["delta"]);
        chars += textOf(delta?.["text"]).length + textOf(delta?.["partial_json"]).length;
      }
    },
    end() {
      if (figures === undefined) return undefined;
      const usage = toUsage(figures);
      if (final) return { usage, estimated: false };
      return {
        usage: { ...usage, outputTokens: Math.max(usage.outputTokens, estimateOutput({ chars, thinking }, call)) },
        estimated: true,
      };
    },
    failure: () => failure,
  };
}

/**
 * A piece of the answer's text as the provider writes it, and a text without an escape in it, so that its length is the text's.
 * Where it stands, without a copy of its line: to match 200 of these so takes two thirds of the time, and a third of what parsing
 * them takes.
 */
const DELTA_HEAD = / ?\{"type":"content_block_delta","index":\d+,"delta":\{"type":"text_delta","text":"/y;
const PLAIN_TEXT = /[^"\\\p{Cc}]*"/uy;

/** The provider's own figures, as large as they were ever seen. */
type Figures = Readonly<Record<"input" | "output" | "cacheRead" | "cacheWrite" | "cacheWrite1h" | "thinking", number>>;

function grow(seen: Figures | undefined, usage: Record<string, unknown> | undefined): Figures | undefined {
  if (usage === undefined) return seen;
  return {
    input: Math.max(seen?.input ?? 0, count(usage["input_tokens"])),
    output: Math.max(seen?.output ?? 0, count(usage["output_tokens"])),
    cacheRead: Math.max(seen?.cacheRead ?? 0, count(usage["cache_read_input_tokens"])),
    cacheWrite: Math.max(seen?.cacheWrite ?? 0, count(usage["cache_creation_input_tokens"])),
    cacheWrite1h: Math.max(seen?.cacheWrite1h ?? 0, count(record(usage["cache_creation"])?.["ephemeral_1h_input_tokens"])),
    thinking: Math.max(seen?.thinking ?? 0, count(record(usage["output_tokens_details"])?.["thinking_tokens"])),
  };
}

function toUsage(figures: Figures): Usage {
  return {
    inputTokens: figures.input,
    outputTokens: figures.output,
    cacheReadTokens: figures.cacheRead,
    cacheWriteTokens: Math.max(0, figures.cacheWrite - figures.cacheWrite1h),
    cacheWrite1hTokens: figures.cacheWrite1h,
    reasoningTokens: figures.thinking,
  };
}
