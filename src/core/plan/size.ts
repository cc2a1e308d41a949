import type { Size } from "../wire/contract.ts";
import type { Brief } from "../request/brief.ts";
import type { ClassifierReason } from "./classified.ts";
import { MAX_READ } from "./signals/mentions.ts";
import { signalsOf, type Signals } from "./signals/signals.ts";
import { SIZE_RULES, type Found, type RuleReason } from "./size-rules.ts";

/** A fact that moved the size, for the comment and the decision record. Wording is the renderer's. */
export type SizeReason = RuleReason | ClassifierReason;

export type SizeEstimate = {
  readonly size: Size;
  /** Between 0 and 1. Rules are weak (a human label routes hardly better than chance), so it stays low. */
  readonly confidence: number;
  readonly reasons: readonly SizeReason[];
};

/** As the rules alone have it. `points`: in steps from the least that is `s`, larger is larger: what issues are ranked by. */
export type RuledSize = SizeEstimate & { readonly points: number };

/** From so many points on it is the next size; xl is for what says by itself that it is many. */
const FROM: readonly (readonly [Size, number])[] = [
  ["xl", 4.5],
  ["l", 2.5],
  ["m", 1],
  ["s", -0.25],
];

/** Steps by rules that say so: words of a breadth in the title, many tasks, issues below it. */
const MANY = 2;

/** Where a text can't be read, where nothing was found, where the text alone was, and where it led to code. */
const CONFIDENCE = { unreadable: 0.1, nothing: 0.3, text: 0.4, code: 0.5 };

/**
 * Size by rules (`SIZE_RULES`) over the request and what is known around it, with the facts that led there. The same text gives
 * the same size; nothing in it is followed as an instruction. Below five milliseconds once the signals are there. Pure.
 *
 * `said`: the size in a command, which decides, as a `size/…` label does.
 */
export function sizeOf(
  { issue }: Pick<Brief, "issue">,
  signals: Signals = signalsOf(issue),
  said?: Size,
  rules = SIZE_RULES,
): RuledSize {
  const seen = { title: issue.title.slice(0, MAX_READ), body: issue.body.slice(0, MAX_READ), signals, said };
  const found = rules.flatMap((rule) => {
    const what = rule.find(seen);
    return what === undefined ? [] : [{ ...what, saysMany: rule.saysMany === true }];
  });
  const decided = found.find((each) => "size" in each);
  if (decided !== undefined) {
    const { size, confidence, reason } = decided;
    return { size, confidence, reasons: [reason], points: pointsOf(size) };
  }
  const points = sumOf(found);
  const size = FROM.find(([, from]) => points >= from)?.[0] ?? "xs";
  const isMany = sumOf(found.filter(({ saysMany }) => saysMany)) >= MANY;
  const facts = found.map(({ reason }) => reason);
  if (!signals.text.isReadable) facts.push({ fact: "unreadable" });
  else if (facts.length === 0) facts.push({ fact: "nothing-known" });
  return {
    size: size === "xl" && !isMany ? "l" : size,
    confidence: confidenceOf(found.length, signals),
    reasons: [...facts, { fact: "not-seen", what: signals.absent }],
    points,
  };
}

function sumOf(found: readonly (Found | { readonly steps: number })[]): number {
  return found.reduce((sum, each) => sum + ("steps" in each ? each.steps : 0), 0);
}

function confidenceOf(found: number, { text, files }: Signals): number {
  if (!text.isReadable) return CONFIDENCE.unreadable;
  if (found === 0) return CONFIDENCE.nothing;
  return files.length > 0 ? CONFIDENCE.code : CONFIDENCE.text;
}

/** Of a size that a person names: the middle of what the rules would call so. */
function pointsOf(size: Size): number {
  return { xs: -1, s: 0.5, m: 1.75, l: 3.5, xl: 5 }[size];
}
