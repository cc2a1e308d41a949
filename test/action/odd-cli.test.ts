import { expect, describe, test } from "vitest";
import { HARNESS } from "../../action/src/harness/table.ts";
import { toEnding } from "../../action/src/harness/reading.ts";
import { type Ended, run } from "../../action/src/runner/process.ts";

/** What stands in a harness's place: its ending is asked of each harness's reader, as after any run. */
function runOdd(line: string, ms = 60_000): Promise<Ended> {
  const env = { PATH: "/usr/bin:/bin" };
  return run({ file: "/bin/bash", args: ["-c", line], cwd: "/", env, until: performance.now() + ms });
}

const GB = 1024 ** 3;

describe("a command-line program that", () => {
  test.each([
    ["prints nothing and succeeds", "exit 0"],
    ["prints nothing and fails", "exit 3"],
    ["prints bytes that mean nothing", "head -c 300000 /dev/urandom"],
    [
      "prints JSON of no shape that it has",
      `printf 'null\\n[]\\n7\\n{"type":7}\\n{"type":{"type":"result"}}\\n{"type":"result"\\n'`,
    ],
    ["prints a gigabyte of lines", `yes '{"type":"noise","text":"x"}' | head -c ${GB}`],
    ["prints a gigabyte without an end of line", `head -c ${GB} /dev/zero`],
    ["prints a gigabyte of errors", `head -c ${GB} /dev/zero >&2; exit 1`],
    ["ends itself by a signal", "kill -SEGV $$"],
  ])("%s has crashed, for every harness", async (_name, line) => {
    const ended = await runOdd(line);

    const endings = Object.values(HARNESS).map((harness) => toEnding(harness.read(ended)).kind);
    expect(endings).toEqual(endings.map(() => "crashed"));
    expect(ended.stdout.length).toBeLessThanOrEqual(32 * 1024 ** 2);
    expect(ended.stderr.length).toBeLessThanOrEqual(64 * 1024);
  });

  test("never ends has one at its time limit", async () => {
    const silent = await runOdd("sleep 1000", 500);
    const talking = await runOdd("trap '' TERM; while :; do echo noise; done", 500);

    for (const ended of [silent, talking])
      expect(Object.values(HARNESS).map((harness) => toEnding(harness.read(ended)).kind)).toEqual(
        Object.keys(HARNESS).map(() => "timedOut"),
      );
  });

  test("prints its last words one byte at a time is understood all the same", async () => {
    const result = JSON.stringify({ type: "result", subtype: "success", is_error: false, num_turns: 1, result: "Done." });
    const ended = await runOdd(
      `yes '{"type":"noise"}' | head -n 200000; text='${result}'; for ((at = 0; at < \${#text}; at += 1)); do printf %s "\${text:at:1}"; done; echo`,
    );

    expect(toEnding(HARNESS["claude-code"].read(ended))).toMatchObject({ kind: "completed", finalMessage: "Done." });
  });
});
