import type { Change } from "../wire/contract.ts";
import { err, ok, type Result } from "../wire/result.ts";
import { isTestPath } from "../change/test-path.ts";

/** A commit, and its tree. */
export type CommitFacts = { readonly commit: string; readonly tree: string };

/** An issue that a merge closed, as it stands now. */
export type ClosedIssue = {
  readonly number: number;
  readonly title: string;
  readonly body: string;
  readonly labels: readonly string[];
  /** Of the pull request's own repository. */
  readonly isHere: boolean;
};

/** A merged pull request. `parent`: the first of the merge; null for a commit that has none. */
export type MergedPull = {
  readonly number: number;
  readonly merge: CommitFacts | null;
  readonly parent: CommitFacts | null;
  /** What it changed; null: more than are looked at. */
  readonly paths: readonly string[] | null;
  readonly issues: readonly ClosedIssue[];
};

/** Files by path. `size` in bytes; null for what is no file. */
export type Files = ReadonlyMap<string, { readonly mode: string; readonly blob: string; readonly size: number | null }>;

/** Why a pull request can't be tried. */
export const LEFT_OUT = {
  "no-issue": "closed no issue of this repository",
  "no-tests": "added or changed no tests",
  "tests-alone": "changed nothing but tests",
  "too-large": "changed more than a trial takes",
  "not-one-commit": "its merge is not one commit, or its parent is unknown",
  "not-files": "changed tests that are links or submodules, or have a name that can't be stored",
} as const;
export type LeftOut = keyof typeof LEFT_OUT;

/** Of one pull request: paths that it changed, test files, and their bytes together. */
export const TRIAL_LIMITS = { paths: 100, tests: 50, bytes: 1024 * 1024 } as const;

/** Whether a pull request can be tried, as far as it can be told without its files; the issue that it is tried on. Pure. */
export function issueToTry({ merge, parent, paths, issues }: MergedPull): Result<ClosedIssue, LeftOut> {
  const issue = issues.find(({ isHere }) => isHere);
  if (issue === undefined) return err("no-issue");
  if (merge === null || parent === null) return err("not-one-commit");
  if (paths === null || paths.length > TRIAL_LIMITS.paths) return err("too-large");
  if (!paths.some(isTestPath)) return err("no-tests");
  return paths.every(isTestPath) ? err("tests-alone") : ok(issue);
}

/** A test that a merge added, changed or removed, by git's id of what it is after it. */
export type TestChange =
  | { readonly status: "added" | "modified"; readonly path: string; readonly mode: "100644" | "100755"; readonly blob: string }
  | Extract<Change, { status: "deleted" }>;

/**
 * What a merge did to the tests. Of a pull request whose commits were put onto the branch one by one, the last commit's parent holds a
 * part of the work already: where the merge's own difference lacks a path of the pull request's, it is left out. Pure.
 */
export function testsOf(before: Files, after: Files, paths: readonly string[]): Result<readonly TestChange[], LeftOut> {
  const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
    (path) => before.get(path)?.blob !== after.get(path)?.blob || before.get(path)?.mode !== after.get(path)?.mode,
  );
  const own = new Set(changed);
  if (paths.some((path) => !own.has(path))) return err("not-one-commit");
  const tests = changed.filter(isTestPath);
  if (tests.length === changed.length) return err("tests-alone");
  const kept: TestChange[] = [];
  let bytes = 0;
  for (const path of tests.toSorted()) {
    const file = after.get(path);
    if (file === undefined) kept.push({ status: "deleted", path });
    else if (file.mode !== "100644" && file.mode !== "100755") return err("not-files");
    else {
      bytes += file.size ?? Infinity;
      kept.push({ status: before.has(path) ? "modified" : "added", path, mode: file.mode, blob: file.blob });
    }
  }
  if (kept.length > TRIAL_LIMITS.tests || bytes > TRIAL_LIMITS.bytes) return err("too-large");
  return kept.some(({ status }) => status !== "deleted") ? ok(kept) : err("no-tests");
}
