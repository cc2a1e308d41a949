import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import type { Most } from "../../action/src/runner/family.ts";
import { type Ended, killAll, run } from "../../action/src/runner/process.ts";

const HERE = { file: "/bin/bash", cwd: "/", env: { PATH: "/usr/bin:/bin" } };

function isRunning(args: string): boolean {
  return execFileSync("ps", ["-eo", "args"], { encoding: "utf8" }).split("\n").includes(args);
}

function runLine(line: string, most: Most): Promise<Ended> {
  return run({ ...HERE, args: ["-c", line], most, until: performance.now() + 60_000 });
}

describe("a child process", () => {
  test("has the environment it was given and nothing else", async () => {
    const ended = await run({ ...HERE, file: "/usr/bin/env", args: [], until: performance.now() + 5_000 });

    expect(ended.stdout.toString("utf8")).toBe("PATH=/usr/bin:/bin\n");
  });

  test("is ended with all below it, also those that ignore the signal in a session of their own", async () => {
    const seconds = `7${process.pid}`;
    const inner = `trap "" TERM; sleep ${seconds}`;

    const ended = await run({
      ...HERE,
      args: ["-c", `trap '' TERM; setsid bash -c '${inner}' & wait; sleep ${seconds}`],
      until: performance.now() + 500,
    });

    expect(ended.killed).toBe(true);
    expect(isRunning(`sleep ${seconds}`)).toBe(false);
  });

  const ROOMY = { processes: 1_000, bytes: 8 * 1024 ** 3 };
  test.each([
    ["processes", { ...ROOMY, processes: 20 }, "for i in $(seq 40); do sleep 4 & done; wait"],
    [
      "memory, all together,",
      { ...ROOMY, bytes: 150 * 1024 ** 2 },
      `for i in 1 2 3; do '${process.execPath}' -e 'globalThis.all = Buffer.alloc(80e6, 1); setTimeout(() => {}, 4_000)' & done; wait`,
    ],
  ])("is ended once it has more %s than it may", async (_name, most, line) => {
    const [bounded, free] = [await runLine(line, most), await runLine(line, ROOMY)];

    expect([bounded.killed, free.killed]).toEqual([true, false]);
    expect(bounded.ms).toBeLessThan(free.ms);
  });

  test.each([
    ["is not there", "/no/such/program", ""],
    ["is given too long an argument", "/bin/true", "x".repeat(1_000_000)],
    ["is given a NUL", "/bin/true", "\0"],
  ])("that %s ends like a command that isn't there", async (_name, file, argument) => {
    const ended = await run({ ...HERE, file, args: [argument], until: performance.now() + 5_000 });

    expect(ended).toMatchObject({ exitCode: 127, killed: false });
    expect(ended.stderr).not.toBe("");
  });

  test("is ended with all below it before its parent ends", async () => {
    const seconds = `8${process.pid}`;
    const command = `trap '' TERM; setsid bash -c 'trap "" TERM; sleep ${seconds}' & wait; sleep ${seconds}`;
    const running = run({ ...HERE, args: ["-c", command], until: performance.now() + 60_000 });
    await expect.poll(() => isRunning(`sleep ${seconds}`)).toBe(true);

    await killAll();

    expect(await running).toMatchObject({ exitCode: null, signal: "SIGKILL", killed: false });
    await expect.poll(() => isRunning(`sleep ${seconds}`)).toBe(false);
  });

  test("keeps the end of what it printed", async () => {
    const ended = await run({ ...HERE, args: ["-c", "seq 1 20000"], until: performance.now() + 5_000, keepBytes: 100 });

    expect(ended.stdout.length).toBeLessThanOrEqual(100);
    expect(ended.stdout.toString("utf8")).toContain("20000\n");
  });
});
