import type { DecisionRecord } from "./decision.ts";

/**
 * A decision's record as it is kept: by columns. What is the same in every row is written once, whole numbers as what they are
 * more than the least of them, and every word once, in one list. Exact: unpacked, it gives the same decision. A pool of 500
 * credentials takes a fifth of what its rows would.
 */
export type Packed = { readonly words: readonly string[]; readonly record: Column };

type Column =
  | { readonly all: string | number | boolean | null }
  | { readonly raw: readonly unknown[] }
  | { readonly from: number; readonly add: readonly number[] }
  /** Places in the list of words. */
  | { readonly words: readonly number[] }
  /** Arrays, end to end. */
  | { readonly lengths: Column; readonly items: Column }
  /** Objects of the same keys. */
  | { readonly keys: readonly (readonly [string, Column])[] }
  /** Where there is nothing, and the rest. */
  | { readonly nulls: readonly number[]; readonly rest: Column };

export function packRecord(record: DecisionRecord): Packed {
  const places = new Map<string, number>();
  const column = pack([record], places);
  return { words: [...places.keys()], record: column };
}

export function unpackRecord({ words, record }: Packed): DecisionRecord {
  return unpack(record, 1, words)[0] as DecisionRecord;
}

function pack(values: readonly unknown[], places: Map<string, number>): Column {
  const [first] = values;
  if (isPlain(first) && values.every((value) => value === first)) return { all: first };
  if (values.includes(null)) {
    const nulls = values.flatMap((value, at) => (value === null ? [at] : []));
    const rest = values.filter((value) => value !== null);
    return { nulls, rest: pack(rest, places) };
  }
  // The first says what all may be, so that each is looked at once.
  if (isWhole(first) && values.every(isWhole)) return packNumbers(values);
  if (isWord(first) && values.every(isWord)) return { words: values.map((word) => placeOf(word, places)) };
  if (isList(first) && values.every(isList))
    return { lengths: packNumbers(values.map(({ length }) => length)), items: pack(values.flat(), places) };
  if (isRecord(first) && values.every(isRecord)) {
    const keys = Object.keys(first);
    if (values.every((value) => hasKeys(value, keys)))
      return {
        keys: keys.map(
          (key) =>
            [
              key,
              pack(
                values.map((value) => value[key]),
                places,
              ),
            ] as const,
        ),
      };
  }
  return { raw: values };
}

function packNumbers(values: readonly number[]): Column {
  let from = Infinity;
  for (const value of values) if (value < from) from = value;
  return values.every((value) => value === from) ? { all: from } : { from, add: values.map((value) => value - from) };
}

function placeOf(word: string, places: Map<string, number>): number {
  const known = places.get(word);
  if (known !== undefined) return known;
  places.set(word, places.size);
  return places.size - 1;
}

/** Small enough that the difference of two is exact as well. */
const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && Math.abs(value as number) <= 2 ** 52;
const isWord = (value: unknown): value is string => typeof value === "string";
const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);
const isPlain = (value: unknown) =>
  value === null || typeof value === "number" || typeof value === "string" || typeof value === "boolean";
const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function hasKeys(value: Readonly<Record<string, unknown>>, keys: readonly string[]): boolean {
  // Not by `Object.keys`: of a large pool's thousands of rows each would be another list.
  let at = 0;
  for (const key in value) if (key !== keys[at++]) return false;
  return at === keys.length;
}

function unpack(column: Column, count: number, words: readonly string[]): readonly unknown[] {
  if ("all" in column) return Array.from({ length: count }, () => column.all);
  if ("raw" in column) return column.raw;
  if ("add" in column) return column.add.map((value) => column.from + value);
  if ("words" in column) return column.words.map((place) => words[place]);
  if ("nulls" in column) {
    const nulls = new Set(column.nulls);
    const rest = unpack(column.rest, count - nulls.size, words).values();
    return Array.from({ length: count }, (_, at) => (nulls.has(at) ? null : rest.next().value));
  }
  if ("lengths" in column) {
    const lengths = unpack(column.lengths, count, words) as readonly number[];
    const total = lengths.reduce((sum, length) => sum + length, 0);
    const items = unpack(column.items, total, words);
    let from = 0;
    return lengths.map((length) => items.slice(from, (from += length)));
  }
  const columns = column.keys.map(([key, values]) => [key, unpack(values, count, words)] as const);
  return Array.from({ length: count }, (_, at) => Object.fromEntries(columns.map(([key, values]) => [key, values[at]])));
}
