import { describe, expect, it } from "vitest";
import { judgeCiChecks, mayBeMended, MAX_CHECK_RUNS, type CheckRun } from "#core/task/ci-checks.ts";

/** By name how it ended; null: it runs. */
const runs = (ended: Readonly<Record<string, string | null>>): CheckRun[] =>
  Object.entries(ended).map(([name, conclusion]) => ({
    name,
    status: conclusion === null ? "in_progress" : "completed",
    conclusion,
  }));

describe("the checks of CI", () => {
  it.each([
    ["pass", { a: "success", b: "success" }, 2, 0, []],
    ["pass where one says that it's neither good nor bad", { a: "success", b: "neutral" }, 2, 0, []],
    ["have judged nothing where they were skipped", { a: "skipped", b: "success" }, 1, 1, []],
    ["have judged nothing at all where each was skipped", { a: "skipped", b: "skipped" }, 0, 2, []],
    ["fail by one", { a: "success", b: "failure", c: "success" }, 2, 0, [["b", "failure"]]],
    ["fail where one ran out of time", { a: "timed_out" }, 0, 0, [["a", "timed_out"]]],
    ["fail where one was cancelled", { a: "cancelled" }, 0, 0, [["a", "cancelled"]]],
    ["fail where one waits for a person", { a: "action_required" }, 0, 0, [["a", "action_required"]]],
    ["fail where one could not start", { a: "startup_failure" }, 0, 0, [["a", "startup_failure"]]],
    ["fail where one never ended", { a: "stale" }, 0, 0, [["a", "stale"]]],
    ["fail by a conclusion that is new", { a: "shrugged" }, 0, 0, [["a", "shrugged"]]],
  ])("%s", (_name, ended, passed, skipped, failed) => {
    const judged = judgeCiChecks(runs(ended));

    expect(judged).toEqual({ passed, skipped, failed: failed.map(([name, conclusion]) => ({ name, conclusion })) });
  });

  it.each([
    ["there are none", []],
    ["one runs", runs({ a: "failure", b: null })],
    ["one waits to be run", [...runs({ a: "success" }), { name: "b", status: "queued", conclusion: null }]],
    ["there are more than are read", Array.from({ length: MAX_CHECK_RUNS + 1 }, () => runs({ a: "success" })).flat()],
  ])("are not judged while %s", (_name, listed) => {
    const judged = judgeCiChecks(listed);

    expect(judged).toBeUndefined();
  });

  it.each([
    ["failure", true],
    ["timed_out", true],
    ["success", false],
    ["skipped", false],
    ["cancelled", false],
    ["action_required", false],
    ["startup_failure", false],
    ["stale", false],
    [null, false],
  ])("that ended as %s may be mended by a change: %s", (conclusion, may) => {
    expect(mayBeMended({ conclusion })).toBe(may);
  });

  it("fail where one has ended and nobody says how, and keep of its name what a database takes", () => {
    const judged = judgeCiChecks([{ name: `a\u0000${"🧪".repeat(100)}`, status: "completed", conclusion: null }]);

    expect(judged?.failed).toEqual([{ name: `a${"🧪".repeat(59)}`, conclusion: "unknown" }]);
  });
});
