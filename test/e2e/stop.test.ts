import { describe, expect, it } from "vitest";
import { EFFECTS } from "#core/task/effects.ts";
import { waitForEnd } from "#playground/watch.ts";
import { createWorld, PRODUCT, RUNNER } from "#playground/world.ts";
import { SAMPLE_ISSUE, sampleFiles, sampleScript } from "../kit/sample.ts";

describe("an ordered stop", () => {
  it("takes less than ten seconds while GitHub doesn't answer, and the next start goes on where it ended", async () => {
    await using world = await createWorld({ product: { files: sampleFiles() }, script: sampleScript(), runner: false });
    const asked = Promise.withResolvers<void>();
    world.github.onCall(EFFECTS.dispatchRun, ({ phase }) => {
      if (phase === "before") return undefined;
      asked.resolve();
      // Done, but the answer never comes.
      return new Promise(() => {});
    });
    await world.app.start();
    const { number } = await world.maintainer.openIssue(PRODUCT, { ...SAMPLE_ISSUE, labels: ["agent"] });
    await asked.promise;

    const began = performance.now();
    await world.app.stop();

    expect(performance.now() - began).toBeLessThan(10_000);
    expect(world.app.output()).toContain("agent-pool stopped with work under way; the next start goes on with it");

    await world.app.start();
    await world.startRunner();
    expect(await waitForEnd(world, PRODUCT, number, 150_000), world.app.output().slice(-3_000)).toBe(true);
    expect(world.github.runs(RUNNER)).toHaveLength(1);
    expect(await world.github.pulls(PRODUCT)).toHaveLength(1);
    expect(world.github.violations()).toEqual([]);
  }, 240_000);
});
