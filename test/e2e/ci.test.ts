import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { join } from "node:path";
import { git } from "#playground/independent.ts";
import { waitForComment, waitForEnd } from "#playground/watch.ts";
import { createWorld, PRODUCT, type World } from "#playground/world.ts";
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

it("CI that is held back starts at `/agent ci` of somebody who may write, on a verified commit of no change, and is told as it ends", async () => {
  await using world = await createWorld({
    product: { files: { ...sampleFiles(), [SETTINGS]: "version: 1\nverify: ci\nci: approved\n" } },
    script: sampleScript(),
    sandboxed: false,
  });
  const reader = await world.github.createPerson("rea");
  world.github.setRole(PRODUCT, "rea", "triage");
  await world.app.start();
  const { number } = await world.maintainer.openIssue(PRODUCT, { ...SAMPLE_ISSUE, labels: ["agent"] });
  expect(await waitForEnd(world, PRODUCT, number, 60_000), world.app.output().slice(-3_000)).toBe(true);
  const opened = (await world.github.pulls(PRODUCT))[0]!;
  const gitDir = join(world.dataDir, "repositories", `${PRODUCT}.git`);
  const hears = (text: string) => waitForComment(world, PRODUCT, opened.number, (body) => body.includes(text), 20_000);

  await reader.comment(PRODUCT, opened.number, "/agent ci");
  const refused = await hears("ask someone with write access");
  const held = (await world.github.pulls(PRODUCT))[0]!;
  await world.maintainer.comment(PRODUCT, opened.number, "Looks right.\n/agent ci");
  const started = await hears("maintainer has started CI");
  const now = (await world.github.pulls(PRODUCT))[0]!;
  await world.github.runChecks(PRODUCT, { branch: opened.head, workflow: "ci", runs: { unit: "success" } });
  const passed = await waitForComment(world, PRODUCT, number, (body) => body.includes("passed (1 check)"), 20_000);

  expect({ refused, held: held.headSha, started, passed }).toEqual({
    refused: true,
    held: opened.headSha,
    started: true,
    passed: true,
  });
  expect(opened.body).toContain("comment `/agent ci` here");
  expect(await git(gitDir, "log", "-1", "--format=%P %T", now.headSha)).toBe(
    `${opened.headSha} ${await git(gitDir, "rev-parse", `${opened.headSha}^{tree}`)}`,
  );
  expect(await git(gitDir, "log", "-1", "--format=%B", opened.headSha)).toMatch(
    / \[skip ci\]\n\nWritten by [^\n]+\n\nCo-authored-by: maintainer <\d+\+maintainer@users\.noreply\.github\.com>$/,
  );
  expect(await git(gitDir, "log", "-1", "--format=%B", now.headSha)).not.toMatch(/skip|no ci/i);
  expect(await areVerified(world, [opened.headSha, now.headSha])).toBe(true);
  expect(world.github.comments(PRODUCT, opened.number).filter(({ login }) => login === world.github.app.botLogin)).toHaveLength(
    1,
  );
  expect(world.github.violations()).toEqual([]);
}, 150_000);

/** As GitHub tells it of each commit. */
async function areVerified(world: World, commits: readonly string[]): Promise<boolean> {
  const headers = { authorization: `Bearer ${world.github.personToken("maintainer")}` };
  const told = await Promise.all(
    commits.map(async (sha) => (await fetch(`${world.github.url}/repos/${PRODUCT}/git/commits/${sha}`, { headers })).json()),
  );
  return told.every((commit) => (commit as { verification: { verified: boolean } }).verification.verified);
}
