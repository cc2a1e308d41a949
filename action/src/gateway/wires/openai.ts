import { NO_USAGE, type Usage } from "#core/wire/contract.ts";
import { record } from "#core/wire/json.ts";
import { count, estimateOutput, type Metered, type ModelCall, type Written } from "./wire.ts";

/** The largest picture is cut to 10,000 patches (Codex 0.169.0, openai/codex#19865, for `detail: original`). */
export const IMAGE_TOKENS = 10_000;

export function toRefusal(type: string, message: string): Record<string, unknown> {
  return { error: { type, code: type, message, param: null } };
}

/** How the two formats of OpenAI name the same figures. */
type Names = { readonly input: string; readonly inputDetails: string; readonly output: string; readonly outputDetails: string };

/**
 * OpenAI counts what was read from a cache, and written to one, as a part of the input, and reasoning as a part of the
 * output. Undefined when there is no input count: then these are no figures. Pure.
 */
export function toUsage(usage: Record<string, unknown> | undefined, names: Names): Usage | undefined {
  if (usage === undefined || typeof usage[names.input] !== "number") return undefined;
  const input = count(usage[names.input]);
  const details = record(usage[names.inputDetails]);
  const read = Math.min(input, count(details?.["cached_tokens"]));
  const write = Math.min(input - read, count(details?.["cache_write_tokens"]));
  return {
    inputTokens: input - read - write,
    outputTokens: count(usage[names.output]),
    cacheReadTokens: read,
    cacheWriteTokens: write,
    cacheWrite1hTokens: 0,
    reasoningTokens: count(record(usage[names.outputDetails])?.["reasoning_tokens"]),
  };
}

/**
 * What a stream used that had begun. Figures come at its very end: of one that was cut before them, the input is what was
 * reserved for it, and the output estimated. Pure.
 */
export function meterStream(usage: Usage | undefined, written: Written, call: ModelCall): Metered {
  if (usage !== undefined) return { usage, estimated: false };
  const outputTokens = estimateOutput(written, call);
  return { usage: { ...NO_USAGE, inputTokens: call.inputTokens, outputTokens }, estimated: true };
}
