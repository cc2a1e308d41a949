import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { waitForComment, waitForEnd } from "#playground/watch.ts";
import { createWorld, PRODUCT } from "#playground/world.ts";
import { SAMPLE_ISSUE, sampleFiles, sampleScript } from "../kit/sample.ts";

const CHECK_RUNS = "GET /repos/{owner}/{repo}/commits/{ref}/check-runs";
const SETTINGS = ".github/agent-pool.yml";

it("what is left to CI is told as it ends, each time anew, in the one comment", async () => {
  await using world = await createWorld({
    product: { files: { ...sampleFiles(), [SETTINGS]: "version: 1\nverify: ci\n" } },
    script: sampleScript(),
    sandboxed: false,
  });
  await world.app.start();
  const { number } = await world.maintainer.openIssue(PRODUCT, { ...SAMPLE_ISSUE, labels: ["agent"] });
  expect(await waitForEnd(world, PRODUCT, number, 60_000), world.app.output().slice(-3_000)).toBe(true);
  const [pull] = await world.github.pulls(PRODUCT);
  const branch = pull?.head ?? "";
  const said = () => world.github.comments(PRODUCT, number)[0]?.body ?? "";
  const says = (text: string) => waitForComment(world, PRODUCT, number, (body) => body.includes(text), 20_000);
  const untested = said();

  await world.github.runChecks(PRODUCT, { branch, workflow: "e2e", runs: { browsers: null } });
  await world.github.runChecks(PRODUCT, { branch, workflow: "ci", runs: { lint: "success", "unit `tests` @all": "failure" } });
  await expect.poll(() => world.github.calls()[CHECK_RUNS], { timeout: 20_000 }).toBe(1);
  await sleep(1_000);
  const waiting = said();
  await world.github.runChecks(PRODUCT, { branch, workflow: "e2e", runs: { browsers: "success" } });
  const failed = await says("1 of 3 checks did not pass");
  const failing = said();
  await world.github.runChecks(PRODUCT, { branch, workflow: "ci", runs: { "unit `tests` @all": "success" } });
  const passed = await says("passed (3 checks)");

  expect(pull).toMatchObject({ draft: true, state: "open" });
  expect(untested).toContain("Nothing was tested yet: the repository's settings leave that to its CI");
  expect(waiting).toBe(untested);
  expect(failed, failing).toBe(true);
  expect(failing).toContain("- **failed**: `unit 'tests' @all`");
  expect(failing).not.toContain("Nothing was tested");
  expect(passed, said()).toBe(true);
  expect(world.github.comments(PRODUCT, number)).toHaveLength(1);
  expect(world.github.violations()).toEqual([]);
}, 150_000);
