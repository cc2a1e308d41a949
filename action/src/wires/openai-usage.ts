import type { Usage } from "#core/wire/contract.ts";
import { record } from "#core/wire/json.ts";
import { count } from "./wire.ts";

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
