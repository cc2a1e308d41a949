import { NO_USAGE, type Usage } from "#core/wire/contract.ts";

/**
 * The tokens of one answer: exact and known, so that what a meter counted can be compared with what was served.
 * Shaped like a coding agent's: the first turn writes the cache, later ones read it and add to it. Pure.
 */
export function usageOfTurn(turn: number): Usage {
  return {
    inputTokens: 1_200 + 10 * turn,
    cacheWriteTokens: turn === 0 ? 9_000 : 400,
    cacheWrite1hTokens: 0,
    cacheReadTokens: turn === 0 ? 0 : 9_000 + 400 * (turn - 1),
    outputTokens: 150 + 25 * turn,
    reasoningTokens: 30 + 5 * turn,
  };
}

/** A request without tools, such as one for a title. */
export const AUXILIARY_USAGE: Usage = { ...NO_USAGE, inputTokens: 90, outputTokens: 12 };

export function sumOfUsage(parts: readonly Usage[]): Usage {
  const total = { ...NO_USAGE };
  for (const part of parts) for (const kind of Object.keys(total) as (keyof Usage)[]) total[kind] += part[kind];
  return total;
}
