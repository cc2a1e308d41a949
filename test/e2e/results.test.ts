import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import type { RoutingReport } from "#core/plan/routing-report.ts";
import { openStore } from "#adapters/store/store.ts";
import { waitForEnd } from "#playground/watch.ts";
import { createWorld, PRODUCT, ROOT } from "#playground/world.ts";
import { SAMPLE_ISSUE, sampleFiles, sampleScript } from "../kit/sample.ts";

const run = promisify(execFile);
/** Each look is a process of its own. */
const WITHIN = { timeout: 30_000, interval: 1_000 };
type Told = readonly { readonly owner: string; readonly routing: RoutingReport }[];

it("from the label to the merged pull request and its revert, `report routing` tells what came of it", async () => {
  await using world = await createWorld({
    product: { files: sampleFiles() },
    script: sampleScript(),
    sandboxed: false,
  });
  await world.app.start();
  const { number } = await world.maintainer.openIssue(PRODUCT, { ...SAMPLE_ISSUE, labels: ["agent"] });
  expect(await waitForEnd(world, PRODUCT, number, 60_000), world.app.output().slice(-3_000)).toBe(true);
  const pull = (await world.github.pulls(PRODUCT))[0]!.number;
  const report = async (...words: readonly string[]): Promise<string> => {
    const env = { ...process.env, DATABASE_URL: "", AGENT_POOL_DATA: join(world.dataDir, "store") };
    const { stdout } = await run(process.execPath, [join(ROOT, "bin/agent-pool.js"), "report", "routing", ...words], { env });
    return stdout;
  };
  const total = async () => (JSON.parse(await report("acme", "--json")) as Told)[0]?.routing.total;

  const before = await total();
  await world.maintainer.reviewPull(PRODUCT, pull, { state: "changes_requested", body: "Name it better." });
  await world.maintainer.reviewPull(PRODUCT, pull, { state: "changes_requested", body: "And test it." });
  await world.maintainer.closePull(PRODUCT, pull);
  await expect.poll(total, WITHIN).toMatchObject({ closed: 1 });
  await world.maintainer.reopenPull(PRODUCT, pull);
  await world.maintainer.markReady(PRODUCT, pull);
  await world.maintainer.mergePull(PRODUCT, pull);
  await world.github.delivered();
  // GitHub sends one again, hours later.
  const closing = world.github.deliveries().find(({ event, action }) => event === "pull_request" && action === "closed");
  await world.github.redeliver(closing!.guid);
  await expect.poll(total, WITHIN).toMatchObject({ merged: 1, closed: 0 });
  const merged = (JSON.parse(await report("--json")) as Told)[0]!.routing;
  const revert = await world.maintainer.revertPull(PRODUCT, pull);
  await world.maintainer.mergePull(PRODUCT, revert.number);
  await expect.poll(total, WITHIN).toMatchObject({ reverted: 1 });

  expect(before).toMatchObject({ attempts: 1, tried: 1, verified: 1, pulls: 1, merged: 0, closed: 0, reverted: 0 });
  expect(merged.routes).toMatchObject([
    { repository: "web", harness: "claude-code", model: "claude-haiku-5-5", merged: 1, costPerMerged: { value: null, of: 1 } },
  ]);
  // The model's 10,173 of the flow, and a minute of its runner.
  expect(merged.total.cost).toBeGreaterThan(10_173);
  expect(merged.calibration).toMatchObject({ brier: { value: null, of: 1 }, bins: [{ of: 1, verified: 1 }] });
  expect(merged.alternatives.map(({ policy, verified }) => [policy, verified.of])).toEqual([
    ["done", 1],
    ["always-light", 1],
    ["always-frontier", 0],
    ["cascade", 0],
  ]);
  expect(await report()).toMatch(/web {2}claude-code claude-haiku-5-5 +1 of 1 +1 merged, 1 reverted of 1 +too few \(1\)/);
  expect(world.github.violations()).toEqual([]);
  await world.app.stop();
  expect(await roundsOf(world.dataDir)).toEqual([1]);
}, 240_000);

/** As the store has them, once the app has let go of it. */
async function roundsOf(dataDir: string): Promise<readonly (number | undefined)[]> {
  const store = await openStore({ directory: join(dataDir, "store") });
  try {
    const [owner] = await store.readOwners();
    const attempts = owner === undefined ? [] : await store.readAttempts(owner.owner);
    return attempts.map(({ pull }) => pull?.fate?.rounds.length);
  } finally {
    await store.close();
  }
}
