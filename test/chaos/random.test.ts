import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { ROOT } from "#playground/world.ts";

it("of everything at once leaves one of each thing a task, and nothing else", { timeout: 240_000 }, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    join(ROOT, "chaos/main.ts"),
    "--json",
    "--tasks",
    "5",
    "--minutes",
    "3",
    "--seed",
    "11",
  ]);

  const { kills, failedCalls, duplicated, lost, ...counted } = JSON.parse(stdout) as Record<string, number>;
  expect([kills, failedCalls, duplicated, lost].every((count) => count !== undefined && count >= 0)).toBe(true);
  expect(failedCalls).toBeGreaterThan(0);
  expect(counted).toEqual({
    tasks: 5,
    comments: 5,
    branches: 5,
    pullRequests: 5,
    claims: 5,
    settlements: 5,
    upstreamRepeats: 0,
    leasesLeft: 0,
    stuck: 0,
  });
});
