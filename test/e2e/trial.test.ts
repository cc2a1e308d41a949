import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TrialReport } from "#app/trial-report.ts";
import { HISTORY_FILES, makeHistory, ONLY_IN_TESTS, playHistory, PROVES_NOTHING, TRIED } from "#playground/history.ts";
import { git } from "#playground/independent.ts";
import { createWorld, PRODUCT, ROOT, type World } from "#playground/world.ts";
import { runCommand, type Ran } from "../kit/operator.ts";

const POOL = [
  { name: "anthropic-api", kind: "api-key", provider: "anthropic" },
  { name: "openai-api", kind: "api-key", provider: "openai" },
  { name: "openrouter-api", kind: "api-key", provider: "openrouter" },
];
const POLICY = `version: 1
pool: [${POOL.map(({ name, provider }) => `{ name: ${name}, provider: ${provider}, jobs: 1 }`).join(", ")}]
runner: acme/agent-runner
budget: $500/month
task: { budget: $2 }
tiers:
  light:    [{ harness: claude-code, model: claude-haiku-5-5 }]
  standard: [{ harness: codex, model: gpt-6.1-sol, effort: low }]
  frontier: [{ harness: opencode, model: qwen/qwen3-coder }]
`;
const ROUTES = ["light", "codex", "opencode:qwen/qwen3-coder"];

describe("`agent-pool trial` on twelve commits, with three harnesses", { timeout: 600_000 }, () => {
  let world: World;
  let folder: string;
  let before: { branches: number; pulls: number };
  const log: string[] = [];
  let ran: Ran;
  let report: TrialReport;

  const trial = (...words: string[]) =>
    runCommand(folder, ["trial", ...words], { env: { AGENT_POOL_DATA: join(world.dataDir, "store") } });
  const seen = async () => ({
    branches: (await world.github.branches(PRODUCT)).length,
    pulls: (await world.github.pulls(PRODUCT)).length,
  });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "trial-"));
    world = await createWorld({
      product: { files: HISTORY_FILES },
      policy: POLICY,
      pool: POOL,
      script: playHistory,
      onEvent: ({ from, text }) => void (from === "runner" && log.push(text)),
    });
    await makeHistory(world.github, PRODUCT, world.maintainer, world.github.personToken("maintainer"));
    await world.app.start();
    before = await seen();
    ran = await trial(PRODUCT, "--routes", ROUTES.join(","), "--last", "20", "--budget", "$40", "--yes", "--json");
    report = JSON.parse(ran.out || "{}") as TrialReport;
  }, 600_000);
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const marks = (title: string) => {
    const pull = report.offer?.pulls.find((each) => each.title === title)?.pull;
    return ROUTES.map((route) => report.runs.find((run) => run.pull === pull && run.route === route)?.mark);
  };

  it("ends well, with a run for each pull request and route", async () => {
    expect(ran.code, `${ran.err}\n${world.app.output().slice(-5_000)}`).toBe(0);
    expect(report).toMatchObject({ state: "ended", over: true, failure: null });
    expect(report.runs).toHaveLength(4 * ROUTES.length);
    const commits = await git(join(world.dataDir, "repositories", `${PRODUCT}.git`), "rev-list", "--count", "main");
    expect(commits).toBe("12");
  });

  it("tries the merges that closed an issue and brought tests, and says of the others why not", () => {
    expect(report.offer?.pulls.map(({ title }) => title).toSorted()).toEqual([...TRIED, PROVES_NOTHING].toSorted());
    expect(report.offer?.leftOut.map(({ why }) => why).toSorted()).toEqual(["no-issue", "no-tests", "tests-alone"]);
  });

  it("judges each by the tests of its merge: the same issue, three harnesses, three results", () => {
    expect(TRIED.map(marks)).toEqual([
      ["resolved", "resolved", "resolved"],
      ["resolved", "resolved", "failed"],
      ["failed", "resolved", "failed"],
    ]);
    expect(report.table.map(({ route, resolved, judged }) => [route, resolved, judged])).toEqual([
      ["light", 2, 3],
      ["codex", 3, 3],
      ["opencode:qwen/qwen3-coder", 1, 3],
    ]);
  });

  it("leaves out the one whose tests pass without its change, and asks no model about it", () => {
    expect(marks(PROVES_NOTHING)).toContain("provesNothing");
    expect(marks(PROVES_NOTHING).filter((mark) => mark !== "provesNothing" && mark !== "notRun")).toEqual([]);
    expect(JSON.stringify(world.model.requests())).not.toContain(PROVES_NOTHING);
  });

  it("gives a table that a script of its own computes again from the runs", async () => {
    const file = join(folder, "trial.json");
    await writeFile(file, ran.out);
    const run = promisify(execFile);
    const script = join(ROOT, "scripts/trial-table.ts");

    const same = await run(process.execPath, [script, file]);
    await writeFile(file, JSON.stringify({ ...report, runs: report.runs.filter(({ mark }) => mark !== "resolved") }));
    const other = await run(process.execPath, [script, file]).catch((error: unknown) => error);

    expect(same.stdout).toContain("The same as the table in the file.");
    expect(other).toMatchObject({ code: 1 });
  });

  it("shows no model, and no job's log, what only the merges' tests say", () => {
    const asked = JSON.stringify(world.model.requests());

    expect(world.model.requests().length).toBeGreaterThan(9);
    expect(asked).not.toContain(ONLY_IN_TESTS);
    expect(log.length).toBeGreaterThan(100);
    expect(log.join("\n")).not.toContain(ONLY_IN_TESTS);
  });

  it("leaves no branch, pull request or comment on GitHub, and keeps its contract", async () => {
    expect(await seen()).toEqual(before);
    for (let issue = 1; issue <= 20; issue += 1) expect(world.github.comments(PRODUCT, issue)).toEqual([]);
    expect(world.github.violations()).toEqual([]);
  });

  it("costs what its runs cost, within its budget", () => {
    const spent = report.runs.reduce((sum, { model, runner }) => sum + model + runner, 0);

    expect(spent).toBeGreaterThan(0);
    expect(spent).toBeLessThanOrEqual(report.offer?.budget ?? 0);
  });

  it("shows the same trial again, for people", async () => {
    const again = await trial(report.trial);

    expect(again.out).toMatch(/^trial-[0-9a-f]{8} of acme\/web, ended\n/);
    expect(again.out).toMatch(/codex +3 of 3 +0 +\$/);
    expect(again.out).toContain("= the tests pass without a change: left out of the figures");
  });

  it("begins nothing unasked, and nothing that the budget can't hold", async () => {
    const unasked = await trial(PRODUCT, "--routes", "light", "--last", "1");
    const id = /trial-[0-9a-f]{8}/.exec(unasked.err)?.[0] ?? "";
    const poor = await trial(PRODUCT, "--routes", "light", "--budget", "$1", "--yes");
    const stopped = await trial(id, "--stop");

    expect(unasked).toMatchObject({ code: 1, err: expect.stringContaining(`\`agent-pool trial ${id} --yes\` begins it`) });
    expect(unasked.out).toContain("No more than $");
    expect(poor).toMatchObject({
      code: 1,
      err: expect.stringMatching(/one run may cost up to \$\d+\.\d+, and the budget is \$1\.00/),
    });
    expect(stopped.out).toContain(`${id} of acme/web, stopped`);
    expect((await trial(id, "--yes")).out).toContain("stopped");
  });
});
