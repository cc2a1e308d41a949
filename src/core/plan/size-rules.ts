import { SIZES, type Size } from "../wire/contract.ts";
import { isCode } from "./signals/files.ts";
import type { LedFile } from "./signals/places.ts";
import type { Absent, Signals } from "./signals/signals.ts";

/** A fact that the rules found. */
export type RuleReason =
  | { readonly fact: "size-asked-for"; readonly size: Size }
  | { readonly fact: "label"; readonly label: string }
  | { readonly fact: "small-change-words" | "broad-change-words" | "joined-parts-words"; readonly words: readonly string[] }
  | { readonly fact: "small-change-label" | "whole-plan-label"; readonly label: string }
  | { readonly fact: "feature-asked-for"; readonly by: string }
  | { readonly fact: "patch-shown" | "stack-trace" }
  | { readonly fact: "largest-file-meant"; readonly path: string; readonly bytes: number; readonly isLarge: boolean }
  | { readonly fact: Counted; readonly count: number }
  | { readonly fact: "languages-mixed" | "owners-many"; readonly names: readonly string[] }
  | { readonly fact: "unreadable" }
  | { readonly fact: "not-seen"; readonly what: readonly Absent[] }
  | { readonly fact: "nothing-known" };

type Counted =
  | "files-meant"
  | "paths-named"
  | "names-of-code"
  | "types-declared"
  | "tasks-listed"
  | "criteria-listed"
  | "issues-below"
  | "tried-before";

/** What rules look at. `said`: the size that a command names. */
export type Seen = {
  readonly title: string;
  readonly body: string;
  readonly signals: Signals;
  readonly said: Size | undefined;
};

/** What a rule found: a person's word, which decides; or how far it moves the size, in steps. */
export type Found = { readonly reason: RuleReason } & (
  | { readonly size: Size; readonly confidence: number }
  | { readonly steps: number }
);

export type SizeRule = {
  readonly id: Exclude<RuleReason["fact"], "unreadable" | "not-seen" | "nothing-known">;
  readonly find: (seen: Seen) => Found | undefined;
  /** What it finds can say by itself that an issue is many. Without such a word none is `xl`, and stopped. */
  readonly saysMany?: true;
};

const SMALL =
  /\b(?:typos?|misspell\w*|spelling|wording|grammar|rename|bump|docs?|docstrings?|documentation|readme|log message|off[- ]by[- ]one)\b/gi;
const BROAD =
  /\b(?:refactor\w*|rewrit\w+|re-?architect\w*|migrat(?:e|es|ing|ion)|architecture|redesign\w*|overhaul|deprecat\w+|backwards? incompatible|breaking change|across the (?:codebase|repository|project)|everywhere|all (?:endpoints|modules|services|packages|components)|from scratch|new (?:service|subsystem|module|package))\b/gi;
/** Parts that are right by themselves and wrong together: what to mend is none of the parts that are named. */
const JOINED =
  /\b(?:combin\w+|nested|recursive\w*|chain(?:ed|ing)|inherit\w*|subclass\w*|derived|abstract|proxy|together with|in conjunction|multiple|concurren\w+|race condition|deadlock\w*|interleav\w+)\b/gi;
const FEATURE = /^\W*(?:\[[^\]]{0,40}\]\W*)?(?:add|allow|support|implement|introduce|provide|enable|make it possible|feature)\b/i;
const FEATURE_LABELS = ["enhancement", "feature", "feature request", "feature-request", "type: feature", "kind/feature"];
const SMALL_LABELS = ["good first issue", "good-first-issue", "easy", "beginner", "documentation", "docs", "typo"];
const WHOLE_LABELS = ["epic", "umbrella", "roadmap", "initiative", "tracking", "tracking issue", "meta"];

/**
 * What makes an issue smaller or larger, a row each. Weights are round: one step is what a reader would call one size, halves are
 * for what is often so and not always. Of what was tried, words in a text hardly tell an issue's size and its length tells
 * nothing; how many parts of the code it speaks of tells a little. A person's word comes first, and decides.
 */
export const SIZE_RULES: readonly SizeRule[] = [
  {
    id: "size-asked-for",
    find: ({ said }) =>
      said === undefined ? undefined : { size: said, confidence: 0.9, reason: { fact: "size-asked-for", size: said } },
  },
  {
    id: "label",
    find: ({ signals }) =>
      signals.labels.flatMap((label) => {
        const size = SIZES.find((word) => label.toLowerCase() === `size/${word}`);
        return size === undefined ? [] : [{ size, confidence: 0.9, reason: { fact: "label" as const, label } }];
      })[0],
  },
  // In a long text any of these words stands somewhere.
  { id: "small-change-words", find: ({ title }) => words("small-change-words", title, SMALL, () => -1) },
  {
    id: "broad-change-words",
    saysMany: true,
    find: ({ title, body }) => {
      const inTitle = distinct(title, BROAD).length;
      return words(
        "broad-change-words",
        `${title}\n${body}`,
        BROAD,
        (count) => Math.min(2, inTitle) + Math.min(1, (count - inTitle) / 2),
      );
    },
  },
  {
    id: "joined-parts-words",
    find: ({ title, body }) => words("joined-parts-words", `${title}\n${body}`, JOINED, (count) => Math.min(1, count / 2)),
  },
  { id: "small-change-label", find: ({ signals }) => labelled("small-change-label", signals, SMALL_LABELS, -1) },
  { id: "whole-plan-label", saysMany: true, find: ({ signals }) => labelled("whole-plan-label", signals, WHOLE_LABELS, 5) },
  {
    id: "feature-asked-for",
    find: ({ title, signals }) => {
      const by = FEATURE.exec(title)?.[0].replace(/^\W+/, "").toLowerCase() ?? labelOf(signals, FEATURE_LABELS);
      return by === undefined ? undefined : { steps: 0.5, reason: { fact: "feature-asked-for", by } };
    },
  },
  {
    id: "patch-shown",
    find: ({ signals }) => (signals.text.hasPatch ? { steps: -1, reason: { fact: "patch-shown" } } : undefined),
  },
  {
    id: "largest-file-meant",
    find: ({ signals }) => {
      const file = codeOf(signals).toSorted((one, other) => other.size - one.size)[0];
      if (file === undefined) return undefined;
      const { path, size: bytes } = file;
      return {
        steps: bytes < LARGE_FILE ? -0.5 : 0.5,
        reason: { fact: "largest-file-meant", path, bytes, isLarge: bytes >= LARGE_FILE },
      };
    },
  },
  {
    id: "files-meant",
    find: ({ signals }) => {
      // A stack passes through many files, example code imports what it needs, and a bare name is often that of a file elsewhere.
      const count = codeOf(signals).filter(({ by }) => by === "path" || by === "module").length;
      return count < 2 ? undefined : { steps: count > 12 ? 1 : count > 4 ? 0.5 : 0, reason: { fact: "files-meant", count } };
    },
  },
  {
    // Where the tree isn't known, what the text says must do.
    id: "paths-named",
    find: ({ signals }) =>
      signals.absent.includes("tree")
        ? counted("paths-named", signals.named.length, signals.named.length > 3 ? 1 : 0)
        : undefined,
  },
  {
    id: "names-of-code",
    find: ({ signals: { names } }) =>
      names < FEW_NAMES ? undefined : counted("names-of-code", names, Math.min(1.5, names / 16)),
  },
  {
    id: "types-declared",
    find: ({ signals: { text } }) => counted("types-declared", text.declared, Math.min(0.5, text.declared / 8)),
  },
  {
    id: "tasks-listed",
    saysMany: true,
    find: ({ signals: { text } }) => counted("tasks-listed", text.tasks, text.tasks > 8 ? 2 : text.tasks > 2 ? 1 : 0),
  },
  {
    id: "criteria-listed",
    find: ({ signals: { text } }) => counted("criteria-listed", text.criteria, text.criteria > 3 ? 1 : 0),
  },
  // Where it fails is known, and not how much has to be done there.
  { id: "stack-trace", find: ({ signals }) => (signals.hasStack ? { steps: 0, reason: { fact: "stack-trace" } } : undefined) },
  { id: "languages-mixed", find: ({ signals }) => several("languages-mixed", signals.languages, 0.5) },
  { id: "owners-many", find: ({ signals }) => several("owners-many", signals.owners, 0.5) },
  {
    id: "issues-below",
    saysMany: true,
    find: ({ signals: { links } }) => counted("issues-below", links?.subIssues ?? 0, (links?.subIssues ?? 0) > 3 ? 5 : 2),
  },
  { id: "tried-before", find: ({ signals: { links } }) => counted("tried-before", links?.pullsClosed ?? 0, 1) },
];

/** Bytes, some 600 lines: beyond it a file does many things, of which the change must break none. */
const LARGE_FILE = 24 * 1024;

/** An issue that speaks of fewer tells nothing by it. */
const FEW_NAMES = 4;

function codeOf({ files }: Signals): readonly LedFile[] {
  return files.filter(({ path }) => isCode(path));
}

function words(
  fact: "small-change-words" | "broad-change-words" | "joined-parts-words",
  text: string,
  pattern: RegExp,
  stepsOf: (count: number) => number,
): Found | undefined {
  const found = distinct(text, pattern);
  return found.length === 0 ? undefined : { steps: stepsOf(found.length), reason: { fact, words: found.slice(0, MAX_WORDS) } };
}

const MAX_WORDS = 5;

function distinct(text: string, pattern: RegExp): string[] {
  return [...new Set((text.match(pattern) ?? []).map((word) => word.toLowerCase()))].toSorted();
}

function counted(fact: Counted, count: number, steps: number): Found | undefined {
  return count === 0 ? undefined : { steps, reason: { fact, count } };
}

function labelled(
  fact: "small-change-label" | "whole-plan-label",
  signals: Signals,
  labels: readonly string[],
  steps: number,
): Found | undefined {
  const label = labelOf(signals, labels);
  return label === undefined ? undefined : { steps, reason: { fact, label } };
}

function labelOf({ labels }: Signals, wanted: readonly string[]): string | undefined {
  return labels.find((label) => wanted.includes(label.toLowerCase()));
}

function several(fact: "languages-mixed" | "owners-many", names: readonly string[], steps: number): Found | undefined {
  return names.length < 2 ? undefined : { steps, reason: { fact, names: names.slice(0, MAX_WORDS) } };
}
