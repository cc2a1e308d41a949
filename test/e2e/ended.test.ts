import { describe, expect, it } from "vitest";
import { parseReplyMarker } from "#core/task/markers.ts";
import { waitForEnd } from "#playground/watch.ts";
import { createWorld, PRODUCT, RUNNER, type World } from "#playground/world.ts";
import { SAMPLE_ISSUE, sampleFiles, sampleScript } from "../kit/sample.ts";

const ours = ({ github }: World, issue: number) =>
  github.comments(PRODUCT, issue).filter(({ login }) => login === github.app.botLogin);

/** The one comment, once the one reply is there that tells who asked that it is over. */
async function commentOf(world: World, issue: number): Promise<string> {
  const isReply = ({ body }: { body: string }) => parseReplyMarker(body) !== undefined;
  await expect.poll(() => ours(world, issue).filter(isReply).length, { timeout: 30_000 }).toBe(1);
  const [comment, ...others] = ours(world, issue).filter((each) => !isReply(each));
  expect(others).toEqual([]);
  return comment?.body ?? "";
}

describe("a run that ends in another way than by its work", { timeout: 180_000 }, () => {
  it("cancelled by a person on its page: the task is cancelled, what was used is counted, and nothing follows", async () => {
    const lines: string[] = [];
    await using world = await createWorld({
      product: { files: sampleFiles() },
      script: sampleScript(),
      onEvent: ({ from, text }) => void (from === "runner" && lines.push(text)),
    });
    await world.app.start();
    const { number } = await world.maintainer.openIssue(PRODUCT, { ...SAMPLE_ISSUE, labels: ["agent"] });
    await expect.poll(() => lines.some((line) => line.includes("s  claimed")), { timeout: 40_000 }).toBe(true);

    await world.maintainer.cancelRun(RUNNER, world.github.runs(RUNNER)[0]!.id);

    expect(await waitForEnd(world, PRODUCT, number, 60_000), world.app.output().slice(-3_000)).toBe(true);
    await world.runner?.idle();
    await world.github.delivered();
    const comment = await commentOf(world, number);
    expect(comment).toContain("**agent-pool** · cancelled");
    expect(comment).toContain("somebody cancelled its run on GitHub's page. Comment `/agent` to start anew.");
    // One lease, settled with what it used, not charged in full.
    expect(comment).toMatch(/\| 1 \| platform-api \| refused \| [^|]* \| \$0\.\d+ \| \$0\.\d+ \|/);
    expect(world.github.runs(RUNNER)).toMatchObject([{ conclusion: "cancelled" }]);
    expect(await world.github.pulls(PRODUCT)).toEqual([]);
    expect(world.github.violations()).toEqual([]);
  });

  it("cancelled by a person before any runner took it: the task is cancelled, for nothing", async () => {
    await using world = await createWorld({ product: { files: sampleFiles() }, script: sampleScript(), runner: false });
    await world.app.start();
    const { number } = await world.maintainer.openIssue(PRODUCT, { ...SAMPLE_ISSUE, labels: ["agent"] });
    await expect.poll(() => world.github.runs(RUNNER).length, { timeout: 30_000 }).toBe(1);

    await world.maintainer.cancelRun(RUNNER, world.github.runs(RUNNER)[0]!.id);

    expect(await waitForEnd(world, PRODUCT, number, 30_000), world.app.output().slice(-3_000)).toBe(true);
    expect(await commentOf(world, number)).toContain("somebody cancelled its run on GitHub's page");
    expect(world.github.runs(RUNNER)).toHaveLength(1);
    expect(world.github.violations()).toEqual([]);
  });

  it.each(["failure", "action_required"] as const)(
    "refused by GitHub with %s before any job began: what to look at is named, and nothing is tried again",
    async (conclusion) => {
      await using world = await createWorld({ product: { files: sampleFiles() }, script: sampleScript() });
      world.github.refuseRuns(RUNNER, conclusion);
      await world.app.start();
      const { number } = await world.maintainer.openIssue(PRODUCT, { ...SAMPLE_ISSUE, labels: ["agent"] });

      expect(await waitForEnd(world, PRODUCT, number, 60_000), world.app.output().slice(-3_000)).toBe(true);
      const comment = await commentOf(world, number);
      expect(comment).toContain(`GitHub ended the workflow run with \`${conclusion}\` before any job of it began`);
      expect(comment).toContain("spending limit for Actions");
      expect(world.github.runs(RUNNER)).toHaveLength(1);
      expect(world.github.violations()).toEqual([]);
    },
  );

  it("its branch deleted before its pull request was open: the branch is made anew, once", async () => {
    await using world = await createWorld({ product: { files: sampleFiles() }, script: sampleScript() });
    let deleted = 0;
    world.github.onCall(
      "POST /repos/{owner}/{repo}/pulls",
      async ({ phase }) => {
        const own = (await world.github.branches(PRODUCT)).find(({ name }) => name.startsWith("agent-pool/"));
        if (phase !== "before" || own === undefined || deleted > 0) return undefined;
        deleted += 1;
        await world.maintainer.deleteBranch(PRODUCT, own.name);
        return undefined;
      },
      "always",
    );
    await world.app.start();
    const { number } = await world.maintainer.openIssue(PRODUCT, { ...SAMPLE_ISSUE, labels: ["agent"] });

    expect(await waitForEnd(world, PRODUCT, number, 90_000), world.app.output().slice(-3_000)).toBe(true);
    expect(deleted).toBe(1);
    expect(await world.github.pulls(PRODUCT)).toMatchObject([{ state: "open" }]);
    expect(ours(world, number)[0]?.body).toContain("is ready for review");
    expect(world.github.violations()).toEqual([]);
  });
});
