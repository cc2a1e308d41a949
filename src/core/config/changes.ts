import { inlineCode } from "../change/inline-code.ts";

/** One sentence about what is different, and the setting that it is about. `warning`: somebody should look twice. */
export type Said = { readonly path: readonly string[]; readonly text: string; readonly warning: boolean };

/** What a setting means, before and after a change. `names`: what stands at the `*` of `at`, in their order. */
type Words<View, Answer> = (before: View, after: View, names: readonly string[]) => Answer;
export type Row<View> = {
  /** The setting, like `pool.*.budget`; `*` is any name. */
  readonly at: string;
  /** undefined: what stands below is said one by one. */
  readonly say: Words<View, string | undefined>;
  readonly warns?: Words<View, boolean>;
};

/**
 * What is different between two configurations, in sentences: those of the rows where there is one, and the bare setting with
 * its values where there is none, so that nothing changed is silent. Pure.
 */
export function changesOf<View extends object>(rows: readonly Row<View>[], before: View, after: View): readonly Said[] {
  const walk = (path: readonly string[], was: unknown, is: unknown): readonly Said[] => {
    if (isSame(was, is)) return [];
    for (const row of rows) {
      const names = namesIn(row.at, path);
      const text = names === undefined ? undefined : row.say(before, after, names);
      if (names !== undefined && text !== undefined) return [{ path, text, warning: row.warns?.(before, after, names) ?? false }];
    }
    const [left, right] = [partsOf(was, is), partsOf(is, was)];
    const keys = left === undefined || right === undefined ? [] : [...new Set([...Object.keys(left), ...Object.keys(right)])];
    if (keys.length === 0) return [{ path, text: plain(path, was, is), warning: false }];
    return keys.flatMap((key) => walk([...path, key], ownIn(left, key), ownIn(right, key)));
  };
  return walk([], before, after);
}

/** `pool.*.budget` and `pool, a, budget` → `a`; undefined where the two don't fit. */
function namesIn(at: string, path: readonly string[]): readonly string[] | undefined {
  const wanted = at.split(".");
  if (wanted.length !== path.length || !wanted.every((part, index) => part === "*" || part === path[index])) return undefined;
  return path.filter((_, index) => wanted[index] === "*");
}

type Parts = Readonly<Record<string, unknown>>;

/** Its settings by name, where it has such; none, where it isn't set and the other has some. */
function partsOf(value: unknown, other: unknown): Parts | undefined {
  if (value === undefined) return isParts(other) ? {} : undefined;
  return isParts(value) ? value : undefined;
}

function isParts(value: unknown): value is Parts {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function ownIn(parts: Parts | undefined, key: string): unknown {
  return parts !== undefined && Object.hasOwn(parts, key) ? parts[key] : undefined;
}

function isSame(one: unknown, other: unknown): boolean {
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((item, at) => isSame(item, other[at]));
  if (!isParts(one) || !isParts(other)) return Object.is(one, other);
  return [...Object.keys(one), ...Object.keys(other)].every((key) => isSame(ownIn(one, key), ownIn(other, key)));
}

function plain(path: readonly string[], before: unknown, after: unknown): string {
  const setting = code(path.join("."));
  const show = (value: unknown) => code(typeof value === "string" ? value : (JSON.stringify(value) ?? ""));
  if (after === undefined) return `${setting} is no longer set; it was ${show(before)}.`;
  return `${setting} is now ${show(after)}; it was ${before === undefined ? "not set" : show(before)}.`;
}

/** A value of the file's: read, and nothing else. */
export function code(value: string): string {
  return inlineCode(value, 80);
}

/** The most that one sentence names. */
const MAX_NAMED = 20;

/** `a`, `b` and `c`. */
export function listed(values: readonly string[]): string {
  const shown = values.slice(0, MAX_NAMED).map(code);
  const rest = values.length - shown.length;
  const all = rest === 0 ? shown : [...shown, `${String(rest)} more`];
  return all.length < 2 ? all.join("") : `${all.slice(0, -1).join(", ")} and ${all.at(-1) ?? ""}`;
}

/** What came into a list, and what left it. */
export function differenceOf(
  before: readonly string[] = [],
  after: readonly string[] = [],
): { readonly added: readonly string[]; readonly gone: readonly string[] } {
  return {
    added: after.filter((value) => !before.includes(value)),
    gone: before.filter((value) => !after.includes(value)),
  };
}
