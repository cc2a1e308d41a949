import { EFFORTS, HARNESSES, TIERS, type Effort, type Harness, type Tier } from "../wire/contract.ts";
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
  /** Whatever its size and whatever it is expected to cost, within the budgets. */
  readonly approved?: true;
};

export type Command =
  | { readonly kind: "run"; readonly use: Override }
  /** Of the owner of a seat, by the name it has in the policy: it may serve others from now on, or no longer. */
  | { readonly kind: "lend" | "unlend"; readonly seat: string };

export type CommandError = { readonly reason: "command-unknown"; readonly word: string; readonly valid: string };

const FORMS =
  "`/agent`, `/agent approve`, `/agent use WORD …` with a tier, harness, model or effort, and of the owner of a seat `/agent lend NAME` and `/agent unlend NAME`";

/**
 * The command in a comment, if it has one: the first line that begins with `/agent`, outside quotes and code blocks.
 * `models` are the names the owner's tiers can serve, so that a misspelt one is an error and not a surprise.
 *
 *   "/agent"                         → run
 *   "/agent approve"                 → run whatever its size
 *   "/agent use frontier"            → run with tier frontier
 *   "/agent use claude-code light"   → any order
 *   "/agent lend ada-max"            → lend the seat ada-max
 *   "> /agent use frontier"          → undefined: a quotation commands nothing
 */
export function parseCommand(body: string, models: readonly string[]): Result<Command, CommandError> | undefined {
  const line = commandLine(body);
  if (line === undefined) return undefined;
  const words = line.split(/\s+/).slice(1);
  const verb = words[0]?.toLowerCase();
  if (verb === undefined) return ok({ kind: "run", use: {} });
  if (verb === "approve" && words.length === 1) return ok({ kind: "run", use: { approved: true } });
  const seat = words[1]?.toLowerCase();
  if ((verb === "lend" || verb === "unlend") && seat !== undefined && ALIAS.test(seat) && words.length === 2)
    return ok({ kind: verb, seat });
  if (verb !== "use" || words.length === 1) return err({ reason: "command-unknown", word: words.join(" "), valid: FORMS });
  let use: Override = {};
  for (const word of words.slice(1)) {
    const named = nameOverride(word.toLowerCase(), models);
    if (named === undefined) {
      const valid = [...TIERS, ...HARNESSES, ...EFFORTS, ...models].map((name) => `\`${name}\``).join(", ");
      return err({ reason: "command-unknown", word, valid });
    }
    const twice = (Object.keys(named) as (keyof Override)[]).find((kind) => use[kind] !== undefined);
    if (twice !== undefined) return err({ reason: "command-unknown", word: line, valid: `one ${twice} in a command` });
    use = { ...use, ...named };
  }
  return ok({ kind: "run", use });
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
