import { parseRecord, record, textOf } from "#core/wire/json.ts";

/**
 * What a conversation holds that tells whether it goes in circles: a call of a tool, what came of it, a word of the user's.
 * `what` is equal for equal ones: without ids and marks.
 */
export type Step =
  | { readonly kind: "call"; readonly what: string }
  | { readonly kind: "result"; readonly what: string; readonly failed: boolean }
  | { readonly kind: "word" };

/**
 * How often in a row the same may come of the same: chosen, not measured. OpenHands calls an agent stuck at 3 failures or 4
 * calls of any kind (its guide "Stuck Detector", read 2026-11-30); here that ends an attempt and what it has cost is lost, so
 * it takes more. What doesn't fail may be waiting for something, so of that it takes more still.
 */
const FAILURES = 5;
const CALLS = 8;

/**
 * Whether a conversation ends in rounds that are all the same: the same calls, with the same results, and nothing of the
 * user's between. `steps`: from its end on; no more of them are taken than it needs, which is two rounds of nearly all
 * conversations. Pure.
 */
export function isRepeating(steps: Iterable<Step>): boolean {
  let last: Round | undefined;
  let times = 0;
  for (const round of roundsOf(steps)) {
    if (last !== undefined && !isSame(last, round)) return false;
    last ??= round;
    times += 1;
    if (times >= (last.results.some(({ failed }) => failed) ? FAILURES : CALLS)) return true;
  }
  return false;
}

/** What was called at once, and what came of it; both from the end on. */
type Round = { readonly calls: string[]; readonly results: Result[] };
type Result = Extract<Step, { kind: "result" }>;

function* roundsOf(steps: Iterable<Step>): Generator<Round> {
  let round: Round = { calls: [], results: [] };
  for (const step of steps) {
    if (step.kind === "word") break;
    if (step.kind === "call") round.calls.push(step.what);
    else {
      if (round.calls.length > 0) {
        yield round;
        round = { calls: [], results: [] };
      }
      round.results.push(step);
    }
  }
  if (round.calls.length > 0) yield round;
}

function isSame(a: Round, b: Round): boolean {
  return (
    a.calls.length === b.calls.length &&
    a.results.length === b.results.length &&
    a.calls.every((call, at) => call === b.calls[at]) &&
    a.results.every((result, at) => isSameResult(result, b.results[at]))
  );
}

/** A failing check tells how long it took, and when: of failures other figures make no other result. */
function isSameResult(a: Result, b: Result | undefined): boolean {
  if (b === undefined || a.failed !== b.failed) return false;
  return a.what === b.what || (a.failed && withoutFigures(a.what) === withoutFigures(b.what));
}

function withoutFigures(text: string): string {
  return text.replaceAll(/\d+/g, "0");
}

/** `input`: an object, or a text, which may hold one. What a model calls its own call is no part of it. */
export function toCall(name: unknown, input: unknown): Step {
  const fields = record(input) ?? parseRecord(textOf(input));
  const what = fields === undefined ? textOf(input) : JSON.stringify({ ...fields, description: undefined });
  return { kind: "call", what: `${textOf(name)} ${what}` };
}

/** A result's content, which is a text or parts, as one text. A mark for the cache moves on with the conversation's end. */
export function contentText(content: unknown): string {
  if (!Array.isArray(content)) return textOf(content);
  return content
    .map((part) => textOf(record(part)?.["text"]) || JSON.stringify({ ...record(part), cache_control: undefined }))
    .join("\n");
}
