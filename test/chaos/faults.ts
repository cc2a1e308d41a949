import { sql } from "kysely";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import { CONFIG_FILE } from "#core/config/policy.ts";
import { EFFECTS, type Effect } from "#core/task/effects.ts";
import { LEASE } from "#core/pool/lease.ts";
import { RECEIPTS_ISSUE } from "#core/pool/receipt-words.ts";
import { connectEmbedded, connectPostgres, type Connection } from "#adapters/store/connect.ts";
import { parseReplyMarker } from "#core/task/markers.ts";
import { isRecord } from "#playground/github/answers.ts";
import type { CountedRoute } from "#playground/github/emulated-github.ts";
import { git } from "#playground/independent.ts";
import type { Script } from "#playground/model/script.ts";
import { waitForComment, waitForEnd } from "#playground/watch.ts";
import { createWorld, CREDENTIAL, PRODUCT, RUNNER, type World } from "#playground/world.ts";
import { checkBooks } from "../kit/invariants.ts";
import { freshDatabase, type Engine } from "../kit/stores.ts";
import { SAMPLE_ISSUE, sampleFiles, sampleScript } from "../kit/sample.ts";

/**
 * What happens at an effect: the app is killed before GitHub has done it, or after, when the answer never arrives; or it lives
 * on, and only the answer is lost.
 */
export type Moment = "killed before" | "killed after" | "answer lost at";

/** How the app is brought to an effect. */
type Case =
  | "flow"
  | "command"
  | "ci"
  | "reviewers"
  | "no-runner"
  | "review"
  | "no-review"
  | "missed"
  | "follow-up"
  | "base-moved"
  | "lend";

/** One case an effect. Most come up in the plain flow; an effect without a case doesn't compile. */
const CASES: Record<Effect, Case> = {
  openIssue: "lend",
  createComment: "flow",
  updateComment: "flow",
  createReply: "no-review",
  answerThread: "follow-up",
  react: "command",
  dispatchRun: "flow",
  cancelRun: "no-runner",
  redeliver: "missed",
  createCommit: "flow",
  createBranch: "flow",
  updateBranch: "ci",
  mergeBase: "base-moved",
  openPullRequest: "flow",
  createCheckRun: "review",
  updateCheckRun: "review",
  requestReview: "reviewers",
};

/** Two ways lead to this one. */
const ALSO: readonly (readonly [Effect, Case])[] = [["updateBranch", "follow-up"]];

/** The repository's settings, where a case needs some. */
const SETTINGS: Partial<Record<Case, string>> = {
  // CI is held back until a person has read the changes.
  ci: "version: 1\nci: approved\n",
  reviewers: "version: 1\nreviewers: { people: [rea] }\n",
  review: "version: 1\nverify: [npm test]\nsecond-person: true\n",
};

const LISTING_LAG_MS = 2_000;
/** A seat to lend, beside a key that does the work. */
const WITH_A_SEAT = `version: 1
pool:
  - { name: ${CREDENTIAL}, provider: anthropic }
  - { name: ada-max, provider: anthropic, kind: seat, owner: ada }
runner: ${RUNNER}
budget: $200/month
`;
const POLICY = "acme/.github";
const SEAT_AND_KEY = [
  { name: CREDENTIAL, kind: "api-key" },
  { name: "ada-max", kind: "seat", owner: "ada" },
];

/** The fault at the effect's first call. Says how often it struck. */
function strikeAt(world: World, effect: Effect, moment: Moment): { times: number } {
  const seen = { times: 0 };
  world.github.onCall(EFFECTS[effect] satisfies CountedRoute, async ({ phase, request: { body } }) => {
    const isReply = isRecord(body) && parseReplyMarker(String(body["body"])) !== undefined;
    if (isReply !== (effect === "createReply")) return undefined;
    // The maintainer opens one, too.
    if (effect === "openIssue" && !(isRecord(body) && body["title"] === RECEIPTS_ISSUE.title)) return undefined;
    if (phase !== (moment === "killed before" ? "before" : "after")) return undefined;
    seen.times += 1;
    if (moment !== "answer lost at") await world.app.kill();
    return "drop";
  });
  return seen;
}

/** No runner takes the job for longer than an offer lasts: the app, asleep meanwhile, wakes up to it. */
async function outwaitTheOffer(world: World, databaseUrl: string | undefined): Promise<void> {
  await world.app.stop();
  const { db, close } = await connect(world, databaseUrl);
  await sql`update leases set created_at = created_at - ${LEASE.offerMs + 1}`.execute(db);
  await sql`update tasks set due_at = 0 where state = 'awaiting'`.execute(db);
  await close();
}

/** Somebody else approves the pull request that waits for it. */
async function approve(world: World, issue: number): Promise<void> {
  expect(await waitForEnd(world, PRODUCT, issue, 80_000), world.app.output().slice(-4_000)).toBe(true);
  expect(await until(() => world.github.checkRuns(PRODUCT)[0]?.conclusion === "action_required", 30_000)).toBe(true);
  const reviewer = await world.github.createPerson("reviewer");
  world.github.setRole(PRODUCT, reviewer.login, "write");
  const pull = (await world.github.pulls(PRODUCT))[0]?.number ?? 0;
  await reviewer.reviewPull(PRODUCT, pull, { state: "approved", body: "Good." });
}

const FOLLOW_UP: Script = [{ write: { path: "NOTES.md", content: "The last page.\n" } }, { say: "Named the limit." }];

/** The base goes on, in a file that the pull request changes as well. */
async function moveBase(world: World): Promise<void> {
  const path = "src/pages.js";
  await world.github.push(PRODUCT, "main", { [path]: `${sampleFiles()[path] ?? ""}\n// All of it.\n` }, "Say so", "maintainer");
}

/** Somebody asks in a thread for more, and for that to be done. */
async function askInThread(world: World): Promise<void> {
  const { number } = (await world.github.pulls(PRODUCT))[0]!;
  const threads = [{ path: "src/pages.js", line: 4, body: "Name the limit in NOTES.md." }];
  await world.maintainer.reviewPull(PRODUCT, number, { state: "commented", body: "", threads });
  await sleep(LISTING_LAG_MS + 100);
  await world.maintainer.comment(PRODUCT, number, "/agent fix");
}

/** One commit on the branch, the base merged in once or not at all, and one answer in the thread that asked. */
async function expectOneFollowUp(world: World, merges: 0 | 1): Promise<void> {
  const number = (await world.github.pulls(PRODUCT))[0]!.number;
  const says = (body: string) => body.includes("a follow-up is on this branch");
  expect(await waitForComment(world, PRODUCT, number, says, 60_000), world.app.output().slice(-4_000)).toBe(true);
  const { headSha } = (await world.github.pulls(PRODUCT))[0]!;
  const gitDir = join(world.dataDir, "repositories", `${PRODUCT}.git`);
  expect((await git(gitDir, "log", "--format=%s", `main..${headSha}`)).split("\n")).toHaveLength(2 + merges);
  expect(await git(gitDir, "log", "--format=%s", "--merges", `main..${headSha}`)).toMatch(
    merges === 0 ? /^$/ : /^Merge main into \S+$/,
  );
  const [thread] = world.github.threads(PRODUCT, number);
  expect(thread?.said.map(({ login }) => login)).toEqual(["maintainer", world.github.app.botLogin]);
  expect(thread?.said[1]?.body).toContain(headSha);
}

/** The one beside it is the work's. */
async function expectOneCiCommit(world: World): Promise<void> {
  const number = (await world.github.pulls(PRODUCT))[0]!.number;
  const says = (body: string) => body.includes("has started CI");
  expect(await waitForComment(world, PRODUCT, number, says, 40_000), world.app.output().slice(-4_000)).toBe(true);
  const { headSha } = (await world.github.pulls(PRODUCT))[0]!;
  const gitDir = join(world.dataDir, "repositories", `${PRODUCT}.git`);
  expect(await git(gitDir, "log", "--format=%s", `main..${headSha}`)).toMatch(/^Start CI\n[^\n]+ \[skip ci\]$/);
}

/** A call that the app was killed before made none. */
async function expectOneReceipt(world: World, moment: Moment): Promise<void> {
  const ours = () => world.github.comments(POLICY, 1).filter(({ body }) => body.includes("`ada-max` · "));
  expect(await until(() => ours().length > 0, 60_000), world.app.output().slice(-4_000)).toBe(true);
  const opened = world.github.callList().filter(({ route, party }) => route === EFFECTS.openIssue && party === "installation");
  expect(opened).toHaveLength(moment === "killed before" ? 2 : 1);
  expect(world.github.comments(POLICY, 2)).toEqual([]);
  expect(ours()).toHaveLength(1);
}

async function connect(world: World, databaseUrl: string | undefined): Promise<Connection> {
  return databaseUrl === undefined ? connectEmbedded(join(world.dataDir, "store")) : connectPostgres(databaseUrl);
}

async function until(what: () => boolean, forMs: number): Promise<boolean> {
  const deadline = performance.now() + forMs;
  while (!what() && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50));
  return what();
}

/** All cases of one moment; a file each, so that they run side by side. */
export function describeFaults(moment: Moment, engine: Engine): void {
  const effects = Object.keys(EFFECTS) as Effect[];
  const cases = [...effects.map((effect) => [effect, CASES[effect]] as const), ...ALSO];
  const met = new Set<Effect>();

  describe(`${moment} an effect, with the store on ${engine}`, () => {
    it.each(cases)(
      "%s (%s): ends in one comment, branch, pull request, claimed run, settlement and set of model calls",
      async (effect, by) => {
        const databaseUrl = engine === "Postgres" ? await freshDatabase() : undefined;
        const settings = SETTINGS[by];
        const isFollowUp = by === "follow-up" || by === "base-moved";
        await using world = await createWorld({
          ...(databaseUrl === undefined ? {} : { databaseUrl }),
          product: {
            files: settings === undefined ? sampleFiles() : { ...sampleFiles(), [CONFIG_FILE]: settings },
          },
          script: ({ prompt }) => (prompt.includes("What is said of the pull request:") ? FOLLOW_UP : sampleScript()),
          runner: by !== "no-runner",
          ...(by === "lend" ? { policy: WITH_A_SEAT, pool: SEAT_AND_KEY } : {}),
          // Listings lag: a look right after the restart misses what was done just before the kill.
          listingLagMs: LISTING_LAG_MS,
        });
        if (by === "reviewers") {
          await world.github.createPerson("rea");
          world.github.setRole(PRODUCT, "rea", "read");
        }
        const seen = strikeAt(world, effect, moment);
        const isReply = by === "no-review";
        // The requester can't be asked for a review, so a reply calls them.
        if (isReply)
          world.github.onCall(EFFECTS.requestReview, () => ({ status: 422, body: { message: "not a collaborator" } }), "always");
        if (by !== "missed") await world.app.start();

        const labels = by === "command" ? [] : ["agent"];
        const { number } = await world.maintainer.openIssue(PRODUCT, { ...SAMPLE_ISSUE, labels });
        if (by === "command") await world.maintainer.comment(PRODUCT, number, "/agent");
        if (by === "lend") {
          const ada = world.seatOwners[0]!.person;
          await ada.comment(PRODUCT, (await ada.openIssue(PRODUCT, { title: "Seats", body: "" })).number, "/agent lend ada-max");
        }
        if (by === "no-runner") {
          expect(await until(() => world.github.runs(RUNNER).length > 0, 20_000)).toBe(true);
          await outwaitTheOffer(world, databaseUrl);
          await world.app.start();
        }
        if (effect === "updateCheckRun") await approve(world, number);
        if (by === "ci") {
          expect(await waitForEnd(world, PRODUCT, number, 60_000), world.app.output().slice(-4_000)).toBe(true);
          await world.maintainer.comment(PRODUCT, (await world.github.pulls(PRODUCT))[0]!.number, "/agent ci");
        }
        if (isFollowUp) {
          expect(await waitForEnd(world, PRODUCT, number, 60_000), world.app.output().slice(-4_000)).toBe(true);
          if (by === "base-moved") await moveBase(world);
          await askInThread(world);
        }
        if (by === "missed") {
          await world.github.delivered();
          await world.app.start();
        }
        const survives = moment === "answer lost at";
        expect(await until(() => seen.times > 0 && world.app.running() === survives, 60_000), `no fault at ${effect}`).toBe(true);
        if (!survives) await world.app.start();
        if (by === "no-runner") {
          expect(await until(() => world.github.runs(RUNNER).length > 1, 30_000)).toBe(true);
          await world.startRunner();
        }

        expect(await waitForEnd(world, PRODUCT, number, 80_000), world.app.output().slice(-4_000)).toBe(true);
        if (by === "review") {
          const conclusion = effect === "updateCheckRun" ? "success" : "action_required";
          expect(await until(() => world.github.checkRuns(PRODUCT)[0]?.conclusion === conclusion, 60_000)).toBe(true);
          expect(world.github.checkRuns(PRODUCT)).toHaveLength(1);
          // A call that the app was killed before did nothing, but was made.
          const idle = effect === "createCheckRun" && moment === "killed before" ? 1 : 0;
          expect(world.github.calls()[EFFECTS.createCheckRun]).toBe(1 + idle);
        }
        const called = async (): Promise<boolean> =>
          isReply
            ? world.github.comments(PRODUCT, number).length > 1
            : (await world.github.pulls(PRODUCT)).some(({ requested }) => requested.includes("maintainer"));
        await expect.poll(called, { timeout: 30_000 }).toBe(true);
        if (by === "ci") await expectOneCiCommit(world);
        if (isFollowUp) await expectOneFollowUp(world, by === "base-moved" ? 1 : 0);
        if (by === "lend") await expectOneReceipt(world, moment);
        await world.runner?.idle();
        await world.app.stop();
        met.add(effect);
        expect(seen.times).toBe(1);
        const own = world.github.comments(PRODUCT, number).filter(({ login }) => login === world.github.app.botLogin);
        expect(own).toHaveLength(isReply ? 2 : 1);
        expect((await world.github.branches(PRODUCT)).map((branch) => branch.name.split("/")[0])).toEqual(["agent-pool", "main"]);
        const asked = [...(by === "reviewers" ? ["rea"] : []), ...(isReply ? [] : ["maintainer"])];
        expect((await world.github.pulls(PRODUCT)).map(({ requested }) => requested)).toEqual([asked]);
        expect(world.model.requests().filter((request) => request.usage !== undefined)).toHaveLength(isFollowUp ? 5 : 3);
        const charges = isFollowUp ? ["model", "model", "runner", "runner"] : ["model", "runner"];
        const runs = charges.length / 2;
        expect(await readBooks(world, databaseUrl)).toEqual({ claimed: runs, settled: runs, charges, holds: 0 });
        expect(world.github.violations()).toEqual([]);
      },
    );

    afterAll(() => {
      expect([...met].toSorted(), "every effect of core/task/effects.ts has had its fault").toEqual(effects.toSorted());
    });
  });
}

async function readBooks(world: World, databaseUrl: string | undefined) {
  const { db, close } = await connect(world, databaseUrl);
  try {
    await checkBooks(db);
    const leases = await db.selectFrom("leases").select(["state", "run_token_hash"]).execute();
    const ledger = await db.selectFrom("ledger").select("kind").orderBy("kind").execute();
    const holds = await db.selectFrom("holds").selectAll().execute();
    return {
      claimed: leases.filter((lease) => lease.run_token_hash !== null).length,
      settled: leases.filter((lease) => lease.state === "settled").length,
      charges: ledger.map((row) => row.kind),
      holds: holds.length,
    };
  } finally {
    await close();
  }
}
