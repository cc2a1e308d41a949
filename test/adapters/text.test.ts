import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { GitHub, Place } from "#ports/github.ts";
import { makeStage, type Stage } from "../playground/github-kit.ts";
import { connect, placeOf } from "./kit.ts";

describe("a file of a commit", () => {
  let stage: Stage;
  let github: GitHub;
  let place: Place;
  let before = "";
  let after = "";
  const base = async () => {
    const setUp = await github.readSetUp(place);
    if (!setUp.ok || setUp.value.base === null) throw new Error("no base");
    return setUp.value.base;
  };
  beforeAll(async () => {
    stage = await makeStage();
    github = connect(stage);
    place = await placeOf(stage, "acme/web");
    await stage.github.push("acme/web", "main", { ".github/agents/docs.md": "Write plainly.\n", "top.md": "Top\n" }, "before");
    before = (await base()).commit;
    await stage.github.push("acme/web", "main", { ".github/agents/docs.md": "Write wildly.\n" }, "after");
    const { commit, tree } = await base();
    after = commit;
    const token = await stage.token();
    const post = (path: string, body: object) => stage.call("POST", `/repos/acme/web/git/${path}`, token, body);
    const blob = (await post("blobs", { content: "docs.md", encoding: "utf-8" })).body as { sha: string };
    const link = { path: ".github/agents/link.md", mode: "120000", type: "blob", sha: blob.sha };
    const made = (await post("trees", { base_tree: tree, tree: [link] })).body as { sha: string };
    const linked = (await post("commits", { message: "link", tree: made.sha, parents: [commit] })).body as { sha: string };
    after = linked.sha;
  });
  beforeEach(() => stage.github.resetCalls());
  afterAll(() => stage[Symbol.asyncDispose]());

  it.each<[string, () => string, string, unknown]>([
    ["its text at that commit, not as it is now", () => before, ".github/agents/docs.md", { text: "Write plainly.\n" }],
    ["its text at another", () => after, ".github/agents/docs.md", { text: "Write wildly.\n" }],
    ["the text of one at the root", () => after, "top.md", { text: "Top\n" }],
    ["that it is missing", () => after, ".github/agents/tests.md", "missing"],
    ["that a folder is no text", () => after, ".github/agents", "unreadable"],
    ["that a symbolic link is no text", () => after, ".github/agents/link.md", "unreadable"],
  ])("is read: %s", async (_name, commit, path, expected) => {
    const read = await github.readText(place, commit(), path);

    expect(read).toEqual({ ok: true, value: expected });
    expect(stage.github.violations()).toEqual([]);
  });
});
