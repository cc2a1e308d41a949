import { NO_USAGE, type Usage } from "#core/wire/contract.ts";

/**
 * Reads what one model call used, from the bytes of its answer, however they are cut into chunks.
 *
 * Anthropic's stream names its totals in `message_start.message.usage` and again, cumulatively, in every
 * `message_delta.usage`, which may repeat input and cache counts: so each figure only ever grows to the largest seen,
 * and nothing is added up within a call. A stream that ends before its first `message_delta` with an output count has
 * no final figures; output is then estimated from the text that did arrive.
 */
export type Meter = {
  read(chunk: Uint8Array): void;
  /** What the call used. Called once, when the answer ended or was cut. */
  end(): Metered;
};

export type Metered = { readonly usage: Usage; readonly estimated: boolean };

/** A line longer than this is no usage event (these are under 2 kB); it is skipped, never buffered without bound. */
const MAX_LINE_CHARS = 4 * 1024 * 1024;
/** The largest JSON answer kept for metering. 128,000 output tokens are under 1 MB. */
const MAX_JSON_BYTES = 16 * 1024 * 1024;
/** English text and code run at 3 to 4 characters a token; the smaller one so that an estimate is not too low. */
export const CHARS_PER_TOKEN = 3;

/** @param inputEstimate input tokens to assume when the answer was cut before it named any. */
export function makeSseMeter(inputEstimate: number): Meter {
  const decoder = new TextDecoder();
  let pending = "";
  let skipping = false;
  let usage = NO_USAGE;
  let named = false;
  let final = false;
  let outputChars = 0;

  function readEvent(data: string): void {
    const event = parseRecord(data);
    if (event === undefined) return;
    if (event["type"] === "message_start") {
      const seen = toUsage(record(event["message"])?.["usage"]);
      if (seen === undefined) return;
      named = true;
      usage = grow(usage, seen);
    } else if (event["type"] === "message_delta") {
      const seen = toUsage(event["usage"]);
      if (seen === undefined) return;
      named = true;
      final = typeof record(event["usage"])?.["output_tokens"] === "number";
      usage = grow(usage, seen);
    } else if (event["type"] === "content_block_delta") {
      const delta = record(event["delta"]);
      for (const text of [delta?.["text"], delta?.["partial_json"], delta?.["thinking"]])
        if (typeof text === "string") outputChars += text.length;
    }
  }

  function readLine(line: string): void {
    if (line.startsWith("data:")) readEvent(line.slice(5));
  }

  return {
    read(chunk) {
      pending += decoder.decode(chunk, { stream: true });
      // A "\r\n" cut in two gives one empty line more, which says nothing.
      const lines = pending.split(/\r\n|\n|\r/);
      pending = lines.pop() ?? "";
      for (const line of lines) {
        if (skipping) skipping = false;
        else readLine(line);
      }
      if (pending.length > MAX_LINE_CHARS) {
        skipping = true;
        pending = "";
      }
    },
    end() {
      if (!skipping) readLine(pending);
      if (final) return { usage, estimated: false };
      const output = Math.max(usage.outputTokens, Math.ceil(outputChars / CHARS_PER_TOKEN));
      const input = named ? usage.inputTokens : inputEstimate;
      return { usage: { ...usage, inputTokens: input, outputTokens: output }, estimated: true };
    },
  };
}

/** Meters an answer that is one JSON document. */
export function makeJsonMeter(inputEstimate: number): Meter {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  return {
    read(chunk) {
      bytes += chunk.length;
      if (bytes <= MAX_JSON_BYTES) chunks.push(chunk);
    },
    end() {
      const usage = bytes <= MAX_JSON_BYTES ? toUsage(parseRecord(Buffer.concat(chunks).toString("utf8"))?.["usage"]) : undefined;
      if (usage !== undefined) return { usage, estimated: false };
      const outputTokens = Math.ceil(bytes / CHARS_PER_TOKEN);
      return { usage: { ...NO_USAGE, inputTokens: inputEstimate, outputTokens }, estimated: true };
    },
  };
}

export function addUsage(a: Usage, b: Usage): Usage {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    cacheReadTokens: a.cacheReadTokens + b.cacheReadTokens,
    cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
  };
}

function grow(a: Usage, b: Usage): Usage {
  return {
    inputTokens: Math.max(a.inputTokens, b.inputTokens),
    outputTokens: Math.max(a.outputTokens, b.outputTokens),
    cacheReadTokens: Math.max(a.cacheReadTokens, b.cacheReadTokens),
    cacheWriteTokens: Math.max(a.cacheWriteTokens, b.cacheWriteTokens),
  };
}

function toUsage(value: unknown): Usage | undefined {
  const usage = record(value);
  if (usage === undefined) return undefined;
  return {
    inputTokens: tokens(usage["input_tokens"]),
    outputTokens: tokens(usage["output_tokens"]),
    cacheReadTokens: tokens(usage["cache_read_input_tokens"]),
    cacheWriteTokens: tokens(usage["cache_creation_input_tokens"]),
  };
}

function tokens(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : 0;
}

export function parseRecord(text: string): Record<string, unknown> | undefined {
  try {
    return record(JSON.parse(text));
  } catch {
    return undefined;
  }
}

export function record(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
}

/** A text, or the empty one: what a provider or a harness says is of any type. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
