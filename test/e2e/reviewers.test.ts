import { expect, it } from "vitest";
import { waitForEnd } from "#playground/watch.ts";
import { createWorld, PRODUCT, type World } from "#playground/world.ts";
import { EFFECTS } from "#core/task/effects.ts";
import { SAMPLE_ISSUE, sampleFiles, sampleScript } from "../kit/sample.ts";

const SETTINGS = ".github/agent-pool.yml";
const OWNERS = { ".github/CODEOWNERS": "* @maintainer\nsrc/ @Rea @acme/shop @gone shop@example.com\ndocs/ @acme/docs\n" };

/** Those who are to review it, and once that is done who asked for the work, which calls them. */
async function expectRequested(world: World, logins: readonly string[]): Promise<void> {
  const requested = async () => (await world.github.pulls(PRODUCT)).flatMap((pull) => pull.requested).toSorted();
  await expect.poll(requested, { timeout: 30_000 }).toEqual(logins);
}

it("the owners of the changed files are asked to review the draft, and what is protected asks a person first", async () => {
  await using world = await createWorld({
    product: {
      files: {
        ...sampleFiles(),
        ...OWNERS,
        [SETTINGS]: 'version: 1\nverify: [npm test]\ndraft: false\nguards: { protected: ["/src/pages.*"], on-protected: ask }\n',
      },
    },
    script: sampleScript(),
    sandboxed: false,
  });
  await world.github.createPerson("rea");
  world.github.setRole(PRODUCT, "rea", "read");
  world.github.setTeam("acme", "shop", { rea: "active" });
  await world.app.start();

  const { number } = await world.maintainer.openIssue(PRODUCT, { ...SAMPLE_ISSUE, labels: ["agent"] });
  expect(await waitForEnd(world, PRODUCT, number, 60_000), world.app.output().slice(-3_000)).toBe(true);

  await expectRequested(world, ["maintainer", "rea", "shop"]);
  const [pull, ...others] = await world.github.pulls(PRODUCT);
  const said = world.github.comments(PRODUCT, number)[0]?.body;
  expect(pull).toMatchObject({ draft: true, state: "open" });
  expect(pull?.body).toMatch(/^Closes #1\.\n\n### A person decides first\n[^]+\n- `src\/pages\.js`, by `\/src\/pages\.\*`\n/);
  expect(said).toContain("Asked to review it: `Rea`, `acme/shop`.");
  expect(said).toMatch(/Not asked, since .*: `gone`\./);
  expect(others).toEqual([]);
  expect(world.github.violations()).toEqual([]);
}, 120_000);

it("whom the settings name are asked in the owners' place, in one call; then who asked is", async () => {
  await using world = await createWorld({
    product: {
      files: {
        ...sampleFiles(),
        ...OWNERS,
        [SETTINGS]: "version: 1\nverify: [npm test]\nreviewers: { people: [bo, maintainer] }\n",
      },
    },
    script: sampleScript(),
    sandboxed: false,
  });
  await world.github.createPerson("bo");
  world.github.setRole(PRODUCT, "bo", "write");
  await world.app.start();

  const { number } = await world.maintainer.openIssue(PRODUCT, { ...SAMPLE_ISSUE, labels: ["agent"] });
  expect(await waitForEnd(world, PRODUCT, number, 60_000), world.app.output().slice(-3_000)).toBe(true);

  await expectRequested(world, ["bo", "maintainer"]);
  expect(await world.github.pulls(PRODUCT)).toMatchObject([{ draft: true }]);
  expect(world.github.calls()[EFFECTS.requestReview]).toBe(2);
  expect(world.github.violations()).toEqual([]);
}, 120_000);
