export type Interval = { readonly mean: number; readonly low: number; readonly high: number };

/** 97.5th percentiles of Student's t by degrees of freedom, 1 to 30; beyond, the normal's. */
const T975 = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11, 2.101,
  2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];

export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

/** The mean of paired differences with its 95 % interval; one pair alone proves nothing. */
export function intervalOf(differences: readonly number[]): Interval {
  const mean = meanOf(differences);
  const n = differences.length;
  if (n < 2) return { mean, low: -Infinity, high: Infinity };
  const variance = differences.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  const half = (T975[n - 2] ?? 1.96) * Math.sqrt(variance / n);
  return { mean, low: mean - half, high: mean + half };
}
