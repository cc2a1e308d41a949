import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

/** A stream of chance: the same seed and purpose give the same stream, whatever other streams were used for. */
export type Random = {
  /** In [0, 1). */
  readonly float: () => number;
  readonly normal: () => number;
  readonly exponential: (mean: number) => number;
  /** An index, as likely as its weight. */
  readonly index: (weights: readonly number[]) => number;
};

export function randomOf(seed: number, purpose: string): Random {
  let mixed = (0x811c9dc5 ^ Math.imul(seed + 1, 0x9e3779b1)) >>> 0;
  for (const character of purpose) mixed = Math.imul(mixed ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  const generator = xoroshiro128plus(mixed | 0);
  // The generator's first numbers of near seeds are alike.
  for (let skipped = 0; skipped < 16; skipped++) generator.next();
  const float = () => uniformFloat64(generator);
  return {
    float,
    normal: () => Math.sqrt(-2 * Math.log(1 - float())) * Math.cos(2 * Math.PI * float()),
    exponential: (mean) => -mean * Math.log(1 - float()),
    index: (weights) => {
      let left = float() * weights.reduce((sum, weight) => sum + weight, 0);
      for (const [at, weight] of weights.entries()) {
        left -= weight;
        if (left < 0) return at;
      }
      return weights.length - 1;
    },
  };
}
