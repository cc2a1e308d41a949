import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectedTree, git } from "#playground/independent.ts";
import type { Script } from "#playground/model/script.ts";
import { waitForEnd } from "#playground/watch.ts";
import { createWorld, PRODUCT, RUNNER, SIX_LINES, type World } from "#playground/world.ts";
import { parseCommentMarker } from "#core/task/markers.ts";
import { openStore } from "#adapters/store/store.ts";
import type { LeaseRow, TaskRow } from "#ports/store.ts";
import { SAMPLE_ISSUE, sampleFiles, sampleScript } from "../kit/sample.ts";

/** Still rounds down, so a test fails as before; and breaks another. */
const WRONG: Script = [
  { write: { path: "src/pages.js", content: "export const pageCount = () => 0;\nexport async function* allItems() {}\n" } },
  { say: "I have mended the page count." },
];
/** The light tier's own addition, which the next one may find. */
const NOTES: Script[number] = { write: { path: "NOTES.md", content: "Tried: no pages at all.\n" } };

/** A check that fails as before, since nothing is done about it. */
const FAILING: Script = Array.from({ length: 40 }, () => ({ run: "npm test" }));

type Seen = { readonly task: TaskRow; readonly leases: readonly LeaseRow[]; readonly comment: string };

async function run(world: World): Promise<Seen> {
  await world.app.start();
  const { number } = await world.maintainer.openIssue(PRODUCT, { ...SAMPLE_ISSUE, labels: ["agent"] });
  expect(await waitForEnd(world, PRODUCT, number, 200_000), world.app.output().slice(-3_000)).toBe(true);
  await world.runner?.idle();
  await world.app.stop();
  const comment = world.github.comments(PRODUCT, number)[0]?.body ?? "";
  const store = await openStore({ directory: join(world.dataDir, "store") });
  try {
    const id = parseCommentMarker(comment)!;
    return { task: (await store.readTask(id))!, leases: await store.readLeases(id), comment };
  } finally {
    await store.close();
  }
}

/** What each model was asked first, as it was sent. */
function firstAsked(world: World, model: string): string {
  return JSON.stringify(world.model.requests().find((request) => request.model === model && request.turn === 0)?.body ?? null);
}

describe("an issue that the light tier doesn't solve and the next one does", () => {
  let world: World;
  let seen: Seen;
  beforeAll(async () => {
    world = await createWorld({
      product: { files: sampleFiles() },
      script: ({ model }) => (model.includes("haiku") ? [NOTES, ...WRONG] : sampleScript()),
    });
    seen = await run(world);
  }, 240_000);
  afterAll(() => world[Symbol.asyncDispose]());

  it("has one pull request, two attempts and two ledger entries of the model", async () => {
    expect(seen.task.state).toBe("solved");
    expect(seen.leases.map(({ attempt }) => [attempt.number, attempt.route.model, attempt.verdict])).toEqual([
      [1, "claude-haiku-5-5", "failed"],
      [2, "claude-sonnet-5-5", "solved"],
    ]);
    expect(seen.leases.filter(({ costs }) => (costs.model ?? 0) > 0)).toHaveLength(2);
    expect(await world.github.pulls(PRODUCT)).toHaveLength(1);
    expect(world.github.runs(RUNNER)).toHaveLength(2);
    expect(world.github.violations()).toEqual([]);
  });

  it("gives the second attempt the first one's changes, what failed of them, and that they may be wrong", () => {
    const brief = firstAsked(world, "claude-sonnet-5-5");

    expect(brief).toContain("This was tried before, and nothing came of it that could be published.");
    expect(brief).toContain("Attempt 1 (light: claude-code, claude-haiku-5-5): `npm test` did not pass.");
    expect(brief).toMatch(/`npm test` ended with 1.*✖/);
    expect(brief).toMatch(/Changed so far:\\n- added \W+NOTES\.md.*- modified \W+src\/pages\.js/);
    expect(firstAsked(world, "claude-haiku-5-5")).not.toContain("What came of it before");
  });

  it("publishes what both have changed, as an independent clone has it", async () => {
    const pull = (await world.github.pulls(PRODUCT))[0]!;
    const gitDir = join(world.dataDir, "repositories", `${PRODUCT}.git`);
    const base = await git(gitDir, "rev-parse", "main");

    const wanted = await expectedTree(gitDir, base, { script: [NOTES, ...sampleScript()], sandboxed: true });

    expect(await git(gitDir, "rev-parse", `${pull.headSha}^{tree}`)).toBe(wanted);
  });

  it("says in the one comment what each attempt came to, and why it went on", () => {
    expect(seen.comment).toMatch(/\| 1 \| light \| claude-haiku-5-5 \| platform-api \| failed \| 0 of 1 pass \|/);
    expect(seen.comment).toMatch(/\| 2 \| standard \| claude-sonnet-5-5 \| platform-api \| solved \| 1 of 1 pass \|/);
    expect(seen.comment).toContain("Attempt 1: `npm test` did not pass, so attempt 2 goes on with claude-sonnet-5-5 (standard)");
  });
});

describe("an issue at which the light tier makes the same failing call again and again", () => {
  let world: World;
  let seen: Seen;
  beforeAll(async () => {
    world = await createWorld({
      product: { files: sampleFiles() },
      script: ({ model }) => (model.includes("haiku") ? [NOTES, ...FAILING] : sampleScript()),
    });
    seen = await run(world);
  }, 240_000);
  afterAll(() => world[Symbol.asyncDispose]());

  it("ends that attempt at the fifth time, and the next route follows", () => {
    expect(seen.leases.map(({ attempt }) => attempt)).toMatchObject([
      { route: { model: "claude-haiku-5-5" }, verdict: "failed", why: { why: "ending", ending: "repeating" } },
      { route: { model: "claude-sonnet-5-5" }, verdict: "solved", why: null },
    ]);
    // One for the notes, and one for each time that the check fails.
    expect(world.model.requests().filter(({ model, turn }) => model?.includes("haiku") && turn !== undefined)).toHaveLength(6);
    expect(seen.task.state).toBe("solved");
  });

  it("tells the next one of it, and people in the comment", () => {
    const what = "the model repeated the same call again and again, and the same came of it each time";

    expect(firstAsked(world, "claude-sonnet-5-5").toLowerCase()).toContain(`(light: claude-code, claude-haiku-5-5): ${what}`);
    expect(seen.comment).toContain(`Attempt 1: ${what}, so attempt 2 goes on with claude-sonnet-5-5 (standard)`);
  });
});

describe("an issue that no attempt solves", () => {
  let world: World;
  let seen: Seen;
  beforeAll(async () => {
    world = await createWorld({
      product: { files: sampleFiles() },
      policy: `${SIX_LINES}task: { budget: $1, attempts: 2 }\n`,
      script: WRONG,
    });
    seen = await run(world);
  }, 240_000);
  afterAll(() => world[Symbol.asyncDispose]());

  it("ends with a question to a person and no pull request, after as many attempts as the policy allows", async () => {
    expect(seen.task).toMatchObject({ state: "unsolved", failure: { reason: "attempts-ended", stop: "attempts", attempts: 2 } });
    expect(world.github.runs(RUNNER)).toHaveLength(2);
    expect(await world.github.pulls(PRODUCT)).toEqual([]);
    expect((await world.github.branches(PRODUCT)).map(({ name }) => name)).toEqual(["main"]);
    expect(seen.comment).toContain("· ended without a pull request, a person is asked");
    expect(seen.comment).toMatch(/2 attempts, each on another route, .* the policy allows no more \(`task.attempts`\)/);
    expect(seen.comment).toMatch(
      /comment `\/agent use claude-opus-5-5`, which is expected to cost \$[\d.]+ and to get it right \d+ times/,
    );
  });

  it("has reserved no more than the task's dollars for both", () => {
    const spent = seen.leases.map(({ costs }) => Number(costs.listed));
    const [first = 0, second = 0] = seen.leases.map(({ attempt }) => attempt.budget);

    expect(first).toBe(500_000);
    expect(second).toBeLessThanOrEqual(1_000_000 - Number(spent[0]));
    expect(spent.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(1_000_000);
  });
});
