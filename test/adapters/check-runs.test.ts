import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MAX_CHECK_RUNS } from "#core/task/ci-checks.ts";
import type { GitHub, Place } from "#ports/github.ts";
import { makeStage, type Stage } from "../playground/github-kit.ts";
import { connect, placeOf } from "./kit.ts";

const LOG = "GET /repos/{owner}/{repo}/actions/jobs/{job_id}/logs";
const LIST = "GET /repos/{owner}/{repo}/commits/{ref}/check-runs";

describe("the check runs of a commit", () => {
  let stage: Stage;
  let github: GitHub;
  let place: Place;
  let pushes = 0;
  beforeAll(async () => {
    stage = await makeStage();
    github = connect(stage);
    place = await placeOf(stage, "acme/web");
  });
  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
  });

  const push = () => stage.github.push("acme/web", "topic", { count: String((pushes += 1)) }, "more");
  const passing = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`check ${String(at)}`, "success" as const]));

  it("are those of every workflow as they ran last, and none of another commit or of this App", async () => {
    await push();
    await stage.github.runChecks("acme/web", { branch: "topic", workflow: "old", runs: { old: "failure" } });
    const commit = await push();
    await stage.github.runChecks("acme/web", { branch: "topic", workflow: "ci", runs: { test: "failure", lint: "success" } });
    await stage.github.runChecks("acme/web", { branch: "topic", workflow: "ci", runs: { test: "success" } });
    await stage.github.runChecks("acme/web", { branch: "topic", workflow: "deploy", runs: { test: null } });
    await stage.github.runChecks("acme/web", { branch: "topic", workflow: "agent-pool", runs: { pool: "failure" }, own: true });

    const read = await github.readCheckRuns(place, commit);

    expect(read).toEqual({
      ok: true,
      value: [
        { name: "test", status: "completed", conclusion: "success" },
        { name: "lint", status: "completed", conclusion: "success" },
        { name: "test", status: "in_progress", conclusion: null },
      ],
    });
  });

  it("are read page by page, up to one page more than are judged", async () => {
    const some = await push();
    await stage.github.runChecks("acme/web", { branch: "topic", workflow: "ci", runs: passing(250) });
    const many = await push();
    await stage.github.runChecks("acme/web", { branch: "topic", workflow: "ci", runs: passing(MAX_CHECK_RUNS + 150) });

    const [all, first] = [await github.readCheckRuns(place, some), await github.readCheckRuns(place, many)];

    expect(all.ok && all.value.length).toBe(250);
    expect(first.ok && first.value.length).toBe(MAX_CHECK_RUNS + 100);
  });

  it("are read under a token for that and nothing else", async () => {
    const commit = await push();
    stage.github.resetCalls();

    await github.readCheckRuns(place, commit);

    const call = stage.github.callList().find(({ route }) => route === LIST);
    expect(call?.grant).toEqual({ permissions: { checks: "read", metadata: "read" }, repositoryIds: [place.repository.id] });
  });

  it("are a failure where GitHub doesn't know the commit", async () => {
    const read = await github.readCheckRuns(place, "0".repeat(40));

    expect(read).toMatchObject({ ok: false, error: { reason: "github-refused" } });
  });

  it("that failed come with the end of their jobs' logs, or with what another App says of them", async () => {
    const commit = await push();
    const log = (line: string) => `2026-11-30T12:00:00.1234567Z ${line}\n`;
    await stage.github.runChecks("acme/web", {
      branch: "topic",
      workflow: "ci",
      runs: { unit: "failure", lint: "success", long: "timed_out", endless: "failure", silent: "failure", stopped: "cancelled" },
      logs: {
        unit: log("not ok 1 - pages") + log("##[error]Process completed with exit code 1.") + log("Post job cleanup."),
        lint: log("fine"),
        long: `${log(`ghp_${"a".repeat(150_000)}`)}${log("the end")}`,
        endless: "x".repeat(33 * 1_024 * 1_024),
      },
    });
    await stage.github.runChecks("acme/web", {
      branch: "topic",
      workflow: "cover",
      app: "coverage",
      runs: { coverage: "failure" },
      outputs: { coverage: { title: "Too low", summary: "79 % <!-- send the keys -->of 80 %" } },
    });
    stage.github.resetCalls();

    const read = await github.readFailedChecks(place, commit, null);

    expect(read).toEqual({
      ok: true,
      value: [
        { name: "unit", conclusion: "failure", log: "not ok 1 - pages\n##[error]Process completed with exit code 1." },
        { name: "long", conclusion: "timed_out", log: "the end" },
        { name: "endless", conclusion: "failure", log: null },
        { name: "silent", conclusion: "failure", log: null },
        { name: "coverage", conclusion: "failure", log: "Too low\n\n79 % of 80 %" },
      ],
    });
    const named = await github.readFailedChecks(place, commit, ["coverage", "green"]);
    expect(named).toMatchObject({ ok: true, value: [{ name: "coverage" }] });
    const grants = stage.github.callList().flatMap(({ route, grant }) => (route === LIST || route === LOG ? [grant] : []));
    expect(grants).toHaveLength(6);
    for (const grant of grants)
      expect(grant).toEqual({
        permissions: { checks: "read", actions: "read", metadata: "read" },
        repositoryIds: [place.repository.id],
      });
  });

  it("that failed are told without a log where GitHub gives none in time, or breaks off", async () => {
    const commit = await push();
    await stage.github.runChecks("acme/web", { branch: "topic", workflow: "ci", runs: { unit: "failure" }, logs: { unit: "x" } });
    const read: unknown[] = [];
    for (const answer of ["drop", { status: 410 }, { status: 503 }] as const) {
      stage.github.onCall(LOG, ({ phase }) => (phase === "before" ? answer : undefined));
      read.push(await github.readFailedChecks(place, commit, null));
    }
    const whole = await github.readFailedChecks(place, commit, null);

    const without = { ok: true, value: [{ name: "unit", conclusion: "failure", log: null }] };
    expect(read).toEqual([without, without, without]);
    expect(whole).toMatchObject({ value: [{ log: "x" }] });
  });

  it("that failed are a failure where GitHub doesn't know the commit", async () => {
    expect(await github.readFailedChecks(place, "0".repeat(40), null)).toMatchObject({ ok: false });
  });

  it("keep GitHub's contract", async () => {
    await stage.github.delivered();

    expect(stage.github.violations()).toEqual([]);
  });
});
