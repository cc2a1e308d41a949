import { describe, expect, it } from "vitest";
import { boundReached, failedAnew, FOLLOW_UPS, followUpBrief, threadAnswer, type FollowCounts } from "#core/task/follow-up.ts";
import type { CheckRun } from "#core/task/ci-checks.ts";
import type { Told } from "#core/plan/told.ts";
import { commitMessage } from "#core/task/pull-request.ts";
import { parseThreadMarker } from "#core/task/markers.ts";
import { callOf } from "#core/task/notification.ts";
import type { FollowReason } from "#core/request/brief.ts";
import { ActorId, InstallationId, TaskId } from "#core/wire/ids.ts";
import { EpochMs } from "#core/wire/units.ts";
import { makeBrief, makePlanRow } from "../kit/briefs.ts";

const TASK = TaskId("1f0c2a9b-0000-4000-8000-00000000abcd");
const HEAD = { number: 13, branch: "agent-pool/issue-1-1f0c2a9b", commit: "d".repeat(40) };
const REA = { id: ActorId(40), login: "rea" };
const ASKING = { why: "asked", requester: REA, words: "x", askedAt: EpochMs(5), installation: InstallationId(6) } as const;

describe("how many follow-ups a pull request may have", () => {
  it.each<[FollowReason, FollowCounts, string | undefined]>([
    ["asked", { head: 0, automatic: 0, all: 0 }, undefined],
    ["asked", { head: 1, automatic: 3, all: 9 }, undefined],
    ["asked", { head: 0, automatic: 0, all: 10 }, "all"],
    ["review", { head: 0, automatic: 2, all: 9 }, undefined],
    ["review", { head: 1, automatic: 1, all: 1 }, "head"],
    ["checks", { head: 0, automatic: 3, all: 3 }, "automatic"],
    ["checks", { head: 1, automatic: 3, all: 10 }, "all"],
  ])("%s after %j: bound %s", (why, had, bound) => {
    expect(boundReached(had, why)).toBe(bound);
    expect(FOLLOW_UPS).toEqual({ head: 1, automatic: 3, all: 10 });
  });
});

describe("what a follow-up begins with by itself", () => {
  const UNIT = { name: "unit", conclusion: "failure" };
  const LINT = { name: "lint", conclusion: "timed_out" };
  const ended = (...runs: (typeof UNIT)[]) => runs.map((run) => ({ ...run, status: "completed" }));
  const tried = (...runs: (typeof UNIT)[]) => runs.map((run) => ({ ...run, log: null }));

  it.each<[string, (typeof UNIT)[], CheckRun[], Told["checks"], string[]]>([
    ["all that failed", [UNIT, LINT], [], [], ["unit", "lint"]],
    ["not what fails on the base", [UNIT, LINT], ended(UNIT), [], ["lint"]],
    ["nothing, where all of it fails there", [UNIT], ended(UNIT, LINT), [], []],
    ["what passes there", [UNIT], ended({ name: "unit", conclusion: "success" }), [], ["unit"]],
    ["what runs there", [UNIT], [{ name: "unit", status: "in_progress", conclusion: null }], [], ["unit"]],
    ["not what was tried", [UNIT, LINT], [], tried(UNIT), ["lint"]],
    ["nothing, where all of it was tried or fails on the base", [UNIT, LINT], ended(LINT), tried(UNIT), []],
    ["nothing that no change mends", [{ name: "cla", conclusion: "action_required" }], [], [], []],
    ["not what was tried, by its name as that was told", [{ ...UNIT, name: "u\u200Bnit \n" }], [], tried(UNIT), []],
  ])("is %s", (_name, failed, onBase, told, names) => {
    expect(failedAnew(failed, { onBase, told }).map(({ name }) => name)).toEqual(names);
  });
});

describe("a follow-up's answer in a thread", () => {
  it("names the commit, is found again by its task, and has no word of a model's or a person's", () => {
    const body = threadAnswer(TASK, HEAD.commit);

    expect(parseThreadMarker(body)).toBe(TASK);
    expect(body).toMatchInlineSnapshot(`
      "<!-- agent-pool:thread:1f0c2a9b-0000-4000-8000-00000000abcd -->

      A follow-up that was told of this thread is on the branch, with commit dddddddddddddddddddddddddddddddddddddddd. Whether it does what is asked for here is for a person to see: resolve the thread where it does; where it doesn't, say here what is missing, and comment \`/agent fix\` on the pull request.
      "
    `);
  });
});

describe("the brief of a follow-up", () => {
  const brief = makeBrief(1, { comment: "/agent use frontier", approval: { id: ActorId(50), login: "op" } });

  it("is the text that was asked for before, by whoever asks now, in the pull request's place", () => {
    const made = followUpBrief({ id: TASK, brief, plan: makePlanRow() }, HEAD, ASKING);

    expect(made).toEqual({
      ...brief,
      installation: 6,
      issue: { ...brief.issue, number: 13 },
      requester: REA,
      askedAt: 5,
      follows: { task: TASK, issue: 1, branch: HEAD.branch, head: HEAD.commit, why: "asked", words: "x" },
    });
  });

  it("of a follow-up is of the same issue; the specialist goes on; nobody's own approval does", () => {
    const agent = { name: "docs", label: "agent:docs", instructions: null };
    const first = followUpBrief({ id: TASK, brief, plan: makePlanRow({ agent }) }, HEAD, ASKING);
    const second = followUpBrief({ id: TASK, brief: first, plan: null }, HEAD, {
      ...ASKING,
      requester: { id: ActorId(50), login: "op" },
    });

    expect(second).toMatchObject({ label: "agent:docs", follows: { issue: 1 } });
    expect(second).not.toHaveProperty("approval");
  });
});

describe("a follow-up's commit and call", () => {
  const brief = followUpBrief({ id: TASK, brief: makeBrief(1), plan: null }, HEAD, ASKING);

  it("say what it follows and who asked", () => {
    const message = commitMessage({
      brief,
      plan: makePlanRow({ ci: "approved" }),
      runs: [],
      finalMessage: null,
      checks: { source: "ci", commands: [] },
      verification: [],
      changes: [],
      isDraftless: false,
    });

    expect(message).toBe(
      [
        "Follow-up: The last page is missing [skip ci]",
        "",
        "Written by claude-code with claude-haiku-5-5 for issue 1, on pull request 13, asked for by rea.",
        "",
        "Co-authored-by: rea <40+rea@users.noreply.github.com>",
      ].join("\n"),
    );
  });

  it("call who asked to look at it, or say that it came to nothing", () => {
    const task = { id: TASK, failure: null, reminded: false, pullRequest: { number: 13 }, brief } as const;

    expect(callOf({ ...task, state: "solved" })?.pull).toBe(13);
    expect(callOf({ ...task, state: "unsolved", pullRequest: null })?.sentence).toBe("this ended without a change");
  });
});
