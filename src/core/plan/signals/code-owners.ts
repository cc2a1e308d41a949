import { covers, readPattern, type Pattern } from "../../change/pattern.ts";

/** Where GitHub looks for the file; the first that exists counts. Source: docs.github.com, "About code owners". */
export const CODE_OWNERS_FILES = [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"] as const;

/** GitHub reads up to 3 MB; what is behind so many rules is not looked at. */
const MAX_RULES = 1_000;

/** Who owns these files: of the last rule that fits each, the owners as they are written. In file order, each once. Pure. */
export function ownersOf(codeOwners: string, paths: readonly string[]): string[] {
  const rules = codeOwners
    .split("\n", MAX_RULES)
    .map((line) => line.replace(/(?:^|\s)#.*/, "").trim())
    .filter((line) => line !== "")
    .map(readRule)
    .toReversed();
  const owners = paths.flatMap((path) => rules.find((rule) => fits(rule, path.split("/")))?.owners ?? []);
  return [...new Set(owners)];
}

type Rule = { readonly pattern: Pattern; readonly owners: readonly string[]; readonly depth: number | null };

function readRule(line: string): Rule {
  const [text = "", ...owners] = line.split(/\s+/, 20);
  // `docs/*` is of the files there alone; as `.gitignore` has it, it would be of all below.
  const isShallow = /[^*/]\/\*$/.test(text);
  return { pattern: readPattern(text, (name) => name), owners, depth: isShallow ? namesIn(text) : null };
}

function fits({ pattern, depth }: Rule, names: readonly string[]): boolean {
  return (depth === null || names.length === depth) && covers(pattern, names, true);
}

function namesIn(text: string): number {
  return text.split("/").filter((name) => name !== "").length;
}
