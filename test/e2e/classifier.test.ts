import { describe, expect, it } from "vitest";
import { waitForComment } from "#playground/watch.ts";
import { createWorld, PRODUCT } from "#playground/world.ts";
import { refusal, says, startProvider } from "../kit/provider.ts";
import { SAMPLE_ISSUE, sampleFiles, sampleScript } from "../kit/sample.ts";

const KEY = "sk-ant-api03-the-apps-own";

describe("an issue labelled `agent`, where the operator has given the app a classifier's key", () => {
  it("is sized with it, then without it once it is down, and each comment says so", async () => {
    await using provider = await startProvider(says("m", "high"), refusal(529));
    await using world = await createWorld({ product: { files: sampleFiles() }, script: sampleScript(), runner: false });
    Object.assign(world.app.variables, { ANTHROPIC_API_KEY: KEY, ANTHROPIC_BASE_URL: provider.url });
    await world.app.start();

    const [first, second] = [await ask(), await ask()];

    expect(first).toMatch(/the rules say \w+; the classifier \(claude-haiku-5-5, \$0\.0004\) says m, with high confidence/);
    expect(second).toContain("the rules alone decide: the classifier can't be reached, or refuses the app");
    expect(provider.asked.map(({ body }) => body.messages[0]?.content)).toEqual(
      // The second is asked for twice.
      Array.from({ length: 3 }, () => JSON.stringify({ title: SAMPLE_ISSUE.title, body: SAMPLE_ISSUE.body })),
    );
    expect(world.app.output()).toContain("the classifier was asked");
    expect(world.app.output()).not.toContain(KEY);
    expect(first + second).not.toContain(KEY);

    async function ask(): Promise<string> {
      const { number } = await world.maintainer.openIssue(PRODUCT, { ...SAMPLE_ISSUE, labels: ["agent"] });
      const found = await waitForComment(world, PRODUCT, number, (body) => body.includes("the rules"), 60_000);
      expect(found, world.app.output().slice(-3_000)).toBe(true);
      return world.github
        .comments(PRODUCT, number)
        .map(({ body }) => body)
        .join("\n");
    }
  }, 120_000);
});
