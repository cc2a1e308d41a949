import assert from "node:assert/strict";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { GitHub, Place } from "#ports/github.ts";
import type { Person } from "#playground/types.ts";
import { makeStage, type Stage } from "../playground/github-kit.ts";
import { connect, placeOf } from "./kit.ts";

const WEB = "acme/web";
const FILE = ".github/agent-pool.yml";

describe("this App's own checks", () => {
  let stage: Stage;
  let github: GitHub;
  let place: Place;
  let pushes = 0;
  beforeAll(async () => {
    stage = await makeStage();
    github = connect(stage);
    place = await placeOf(stage, WEB);
  });
  afterEach(async () => {
    await stage.github.delivered();
    assert.deepEqual(stage.github.violations(), []);
  });
  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
  });
  const push = (branch: string, files: Readonly<Record<string, string | null>> = { count: String((pushes += 1)) }, by?: string) =>
    stage.github.push(WEB, branch, files, "more", by);
  const NAME = "agent-pool / configuration";
  const run = (commit: string, conclusion: "success" | "failure" = "failure") => ({
    name: NAME,
    commit,
    conclusion,
    title: "Not valid",
    summary: "- line 2",
    path: FILE,
    annotations: [{ line: 2, column: 3, level: "failure" as const, message: "budget: found nothing" }],
  });
  const shown = () => stage.github.checkRuns(WEB).at(-1);

  it("are made with annotations on lines, found again, and changed", async () => {
    const commit = await push("main");

    const before = await github.findOwnCheckRun(place, commit, NAME);
    const made = await github.createCheckRun(place, run(commit));
    const found = await github.findOwnCheckRun(place, commit, NAME);
    const other = await github.findOwnCheckRun(place, commit, "agent-pool / second person");
    const first = shown();
    const id = made.ok ? made.value : 0;
    const changed = await github.updateCheckRun(place, id, { conclusion: "success", title: "Valid", summary: "ok" });

    expect([before, found, other, changed]).toEqual([undefined, id, undefined, undefined].map((value) => ({ ok: true, value })));
    expect(first).toMatchObject({ commit, name: NAME, conclusion: "failure", title: "Not valid" });
    expect(first?.annotations).toEqual([
      {
        path: FILE,
        start_line: 2,
        end_line: 2,
        start_column: 3,
        end_column: 3,
        annotation_level: "failure",
        message: "budget: found nothing",
      },
    ]);
    expect(shown()).toMatchObject({ id, conclusion: "success", title: "Valid" });
  });

  it("are not another's of the same name", async () => {
    const commit = await push("topic");
    await stage.github.runChecks(WEB, { branch: "topic", workflow: "ci", runs: { [NAME]: "success" } });

    expect(await github.findOwnCheckRun(place, commit, NAME)).toEqual({ ok: true, value: undefined });
  });

  it("are refused on a commit that isn't there", async () => {
    const made = await github.createCheckRun(place, run("0".repeat(40)));

    expect(made).toMatchObject({ ok: false, error: { reason: "github-refused", status: 422 } });
  });

  it("are written under a token that writes checks, and reads what they go by", async () => {
    await push("main");
    stage.github.resetCalls();
    await github.createCheckRun(place, run(await push("main")));

    const call = stage.github.callList().find(({ route }) => route === "POST /repos/{owner}/{repo}/check-runs");

    expect(call?.grant).toEqual({
      permissions: { checks: "write", contents: "read", metadata: "read" },
      repositoryIds: [place.repository.id],
    });
  });

  it("read the configuration at a commit, and what it was there before", async () => {
    const first = await push("main", { [FILE]: "version: 1\n" });
    const second = await push("main", { [FILE]: "version: 1\ndraft: false\n" });
    await push("side", { [FILE]: "version: 1\nci: auto\n" });
    const side = await push("side");
    const third = await push("main", { [FILE]: null });

    const read = [
      await github.readConfigFile(place, second, { commit: first }),
      await github.readConfigFile(place, third, { commit: second }),
      // Not with main as it is now, which has removed the file.
      await github.readConfigFile(place, side, { branch: "main" }),
      await github.readConfigFile(place, first, null),
    ];

    const [one, two, three] = ["version: 1\n", "version: 1\ndraft: false\n", "version: 1\nci: auto\n"].map((text) => ({ text }));
    expect(read).toEqual(
      [
        { before: one, after: two },
        { before: two, after: "missing" },
        { before: two, after: three },
        { before: "missing", after: one },
      ].map((value) => ({ ok: true, value })),
    );
  });

  describe("read who has approved a pull request", () => {
    let [writer, reader]: Person[] = [];
    let number = 0;
    let head = "";
    beforeAll(async () => {
      writer = await stage.github.createPerson("writer");
      reader = await stage.github.createPerson("reader");
      stage.github.setRole(WEB, "writer", "write");
      head = await push("pull", undefined, "writer");
      const token = await stage.token();
      const { body } = await stage.call("POST", `/repos/${WEB}/pulls`, token, { title: "T", head: "pull", base: "main" });
      number = Number(body["number"]);
    });
    const read = async () => {
      const answer = await github.readReviews(place, number);
      if (!answer.ok || answer.value === undefined) throw new Error("not read");
      return answer.value;
    };

    it("as each with write said last, and whose commits there are", async () => {
      const none = await read();
      await reader!.reviewPull(WEB, number, { state: "approved", body: "" });
      await writer!.reviewPull(WEB, number, { state: "changes_requested", body: "" });
      const back = await read();
      await writer!.reviewPull(WEB, number, { state: "approved", body: "" });
      await writer!.reviewPull(WEB, number, { state: "commented", body: "" });
      const approved = await read();
      await writer!.dismissReview(WEB, number, "writer");
      const dismissed = await read();

      const said = (approves: boolean) => [{ by: writer!.id, approves, commit: head }];
      expect(none).toEqual({ isOpen: true, head, needsReview: false, reviews: [], hands: [writer!.id, writer!.id] });
      expect([back, approved, dismissed].map(({ reviews }) => reviews)).toEqual([said(false), said(true), said(false)]);
    });

    it("and whether the base branch asks for a review, by protection or by a ruleset", async () => {
      stage.github.setBranchRules(WEB, "main", [{ type: "pull_request", parameters: { required_approving_review_count: 1 } }]);
      const byRules = await read();
      stage.github.setBranchRules(WEB, "main", [{ type: "pull_request", parameters: { required_approving_review_count: 0 } }]);
      const byNone = await read();
      stage.github.setBranchRules(WEB, "main", []);
      stage.github.protectBranch(WEB, "main");

      expect([byRules, byNone, await read()].map(({ needsReview }) => needsReview)).toEqual([true, false, true]);
    });

    it("but not of one that is none", async () => {
      expect(await github.readReviews(place, 9_999)).toEqual({ ok: true, value: undefined });
    });
  });
});
