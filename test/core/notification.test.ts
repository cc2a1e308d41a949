import { describe, expect, it } from "vitest";
import { TASK_STATES, TERMINAL_TASK_STATES } from "#core/task/lifecycle.ts";
import { parseCommentMarker, parseReplyMarker } from "#core/task/markers.ts";
import { callOf, renderReply } from "#core/task/notification.ts";
import type { Failure } from "#core/wire/failure.ts";
import { ActorId, TaskId } from "#core/wire/ids.ts";
import { makeBrief } from "../kit/briefs.ts";

const TASK = TaskId("1f0c2a9b-0000-4000-8000-00000000abcd");
const PAGE = "https://github.com/acme/web/issues/7#issuecomment-70";
const BRIEF = makeBrief(7, { requester: { id: ActorId(31), login: "ada" } });

type Called = Parameters<typeof callOf>[0];
function task(overrides: Partial<Called> = {}): Called {
  return { id: TASK, state: "unsolved", failure: null, reminded: false, pullRequest: null, brief: BRIEF, ...overrides };
}
const cancelledBy = (login: string): Failure => ({ reason: "cancelled", why: "asked", login });

describe("the requester's call", () => {
  it("comes at every end, and where a person must decide", () => {
    const called = TASK_STATES.filter((state) => callOf(task({ state })) !== undefined);

    expect(called.toSorted()).toEqual(["asking", ...TERMINAL_TASK_STATES].toSorted());
  });

  it.each<[string, Partial<Called>, string, number | null, string]>([
    [
      "a pull request",
      { state: "solved", pullRequest: { number: 12 } },
      "end",
      12,
      "pull request #12 is ready for you to review",
    ],
    ["no pull request", { state: "unsolved" }, "end", null, "this ended without a pull request"],
    ["a refusal", { state: "refused" }, "end", null, "this was not done"],
    [
      "being stuck, with a pull request",
      { state: "stuck", pullRequest: { number: 12 } },
      "end",
      null,
      "this is stuck and needs a person",
    ],
    ["somebody else's cancelling", { state: "cancelled", failure: cancelledBy("grace") }, "end", null, "this was cancelled"],
    ["an approval that is wanted", { state: "asking" }, "asking", null, "this waits for somebody's approval"],
    [
      "one that is wanted for a day",
      { state: "asking", reminded: true },
      "reminded",
      null,
      "this waits for somebody's approval, since a day",
    ],
  ])("tells of %s", (_name, overrides, occasion, pull, sentence) => {
    const call = callOf(task(overrides));

    expect(call).toEqual({ name: `${TASK}:${occasion}`, pull, sentence });
  });

  it("comes to nobody who cancelled it themselves", () => {
    expect(callOf(task({ state: "cancelled", failure: cancelledBy("ada") }))).toBeUndefined();
  });

  it("is one sentence in a reply, which is found by its call, and never taken for the one comment", () => {
    const call = callOf(task({ state: "asking" }));
    if (call === undefined) throw new Error("not called");

    const text = renderReply(call, BRIEF, PAGE);

    expect(text).toBe(
      `<!-- agent-pool:reply:${TASK}:asking -->\n\n@ada this waits for somebody's approval: [what happened, and what to do next](${PAGE}).\n`,
    );
    expect(parseReplyMarker(text)).toBe(call.name);
    expect(parseCommentMarker(text)).toBeUndefined();
  });

  it.each(["dependabot[bot]", "a b", "x](https://evil.example)", "acme/everyone", ""])(
    "mentions nobody by the name %o",
    (login) => {
      const brief = makeBrief(7, { requester: { id: ActorId(31), login } });
      const call = callOf(task({ brief }));
      if (call === undefined) throw new Error("not called");

      expect(renderReply(call, brief, PAGE)).toContain("-->\n\nthis ended");
    },
  );
});
