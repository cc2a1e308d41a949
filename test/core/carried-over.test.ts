import { describe, expect, it } from "vitest";
import type { Change } from "#core/wire/contract.ts";
import { carriedOver, isSameWork } from "#core/task/carried-over.ts";
import { gitBlobId } from "#core/change/guards.ts";

const GUARDS = { maxFiles: 50, maxBytes: 512_000, protected: [] };
const FLOORS = [{ paths: ["src/billing/**"], tier: "frontier" as const }];

function change(path: string, text = "x", status: "added" | "modified" = "modified"): Change {
  const content = Buffer.from(text);
  return { status, path, mode: "100644", blob: gitBlobId(content), content: content.toString("base64") };
}

describe("what an attempt leaves to the next", () => {
  it("is all that it changed, where no floor says otherwise", () => {
    const changes = [change("src/a.ts"), { status: "deleted" as const, path: "src/b.ts" }];

    expect(carriedOver(changes, { guards: GUARDS, floors: FLOORS }, "light")).toEqual(changes);
  });

  it("has nothing at a path that is kept for a higher tier than it had", () => {
    const changes = [change("src/a.ts"), change("src/billing/total.ts")];

    expect(carriedOver(changes, { guards: GUARDS, floors: FLOORS }, "standard").map(({ path }) => path)).toEqual(["src/a.ts"]);
    expect(carriedOver(changes, { guards: GUARDS, floors: FLOORS }, "frontier")).toHaveLength(2);
  });

  it("is nothing where the guards refuse it", () => {
    expect(carriedOver([change(".github/workflows/ci.yml")], { guards: GUARDS }, "frontier")).toEqual([]);
  });
});

describe("the same work", () => {
  it.each<[string, readonly Change[], readonly Change[], boolean]>([
    ["nothing and nothing", [], [], true],
    ["in another order, and said to be added", [change("a"), change("b")], [change("b"), change("a", "x", "added")], true],
    ["with other content", [change("a")], [change("a", "y")], false],
    ["with a file more", [change("a")], [change("a"), change("b")], false],
    ["deleted, not changed", [change("a")], [{ status: "deleted", path: "a" }], false],
  ])("%s: %#", (_name, one, other, expected) => {
    expect(isSameWork(one, other)).toBe(expected);
    expect(isSameWork(other, one)).toBe(expected);
  });
});
