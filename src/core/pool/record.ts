import type { DecisionRecord } from "./pick.ts";

/**
 * A decision's record as it is kept: by columns. What is the same in every row is written once, whole numbers as what they are
 * more than the least of them, and words that repeat by their place in a list. Exact: unpacked, it gives the same decision. A pool of
 * 500 credentials takes a sixth of what its rows would.
 */
export type Packed = unknown;

export function packRecord(record: DecisionRecord): Packed {
  return pack([record]);
}

export function unpackRecord(packed: Packed): DecisionRecord {
  const [record] = unpack(packed as Column, 1);
  return record as DecisionRecord;
}

type Column =
  | { readonly all: unknown }
  | { readonly raw: readonly unknown[] }
  | { readonly from: number; readonly add: readonly number[] }
  | { readonly words: readonly string[]; readonly at: readonly number[] }
  /** Arrays, end to end. */
  | { readonly lengths: Column; readonly items: Column }
  /** Objects of the same keys. */
  | { readonly keys: readonly (readonly [string, Column])[] }
  /** Where there is nothing, and the rest. */
  | { readonly nulls: readonly number[]; readonly rest: Column };

/** From so many times on a word is written once. */
const REPEATED = 2;

function pack(values: readonly unknown[]): Column {
  const [first] = values;
  if (values.length === 0) return { raw: [] };
  if (isPlain(first) && values.every((value) => value === first)) return { all: first };
  if (values.includes(null)) {
    const nulls = values.flatMap((value, at) => (value === null ? [at] : []));
    return { nulls, rest: pack(values.filter((value) => value !== null)) };
  }
  if (values.every(Number.isSafeInteger)) return packNumbers(values as readonly number[]);
  if (values.every((value) => typeof value === "string")) return packWords(values);
  if (values.every(Array.isArray)) {
    const arrays = values as readonly (readonly unknown[])[];
    return { lengths: pack(arrays.map(({ length }) => length)), items: pack(arrays.flat()) };
  }
  if (values.every(isObject)) {
    const objects = values as readonly Record<string, unknown>[];
    const keys = Object.keys(objects[0] ?? {});
    const isSame = (object: Record<string, unknown>) => {
      const own = Object.keys(object);
      return own.length === keys.length && own.every((key, at) => key === keys[at]);
    };
    if (objects.every(isSame)) return { keys: keys.map((key) => [key, pack(objects.map((object) => object[key]))] as const) };
  }
  return { raw: values };
}

function packNumbers(values: readonly number[]): Column {
  const from = values.reduce((least, value) => Math.min(least, value), Infinity);
  return { from, add: values.map((value) => value - from) };
}

function packWords(values: readonly string[]): Column {
  const places = new Map<string, number>();
  for (const value of values) if (!places.has(value)) places.set(value, places.size);
  if (places.size * REPEATED > values.length) return { raw: values };
  return { words: [...places.keys()], at: values.map((value) => places.get(value) ?? 0) };
}

function isPlain(value: unknown): boolean {
  return value === null || typeof value !== "object";
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function unpack(column: Column, count: number): unknown[] {
  if ("all" in column) return Array.from({ length: count }, () => column.all);
  if ("raw" in column) return [...column.raw];
  if ("add" in column) return column.add.map((value) => column.from + value);
  if ("words" in column) return column.at.map((place) => column.words[place]);
  if ("nulls" in column) {
    const nulls = new Set(column.nulls);
    const rest = unpack(column.rest, count - nulls.size).values();
    return Array.from({ length: count }, (_, at) => (nulls.has(at) ? null : rest.next().value));
  }
  if ("lengths" in column) {
    const lengths = unpack(column.lengths, count) as number[];
    const items = unpack(
      column.items,
      lengths.reduce((sum, length) => sum + length, 0),
    );
    let from = 0;
    return lengths.map((length) => items.slice(from, (from += length)));
  }
  const columns = column.keys.map(([key, values]) => [key, unpack(values, count)] as const);
  return Array.from({ length: count }, (_, at) => Object.fromEntries(columns.map(([key, values]) => [key, values[at]])));
}
