import { SIZES, type Size } from "../wire/contract.ts";
import type { Brief } from "../request/brief.ts";
import type { ClassifierReason } from "./classified.ts";

/** A fact that moved the size, for the comment and the decision record. Wording is the renderer's. */
export type SizeReason =
  | { readonly fact: "label"; readonly label: string }
  | { readonly fact: "small-change-words"; readonly words: readonly string[] }
  | { readonly fact: "broad-change-words"; readonly words: readonly string[] }
  | { readonly fact: "paths-named"; readonly count: number }
  | { readonly fact: "tasks-listed"; readonly count: number }
  | { readonly fact: "stack-trace" }
  | { readonly fact: "nothing-known" }
  | ClassifierReason;

export type SizeEstimate = {
  readonly size: Size;
  /** Between 0 and 1. Rules over text alone are weak (a human label routes hardly better than chance), so it stays low. */
  readonly confidence: number;
  readonly reasons: readonly SizeReason[];
};

const SMALL =
  /\b(typos?|spelling|wording|grammar|rename|bump|docs?|documentation|readme|comment|log message|off[- ]by[- ]one)\b/gi;
const BROAD =
  /\b(refactor|rewrite|migrat(?:e|ion)|architecture|redesign|across the (?:codebase|repository)|all (?:endpoints|modules|services)|from scratch|new (?:service|subsystem))\b/gi;
const PATH =
  /(?<![\w./-])(?:[\w.-]+\/)+[\w.-]+\.[a-z]{1,5}\b|(?<![\w-])[\w-]{1,100}\.(?:ts|tsx|js|jsx|py|go|rs|java|rb|md|json|ya?ml|css|html|sql)\b/gi;
const TASK = /^[ \t]*(?:[-*]|\d+\.)[ \t]+\[[ x]\]/gim;
/** What is looked at, in characters: whoever needs more has said by then how large it is. */
const MAX_READ = 20_000;

const STACK = /^[ \t]+at .+:\d+|Traceback \(most recent call last\)|panicked at|\.(?:py|ts|js|go|rs):\d+/m;

/**
 * Size by rules over the request alone, with the facts that led there. A `size/…` label decides by itself.
 * Starts from `s`; what a reader would notice moves it by one step each way.
 */
export function sizeOf(brief: Pick<Brief, "issue">): SizeEstimate {
  const labelled = brief.issue.labels.flatMap((label) => {
    const size = SIZES.find((word) => label.toLowerCase() === `size/${word}`);
    return size === undefined ? [] : [{ size, label }];
  })[0];
  if (labelled !== undefined) {
    return { size: labelled.size, confidence: 0.9, reasons: [{ fact: "label", label: labelled.label }] };
  }
  const text = `${brief.issue.title}\n${brief.issue.body}`.slice(0, MAX_READ);
  const reasons: SizeReason[] = [];
  let steps = 1;
  const small = distinct(text, SMALL);
  if (small.length > 0) {
    steps -= 1;
    reasons.push({ fact: "small-change-words", words: small });
  }
  const broad = distinct(text, BROAD);
  if (broad.length > 0) {
    steps += 1 + Math.min(1, broad.length - 1);
    reasons.push({ fact: "broad-change-words", words: broad });
  }
  const paths = distinct(text, PATH);
  if (paths.length > 0) {
    steps += paths.length > 3 ? 1 : 0;
    reasons.push({ fact: "paths-named", count: paths.length });
  }
  const tasks = text.match(TASK)?.length ?? 0;
  if (tasks > 0) {
    steps += tasks > 8 ? 2 : tasks > 2 ? 1 : 0;
    reasons.push({ fact: "tasks-listed", count: tasks });
  }
  if (STACK.test(text)) reasons.push({ fact: "stack-trace" });
  if (reasons.length === 0) return { size: "s", confidence: 0.3, reasons: [{ fact: "nothing-known" }] };
  const size = SIZES[Math.max(0, Math.min(SIZES.length - 1, steps))] ?? "s";
  return { size, confidence: 0.5, reasons };
}

function distinct(text: string, pattern: RegExp): string[] {
  return [...new Set((text.match(pattern) ?? []).map((word) => word.toLowerCase()))].toSorted().slice(0, 10);
}
