import { expect, it } from "vitest";
import { waitForEnd } from "#playground/watch.ts";
import { createWorld, PRODUCT, SIX_LINES } from "#playground/world.ts";
import { SAMPLE_ISSUE, sampleFiles, sampleScript } from "../kit/sample.ts";

const FILE = ".github/agent-pool.yml";
const WITHIN = { timeout: 30_000, interval: 200 };

it("a pull request waits for somebody other than who asked and who pushed, on each of its heads", async () => {
  await using world = await createWorld({ product: { files: sampleFiles() }, script: sampleScript(), sandboxed: false });
  const { github, maintainer } = world;
  github.protectBranch(PRODUCT, "main");
  const [reviewer, third] = [await github.createPerson("reviewer"), await github.createPerson("third")];
  for (const { login } of [reviewer, third]) github.setRole(PRODUCT, login, "write");
  await world.app.start();
  const { number } = await maintainer.openIssue(PRODUCT, { ...SAMPLE_ISSUE, labels: ["agent"] });
  expect(await waitForEnd(world, PRODUCT, number, 60_000), world.app.output().slice(-3_000)).toBe(true);
  const pull = (await github.pulls(PRODUCT))[0]!;
  const said = () =>
    github.checkRuns(PRODUCT).map(({ commit, conclusion, summary }) => [commit, conclusion, summary.split(".")[0]]);
  const approve = { state: "approved" as const, body: "Good." };

  const waits = [pull.headSha, "action_required", "Nobody with write has approved this commit yet"];
  await expect.poll(said, WITHIN).toEqual([waits]);
  await maintainer.reviewPull(PRODUCT, pull.number, approve);
  await world.outsider.reviewPull(PRODUCT, pull.number, approve);
  const own = [
    pull.headSha,
    "action_required",
    "This commit was approved only by people who asked for the work or pushed to its branch",
  ];
  await expect.poll(said, WITHIN).toEqual([own]);
  await reviewer.reviewPull(PRODUCT, pull.number, approve);
  const found = expect.arrayContaining([pull.headSha, "success"]);
  await expect.poll(said, WITHIN).toEqual([found]);
  const pushed = await github.push(PRODUCT, pull.head, { "more.txt": "more\n" }, "more", "reviewer");
  await reviewer.reviewPull(PRODUCT, pull.number, approve);
  await expect.poll(said, WITHIN).toEqual([found, [pushed, "action_required", own[2]]]);
  await third.reviewPull(PRODUCT, pull.number, approve);
  await expect.poll(said, WITHIN).toEqual([found, expect.arrayContaining([pushed, "success"])]);
  await third.dismissReview(PRODUCT, pull.number, "third");
  await expect.poll(said, WITHIN).toEqual([found, [pushed, "action_required", own[2]]]);

  expect((await github.pulls(PRODUCT))[0]).toMatchObject({ state: "open" });
  expect(github.violations()).toEqual([]);
}, 240_000);

it("a change of the policy, or of a repository's settings, is checked on its commit", async () => {
  await using world = await createWorld({
    product: { files: sampleFiles() },
    script: sampleScript(),
    sandboxed: false,
    runner: false,
  });
  const { github } = world;
  await world.app.start();
  const of = (repository: string) =>
    github.checkRuns(repository).map(({ commit, name, conclusion, title, annotations }) => {
      expect(name).toBe("agent-pool / configuration");
      return [commit, conclusion, title, annotations.map((each) => each["start_line"])];
    });

  const raised = await github.push("acme/.github", "main", { [FILE]: SIX_LINES.replace("$200", "$300") }, "more");
  await expect.poll(() => of("acme/.github"), WITHIN).toEqual([[raised, "success", "Valid: 1 change", []]]);
  const summary = github.checkRuns("acme/.github")[0]?.summary;
  const broken = await github.push(PRODUCT, "topic", { [FILE]: "version: 1\nverify: 7\n" }, "settings");
  await expect.poll(() => of(PRODUCT), WITHIN).toEqual([[broken, "failure", "Not valid: 1 problem", [2]]]);
  await github.push(PRODUCT, "topic", { "a.txt": "a\n" }, "something else");
  const dangerous = await github.push(PRODUCT, "topic", { [FILE]: "version: 1\nci: auto\n" }, "settings");
  const warned = [dangerous, "success", "Valid: 2 changes, 1 to look at twice", [2]];
  await expect.poll(() => of(PRODUCT), WITHIN).toEqual([expect.anything(), warned]);
  const push = github
    .deliveries()
    .find(({ event, payload }) => event === "push" && (payload as Record<string, unknown>)["after"] === dangerous);
  await github.redeliver(push!.guid);
  await github.delivered();

  expect(summary).toContain("All credentials and runners together may cost $300 a month; it was $200 a month.");
  expect(github.calls()["POST /repos/{owner}/{repo}/check-runs"]).toBe(3);
  expect(github.violations()).toEqual([]);
}, 120_000);
