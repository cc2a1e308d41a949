import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { makeBareRunner, type Sandbox } from "../../action/src/sandbox/sandbox.ts";
import { runBaseline, runVerification } from "../../action/src/checks/verify.ts";
import { runSetup } from "../../action/src/checks/set-up.ts";
import { makeWorkspace, type Workspace } from "../../action/src/runner/workspace.ts";
import { containing } from "./kit/matchers.ts";
import { testSurroundings } from "./kit/tool-cache.ts";

let workspace: Workspace;
let place: { sandbox: Sandbox; workspace: Workspace };

beforeEach(async () => {
  workspace = await makeWorkspace(testSurroundings().temp);
  place = { workspace, sandbox: makeBareRunner({ surroundings: testSurroundings(), workspace, toolFolders: [] }) };
});
afterEach(() => workspace[Symbol.asyncDispose]());

const NOTHING_KNOWN = new Map();
const limits = (signal = new AbortController().signal) => ({ until: performance.now() + 20_000, signal });
/** The end is kept, so it is the last character that shifts the cut. */
const print = (last: string): string => `printf '😀%.0s' $(seq 4000); printf '${last}'; exit 3`;

describe("the repository's commands", () => {
  test("are told of without a character cut in half", async () => {
    const setUp = [await runSetup(place, [print("")], limits()), await runSetup(place, [print("x")], limits())];
    const verified = [
      await runVerification(place, [print("")], NOTHING_KNOWN, limits()),
      await runVerification(place, [print("x")], NOTHING_KNOWN, limits()),
    ];

    const texts = [...setUp.map((it) => (it.ok ? "" : it.error.detail)), ...verified.map((it) => it.failure?.output ?? "")];
    expect(texts.map((it) => it.isWellFormed() && /😀x?$/u.test(it))).toEqual([true, true, true, true]);
  });

  test("are told of with the paths that people know", async () => {
    const command = 'echo "at file://$PWD/test/a.js:3, $PWD/b.js, see $HOME/.npm/log"; exit 1';

    const setUp = await runSetup(place, [command], limits());
    const verified = await runVerification(place, [command], NOTHING_KNOWN, limits());

    const told = "at ./test/a.js:3, ./b.js, see ~/.npm/log";
    expect(verified.results[0]?.output).toBe(told);
    expect(setUp).toMatchObject({ ok: false, error: { detail: containing(told) } });
  });

  test("are not started once the job is to stop", async () => {
    const command = "touch started";

    await runSetup(place, [command], limits(AbortSignal.abort()));
    const before = await runVerification(place, ["test -e started"], NOTHING_KNOWN, limits());
    await runSetup(place, [command], limits());
    const after = await runVerification(place, ["test -e started"], NOTHING_KNOWN, limits());

    expect([before.results[0]?.exitCode, after.results[0]?.exitCode]).toEqual([1, 0]);
  });
});

/** Runs each check on the checkout, then what the work does, then the checks again. */
async function around(checks: readonly string[], work: string): ReturnType<typeof runVerification> {
  const baseline = await runBaseline(place, checks, limits());
  await place.sandbox.run({ line: work, reach: { to: "nothing" }, ...limits() });
  return runVerification(place, checks, baseline, limits());
}

/** Prints as pytest does the tests that a file names, and fails where there are any. */
const SUITE = `while read -r it; do echo "FAILED test_a.py::$it - assert 1"; done < failing; test ! -s failing`;
const suite = (before: string, after: string): ReturnType<typeof runVerification> =>
  around([`test -e failing || printf '${before}' > failing; ${SUITE}`], `printf '${after}' > failing`);

describe("a check before and after the work", () => {
  test("that passes both times is none of the work's faults", async () => {
    expect(await suite("", "")).toMatchObject({ results: [{ exitCode: 0, before: "passed", output: "" }], failure: undefined });
  });

  test("that fails now is the work's fault", async () => {
    const { results, failure } = await suite("", "one\n");

    expect(failure).toMatchObject({ exitCode: 1, before: "passed", output: "FAILED test_a.py::one - assert 1" });
    expect(results).toEqual([failure]);
  });

  test("that fails as it did is not, though in another order and with less of it", async () => {
    const { results, failure } = await suite("one\ntwo\nthree\n", "three\none\n");

    expect([results[0]?.exitCode, results[0]?.before, failure]).toEqual([1, "failed", undefined]);
  });

  test.each([
    ["another test", "one\n", "one\ntwo\n", ""],
    ["another exit code", "one\n", "one\n", ` || exit $((3 + $(test -e begun; echo $?) )); touch begun`],
    ["no word of any test", "one\n", " ", ""],
  ])("that fails with %s is", async (_name, before, after, code) => {
    const check = code === "" ? suite(before, after) : around(["test -e worked && exit 4; exit 3"], "touch worked");
    const { failure } = await check;

    expect(failure?.before).toBe("failedOtherwise");
  });

  test("that the work has mended passes", async () => {
    expect(await suite("one\n", "")).toMatchObject({ results: [{ exitCode: 0, before: "failed" }], failure: undefined });
  });

  test("that fails as before keeps none of the others from running", async () => {
    const { results } = await around(["exit 3", "test ! -e broken", "true"], "touch broken");

    expect(results.map(({ command, exitCode, before }) => [command, exitCode, before])).toEqual([
      ["exit 3", 3, "failed"],
      ["test ! -e broken", 1, "passed"],
    ]);
  });

  test("that didn't end before is unknown, and takes no time from what follows", async () => {
    const soon = { until: performance.now() + 1_000, signal: new AbortController().signal };

    const baseline = await runBaseline(place, ["sleep 60", "exit 3"], soon);
    const verified = await runVerification(place, ["exit 3"], baseline, limits());

    expect([...baseline.keys()]).toEqual([]);
    expect(verified.failure).toMatchObject({ exitCode: 3, before: "unknown" });
  });

  test("that fails, then passes on the same files, is flaky, with what it printed first", async () => {
    const { results, failure } = await around(
      ["test ! -e worked || test -e seen || { touch seen; echo 'FAIL a'; exit 5; }"],
      "touch worked",
    );

    expect(failure).toBeUndefined();
    expect(results).toMatchObject([{ exitCode: 0, flaky: true, before: "passed", output: "FAIL a" }]);
  });

  test("is run again only once, and never where it can't be started", async () => {
    const count = (code: number): string => `echo x >> ../tmp/runs; exit ${String(code)}`;

    await runVerification(place, [count(9)], NOTHING_KNOWN, limits());
    const failing = await readFile(join(workspace.tmp, "runs"), "utf8");
    await runVerification(place, [count(127)], NOTHING_KNOWN, limits());
    const missing = await readFile(join(workspace.tmp, "runs"), "utf8");

    expect([failing, missing]).toEqual(["x\nx\n", "x\nx\nx\n"]);
  });
});

describe("the bounds of a check", () => {
  const soon = (ms: number): { until: number; signal: AbortSignal } => ({ ...limits(), until: performance.now() + ms });

  test("end one that sleeps, with all that it started", async () => {
    const started = performance.now();

    const { results } = await runVerification(place, ["sleep 61 & sleep 61 | sleep 61"], NOTHING_KNOWN, soon(1_000));

    expect(results).toMatchObject([{ exitCode: null, flaky: false }]);
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(execFileSync("ps", ["-eo", "args"], { encoding: "utf8" }).split("\n")).not.toContain("sleep 61");
  });

  test("keep the end alone of one that prints for ever", async () => {
    const failing = "echo 'FAIL a.test.js'; seq 200000; exit 1";
    const endless = "yes no end";
    const memory = process.memoryUsage().rss;

    const first = await runVerification(place, [failing], NOTHING_KNOWN, limits());
    const second = await runVerification(place, [endless], NOTHING_KNOWN, soon(3_000));

    expect(first.failure?.output).toContain("200000");
    expect(second.failure).toMatchObject({ exitCode: null });
    for (const { failure } of [first, second]) expect(failure?.output.length).toBeLessThanOrEqual(4_000);
    // `yes` prints several GB in that time.
    expect(process.memoryUsage().rss - memory).toBeLessThan(300 * 1024 * 1024);
  });

  test("let the kernel refuse it more processes than a build needs", async () => {
    const { results } = await runVerification(place, ["test $(ulimit -u) = 4096"], NOTHING_KNOWN, limits());

    expect(results[0]?.exitCode).toBe(0);
  });
});
