import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readPains, worsened } from "./pains.ts";

describe("the list of pains", () => {
  const pains = readPains();
  const tests = readFileSync(join(import.meta.dirname, "pains.test.ts"), "utf8");

  it("has fifteen, and a test for each", () => {
    const tested = [...tests.matchAll(/^ {2}it\("([\w-]+): /gm)].map((match) => match[1]);

    expect(tested).toHaveLength(15);
    expect(tested.toSorted()).toEqual([...pains.keys()].toSorted());
  });

  it.each([...pains])("%s would come by one line that is there", (_name, pain) => {
    expect(worsened(pain)).not.toContain(pain.patch.find);
    expect(`${pain.patch.find}${pain.patch.replace}`).not.toContain("\n");
  });
});
