import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Policy } from "#core/config/policy.ts";
import { issueToTry, testsOf, TRIAL_LIMITS, type LeftOut, type MergedPull, type Files } from "#core/trial/choice.ts";
import { fund, type FundedRun } from "#core/trial/fund.ts";
import { judgeTrial } from "#core/trial/judge.ts";
import { TRIAL_EVENTS, TRIAL_STATES, TRIAL_TRANSITIONS } from "#core/trial/lifecycle.ts";
import { markOf, tableOf, type Mark, type RunFacts, type TrialRun } from "#core/trial/report.ts";
import { onlyStep, routeNamed } from "#core/trial/route.ts";
import { TaskId } from "#core/wire/ids.ts";
import { err } from "#core/wire/result.ts";
import { MicroUsd } from "#core/wire/units.ts";
import { ran } from "../kit/outcomes.ts";

const ISSUE = { number: 7, title: "It breaks", body: "Sometimes.", labels: [], isHere: true };

function merged(overrides: Partial<MergedPull> = {}): MergedPull {
  return {
    number: 9,
    merge: { commit: "m", tree: "mt" },
    parent: { commit: "p", tree: "pt" },
    paths: ["src/a.ts", "test/a.test.ts"],
    issues: [ISSUE],
    ...overrides,
  };
}

describe("a pull request that can be tried", () => {
  it("closed an issue of its repository, and changed tests and something else", () => {
    expect(issueToTry(merged())).toEqual({ ok: true, value: ISSUE });
  });

  it.each<[string, Partial<MergedPull>, LeftOut]>([
    ["closed nothing", { issues: [] }, "no-issue"],
    ["closed another repository's issue", { issues: [{ ...ISSUE, isHere: false }] }, "no-issue"],
    ["has no merge", { merge: null }, "not-one-commit"],
    ["is the first commit", { parent: null }, "not-one-commit"],
    ["changed more than GitHub lists", { paths: null }, "too-large"],
    [
      "changed many files",
      { paths: Array.from({ length: TRIAL_LIMITS.paths + 1 }, (_, at) => `test/${String(at)}`) },
      "too-large",
    ],
    ["changed no tests", { paths: ["src/a.ts"] }, "no-tests"],
    ["changed nothing but tests", { paths: ["test/a.test.ts"] }, "tests-alone"],
  ])("is none that %s", (_what, overrides, why) => {
    expect(issueToTry(merged(overrides))).toEqual(err(why));
  });
});

const tree = (files: Record<string, string>, mode = "100644", size: number | null = 10): Files =>
  new Map(Object.entries(files).map(([path, blob]) => [path, { mode, blob, size }]));

describe("the tests of a merge", () => {
  const before = tree({ "src/a.ts": "1", "test/a.test.ts": "2", "test/old.test.ts": "3", "test/same.test.ts": "4" });

  it("are what it added, changed and removed of them", () => {
    const after = tree({ "src/a.ts": "9", "test/a.test.ts": "8", "test/new.test.ts": "7", "test/same.test.ts": "4" });

    expect(testsOf(before, after, ["src/a.ts", "test/a.test.ts"])).toEqual({
      ok: true,
      value: [
        { status: "modified", path: "test/a.test.ts", mode: "100644", blob: "8" },
        { status: "added", path: "test/new.test.ts", mode: "100644", blob: "7" },
        { status: "deleted", path: "test/old.test.ts" },
      ],
    });
  });

  it.each<[string, Files, readonly string[], LeftOut]>([
    ["its commits were put onto the branch one by one", tree({ "src/a.ts": "1", "test/a.test.ts": "8" }), ["src/a.ts", "test/a.test.ts"], "not-one-commit"],
    ["its own commit has nothing but tests", tree({ "src/a.ts": "1", "test/a.test.ts": "8", "test/old.test.ts": "3", "test/same.test.ts": "4" }), ["test/a.test.ts"], "tests-alone"],
    ["they were only removed", tree({ "src/a.ts": "9", "test/a.test.ts": "2", "test/same.test.ts": "4" }), ["src/a.ts"], "no-tests"],
    ["one is a link", tree({ "src/a.ts": "9", "test/link": "8" }, "120000"), ["src/a.ts"], "not-files"],
    ["they are large", tree({ "src/a.ts": "9", "test/big.bin": "8" }, "100644", TRIAL_LIMITS.bytes + 1), ["src/a.ts"], "too-large"],
    ["their size is not told", tree({ "src/a.ts": "9", "test/big.bin": "8" }, "100644", null), ["src/a.ts"], "too-large"],
  ])("can't be used where %s", (_where, after, paths, why) => {
    expect(testsOf(before, after, paths)).toEqual(err(why));
  }); // prettier-ignore
});

const run = (task: string, overrides: Partial<FundedRun> = {}): FundedRun => ({
  task: TaskId(task),
  pull: 1,
  phase: "waits",
  cost: MicroUsd(0),
  provesNothing: false,
  ...overrides,
});

describe("what a trial's budget holds", () => {
  const each = MicroUsd(10);

  it.each<[string, readonly FundedRun[], number, Partial<ReturnType<typeof fund>>]>([
    ["starts what fits, in order", [run("a"), run("b"), run("c")], 25, { start: [TaskId("a"), TaskId("b")], leave: [] }],
    ["keeps room for what is under way", [run("a", { phase: "goesOn" }), run("b")], 19, { start: [], leave: [] }],
    ["counts what has ended by what it cost", [run("a", { phase: "ended", cost: MicroUsd(3) }), run("b")], 13, { start: [TaskId("b")] }],
    ["gives up what will never fit", [run("a", { phase: "ended", cost: MicroUsd(4) }), run("b")], 13, { start: [], leave: [{ task: TaskId("b"), why: "budget" }] }],
    ["leaves out a pull request whose tests prove nothing", [run("a", { phase: "ended", provesNothing: true }), run("b"), run("c", { pull: 2 })], 100, { start: [TaskId("c")], leave: [{ task: TaskId("b"), why: "proves-nothing" }] }],
  ])("%s", (_what, runs, budget, funding) => {
    expect(fund(runs, each, MicroUsd(budget))).toMatchObject(funding);
  }); // prettier-ignore

  it("is never exceeded, whatever the runs come to, and each ends up run or left", () => {
    const costs = fc.array(fc.record({ cost: fc.integer({ min: 0, max: 10 }), useless: fc.boolean() }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(costs, fc.integer({ min: 0, max: 60 }), (jobs, budget) => {
        const runs = jobs.map((_, at) => run(String(at), { pull: at % 3 }));
        for (;;) {
          const { start, leave } = fund(runs, each, MicroUsd(budget));
          const set = (task: TaskId, change: Partial<FundedRun>) => {
            const at = Number(task);
            runs[at] = { ...runs[at]!, ...change };
          };
          for (const task of start) set(task, { phase: "goesOn" });
          for (const { task } of leave) set(task, { phase: "ended" });
          const worst = runs.reduce((sum, { phase, cost }) => sum + (phase === "goesOn" ? each : cost), 0);
          expect(worst).toBeLessThanOrEqual(budget);
          const next = runs.find(({ phase }) => phase === "goesOn");
          if (next === undefined) break;
          const { cost, useless } = jobs[Number(next.task)]!;
          set(next.task, { phase: "ended", cost: MicroUsd(cost), provesNothing: useless });
        }
        expect(runs.filter(({ phase }) => phase !== "ended")).toEqual([]);
      }),
    );
  }); // prettier-ignore
});

describe("a run's mark", () => {
  const facts = (overrides: Partial<RunFacts>): RunFacts => ({
    state: "unsolved",
    begun: true,
    verdict: "failed",
    why: null,
    ...overrides,
  });

  it.each<[string, Partial<RunFacts>, Mark]>([
    ["is held back", { state: "planning", begun: false, verdict: null }, "waits"],
    ["waits in the queue", { state: "queued", begun: false, verdict: null }, "waits"],
    ["works", { state: "running", verdict: null }, "goesOn"],
    ["passed the tests", { state: "solved", verdict: "solved" }, "resolved"],
    ["failed the tests", { why: { why: "checks-failed", failed: [] } }, "failed"],
    ["changed nothing", { verdict: "noChange", why: { why: "no-change" } }, "failed"],
    ["changed what it may not", { verdict: "refused", why: { why: "guards", violations: [] } }, "failed"],
    ["ran out of turns", { why: { why: "ending", ending: "turnLimit", detail: null } }, "failed"],
    ["was let down by its provider", { why: { why: "ending", ending: "overloaded", detail: null } }, "unjudged"],
    ["had tests that prove nothing", { why: { why: "blocked", reason: "nothingToProve", detail: "" } }, "provesNothing"],
    ["was blocked by its set-up", { why: { why: "blocked", reason: "setupFailed", detail: "" } }, "unjudged"],
    ["was lost", { verdict: "lost", why: { why: "silent" } }, "unjudged"],
    ["had no sandbox", { verdict: "refused", why: { why: "unsandboxed" } }, "unjudged"],
    ["got stuck", { state: "stuck", verdict: "lost" }, "unjudged"],
    ["never began", { state: "refused", begun: false, verdict: null }, "notRun"],
    ["was refused at its dispatch", { state: "refused", verdict: "refused" }, "notRun"],
  ])("of one that %s", (_what, overrides, mark) => {
    expect(markOf(facts(overrides))).toBe(mark);
  }); // prettier-ignore
});

describe("a trial's table", () => {
  const of = (pull: number, route: string, mark: Mark, model = 100, ms = 60_000): TrialRun => ({
    task: TaskId("t"),
    pull,
    route,
    mark,
    model: MicroUsd(model),
    runner: MicroUsd(10),
    ms,
  });

  it("counts what was judged, and nothing of a pull request whose tests prove nothing", () => {
    const runs = [
      of(1, "a", "resolved", 100, 1_000),
      of(2, "a", "failed", 300, 4_000),
      of(3, "a", "unjudged", 999),
      of(4, "a", "notRun", 0),
      of(5, "a", "resolved", 7_000),
      of(1, "b", "failed"),
      of(5, "b", "provesNothing"),
    ];

    expect(tableOf(["a", "b", "c"], runs)).toEqual([
      { route: "a", resolved: 1, judged: 2, unjudged: 1, model: 400, runner: 20, perResolved: 420, medianMs: 2_500 },
      { route: "b", resolved: 0, judged: 1, unjudged: 0, model: 100, runner: 10, perResolved: null, medianMs: 60_000 },
      { route: "c", resolved: 0, judged: 0, unjudged: 0, model: 0, runner: 0, perResolved: null, medianMs: null },
    ]);
  }); // prettier-ignore
});

describe("a trial's outcome", () => {
  const planned = {
    guards: { maxFiles: 50, maxBytes: 512_000, protected: [] },
    verify: ["npm test"],
    tier: "light" as const,
    floors: [],
    begunWith: [],
    mayBeUnsandboxed: false,
  };
  const passed = { command: "npm test", exitCode: 0, output: "", ms: 1, before: "passed" as const, flaky: false };
  const solved = {
    changes: [{ status: "deleted" as const, path: "a" }],
    checks: { source: "settings" as const, commands: ["npm test"] },
    verification: [passed],
  };

  it("is judged like any other where its tests were run without the work", () => {
    expect(judgeTrial(ran({ ...solved, control: [{ ...passed, exitCode: 1 }] }), planned).verdict).toBe("solved");
  });

  it("is judged by nobody where they were not: an older Action lays no tests over the work", () => {
    expect(judgeTrial(ran(solved), planned)).toMatchObject({ verdict: "failed", why: { why: "blocked", reason: "internal" } });
  }); // prettier-ignore
});

describe("a trial's lifecycle", () => {
  it.each([
    ["choosing", "offer", "offered"],
    ["choosing", "fail", "failed"],
    ["choosing", "stop", "stopped"],
    ["offered", "start", "running"],
    ["offered", "fail", "failed"],
    ["offered", "stop", "stopped"],
    ["running", "end", "ended"],
    ["running", "stop", "stopped"],
  ] as const)("%s goes by %s to %s", (from, event, to) => {
    expect(TRIAL_TRANSITIONS[from][event]).toBe(to);
  });

  it("refuses every other cell", () => {
    const cells = TRIAL_STATES.flatMap((state) => TRIAL_EVENTS.map((event) => TRIAL_TRANSITIONS[state][event]));

    expect(cells.filter((to) => to !== null)).toHaveLength(8);
  });
});

describe("a route by its word", () => {
  const policy = Policy.parse({
    version: 1,
    pool: [
      { name: "one", provider: "anthropic" },
      { name: "two", provider: "openrouter" },
    ],
    runner: "acme/agent-runner",
    budget: "$200/month",
    tiers: {
      light: [{ harness: "claude-code", model: "claude-haiku-5-5" }],
      standard: [
        { harness: "codex", model: "gpt-6.1-sol" },
        { harness: "claude-code", model: "claude-sonnet-5-5" },
      ],
      frontier: [
        { harness: "claude-code", model: "claude-opus-5-5", effort: "high" },
        { harness: "opencode", model: "qwen/qwen3-coder" },
      ],
    },
  });

  it.each([
    ["light", "light claude-code claude-haiku-5-5 null"],
    // The pool has no key of OpenAI's.
    ["standard", "standard claude-code claude-sonnet-5-5 null"],
    ["claude-code", "light claude-code claude-haiku-5-5 null"],
    ["opencode", "frontier opencode qwen/qwen3-coder null"],
    ["claude-opus-5-5", "frontier claude-code claude-opus-5-5 high"],
    ["claude-code:claude-opus-5-5", "frontier claude-code claude-opus-5-5 high"],
    ["claude-code:claude-opus-5-5:low", "frontier claude-code claude-opus-5-5 low"],
    ["opencode:qwen/qwen3-coder:medium", "frontier opencode qwen/qwen3-coder medium"],
  ])("%s is %s", (word, named) => {
    const found = routeNamed(policy, word);

    const route = found.ok ? found.value.route : undefined;
    expect(`${String(route?.tier)} ${String(route?.harness)} ${String(route?.model)} ${String(route?.effort)}`).toBe(named);
  });

  it.each(["codex", "gpt-6.1-sol", "claude-code:qwen/qwen3-coder", "xl", "claude-code:", "", "light claude-code"])(
    "%j names none, or one that the pool doesn't serve",
    (word) => {
      const found = routeNamed(policy, word);

      expect(found).toMatchObject({ ok: false, error: { reason: "route-not-served", asked: word } });
    },
  );

  it("is begun with, once and for all of the budget, however little it is worth", () => {
    const served = routeNamed(policy, "light");
    if (!served.ok) throw new Error("not served");
    const costOf = () => ({ model: MicroUsd(9_000_000), runner: MicroUsd(1) });

    const { ladder, first } = onlyStep(served.value, { size: "xl", confidence: 1 }, MicroUsd(5_000_000), {
      scores: [],
      seed: "",
      costOf,
    });

    expect(ladder).toMatchObject({ attempts: 1, budget: 5_000_000 });
    expect(first).toMatchObject({ option: { route: { model: "claude-haiku-5-5" } }, cap: 5_000_000 });
    expect(first.expected).toBeCloseTo(first.chance);
  });
});
