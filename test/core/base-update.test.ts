import { describe, expect, it } from "vitest";
import { judgeBehind, type Behind } from "#core/plan/base-update.ts";
import type { FollowReason } from "#core/request/brief.ts";
import { mergeMessage } from "#core/task/pull-request.ts";
import { TaskId } from "#core/wire/ids.ts";
import { makeBrief } from "../kit/briefs.ts";

describe("a base that has moved on", () => {
  it.each<[string, FollowReason, Behind["brings"], Behind["touches"], ReturnType<typeof judgeBehind>]>([
    ["it hasn't", "asked", [], [], "leave"],
    ["it hasn't, and CI has failed", "checks", [], ["a.ts"], "leave"],
    ["it has changed other files", "asked", ["b.ts"], ["a.ts"], "leave"],
    ["it has changed other files, and CI has failed", "checks", ["b.ts"], ["a.ts"], "merge"],
    ["it has changed one of the same files", "asked", ["b.ts", "a.ts"], ["a.ts"], "merge"],
    ["a review says so", "review", ["a.ts"], ["a.ts"], "merge"],
    ["the pull request changes more than is listed", "asked", ["b.ts"], null, "merge"],
    ["it brings more than is listed", "asked", null, ["a.ts"], "workflows"],
    ["it brings a workflow beside", "asked", ["a.ts", ".github/workflows/ci.yml"], ["a.ts"], "workflows"],
    ["it brings an action", "asked", ["a.ts", ".github/actions/set-up/action.yml"], ["a.ts"], "workflows"],
    ["it puts something in the folder's place", "asked", ["a.ts", ".github/workflows"], ["a.ts"], "workflows"],
    ["it brings a workflow, and nothing that meets the work", "asked", [".github/workflows/ci.yml"], ["a.ts"], "leave"],
    [
      "it brings what is named like one",
      "asked",
      ["a.ts", "docs/.github/workflows/x.yml", ".github/workflows.md"],
      ["a.ts"],
      "merge",
    ],
  ])("is merged in or not where %s (%s)", (_name, why, brings, touches, judged) => {
    expect(judgeBehind({ branch: "main", commit: "a".repeat(40), brings, touches }, why)).toBe(judged);
  });

  it.each([
    ["approved", "Merge main into agent-pool/issue-1-1f0c2a9b [skip ci]"],
    ["auto", "Merge main into agent-pool/issue-1-1f0c2a9b"],
  ] as const)("is merged by a commit that CI passes by where it is held back: %s", (ci, subject) => {
    const follows = {
      task: TaskId("1f0c2a9b-0000-4000-8000-00000000abcd"),
      issue: 1,
      branch: "agent-pool/issue-1-1f0c2a9b",
      head: "d".repeat(40),
      why: "asked",
      words: null,
    } as const;

    const message = mergeMessage(makeBrief(13, { follows }), "main", ci);

    expect(message.split("\n")[0]).toBe(subject);
    expect(message).not.toMatch(/co-authored-by/i);
    expect(mergeMessage(makeBrief(13, { follows }), "x[skip ci]\n\nCo-authored-by: a <b>", "auto")).not.toMatch(
      /skip ci|^co-auth/im,
    );
  });
});
