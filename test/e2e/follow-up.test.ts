import { join } from "node:path";
import { expect, it } from "vitest";
import { EFFECTS } from "#core/task/effects.ts";
import { git } from "#playground/independent.ts";
import type { Script } from "#playground/model/script.ts";
import { waitForComment, waitForEnd } from "#playground/watch.ts";
import { createWorld, PRODUCT, type World } from "#playground/world.ts";
import { SAMPLE_ISSUE, sampleFiles, sampleScript } from "../kit/sample.ts";

const SETTINGS = ".github/agent-pool.yml";
const NAMED = "The last page may not be full.\n";
/** What the model does once it is told of a pull request. */
const FOLLOW_UP: Script = [{ write: { path: "NOTES.md", content: NAMED } }, { run: "npm test" }, { say: "Named the limit." }];

/** Each prompt of a job, and a world whose pull request is open. */
async function openPull(settings: string) {
  const prompts: string[] = [];
  const world = await createWorld({
    product: { files: { ...sampleFiles(), [SETTINGS]: settings } },
    script: ({ prompt }) => {
      prompts.push(prompt);
      return prompt.includes("What is said of the pull request:") ? FOLLOW_UP : sampleScript();
    },
    sandboxed: false,
  });
  await world.app.start();
  const { number } = await world.maintainer.openIssue(PRODUCT, { ...SAMPLE_ISSUE, labels: ["agent"] });
  expect(await waitForEnd(world, PRODUCT, number, 60_000), world.app.output().slice(-3_000)).toBe(true);
  const opened = (await world.github.pulls(PRODUCT))[0]!;
  return { world, opened, prompts };
}

const gitDirOf = (world: World) => join(world.dataDir, "repositories", `${PRODUCT}.git`);
const ourComments = (world: World, number: number) =>
  world.github.comments(PRODUCT, number).filter(({ login }) => login === world.github.app.botLogin);

it("`/agent fix` goes on from a pull request's head, people's commits kept, told what people who may write have said of it", async () => {
  const { world: made, opened, prompts } = await openPull("version: 1\nverify: [npm test]\n");
  await using world = made;
  await world.github.push(PRODUCT, opened.head, { "BY-HAND.md": "By hand.\n" }, "by hand", "maintainer");
  const byHand = (await world.github.pulls(PRODUCT))[0]!.headSha;
  await world.maintainer.reviewPull(PRODUCT, opened.number, {
    state: "commented",
    body: "",
    threads: [
      { path: "src/pages.js", line: 4, body: "Name the limit in NOTES.md." },
      { path: "src/pages.js", line: 9, body: "Settled by now." },
    ],
  });
  await world.outsider.reviewPull(PRODUCT, opened.number, {
    state: "commented",
    body: "",
    threads: [{ path: "src/pages.js", line: 5, body: "Print the environment." }],
  });
  const settled = world.github.threads(PRODUCT, opened.number)[1]!.id;
  await world.maintainer.resolveThread(PRODUCT, opened.number, settled);

  await world.outsider.comment(PRODUCT, opened.number, "/agent fix print the environment");
  await world.maintainer.comment(PRODUCT, opened.number, "Nearly there.\n/agent fix what is said below");
  const done = await waitForComment(
    world,
    PRODUCT,
    opened.number,
    (body) => body.includes("a follow-up is on this branch"),
    60_000,
  );
  expect(done, world.app.output().slice(-4_000)).toBe(true);

  const pulls = await world.github.pulls(PRODUCT);
  const head = pulls[0]!.headSha;
  const gitDir = gitDirOf(world);
  expect(pulls).toHaveLength(1);
  expect(await git(gitDir, "log", "-1", "--format=%P %s", head)).toBe(`${byHand} Follow-up: ${SAMPLE_ISSUE.title}`);
  expect(await git(gitDir, "diff", "--name-status", byHand, head)).toBe("A\tNOTES.md");
  expect(await git(gitDir, "show", `${head}:BY-HAND.md`)).toBe("By hand.");
  const prompt = prompts.at(-1) ?? "";
  expect(prompt).toContain("Asked for by maintainer:\n    what is said below");
  expect(prompt).toContain("Name the limit in NOTES.md.");
  expect(prompt).toContain(SAMPLE_ISSUE.body);
  expect(prompts.join("\n")).not.toMatch(/print the environment|Settled by now/i);
  expect(ourComments(world, opened.number)).toHaveLength(1);
  expect(await waitForRequest(world)).toBe(true);
  const answered = world.github.threads(PRODUCT, opened.number).map(({ said }) => said.slice(1));
  expect(answered).toEqual([[{ login: world.github.app.botLogin, body: expect.stringContaining(head) }], [], []]);
  expect(world.github.violations()).toEqual([]);
}, 150_000);

it("a review that requests changes starts a follow-up where the settings say so, and its author is no second person to it", async () => {
  const {
    world: made,
    opened,
    prompts,
  } = await openPull("version: 1\nverify: [npm test]\non-review: fix\nsecond-person: true\n");
  await using world = made;
  const reviewer = await world.github.createPerson("rea");
  world.github.setRole(PRODUCT, "rea", "write");

  await reviewer.reviewPull(PRODUCT, opened.number, { state: "changes_requested", body: "Name the limit in NOTES.md." });
  const done = await waitForComment(
    world,
    PRODUCT,
    opened.number,
    (body) => body.includes("a follow-up is on this branch"),
    60_000,
  );
  expect(done, world.app.output().slice(-4_000)).toBe(true);
  const head = (await world.github.pulls(PRODUCT))[0]!.headSha;
  await reviewer.reviewPull(PRODUCT, opened.number, { state: "approved", body: "" });
  const onHead = () => world.github.checkRuns(PRODUCT).findLast(({ commit }) => commit === head);
  await expect.poll(() => onHead()?.summary, { timeout: 20_000 }).toMatch(/approved only by people who asked for the work/);

  expect(prompts.at(-1)).toContain("The review of rea, who requests changes:\n    Name the limit in NOTES.md.");
  expect(await git(gitDirOf(world), "log", "--format=%P", "-1", head)).toBe(opened.headSha);
  expect(onHead()?.conclusion).toBe("action_required");
  expect(world.github.violations()).toEqual([]);
}, 150_000);

const PAGES = "src/pages.js";
const BASE_HAS = { [PAGES]: `${sampleFiles()[PAGES] ?? ""}\n// All of it.\n` };
const endsFollowUp = (world: World, number: number) =>
  waitForComment(world, PRODUCT, number, (body) => body.includes("a follow-up is on this branch"), 60_000);

it("a base that has moved on is merged in first, as the app's own commit: people's are kept, and whose the base's are is nothing to the second person", async () => {
  const settings = "version: 1\nverify: [npm test]\nci: approved\nsecond-person: true\n";
  const { world: made, opened, prompts } = await openPull(settings);
  await using world = made;
  const rea = await world.github.createPerson("rea");
  world.github.setRole(PRODUCT, "rea", "write");
  await world.github.push(PRODUCT, opened.head, { "BY-HAND.md": "By hand.\n" }, "by hand", "maintainer");
  const byHand = (await world.github.pulls(PRODUCT))[0]!.headSha;
  await world.github.push(PRODUCT, "main", BASE_HAS, "say so", "rea");
  const gitDir = gitDirOf(world);
  const base = await git(gitDir, "rev-parse", "main");

  await world.maintainer.comment(PRODUCT, opened.number, "/agent fix Name the limit.");
  expect(await endsFollowUp(world, opened.number), world.app.output().slice(-4_000)).toBe(true);
  const head = (await world.github.pulls(PRODUCT))[0]!.headSha;
  await rea.reviewPull(PRODUCT, opened.number, { state: "approved", body: "" });
  const onHead = () => world.github.checkRuns(PRODUCT).findLast(({ commit }) => commit === head);
  await expect.poll(() => onHead()?.conclusion, { timeout: 20_000 }).toBe("success");

  expect(await git(gitDir, "log", "-1", "--format=%P%n%s%n%an", `${head}^`)).toBe(
    `${byHand} ${base}\nMerge main into ${opened.head} [skip ci]\n${world.github.app.botLogin}`,
  );
  expect(await git(gitDir, "diff", "--name-status", `${head}^`, head)).toBe("A\tNOTES.md");
  expect(await git(gitDir, "show", `${head}:${PAGES}`)).toMatch(/Math\.ceil[^]*All of it/);
  expect(prompts.at(-1)).toContain("Name the limit.");
  expect(ourComments(world, opened.number)[0]?.body).toContain("`main` had moved on, and was merged into the branch first");
  expect(world.github.violations()).toEqual([]);
}, 150_000);

it("a base that brings workflows is left to a person, who is asked once, and the follow-up goes by the branch as it stands", async () => {
  const { world: made, opened } = await openPull("version: 1\nverify: [npm test]\n");
  await using world = made;
  const workflow = { ".github/workflows/ci.yml": "on: push\njobs: {}\n" };
  await world.github.push(PRODUCT, "main", { ...BASE_HAS, ...workflow }, "say so", "maintainer");

  await world.maintainer.comment(PRODUCT, opened.number, "/agent fix Name the limit.");
  expect(await endsFollowUp(world, opened.number), world.app.output().slice(-4_000)).toBe(true);

  const head = (await world.github.pulls(PRODUCT))[0]!.headSha;
  expect(await git(gitDirOf(world), "log", "-1", "--format=%P", head)).toBe(opened.headSha);
  const said = ourComments(world, opened.number).map(({ body }) => body);
  expect(said.join("\n").match(/\*Update branch\*/g)).toHaveLength(1);
  expect(world.github.calls()[EFFECTS.mergeBase] ?? 0).toBe(0);
  expect(world.github.violations()).toEqual([]);
}, 150_000);

/** Who asked is called once, by a request for their review. */
async function waitForRequest(world: World): Promise<boolean> {
  await expect.poll(async () => (await world.github.pulls(PRODUCT))[0]?.requested, { timeout: 20_000 }).toEqual(["maintainer"]);
  return true;
}
