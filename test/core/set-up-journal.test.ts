import { describe, expect, it } from "vitest";
import { describeUndo, note, planUndo, planUndoWithin, writtenIn, type Done, type Journal } from "#core/setup/journal.ts";

const EMPTY: Journal = { version: 1, api: "https://api.github.com", owner: "acme", done: [] };
const write = (wrote: string, before: string | null): Done => ({
  did: "write-file",
  repository: "acme/r",
  path: "w.yml",
  wrote,
  before,
});

describe("the journal of init", () => {
  it("keeps of a file written twice what stood there first, and what stands there now", () => {
    const journal = note(note(EMPTY, write("one", "mine")), write("two", "one"));

    expect(journal.done).toEqual([write("two", "mine")]);
  });

  it("keeps of an environment locked twice the rule it had first", () => {
    const lock = (before: "any" | string[]): Done => ({
      did: "lock-environment",
      repository: "acme/r",
      environment: "e",
      before,
    });

    expect(note(note(EMPTY, lock("any")), lock(["branch:x"])).done).toEqual([lock("any")]);
  });

  it("learns a repository's id after it was noted without", () => {
    const made = (id: number | null): Done => ({ did: "create-repository", repository: "acme/r", id });

    expect(note(note(EMPTY, made(null)), made(7)).done).toEqual([made(7)]);
  });

  it("is taken back from its end, and what goes with a repository isn't taken out of it first", () => {
    const done: Done[] = [
      { did: "create-repository", repository: "acme/r", id: 7 },
      write("one", null),
      { did: "set-key", repository: "acme/r", environment: "e" },
      { did: "create-label", repository: "acme/web", label: "agent" },
      { did: "protect-branch", repository: "acme/.github", branch: "main" },
    ];

    expect(planUndo({ ...EMPTY, done }).map(describeUndo)).toEqual([
      "end the protection of main in acme/.github",
      "delete the label agent in acme/web, also from its issues",
      "delete the repository acme/r, if nothing is in it but what init has put there",
    ]);
    expect([...writtenIn({ ...EMPTY, done }, "acme/r")]).toEqual([["w.yml", "one"]]);
    expect(planUndoWithin({ ...EMPTY, done }, "acme/r").map(describeUndo)).toEqual([
      "delete the key of e in acme/r",
      "remove w.yml in acme/r",
    ]);
  });
});
