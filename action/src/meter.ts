import type { Usage } from "#core/wire/contract.ts";
import { parseRecord, record, textOf } from "#core/wire/json.ts";

/**
 * Reads what one model call used, from the bytes of its answer, however they are cut into chunks.
 *
 * Anthropic's stream names its totals in `message_start.message.usage` and again, cumulatively, in every
 * `message_delta.usage`, which may repeat input and cache counts: so each figure only ever grows to the largest seen,
 * and nothing is added up within a call. A stream that ends before its first `message_delta` with an output count has
 * no final figures; output is then estimated from the text that did arrive, or, where the model had begun to think, which
 * is shown shortened or not at all, taken to be all that was asked for.
 *
 * `cache_creation_input_tokens` is all that was written to the cache; `cache_creation.ephemeral_1h_input_tokens`, in
 * `message_start` and JSON but in no `message_delta`, is the part that is kept for an hour (types of
 * @anthropic-ai/sdk 1.12.0).
 */
export type Meter = {
  read(chunk: Uint8Array): void;
  /** What the call used; undefined when the answer was cut before it named any figures. Called once, at its end. */
  end(): Metered | undefined;
  /** The error with which a stream broke off that had begun well, as it came; empty where none did. */
  failure(): string;
};

export type Metered = { readonly usage: Usage; readonly estimated: boolean };

/** A line longer than this is no usage event (these are under 2 kB); it is skipped, never buffered without bound. */
const MAX_LINE_CHARS = 4 * 1024 * 1024;
/** The largest JSON answer kept for metering. 128,000 output tokens are under 1 MB. */
const MAX_JSON_BYTES = 16 * 1024 * 1024;
/** English text and code run at 3 to 4 characters a token; the smaller one so that an estimate is not too low. */
export const CHARS_PER_TOKEN = 3;

/** @param maxTokens the output that the call asked for at most. */
export function makeSseMeter(maxTokens: number): Meter {
  const decoder = new TextDecoder();
  let pending = "";
  let skipping = false;
  let figures: Figures | undefined;
  let final = false;
  let outputChars = 0;
  let thinking = false;
  let failure = "";

  function readEvent(data: string): void {
    const event = parseRecord(data);
    if (event === undefined) return;
    if (event["type"] === "message_start") {
      figures = grow(figures, record(record(event["message"])?.["usage"]));
    } else if (event["type"] === "message_delta") {
      const usage = record(event["usage"]);
      figures = grow(figures, usage);
      final ||= typeof usage?.["output_tokens"] === "number";
    } else if (event["type"] === "error") {
      failure = data;
    } else if (event["type"] === "content_block_start") {
      thinking ||= textOf(record(event["content_block"])?.["type"]).endsWith("thinking");
    } else if (event["type"] === "content_block_delta") {
      const delta = record(event["delta"]);
      for (const text of [delta?.["text"], delta?.["partial_json"]]) if (typeof text === "string") outputChars += text.length;
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
      if (figures === undefined) return undefined;
      const usage = toUsage(figures);
      if (final) return { usage, estimated: false };
      const outputTokens = Math.max(usage.outputTokens, thinking ? maxTokens : Math.ceil(outputChars / CHARS_PER_TOKEN));
      return { usage: { ...usage, outputTokens }, estimated: true };
    },
    failure: () => failure,
  };
}

/** Meters an answer that is one JSON document. */
export function makeJsonMeter(): Meter {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  return {
    read(chunk) {
      bytes += chunk.length;
      if (bytes <= MAX_JSON_BYTES) chunks.push(chunk);
    },
    end() {
      if (bytes > MAX_JSON_BYTES) return undefined;
      const figures = grow(undefined, record(parseRecord(Buffer.concat(chunks).toString("utf8"))?.["usage"]));
      return figures === undefined ? undefined : { usage: toUsage(figures), estimated: false };
    },
    failure: () => "",
  };
}

/** The provider's own figures, as large as they were ever seen. */
type Figures = Readonly<Record<"input" | "output" | "cacheRead" | "cacheWrite" | "cacheWrite1h", number>>;

function grow(seen: Figures | undefined, usage: Record<string, unknown> | undefined): Figures | undefined {
  if (usage === undefined) return seen;
  return {
    input: Math.max(seen?.input ?? 0, tokens(usage["input_tokens"])),
    output: Math.max(seen?.output ?? 0, tokens(usage["output_tokens"])),
    cacheRead: Math.max(seen?.cacheRead ?? 0, tokens(usage["cache_read_input_tokens"])),
    cacheWrite: Math.max(seen?.cacheWrite ?? 0, tokens(usage["cache_creation_input_tokens"])),
    cacheWrite1h: Math.max(seen?.cacheWrite1h ?? 0, tokens(record(usage["cache_creation"])?.["ephemeral_1h_input_tokens"])),
  };
}

function toUsage(figures: Figures): Usage {
  return {
    inputTokens: figures.input,
    outputTokens: figures.output,
    cacheReadTokens: figures.cacheRead,
    cacheWriteTokens: Math.max(0, figures.cacheWrite - figures.cacheWrite1h),
    cacheWrite1hTokens: figures.cacheWrite1h,
  };
}

function tokens(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : 0;
}
