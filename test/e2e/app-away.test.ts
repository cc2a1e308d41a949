import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import { connectEmbedded } from "#adapters/store/connect.ts";
import { waitForEnd } from "#playground/watch.ts";
import { createWorld, PRODUCT, RUNNER, type World } from "#playground/world.ts";
import { SAMPLE_ISSUE, sampleFiles, sampleScript } from "../kit/sample.ts";

/** The main step of the world's job. */
async function mainStep({ dataDir }: World): Promise<number | undefined> {
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    const env = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
    if (commandLine.endsWith("action/dist/main.mjs\0") && env.includes(dataDir)) return Number(pid);
  }
  return undefined;
}

/** What the app wakes up to after hours: nothing was heard of the job. */
async function passTime(world: World): Promise<void> {
  const { db, close } = await connectEmbedded(join(world.dataDir, "store"));
  await sql`update leases set heard_at = 0`.execute(db);
  await sql`update tasks set due_at = 0 where state = 'running'`.execute(db);
  await close();
}

describe("an app that is down from a job's claim to its end", () => {
  it("finds the outcome in the run's artifact and opens the pull request; once delivered there is none", async () => {
    const lines: string[] = [];
    await using world = await createWorld({
      product: { files: sampleFiles() },
      script: sampleScript(),
      onEvent: ({ from, text }) => void (from === "runner" && lines.push(text)),
    });
    const said = (words: string) => () => lines.some((line) => line.includes(words));
    await world.app.start();
    const { number } = await world.maintainer.openIssue(PRODUCT, { ...SAMPLE_ISSUE, labels: ["agent"] });
    await expect.poll(said("s  claimed"), { timeout: 30_000 }).toBe(true);
    await world.app.kill();
    await expect.poll(said("s  change read"), { timeout: 60_000 }).toBe(true);
    // It would try for ten minutes; whoever cancels it meanwhile loses nothing.
    process.kill((await mainStep(world)) ?? expect.fail("no main step"), "SIGINT");
    await expect.poll(() => world.github.runs(RUNNER)[0]?.conclusion, { timeout: 60_000 }).toBe("failure");
    await world.github.delivered();
    await passTime(world);

    await world.app.start();

    expect(await waitForEnd(world, PRODUCT, number, 30_000), world.app.output().slice(-3_000)).toBe(true);
    expect(await world.github.pulls(PRODUCT)).toMatchObject([{ draft: true, state: "open" }]);
    expect(world.app.output()).toContain("outcome taken from the run's artifact");
    expect(said("Artifact agent-pool-outcome has been successfully uploaded! 1 file(s)")()).toBe(true);
    expect(world.github.violations()).toEqual([]);

    const next = await world.maintainer.openIssue(PRODUCT, { ...SAMPLE_ISSUE, labels: ["agent"] });
    expect(await waitForEnd(world, PRODUCT, next.number, 60_000)).toBe(true);
    await world.runner?.idle();
    expect(said("No files were found with the provided path")()).toBe(true);
  }, 240_000);
});
