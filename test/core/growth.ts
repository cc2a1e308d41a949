const SMALL = 8_000;
const TIMES = 8;

/**
 * How many times longer `work` takes for eight times as much of one text: about 8 where it is linear, about 64 where it is
 * quadratic. Medians, and a time below five milliseconds counts as five, so that a busy machine changes little.
 */
export function growth(work: (text: string) => unknown, piece: string): number {
  const small = repeated(piece, SMALL);
  const large = repeated(piece, SMALL * TIMES);
  work(small);
  return Math.max(medianMs(work, large), FLOOR_MS) / Math.max(medianMs(work, small), FLOOR_MS);
}

/** Halfway, by factors, between linear and quadratic is 22; a quadratic text of 64,000 characters is far above both. */
export const LINEAR = 32;

const FLOOR_MS = 5;

export function repeated(piece: string, length: number): string {
  return piece.repeat(Math.ceil(length / piece.length)).slice(0, length);
}

function medianMs(work: (text: string) => unknown, text: string): number {
  const times = Array.from({ length: 3 }, () => {
    const started = performance.now();
    work(text);
    return performance.now() - started;
  });
  return times.toSorted((a, b) => a - b)[1] ?? Number.NaN;
}
