import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EFFECTS } from "#core/task/effects.ts";
import {
  branchName,
  commentMarker,
  isOurBranch,
  isReceipt,
  isReceiptsIssue,
  parseCommentMarker,
  parseRunTitle,
  parseThreadMarker,
  receiptMarker,
  RECEIPTS_MARKER,
  runTitle,
  showsOpenTask,
  threadMarker,
} from "#core/task/markers.ts";
import { publishable } from "#core/change/publishable.ts";
import { ActorId, LeaseId, TaskId } from "#core/wire/ids.ts";

const ID = "1f0c2a9b-0000-4000-8000-00000000abcd";

describe("markers", () => {
  it("find the task of a comment again, whatever stands below", () => {
    fc.assert(
      fc.property(fc.uuid(), fc.string(), (id, text) => {
        const found = parseCommentMarker(`${commentMarker(TaskId(id))}\n\n${text}`);

        expect(found).toBe(id);
      }),
    );
  });

  it("know a comment of ours that shows no task", () => {
    expect(parseCommentMarker(`${commentMarker(null)}\n\n**agent-pool** · not started`)).toBeNull();
  });

  it("know a task that goes on from one that has ended", () => {
    for (const isOpen of [true, false]) {
      const body = `${commentMarker(TaskId(ID), isOpen)}\n\n**agent-pool** · waiting`;

      expect(parseCommentMarker(body)).toBe(ID);
      expect(showsOpenTask(body)).toBe(isOpen);
    }
    expect(showsOpenTask(commentMarker(null, true))).toBe(false);
    expect(showsOpenTask(`as it said: ${commentMarker(TaskId(ID), true)}`)).toBe(false);
  });

  it("know for which follow-up a thread was answered", () => {
    fc.assert(
      fc.property(fc.uuid(), fc.string(), (id, text) => {
        expect(parseThreadMarker(`${threadMarker(TaskId(id))}\n\n${text}`)).toBe(id);
        expect(parseThreadMarker(`> ${threadMarker(TaskId(id))}`)).toBeUndefined();
        expect(parseCommentMarker(threadMarker(TaskId(id)))).toBeUndefined();
      }),
    );
  });

  it("tell a receipt from every other comment of ours", () => {
    expect(isReceipt(`${receiptMarker(ActorId(40))}\nHers.`)).toBe(true);
    for (const other of [commentMarker(null), commentMarker(TaskId(ID)), RECEIPTS_MARKER, `> ${receiptMarker(ActorId(40))}`])
      expect(isReceipt(other)).toBe(false);
  });

  it.each([
    [{ isByBot: true, body: `${RECEIPTS_MARKER}\nHere.` }, true],
    [{ isByBot: false, body: `${RECEIPTS_MARKER}\nHere.` }, false],
    [{ isByBot: true, body: `Here.\n${RECEIPTS_MARKER}` }, false],
    [{ isByBot: true, body: null }, false],
  ])("know the issue for receipts: %j", (issue, is) => {
    expect(isReceiptsIssue(issue)).toBe(is);
  });

  it("find the lease of a run again", () => {
    fc.assert(
      fc.property(fc.uuid(), (id) => {
        const found = parseRunTitle(runTitle(LeaseId(id)));

        expect(found).toBe(id);
      }),
    );
  });

  it.each([
    "",
    "agent-pool",
    `agent-pool ${ID} `,
    `x agent-pool ${ID}`,
    `agent-pool ${ID}\nx`,
    "agent-pool 1234",
    `Agent-Pool ${ID}`,
  ])("take %j for no run of ours", (title) => {
    const found = parseRunTitle(title);

    expect(found).toBeUndefined();
  });

  it.each([
    "",
    "a comment",
    "<!-- agent-pool:task: -->",
    "<!-- agent-pool:task:1234 -->",
    `agent-pool:task:${ID}`,
    "as it said: <!-- agent-pool -->",
  ])("take %j for no comment of ours", (body) => {
    const found = parseCommentMarker(body);

    expect(found).toBeUndefined();
  });

  it("do not survive in a text that is published", () => {
    const out = publishable(`a ${commentMarker(TaskId(ID))} b`);

    expect(parseCommentMarker(out)).toBeUndefined();
  });

  it("name one branch a task, by issue and id", () => {
    const name = branchName(12, TaskId(ID));

    expect(name).toBe("agent-pool/issue-12-1f0c2a9b");
  });

  it("know a branch of ours again, and no other", () => {
    fc.assert(fc.property(fc.integer({ min: 1 }), fc.uuid(), (issue, id) => isOurBranch(branchName(issue, TaskId(id)))));

    expect(
      ["main", "agent-pool/issue-12", "x/agent-pool/issue-12-1f0c2a9b", "agent-pool/issue-1-1f0c2a9b\n"].filter(isOurBranch),
    ).toEqual([]);
  });

  it("name a branch that git takes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1 }), fc.uuid(), (issue, id) => {
        const name = branchName(issue, TaskId(id));

        expect(name).toMatch(/^agent-pool\/issue-\d+-[0-9a-f]{8}$/);
      }),
    );
  });
});

describe("effects", () => {
  it("are routes that write, each named once but for a reply's, which is a comment's", () => {
    const { createReply, ...others } = EFFECTS;
    const routes = Object.values(others);

    expect(createReply).toBe(EFFECTS.createComment);
    expect(new Set(routes).size).toBe(routes.length);
    expect(routes.filter((route) => !/^(?:POST|PATCH|PUT|DELETE) \//.test(route))).toEqual([]);
  });
});
