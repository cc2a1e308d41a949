import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TaskId } from "#core/wire/ids.ts";
import type { Answer, GitHub, Place } from "#ports/github.ts";
import { makeStage, type Stage } from "../playground/github-kit.ts";
import { connect, placeOf } from "./kit.ts";

const WEB = "acme/web";
const TASK = TaskId("1f0c2a9b-0000-4000-8000-00000000abcd");

describe("a pull request on GitHub", () => {
  let stage: Stage;
  let github: GitHub;
  let place: Place;
  let pull: number;
  beforeAll(async () => {
    stage = await makeStage();
    place = await placeOf(stage, WEB);
    await stage.github.push(WEB, "work", { "src/a.txt": "one\n2\n" }, "work");
    await stage.github.push(WEB, "main", { "NEWS.md": "news\n" }, "news");
    const opened = await connect(stage).openPullRequest(place, {
      title: "One",
      body: "",
      head: "work",
      base: "main",
      draft: false,
    });
    if (!opened.ok) throw new Error("no pull request was opened");
    pull = opened.value.number;
    const ada = await stage.github.createPerson("ada");
    stage.github.setRole(WEB, "ada", "write");
    const threads = [{ path: "src/a.txt", line: 2, body: "In words." }];
    await ada.reviewPull(WEB, pull, { state: "changes_requested", body: "Nearly.", threads });
    github = connect(stage);
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  it.each<[string, (on: GitHub) => Answer<unknown>, object | readonly unknown[]]>([
    ["its head", (on) => on.readHead(place, pull), { branch: "work", isOpen: true, isOwn: true }],
    [
      "what is said of it",
      (on) => on.readDiscussion(place, pull),
      { threads: [{ path: "src/a.txt", said: [{ body: "In words." }] }], reviews: [{ body: "Nearly." }] },
    ],
    ["how it stands to its base", (on) => on.readBehind(place, pull), { branch: "main", brings: ["NEWS.md"], touches: ["src/a.txt"] }],
    ["which threads wait for an answer", (on) => on.findUnanswered(place, pull, TASK), [expect.any(Number)]],
  ])("is read under a token that can write nothing: %s", async (_what, read, expected) => {
    stage.github.resetCalls();

    expect(await read(github)).toMatchObject({ ok: true, value: expected });

    const grants = stage.github.callList().flatMap(({ grant, path }) => (path.startsWith("/users/") ? [] : (grant ?? [])));
    expect(grants.length).toBeGreaterThan(0);
    for (const grant of grants)
      expect(grant).toEqual({
        permissions: { contents: "read", pull_requests: "read", metadata: "read" },
        repositoryIds: [place.repository.id],
      });
    expect(stage.github.violations()).toEqual([]);
  });
}); // prettier-ignore
