/** Most of these instants, the earliest first, that lie in any window of this length. */
export function busiest(instants: readonly number[], spanMs: number): number {
  let from = 0;
  return instants.reduce((most, at, index) => {
    while ((instants[from] ?? at) <= at - spanMs) from += 1;
    return Math.max(most, index - from + 1);
  }, 0);
}
