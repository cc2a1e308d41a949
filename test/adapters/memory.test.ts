import { describe, expect, it } from "vitest";
import { err, ok } from "#core/wire/result.ts";
import { createMemory } from "#adapters/github/memory.ts";

const isGood = (answer: string) => answer === "good";

describe("the memory of GitHub's answers", () => {
  it("asks once for what is good, by everyone who asks at once and later", async () => {
    const memory = createMemory(60_000);
    let asked = 0;
    const read = async () => {
      asked += 1;
      return Promise.resolve(ok("good"));
    };

    const together = await Promise.all([memory.recall("a", isGood, read), memory.recall("a", isGood, read)]);
    const later = await memory.recall("a", isGood, read);

    expect([...together, later]).toEqual([ok("good"), ok("good"), ok("good")]);
    expect(asked).toBe(1);
  });

  it.each([
    ["an answer that somebody may have mended meanwhile", ok("bad")],
    ["a failure", err("unreachable")],
  ])("asks again after %s", async (_name, first) => {
    const memory = createMemory(60_000);

    await memory.recall("a", isGood, () => Promise.resolve(first));
    const again = await memory.recall("a", isGood, () => Promise.resolve(ok("good")));

    expect(again).toEqual(ok("good"));
  });

  it("forgets what is older than its time, and the oldest beyond its size", async () => {
    const shortLived = createMemory(0);
    const small = createMemory(60_000, 1);
    const answers = [ok("good"), ok("bad")];
    const next = () => Promise.resolve(answers.shift() ?? ok("none left"));

    await shortLived.recall("a", isGood, next);
    const expired = await shortLived.recall("a", isGood, next);
    await small.recall("a", isGood, () => Promise.resolve(ok("good")));
    await small.recall("b", isGood, () => Promise.resolve(ok("good")));
    const pushedOut = await small.recall("a", isGood, () => Promise.resolve(ok("bad")));

    expect([expired, pushedOut]).toEqual([ok("bad"), ok("bad")]);
  });
});
