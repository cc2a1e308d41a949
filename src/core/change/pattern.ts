/** A pattern of paths, read once: the ways its braces allow, each as the names of folders and a file. */
export type Pattern = { readonly text: string; readonly ways: readonly Way[] };

/** `below`: surely a folder, so that all below it is meant: `docs/`, `docs/**`, and `docs`, whose name has no ending. */
type Way = { readonly names: readonly Name[]; readonly below: boolean };

/** What one name of a path may be; `many`: any number of any names. */
type Name = { readonly kind: "many" } | { readonly kind: "plain" | "wild"; readonly matches: (part: string) => boolean };

/** A repository that needs more writes several patterns. */
const MAX_WAYS = 100;

/**
 * Reads a pattern as `.gitignore` does, so that what people write from habit protects what they mean:
 *
 *   `migrations/**`   with a slash, from the repository's root; so do `/migrations` and `./migrations`
 *   `*.sql`, `vendor` without one, or with one at its end, at any depth; a folder with all below it
 *   `**` any folders, `*` and `?` within a name (also one that begins with a dot), `[ab]`, `{a,b}`
 *   `app/[slug]/page.tsx` brackets also stand for themselves
 *
 * `fold` makes one spelling of those that a disk takes for one. What can't be read protects everything. Pure.
 */
export function readPattern(text: string, fold: (name: string) => string): Pattern {
  const bare = text.trim();
  return {
    text,
    ways: (alternativesOf(bare) ?? ["**"]).map((way) => {
      const names = way.split("/").filter((name) => name !== "" && name !== ".");
      const isAnchored = names.length > 1 || /^\.?\//.test(way);
      const below = way.endsWith("/") || names.at(-1) === "**" || !/[*?[]|.\./.test(names.at(-1) ?? "");
      while (names.at(-1) === "**") names.pop();
      return { names: [...(isAnchored ? [] : ["**"]), ...names].map((name) => readName(fold(name))), below };
    }),
  };
}

/** What is wrong with a pattern and what would be right; undefined for one that can be read. Pure. */
export function problemOf(text: string): string | undefined {
  const bare = text.trim();
  if (bare.includes("\\")) return "should have `/` between folders and no backslash; brackets also stand for themselves";
  if (bare.startsWith("!")) return "should say what is protected; nothing can be taken out of it with `!`";
  if (/[!@+*?]\(/.test(bare)) return "should name alternatives as `{a,b}`";
  const ways = alternativesOf(bare);
  if (ways === undefined) return `should be written as several patterns; its braces allow more than ${String(MAX_WAYS)} ways`;
  if (ways.some((way) => way.split("/").includes(".."))) return "should be a path inside the repository, without `..`";
  if (ways.some((way) => /^[./]*$/.test(way))) return "should name a file or a folder";
  return undefined;
}

/**
 * True where a change at `path` changes something that is named: the path itself, all below a folder that is named, and a
 * folder above it, which a file or a deletion in its place would take away whole. Where the folder above is named by a
 * wildcard, a file that is only modified is not taken for one: it was a file before.
 *
 * In time of the pattern's length times the path's. Pure.
 */
export function covers({ ways }: Pattern, path: readonly string[], isModified: boolean): boolean {
  return ways.some(({ names }) => {
    // The numbers of names that what was read of the path can have used up.
    let reached = withNone(names, [0]);
    for (const part of path) {
      if (reached.has(names.length)) return true;
      reached = withNone(names, step(names, reached, part));
      if (reached.size === 0) return false;
    }
    if (reached.has(names.length)) return true;
    return [...reached].some((at) => {
      const last = names[at - 1]?.kind;
      return last === "plain" || (last === "wild" && !isModified && names.slice(0, at).every(({ kind }) => kind !== "many"));
    });
  });
}

/**
 * True where `path` is itself named, or lies below a folder that surely is (`Way.below`). Narrower than `covers`, since here a
 * doubt must not let pass: nothing in a folder called `notes.md` is named by `*.md`, and no folder above what is named is meant.
 * A pattern that can't be read lets nothing pass. In time of the pattern's length times the path's. Pure.
 */
export function isWithin({ text, ways }: Pattern, path: readonly string[]): boolean {
  if (problemOf(text) !== undefined) return false;
  return ways.some(({ names, below }) => {
    let reached = withNone(names, [0]);
    for (const [at, part] of path.entries()) {
      reached = withNone(names, step(names, reached, part));
      if (reached.has(names.length) && (below || at === path.length - 1)) return true;
    }
    return false;
  });
}

/** The numbers of names that are used up once this part of a path was read, too. */
function step(names: readonly Name[], reached: ReadonlySet<number>, part: string): readonly number[] {
  return [...reached].flatMap((at) => {
    const name = names[at];
    if (name?.kind === "many") return [at];
    return name?.matches(part) === true ? [at + 1] : [];
  });
}

/** `**` may stand for no name at all. */
function withNone(names: readonly Name[], reached: readonly number[]): Set<number> {
  const all = new Set(reached);
  // A set hands out what is added while it is gone through.
  for (const at of all) if (names[at]?.kind === "many") all.add(at + 1);
  return all;
}

type Token = "*" | ((character: string) => boolean);

/** By its wildcards, with brackets as a choice and as themselves, or letter by letter. */
function readName(name: string): Name {
  if (name === "**") return { kind: "many" };
  if (!/[*?[]/.test(name)) return { kind: "plain", matches: (part) => part === name };
  const readings = (name.includes("[") ? [true, false] : [true]).map((withChoices) => tokensOf(name, withChoices));
  return {
    kind: "wild",
    matches: (part) => part === name || readings.some((tokens) => matchesTokens(tokens, Array.from(part))),
  };
}

function tokensOf(name: string, withChoices: boolean): Token[] {
  const parts = name.match(withChoices ? /\*+|\[[!^]?\]?[^\]]*\]|[\s\S]/gu : /\*+|[\s\S]/gu) ?? [];
  return parts.map((part) => {
    if (part.startsWith("*")) return "*";
    if (part === "?") return () => true;
    if (part.length < 3 || !part.startsWith("[")) return (character) => character === part;
    const isNegated = /^\[[!^]/.test(part);
    const ranges = [...part.slice(isNegated ? 2 : 1, -1).matchAll(/([\s\S])-([\s\S])|([\s\S])/gu)];
    return (character) =>
      isNegated !==
      ranges.some(
        ([, from, to, one]) =>
          character === one || (from !== undefined && to !== undefined && from <= character && character <= to),
      );
  });
}

/** Back to the last star only: what an earlier one took could have been taken by it as well. */
function matchesTokens(tokens: readonly Token[], characters: readonly string[]): boolean {
  let token = 0;
  let star = -1;
  let from = 0;
  for (let at = 0; at < characters.length;) {
    const now = tokens[token];
    if (now === "*") {
      star = token;
      token += 1;
      from = at;
    } else if (now?.(characters[at] ?? "") === true) {
      token += 1;
      at += 1;
    } else if (star >= 0) {
      from += 1;
      at = from;
      token = star + 1;
    } else return false;
  }
  return tokens.slice(token).every((rest) => rest === "*");
}

/** `a{b,c}` → `ab`, `ac`; undefined for more than `MAX_WAYS`. Braces without a comma stand for themselves. */
function alternativesOf(pattern: string): string[] | undefined {
  const done: string[] = [];
  const open = [{ text: pattern, from: 0 }];
  for (let now = open.pop(); now !== undefined; now = open.pop()) {
    const { text, from } = now;
    const start = text.indexOf("{", from);
    const choice = start < 0 ? undefined : choiceAt(text, start);
    if (start < 0) done.push(text);
    else if (choice === undefined) open.push({ text, from: start + 1 });
    else
      for (const option of choice.options)
        open.push({ text: text.slice(0, start) + option + text.slice(choice.to), from: start });
    if (done.length + open.length > MAX_WAYS) return undefined;
  }
  return done.toReversed();
}

function choiceAt(text: string, start: number): { readonly options: readonly string[]; readonly to: number } | undefined {
  const options: string[] = [];
  let depth = 0;
  let from = start + 1;
  for (let at = start; at < text.length; at += 1) {
    const sign = text[at];
    if (sign === "{") depth += 1;
    if (depth === 1 && (sign === "," || sign === "}")) {
      options.push(text.slice(from, at));
      from = at + 1;
    }
    if (sign === "}") depth -= 1;
    if (depth === 0) return options.length < 2 ? undefined : { options, to: at + 1 };
  }
  return undefined;
}
