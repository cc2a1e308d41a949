import type { Mentions } from "./mentions.ts";
import { namesOf, plainName, stemOf } from "./names.ts";

/** A file of a repository's tree. `size`: bytes. */
export type TreeFile = { readonly path: string; readonly size: number };

/** By what a text leads to a file; the first is the surest. */
export const LEADS = ["path", "module", "name", "frame", "import", "symbol"] as const;
export type Lead = (typeof LEADS)[number];

export type LedFile = TreeFile & { readonly by: Lead };

/** What fits more files than that names none of them. */
const MAX_CANDIDATES = 3;
/** Of a path that somebody's disk has more of: so many folders and the file must be the same. */
const MIN_SHARED = 3;

/** The names of paths from their end, so that one walk finds all that a file could be. */
type Node = {
  readonly next: Map<string, Node>;
  /** A mention ends here. */
  by: Lead | undefined;
  /** All that end here are what could be left of a longer one. */
  isGuess: boolean;
  /** Of all that pass. */
  surest: Lead;
  readonly files: LedFile[];
};

/**
 * Which files of the tree are meant, each once, by its surest lead, in the tree's order.
 *
 *   exact or by suffix   `src/a.ts`, `a.ts`; `/home/x/site-packages/acme/web/page.py` for `acme/web/page.py`
 *   by module            `acme.web.page.Page.render` → `acme/web/page.py`, `acme/web/page/__init__.py`
 *   by symbol            `LoginForm` → `login-form.tsx`, `login_form.py`, `LoginForm.java`
 *
 * In time of the tree's length plus the mentions'. Pure.
 */
export function filesMeant(mentions: Mentions, tree: readonly TreeFile[]): LedFile[] {
  const byName = emptyNode();
  const byStem = emptyNode();
  for (const path of mentions.paths) {
    const names = namesOf(path.toLowerCase());
    const lead = mentions.frames.has(path) ? "frame" : names.length > 1 ? "path" : "name";
    if (names.length > 0) insert(byName, names, lead);
  }
  for (const module of mentions.modules) {
    const lead = mentions.imports.has(module) ? "import" : "module";
    for (const { names, isGuess } of modulePaths(module)) insert(byStem, names.map(plainName), lead, isGuess);
  }
  for (const symbol of mentions.symbols) insert(byStem, [plainName(symbol)], "symbol");
  const touched = new Set<Node>();
  for (const file of tree) {
    const from = file.path.lastIndexOf("/") + 1;
    const base = file.path.slice(from).toLowerCase();
    const named = byName.next.get(base);
    if (named !== undefined) walk(named, from - 1, file, false, touched);
    if (byStem.next.size === 0) continue;
    const stem = plainName(stemOf(base));
    const isFolder = FOLDER_FILES.has(stem);
    const stood = isFolder ? byStem : byStem.next.get(stem);
    if (stood !== undefined) walk(stood, from - 1, file, isFolder, touched);
  }
  const surest = new Map<string, LedFile>();
  for (const { files } of touched) {
    if (files.length > MAX_CANDIDATES) continue;
    for (const file of files) {
      const before = surest.get(file.path);
      if (before === undefined || surer(before.by, file.by) !== before.by) surest.set(file.path, file);
    }
  }
  if (surest.size === 0) return [];
  const found: LedFile[] = [];
  for (const { path } of tree) {
    const file = surest.get(path);
    if (file !== undefined) found.push(file);
  }
  return found;
}

/** Files that stand for their folder. */
const FOLDER_FILES = new Set(["init", "index", "mod", "lib"]);

function emptyNode(): Node {
  return { next: new Map(), by: undefined, isGuess: true, surest: "symbol", files: [] };
}

function insert(root: Node, names: readonly string[], by: Lead, isGuess = false): void {
  let node = root;
  for (const name of names.toReversed()) {
    const next = node.next.get(name) ?? emptyNode();
    node.next.set(name, next);
    node = next;
    node.surest = surer(node.surest, by);
  }
  node.isGuess &&= isGuess;
  node.by = surer(node.by ?? by, by);
}

function surer(one: Lead, other: Lead): Lead {
  return LEADS.indexOf(other) < LEADS.indexOf(one) ? other : one;
}

/**
 * Marks every mention that a path ends with, or else the one that ends with the path. `node`: of the path's name, before which
 * the path goes on to its root from `end`; of a file that stands for its folder, the root of the names.
 */
function walk(node: Node, end: number, file: TreeFile, isFolder: boolean, touched: Set<Node>): void {
  let at = node;
  let depth = isFolder ? 0 : 1;
  let left = end;
  let isMeant = false;
  for (;;) {
    // `a.b.c` is not about `a/b/__init__.py`.
    if (at.by !== undefined && !(isFolder && at.isGuess)) {
      mark(at, file, at.by, touched);
      isMeant = true;
    }
    if (left <= 0) break;
    const slash = file.path.lastIndexOf("/", left - 1);
    const name = file.path.slice(slash + 1, left).toLowerCase();
    const next = at.next.get(name) ?? at.next.get(plainName(name));
    if (next === undefined) break;
    at = next;
    depth += 1;
    left = slash;
  }
  const isWhole = left <= 0 && depth > 1;
  // What is meant goes on where the path has ended: without more names it is a guess that was passed over above.
  if (!isMeant && at.next.size > 0 && (isWhole || depth >= MIN_SHARED)) mark(at, file, at.surest, touched);
}

function mark(node: Node, { path, size }: TreeFile, by: Lead, touched: Set<Node>): void {
  // One more than is allowed is kept, which says that there are too many.
  if (node.files.length <= MAX_CANDIDATES) node.files.push({ path, size, by });
  touched.add(node);
}

/** `a.b.C.d` → `a/b/C/d`, `a/b/C`, `a/b`: what of it is the file is not written. */
function modulePaths(module: string): { readonly names: readonly string[]; readonly isGuess: boolean }[] {
  const all = module.split(".");
  return [0, 1, 2]
    .map((dropped) => ({ names: all.slice(0, all.length - dropped), isGuess: dropped > 0 }))
    .filter(({ names }) => names.length > 1);
}
