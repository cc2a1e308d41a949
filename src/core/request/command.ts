import { EFFORTS, HARNESSES, SIZES, TIERS, type Effort, type Harness, type Size, type Tier } from "../wire/contract.ts";
import { ALIAS } from "../config/shapes.ts";
import { err, ok, type Result } from "../wire/result.ts";

/** The label that asks for agent work. */
export const TRIGGER_LABEL = "agent";

/** What a person asked to be used; what is not named is chosen by the router. */
export type Override = {
  readonly tier?: Tier;
  readonly harness?: Harness;
  readonly model?: string;
  readonly effort?: Effort;
  /** How large a person says it is. */
  readonly size?: Size;
  /** Whatever its size and whatever it is expected to cost, within the budgets. */
  readonly approved?: true;
};

export type Command =
  | { readonly kind: "run"; readonly use: Override }
  /** Of the owner of a seat, by the name it has in the policy: it may serve others from now on, or no longer. */
  | { readonly kind: "lend" | "unlend"; readonly seat: string };

export type CommandError = { readonly reason: "command-unknown"; readonly word: string; readonly valid: string };

const FORMS =
  "`/agent`, `/agent approve`, `/agent size SIZE`, `/agent use WORD …` with a tier, harness, model or effort, several of these in one line, and of the owner of a seat `/agent lend NAME` and `/agent unlend NAME`";

/**
 * The command in a comment, if it has one: the first line that begins with `/agent`, outside quotes and code blocks.
 * `models` are the names the owner's tiers can serve, so that a misspelt one is an error and not a surprise.
 *
 *   "/agent"                         → run
 *   "/agent approve"                 → run whatever its size
 *   "/agent size m"                  → run as of size m
 *   "/agent use frontier"            → run with tier frontier
 *   "/agent use claude-code light"   → any order
 *   "/agent size s use high approve" → several in one
 *   "/agent lend ada-max"            → lend the seat ada-max
 *   "> /agent use frontier"          → undefined: a quotation commands nothing
 */
export function parseCommand(body: string, models: readonly string[]): Result<Command, CommandError> | undefined {
  const line = commandLine(body);
  if (line === undefined) return undefined;
  const words = line.split(/\s+/).slice(1);
  const verb = words[0]?.toLowerCase();
  const seat = words[1]?.toLowerCase();
  if ((verb === "lend" || verb === "unlend") && seat !== undefined && ALIAS.test(seat) && words.length === 2)
    return ok({ kind: verb, seat });
  let use: Override = {};
  for (const [said, ...named] of clausesOf(words)) {
    const takes = TAKES.get(said.toLowerCase());
    if (takes === undefined || named.length < takes.least || named.length > takes.most)
      return err({ reason: "command-unknown", word: words.join(" "), valid: FORMS });
    for (const word of takes.most === 0 ? [said] : named) {
      const found = takes.read(word.toLowerCase(), models);
      if (found === undefined) return err({ reason: "command-unknown", word, valid: quoted(takes.words(models)) });
      const twice = (Object.keys(found) as (keyof Override)[]).find((kind) => use[kind] !== undefined);
      if (twice !== undefined) return err({ reason: "command-unknown", word: line, valid: `one ${twice} in a command` });
      use = { ...use, ...found };
    }
  }
  return ok({ kind: "run", use });
}

/** A verb with its words. What stands before the first verb is a clause too, of a verb that nobody knows. */
function clausesOf(words: readonly string[]): [string, ...string[]][] {
  const clauses: [string, ...string[]][] = [];
  for (const word of words) {
    const last = clauses.at(-1);
    if (last === undefined || TAKES.has(word.toLowerCase())) clauses.push([word]);
    else last.push(word);
  }
  return clauses;
}

type Takes = {
  readonly least: number;
  readonly most: number;
  readonly words: (models: readonly string[]) => readonly string[];
  readonly read: (word: string, models: readonly string[]) => Override | undefined;
};

/** The verbs that start work, and what each takes. */
const TAKES: ReadonlyMap<string, Takes> = new Map<string, Takes>([
  ["approve", { least: 0, most: 0, words: () => [], read: () => ({ approved: true }) }],
  ["size", { least: 1, most: 1, words: () => SIZES, read: sizeNamed }],
  ["use", { least: 1, most: Infinity, words: (models) => [...TIERS, ...HARNESSES, ...EFFORTS, ...models], read: nameOverride }],
]);

function quoted(words: readonly string[]): string {
  return words.map((name) => `\`${name}\``).join(", ");
}

function sizeNamed(word: string): Override | undefined {
  const size = SIZES.find((name) => name === word);
  return size === undefined ? undefined : { size };
}

function nameOverride(word: string, models: readonly string[]): Override | undefined {
  const tier = TIERS.find((name) => name === word);
  if (tier !== undefined) return { tier };
  const harness = HARNESSES.find((name) => name === word);
  if (harness !== undefined) return { harness };
  const effort = EFFORTS.find((name) => name === word);
  if (effort !== undefined) return { effort };
  return models.includes(word) ? { model: word } : undefined;
}

/** True when a comment addresses us at all: cheap enough for intake, which keeps nothing else. */
export function addressesAgent(body: string): boolean {
  return commandLine(body) !== undefined;
}

function commandLine(body: string): string | undefined {
  let fence: string | undefined;
  for (const raw of body.split(/\r\n?|\n/)) {
    // As CommonMark has it: no backtick in the words after an opening ```, nothing at all after a closing one.
    const mark = /^ {0,3}(?:(`{3,})[^`]*$|(~{3,}))/.exec(raw);
    const run = mark?.[1] ?? mark?.[2];
    if (fence !== undefined) {
      if (run?.startsWith(fence) === true && raw.trim() === run) fence = undefined;
      continue;
    }
    if (run !== undefined) fence = run;
    if (run !== undefined || /^( {4}| {0,3}\t| {0,3}>)/.test(raw)) continue;
    const line = raw.trim();
    if (/^\/agent(\s|$)/i.test(line)) return line;
  }
  return undefined;
}
