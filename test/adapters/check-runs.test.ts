import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MAX_CHECK_RUNS } from "#core/task/ci-checks.ts";
import type { GitHub, Place } from "#ports/github.ts";
import { makeStage, type Stage } from "../playground/github-kit.ts";
import { connect, placeOf } from "./kit.ts";

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

  it("keep GitHub's contract", async () => {
    await stage.github.delivered();

    expect(stage.github.violations()).toEqual([]);
  });
});
