import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { groupCommit } from "#adapters/store/group-commit.ts";

/** Answers each item with itself, doubled; refuses a group that has an item of these. */
function makeWriter(refused: ReadonlySet<number> = new Set()) {
  const groups: (readonly number[])[] = [];
  const written: number[] = [];
  return {
    groups,
    written,
    write: async (group: readonly number[]): Promise<number[]> => {
      groups.push(group);
      await setImmediate();
      if (group.some((item) => refused.has(item))) throw new Error(`refused: ${group.join()}`);
      written.push(...group);
      return group.map((item) => item * 2);
    },
  };
}

describe("group commit", () => {
  it("gives each caller its own answer, whoever comes when and whatever is refused", async () => {
    const arrivals = fc.array(fc.record({ turns: fc.nat(3), isRefused: fc.boolean() }), { maxLength: 40 });

    await fc.assert(
      fc.asyncProperty(arrivals, fc.integer({ min: 1, max: 8 }), async (each, most) => {
        const refused = new Set(each.flatMap(({ isRefused }, item) => (isRefused ? [item] : [])));
        const { write, groups, written } = makeWriter(refused);
        const record = groupCommit(most, write);

        const answers = await Promise.allSettled(
          each.map(async ({ turns }, item) => {
            for (let turn = 0; turn < turns; turn += 1) await setImmediate();
            return record(item);
          }),
        );

        const told = answers.map((answer) => (answer.status === "fulfilled" ? answer.value : "refused"));
        expect(told).toEqual(each.map(({ isRefused }, item) => (isRefused ? "refused" : item * 2)));
        expect(written.toSorted((a, b) => a - b)).toEqual(each.flatMap((_, item) => (refused.has(item) ? [] : [item])));
        expect(Math.max(0, ...groups.map((group) => group.length))).toBeLessThanOrEqual(most);
      }),
    );
  });

  it("writes what came while it wrote as one group", async () => {
    const { write, groups } = makeWriter();
    const record = groupCommit(100, write);

    const first = record(0);
    await setImmediate();
    await Promise.all([first, ...Array.from({ length: 20 }, (_, at) => record(at + 1))]);

    expect(groups.map((group) => group.length)).toEqual([1, 20]);
  });

  it("goes on after a failure", async () => {
    const { write } = makeWriter(new Set([1]));
    const record = groupCommit(100, write);

    await expect(record(1)).rejects.toThrow("refused: 1");

    expect(await record(2)).toBe(4);
  });
});
