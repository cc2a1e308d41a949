import { closest, distance } from "fastest-levenshtein";
import { EFFORTS, HARNESSES, SIZES, TIERS, type Effort, type Harness, type Size, type Tier } from "../wire/contract.ts";
import { ALIAS } from "../config/shapes.ts";
import { err, ok, type Result } from "../wire/result.ts";
import { cut } from "../wire/text.ts";

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
  /** The specialist of the policy's `agents`, by name. */
  readonly agent?: string;
  /** Whatever its size and whatever it is expected to cost, within the budgets. */
  readonly approved?: true;
};

export type Command =
  | { readonly kind: "run"; readonly use: Override }
  /** What `run` would do, without doing it. */
  | { readonly kind: "plan"; readonly use: Override }
  /** `fresh`: with the issue's text as it stands now, not as it stood when the task that ended was asked for. */
  | { readonly kind: "retry"; readonly fresh: boolean }
  | { readonly kind: "cancel" }
  | { readonly kind: "status" | "why" | "help" | "pause" | "resume" }
  /** On a pull request of ours: CI may run on what it holds. */
  | { readonly kind: "ci" }
  /** On a pull request of ours: it is gone on with. `words`: what else the line says, as it was written; may be empty. */
  | { readonly kind: "fix"; readonly words: string }
  /** Of the owner of a seat, by the name it has in the policy: it may serve others from now on, or no longer. */
  | { readonly kind: "lend" | "unlend"; readonly seat: string };

/** The owner's own words: the models that its tiers can serve and its specialists, so that a misspelt one is an error and not a surprise. */
export type Named = { readonly models: readonly string[]; readonly agents: readonly string[] };
export const NOTHING_NAMED: Named = { models: [], agents: [] };

/** `nearest`: the valid form that is most like what was written, where one is. */
export type CommandError = {
  readonly reason: "command-unknown";
  readonly word: string;
  readonly valid: string;
  readonly nearest?: string;
};

/** A command as people write it, what it does, and who may: what `/agent help` shows. `on`: where it is no issue's. */
type Form = { readonly form: string; readonly does: string; readonly who: string; readonly on?: "pull" };

const STARTERS = "who may start work";
const DECIDERS = "who may start work; with `roles` in the policy, operators";

export const FORMS: readonly Form[] = [
  { form: "/agent", does: "starts work on the issue, as the label does", who: STARTERS },
  { form: "/agent use WORD …", does: "with a specialist, tier, harness, model or effort of your choice", who: STARTERS },
  { form: "/agent size SIZE", does: "as of a size that you say", who: STARTERS },
  { form: "/agent plan", does: "says what it would do, and starts nothing", who: STARTERS },
  { form: "/agent approve", does: "has it done what waits for approval", who: DECIDERS },
  { form: "/agent cancel", does: "stops it", who: "who asked for it; else as `approve`" },
  { form: "/agent retry", does: "does it once more, with the text that it had", who: STARTERS },
  { form: "/agent retry fresh", does: "does it anew, with the text as it is now", who: STARTERS },
  { form: "/agent status", does: "brings the comment up to date", who: STARTERS },
  { form: "/agent why", does: "says why it has this credential, or waits for one", who: STARTERS },
  {
    form: "/agent fix WORDS …",
    does: "does what reviews, failing checks and these words ask, if there are any; on the pull request",
    who: STARTERS,
    on: "pull",
  },
  { form: "/agent ci", does: "starts CI, which waits; on the pull request", who: "who may write to the repository", on: "pull" },
  { form: "/agent lend NAME", does: "lets a seat serve others", who: "the seat's owner" },
  { form: "/agent unlend NAME", does: "has it serve its owner alone again", who: "who lent it" },
  { form: "/agent pause", does: "starts nothing more from the pool, for the whole owner", who: "operators named in the policy" },
  { form: "/agent resume", does: "starts work from it again", who: "operators named in the policy" },
  { form: "/agent help", does: "shows these", who: STARTERS },
];

/**
 * The command in a comment, if it has one: the first line that begins with `/agent`, outside quotes and code blocks.
 *
 *   "/agent"                         → run
 *   "/agent approve"                 → run whatever its size
 *   "/agent size m"                  → run as of size m
 *   "/agent use frontier"            → run with tier frontier
 *   "/agent use claude-code light"   → any order
 *   "/agent use docs"                → run by the specialist docs
 *   "/agent size s use high approve" → several in one
 *   "/agent plan use frontier"       → say what `use frontier` would do
 *   "/agent retry fresh"             → do it anew
 *   "/agent fix the second typo"     → go on with the pull request
 *   "/agent lend ada-max"            → lend the seat ada-max
 *   "> /agent use frontier"          → undefined: a quotation commands nothing
 */
export function parseCommand(body: string, named: Named): Result<Command, CommandError> | undefined {
  const line = commandLines(body)[0];
  if (line === undefined) return undefined;
  const words = line.split(/\s+/).slice(1);
  const read = readWords(words, named);
  if (read.ok) return read;
  const nearest = nearestForm(words, named);
  return err({ ...read.error, ...(nearest === undefined ? {} : { nearest }) });
}

function readWords(words: readonly string[], named: Named): Result<Command, CommandError> {
  const [verb = "", ...rest] = words.map((word) => word.toLowerCase());
  const alone = ALONE.find((kind) => kind === verb);
  if (alone !== undefined && rest.length === 0) return ok({ kind: alone });
  if (verb === "retry" && (rest.length === 0 || rest.join() === "fresh")) return ok({ kind: "retry", fresh: rest.length > 0 });
  if (verb === "fix") return ok({ kind: "fix", words: words.slice(1).join(" ") });
  if ((verb === "lend" || verb === "unlend") && rest.length === 1 && ALIAS.test(rest.join()))
    return ok({ kind: verb, seat: rest.join() });
  const kind = verb === "plan" ? "plan" : "run";
  const use = readUse(kind === "plan" ? words.slice(1) : words, named);
  return use.ok ? ok({ kind, use: use.value }) : use;
}

const ALONE = ["cancel", "status", "why", "help", "pause", "resume", "ci"] as const;

/** So much of what nobody knows is repeated, in characters. */
const MAX_WORD = 80;

/** The clauses of what is asked for, in any order. */
function readUse(words: readonly string[], named: Named): Result<Override, CommandError> {
  const unknown = (word: string, valid: string) =>
    err<CommandError>({ reason: "command-unknown", word: cut(word.replaceAll("`", ""), MAX_WORD), valid });
  let use: Override = {};
  for (const [said, ...taken] of clausesOf(words)) {
    const takes = TAKES.get(said.toLowerCase());
    if (takes === undefined || taken.length < takes.least || taken.length > takes.most) {
      return unknown(words.join(" "), quoted(FORMS.map(({ form }) => form)));
    }
    for (const word of takes.most === 0 ? [said] : taken) {
      const found = takes.read(word.toLowerCase(), named);
      if (found === undefined) return unknown(word, quoted(takes.words(named)));
      const twice = (Object.keys(found) as (keyof Override)[]).find((kind) => use[kind] !== undefined);
      if (twice !== undefined) return unknown(`/agent ${words.join(" ")}`, `one ${twice} in a command`);
      use = { ...use, ...found };
    }
  }
  return ok(use);
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
  readonly words: (named: Named) => readonly string[];
  readonly read: (word: string, named: Named) => Override | undefined;
};

const usable = ({ models, agents }: Named) => [...TIERS, ...HARNESSES, ...EFFORTS, ...models, ...agents];

/** The verbs that start work, and what each takes. */
const TAKES: ReadonlyMap<string, Takes> = new Map<string, Takes>([
  ["approve", { least: 0, most: 0, words: () => [], read: () => ({ approved: true }) }],
  ["size", { least: 1, most: 1, words: () => SIZES, read: sizeNamed }],
  ["use", { least: 1, most: Infinity, words: usable, read: nameOverride }],
]);

/** How many letters of a word that was meant may differ: none in a short one, which is near to too many. */
const slips = (word: string) => (word.length < 4 ? 0 : word.length < 6 ? 1 : 2);

/**
 * What was probably meant, by the words that stand there: one without its verb gets it, one that is nearly another becomes
 * that one. undefined where nothing valid comes of it.
 */
function nearestForm(words: readonly string[], named: Named): string | undefined {
  const verbs = [...ALONE, ...TAKES.keys(), "plan", "retry", "fresh", "fix", "lend", "unlend"];
  const known = [...verbs, ...usable(named), ...SIZES];
  const meant = words.slice(0, 10).flatMap((word) => {
    const lower = word.toLowerCase().slice(0, 64);
    const near = known.includes(lower) ? lower : closest(lower, known);
    return distance(lower, near) <= slips(lower) ? [near] : [];
  });
  const said = meant.flatMap((word, at) => {
    const before = meant[at - 1];
    if (SIZES.some((size) => size === word)) return before === "size" ? [word] : ["size", word];
    if (!usable(named).includes(word)) return [word];
    return before === "use" || usable(named).includes(before ?? "") ? [word] : ["use", word];
  });
  return said.length > 0 && readWords(said, named).ok ? ["/agent", ...said].join(" ") : undefined;
}

function quoted(words: readonly string[]): string {
  return words.map((name) => `\`${name}\``).join(", ");
}

function sizeNamed(word: string): Override | undefined {
  const size = SIZES.find((name) => name === word);
  return size === undefined ? undefined : { size };
}

function nameOverride(word: string, { models, agents }: Named): Override | undefined {
  const tier = TIERS.find((name) => name === word);
  if (tier !== undefined) return { tier };
  const harness = HARNESSES.find((name) => name === word);
  if (harness !== undefined) return { harness };
  const effort = EFFORTS.find((name) => name === word);
  if (effort !== undefined) return { effort };
  if (models.includes(word)) return { model: word };
  return agents.includes(word) ? { agent: word } : undefined;
}

/** What may be said on a pull request of ours. */
export const PULL_FORMS: readonly string[] = FORMS.flatMap(({ form, on }) => (on === "pull" ? [form] : []));

/** That of them which is most like what was written. */
export function nearestPullForm(line: string): string {
  const verb = line.split(/\s+/)[1]?.toLowerCase().slice(0, 64) ?? "";
  const verbOf = (form: string) => form.split(" ")[1] ?? "";
  const near = closest(verb, PULL_FORMS.map(verbOf));
  return PULL_FORMS.find((form) => verbOf(form) === near) ?? "";
}

/** Whether a line that commands begins as those for issues do, whatever follows. */
export function isForIssues(line: string): boolean {
  const verb = line.split(/\s+/)[1]?.toLowerCase();
  return FORMS.some(({ form, on }) => on === undefined && form.split(" ")[1] === verb);
}

/** A comment's command as an answer quotes it. */
export function askedIn(comment: string | null): string {
  return (commandLines(comment ?? "")[0] ?? "").slice(0, MAX_WORD);
}

/**
 * By which a mail program begins what it answers where it quotes without a sign: Outlook's rule, "Original Message" in any
 * language, the sender's line of a head. What follows was said by somebody else.
 */
const ANSWERED =
  /^(?:_{20,}|-{3,} ?\p{L}[\p{L} ]{0,40}-{3,}|\*{0,2}(?:From|Von|De|Da|Van|Fra|Från|Od|От|差出人|发件人) ?[:：].{0,200}@.{1,200})$/u;

/**
 * The lines of a comment that command, each without its indentation: those that begin with `/agent`, outside quotes and code
 * blocks, and above what an e-mail answers. Cheap enough for intake, which keeps nothing else.
 */
export function commandLines(body: string): readonly string[] {
  const lines: string[] = [];
  let fence: string | undefined;
  /** A quotation goes on in lines without a mark, up to one that is empty. */
  let isQuoted = false;
  for (const raw of body.split(/\r\n?|\n/)) {
    // As CommonMark has it: no backtick in the words after an opening ```, nothing at all after a closing one.
    const mark = /^ {0,3}(?:(`{3,})[^`]*$|(~{3,}))/.exec(raw);
    const run = mark?.[1] ?? mark?.[2];
    if (fence !== undefined) {
      if (run?.startsWith(fence) === true && raw.trim() === run) fence = undefined;
      continue;
    }
    const line = raw.trim();
    if (run !== undefined) fence = run;
    else if (ANSWERED.test(line)) break;
    const quotation = /^ {0,3}>/.test(raw);
    isQuoted = quotation ? /^>[\s>]*[^\s>]/.test(line) : isQuoted && run === undefined && line !== "";
    if (run !== undefined || quotation || isQuoted || /^( {4}| {0,3}\t)/.test(raw)) continue;
    if (/^\/agent(\s|$)/i.test(line)) lines.push(line);
  }
  return lines;
}

/** Of an edited comment, the commands that were not there before: an edit elsewhere in it commands nothing again. */
export function addedCommands(body: string, before: string): readonly string[] {
  const old = [...commandLines(before)];
  return commandLines(body).filter((line) => {
    const at = old.indexOf(line);
    if (at === -1) return true;
    old.splice(at, 1);
    return false;
  });
}
