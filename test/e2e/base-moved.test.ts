import { expect, it } from "vitest";
import { waitForEnd } from "#playground/watch.ts";
import { createWorld, PRODUCT } from "#playground/world.ts";
import { EFFECTS } from "#core/task/effects.ts";
import { SAMPLE_ISSUE, sampleFiles, sampleScript } from "../kit/sample.ts";

const CI = ".github/workflows/ci.yml";

it("a task whose base has other workflow files by its end says what to do, and doing it brings the pull request", async () => {
  await using world = await createWorld({
    product: { files: { ...sampleFiles(), [CI]: "on: push\njobs: {}\n" } },
    script: sampleScript(),
    sandboxed: false,
  });
  await world.app.start();
  const undo = world.github.onCall(EFFECTS.createCommit, async ({ phase }) => {
    if (phase === "before") return;
    undo();
    await world.github.push(PRODUCT, "main", { [CI]: "on: [push, pull_request]\njobs: {}\n" }, "ci");
  });

  const { number } = await world.maintainer.openIssue(PRODUCT, { ...SAMPLE_ISSUE, labels: ["agent"] });
  expect(await waitForEnd(world, PRODUCT, number, 60_000), world.app.output().slice(-3_000)).toBe(true);
  const said = world.github.comments(PRODUCT, number)[0]?.body;
  const before = await world.github.pulls(PRODUCT);
  await world.maintainer.comment(PRODUCT, number, "/agent");
  await expect.poll(() => world.github.pulls(PRODUCT), { timeout: 60_000 }).toHaveLength(1);

  expect(said).toContain("`main` has moved on since this was begun");
  expect(said).toContain("Resource not accessible by integration");
  expect(before).toEqual([]);
  expect(world.github.violations()).toEqual([]);
}, 120_000);
