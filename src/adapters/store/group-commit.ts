import { setImmediate } from "node:timers/promises";

type Waiting<Item, Answer> = {
  readonly item: Item;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
};

/**
 * Lets callers that come at about the same time share one statement, and so one commit: what arrives while a group is written
 * goes together into the next one, of `most` items at most. A caller is answered once its item is committed.
 *
 * `write`: the answers of a group, one an item, in the same order. Where it fails for several, each is written by itself, so that an item
 * that can't be written fails its own caller alone; it must therefore bear being repeated, as its commit's answer may have been lost.
 */
export function groupCommit<Item, Answer>(
  most: number,
  write: (group: readonly Item[]) => Promise<readonly Answer[]>,
): (item: Item) => Promise<Answer> {
  const waiting: Waiting<Item, Answer>[] = [];
  let writing = false;

  async function writeAll(): Promise<void> {
    writing = true;
    while (waiting.length > 0) {
      // PGlite blocks the thread while it writes: requests that came meanwhile are read in the next turn of the event loop.
      await setImmediate();
      await settle(waiting.splice(0, most));
    }
    writing = false;
  }

  async function settle(group: readonly Waiting<Item, Answer>[]): Promise<void> {
    try {
      const answers = await write(group.map(({ item }) => item));
      for (const [at, answer] of answers.entries()) group[at]?.resolve(answer);
    } catch (error) {
      if (group.length > 1) await Promise.all(group.map((one) => settle([one])));
      else for (const { reject } of group) reject(error);
    }
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (!writing) void writeAll();
    });
}
