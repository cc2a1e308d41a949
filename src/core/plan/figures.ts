/** `of`: how many tasks, attempts or pull requests it rests on. `value` null: they are too few to say (`ENOUGH`). */
export type Figure = { readonly value: number | null; readonly of: number };

/** Below ten, chance alone moves a share by more than fifteen points either way. */
export const ENOUGH = 10;

export function figure(of: number, value: () => number): Figure {
  return { value: of < ENOUGH ? null : value(), of };
}

/** Of each group, in the order of their keys. */
export function groups<T>(items: readonly T[], key: (item: T) => string): readonly (readonly T[])[] {
  return [...Map.groupBy(items, key).entries()].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, group]) => group);
}

export function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

/** 0 of none. */
export function mean<T>(items: readonly T[], of: (item: T) => number): number {
  return sum(items, of) / Math.max(1, items.length);
}

export function count<T>(items: readonly T[], is: (item: T) => boolean): number {
  return items.filter(is).length;
}

/** 0 of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const [low = 0, high = low] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  return (low + high) / 2;
}
