import type { Brief } from "../../request/brief.ts";
import { ownersOf } from "./code-owners.ts";
import { mentionsIn, readable } from "./mentions.ts";
import { filesMeant, type LedFile, type TreeFile } from "./places.ts";
import { languageOf, testsBeside } from "./files.ts";
import { factsOf, type TextFacts } from "./text.ts";

/** What GitHub says around an issue. null: not known. */
export type Surroundings = {
  /** Of the commit that work starts from. `isCut`: GitHub listed a part of it alone. */
  readonly tree: { readonly files: readonly TreeFile[]; readonly isCut: boolean } | null;
  /** The file's text, `""` where there is none. */
  readonly codeOwners: string | null;
  readonly links: Links | null;
};

/** Counts. `pullsClosed`: pull requests that were to close the issue and were not merged. */
export type Links = { readonly subIssues: number; readonly pullsOpen: number; readonly pullsClosed: number };

export const NO_SURROUNDINGS: Surroundings = { tree: null, codeOwners: null, links: null };

/** What could not be looked at. Nothing here knows how often files change: that takes a checkout. */
export type Absent = "tree" | "rest-of-tree" | "code-owners" | "links" | "churn";

/** What is known of an issue and the code it is about: facts, from which rules make a size. */
export type Signals = {
  /** Where the text leads in the tree, in the tree's order. A text can name files it has nothing to do with; it can't hide what it names. */
  readonly files: readonly LedFile[];
  /** Of those files together. */
  readonly bytes: number;
  /** Tests that stand beside those files, by name. */
  readonly tests: readonly string[];
  /** Of those files, as far as they are code. */
  readonly languages: readonly string[];
  /** Who owns those files by CODEOWNERS. */
  readonly owners: readonly string[];
  /** Names that only code has: how many parts of it the text speaks of. */
  readonly names: number;
  /** The text holds places as a runtime prints them. */
  readonly hasStack: boolean;
  /** Paths as the text has them, folders too, whether they exist or not: what isn't in a tree that was read can still be meant. */
  readonly named: readonly string[];
  readonly text: TextFacts;
  readonly labels: readonly string[];
  readonly links: Links | null;
  readonly absent: readonly Absent[];
};

/** Linear in the text (of which `MAX_READ` is read) and in the tree. Pure. */
export function signalsOf(issue: Pick<Brief["issue"], "title" | "body" | "labels">, around = NO_SURROUNDINGS): Signals {
  const text = readable(issue);
  const mentions = mentionsIn(text);
  const tree = around.tree?.files ?? [];
  const files = filesMeant(mentions, tree);
  const absent: Absent[] = [];
  if (around.tree === null) absent.push("tree");
  else if (around.tree.isCut) absent.push("rest-of-tree");
  if (around.codeOwners === null) absent.push("code-owners");
  if (around.links === null) absent.push("links");
  return {
    files,
    bytes: files.reduce((sum, { size }) => sum + size, 0),
    tests: testsBeside(files, tree),
    languages: [...new Set(files.flatMap(({ path }) => languageOf(path) ?? []))],
    owners: ownersOf(
      around.codeOwners ?? "",
      files.map(({ path }) => path),
    ),
    names: new Set([...mentions.modules, ...mentions.symbols]).size,
    hasStack: mentions.frames.size > 0,
    named: [...mentions.paths],
    text: factsOf(text),
    labels: issue.labels,
    links: around.links,
    absent: [...absent, "churn"],
  };
}
