import { stripVTControlCharacters } from "node:util";
import { cut, cutFront } from "./text.ts";

/**
 * What matters of a failed check's output. A test runner says what failed first and where somewhere in the middle, and ends
 * with a summary; what stands between are tests that passed. Forms are those of vitest 5, jest 30, node:test, pytest 9,
 * go 1.19 and cargo 1.95, and of compilers and linters that write `file:line: error`.
 */

/** A test that failed: the first group names it, without what changes from run to run. */
const FAILED_TEST: readonly RegExp[] = [
  /^\s*FAIL\s+(\S.*?)(?:\s+\(?\d[\d.]*\s?m?s\)?)?$/,
  /^\s*● (.+)$/,
  /^\s*[✖✗×]\s+(?!failing tests:$)(.+?)(?: \(?\d[\d.]*\s?m?s\)?)?$/,
  /^\s*not ok \d+\s*-?\s*(.*)$/,
  /^(?:FAILED|ERROR) (\S.*?)(?: - .*)?$/,
  /^\s*--- FAIL: (\S+)/,
  /^test (\S+) \.\.\. FAILED$/,
  /^(\S+?)[:(]\d+(?:[:,]\d+)?\)?(?: -|:)? (?:fatal )?(error\b.*)$/i,
];
/** What npm says of a script that failed, whatever has failed in it. */
const SCRIPT_FAILED = /^npm (?:error|ERR!) /;
/** What else begins the account of a failure. */
const FAILURE: readonly RegExp[] = [
  /\bpanicked at\b/,
  /^(?:E {2,}|Traceback \(most recent call last\))/,
  /^\s*(?:\w*(?:Error|Exception))(?: \[\w+\])?: /,
  /^error(?:\[E\d+\])?: /,
  /^panic: /,
];

/** Of a test that passed. With a verbose reporter they are most of a log, and hide the rest. */
const PASSED_TEST: readonly RegExp[] = [
  /^\s*[✓✔√] /,
  /^\s*ok \d+ /,
  / PASSED\s+\[ *\d+%\]$/,
  /^\s*--- PASS: /,
  /^=== (?:RUN|PAUSE|CONT) /,
  /^test \S+ \.\.\. ok$/,
];

const STARTS = [...FAILED_TEST, ...FAILURE, SCRIPT_FAILED];

/** A name is worth more than any number of accounts that fit a comment: a difference of many lines has one each. */
const NAMED = 1_000;

/** What GitHub Actions writes before each line of a job's log. */
const STAMP = /^\uFEFF?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}Z /gm;
const JOB_ERROR = "\n##[error]";
/** The first line of what a job tidies up at its end, whatever became of it. */
const TIDYING = /^(?:Post job cleanup\.|Cleaning up orphan processes)$/m;

const LINES_BEFORE = 2;
const LINES_AFTER = 12;
const GAP = "\n[…]\n";

/**
 * At most `max` UTF-16 units: the whole log where it fits, with or without its passed tests, else what stands around its first
 * failures, and its end, which has a third of the room. Pure.
 */
export function relevantPart(log: string, max: number): string {
  const whole = withoutColours(log).replaceAll("\r\n", "\n").trim();
  if (whole.length <= max) return whole;
  const text = whole
    .split("\n")
    .filter((line) => !isOneOf(PASSED_TEST, line))
    .join("\n");
  if (text.length <= max) return text;
  const tail = cutFront(text, Math.floor(max / 3));
  const room = max - tail.length - 2 * GAP.length;
  const lines = text.slice(0, -tail.length).split("\n");
  let first = "";
  let shown = 0;
  for (const [at, line] of lines.entries()) {
    if (at < shown || !isOneOf(STARTS, line)) continue;
    const from = Math.max(shown, at - LINES_BEFORE);
    const part = lines.slice(from, at + 1 + LINES_AFTER).join("\n");
    first += from === 0 ? part : `${from > shown ? GAP : "\n"}${part}`;
    shown = at + 1 + LINES_AFTER;
    if (first.length >= room) break;
  }
  return first === "" ? cutFront(text, max) : `${cut(first, room)}${GAP}${tail}`;
}

/** As a terminal would show it, but plain. Pure. */
export function withoutColours(log: string): string {
  return stripVTControlCharacters(log);
}

/** A GitHub Actions job's log as its commands wrote it, without what is tidied up after the last error. Pure. */
export function jobLog(log: string): string {
  const text = log.replace(/\r\n?/g, "\n").replace(STAMP, "");
  const error = Math.max(0, text.lastIndexOf(JOB_ERROR));
  const tidying = text.slice(error).search(TIDYING);
  return (tidying < 0 ? text : text.slice(0, error + tidying)).trim();
}

/**
 * At most `most` lines: those that name the most failed tests and errors by file, then those with the most accounts of one, and
 * of several such the first. They begin with a line that tells of a failure, or are the last, as of a log that tells of none. Pure.
 */
export function tellingLines(log: readonly string[], most: number): string[] {
  const lines = log.filter((line) => !isOneOf(PASSED_TEST, line));
  const worth = lines.map(worthOf);
  let best = { from: lines.length, worth: 0 };
  for (const [from, own] of worth.entries()) {
    if (own === 0) continue;
    const sum = worth.slice(from, from + most).reduce((total, one) => total + one, 0);
    if (sum > best.worth) best = { from, worth: sum };
  }
  const from = Math.max(0, Math.min(best.from, lines.length - most));
  return lines.slice(from, from + most);
}

/** The names of the tests, or the errors by file, that a log says have failed, whatever their order, lines and times. Pure. */
export function failuresIn(log: string): ReadonlySet<string> {
  const names = new Set<string>();
  for (const line of withoutColours(log).split(/\r?\n/)) {
    const groups = FAILED_TEST.map((form) => form.exec(line)).find((match) => match !== null);
    if (groups !== undefined) names.add(groups.slice(1).join(" ").trim());
  }
  return names;
}

function worthOf(line: string): number {
  if (isOneOf(FAILED_TEST, line)) return NAMED;
  return isOneOf(FAILURE, line) ? 1 : 0;
}

function isOneOf(forms: readonly RegExp[], line: string): boolean {
  return forms.some((form) => form.test(line));
}
