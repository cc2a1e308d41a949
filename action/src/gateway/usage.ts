import type { Usage } from "#core/wire/contract.ts";

/** Two usages, kind of token by kind. Pure. */
export function combine(a: Usage, b: Usage, by: (a: number, b: number) => number): Usage {
  return {
    inputTokens: by(a.inputTokens, b.inputTokens),
    outputTokens: by(a.outputTokens, b.outputTokens),
    cacheReadTokens: by(a.cacheReadTokens, b.cacheReadTokens),
    cacheWriteTokens: by(a.cacheWriteTokens, b.cacheWriteTokens),
    cacheWrite1hTokens: by(a.cacheWrite1hTokens, b.cacheWrite1hTokens),
    reasoningTokens: by(a.reasoningTokens, b.reasoningTokens),
  };
}
