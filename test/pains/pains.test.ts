import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Run } from "#core/task/provenance.ts";
import { commitMessage, pullRequestBody, type Finished } from "#core/task/pull-request.ts";
import { LEASE } from "#core/pool/lease.ts";
import { ActorId, DeliveryId, OwnerId } from "#core/wire/ids.ts";
import { NO_USAGE } from "#core/wire/contract.ts";
import { ok } from "#core/wire/result.ts";
import { MicroUsd, MINUTE_MS } from "#core/wire/units.ts";
import { renderComment } from "#core/task/comment.ts";
import { toView } from "#app/comment-view.ts";
import type { DeliveryEvent } from "#ports/delivery.ts";
import { makeBrief, makePlanRow } from "../kit/briefs.ts";
import { openDesk, underPolicy, type Desk } from "../kit/desk.ts";
import { fakeGitHub, refused } from "../kit/fake-github.ts";
import { checkBooks } from "../kit/invariants.ts";
import { checked, ran } from "../kit/outcomes.ts";

/**
 * What people curse about twelve systems of this kind, one test each, named as pains.yml names it: that file has the threads,
 * and the one line that would bring each pain back. `npm run pains` puts that line in and sees the test fail.
 */
const CHANGED = ran({ changes: [{ status: "deleted", path: "a.txt" }] });
const LIMITED = ran({
  ending: { kind: "quotaExhausted", detail: "weekly limit reached", turns: 1, finalMessage: null },
  observation: { readings: [], signal: { kind: "quota", window: "week", scope: null, resetsInMs: 3_600_000 }, upstream: null, ageMs: 0 }, // prettier-ignore
});
const pool = (names: readonly string[], more = "") =>
  `version: 1\npool: [${names.map((name) => `{ name: ${name}, provider: anthropic }`).join(", ")}]\nrunner: acme/agent-runner\nbudget: $200/month\n${more}`;

const deliveryOf = (event: DeliveryEvent) => ({ id: DeliveryId(randomUUID()), owner: OwnerId(10), event });

describe("a pain of others", () => {
  let desk: Desk;
  beforeAll(async () => {
    desk = await openDesk();
  });
  beforeEach(() => desk.clear());
  afterEach(() => checkBooks(desk.db));
  afterAll(() => desk.close());

  /** What the issue's comment says now. */
  async function comment(): Promise<string> {
    const task = await desk.newest();
    return renderComment(toView({ notice: await desk.notice() }, task, await desk.leases(), { pausedBy: null, expected: null }));
  }
  const count = (github: { readonly asked: readonly string[] }, what: string) =>
    github.asked.filter((each) => each === what).length;

  it("one-key: a limit stops the credential, not the work", async () => {
    const github = underPolicy(pool(["one", "two"]));
    await desk.say(github, null);
    await desk.work(LIMITED);
    await desk.settle(github);

    const credentials = (await desk.leases()).map(({ credential }) => credential);
    expect(new Set(credentials)).toEqual(new Set(["one", "two"]));
    expect(await desk.newest()).toMatchObject({ state: "awaiting" });
  });

  it("wrong-error: a limit is called a limit, with its credential, and never a success", async () => {
    const github = underPolicy(pool(["one"], "task: { moves: 0 }\n"));
    await desk.say(github, null);
    await desk.work({ ...LIMITED, changes: CHANGED.changes });
    await desk.settle(github);

    expect(await desk.newest()).toMatchObject({ state: "unsolved", pullRequest: null });
    expect(await comment()).toMatch(/\| one \| failed \|[^]*came to its provider's limit[^]*weekly limit reached/);
  });

  it("no-ci: a pull request's CI runs, unless a person is to look first", () => {
    const finished = { ...FINISHED, plan: makePlanRow({ ci: "auto" }) };

    expect(commitMessage(finished)).not.toContain("[skip ci]");
    expect(commitMessage({ ...finished, plan: makePlanRow({ ci: "approved" }) })).toContain("[skip ci]");
  });

  it("no-cap: an attempt's cap stands before it starts, and what it cost is said", async () => {
    const github = underPolicy(pool(["one"], "task: { budget: $1 }\n"));
    await desk.say(github, null);
    const [lease] = await desk.leases();
    await desk.work({ ...CHANGED, usage: { ...NO_USAGE, outputTokens: 100_000 } });
    await desk.settle(github);

    expect(lease?.attempt.budget).toBe(500_000);
    expect(await comment()).toContain("| $0.25 |");
  });

  it("one-model: a typo goes to a light model, and a person can say otherwise", async () => {
    const issue = { ...makeBrief(1).issue, title: "Fix a typo in the docs", body: "In README.md `teh` should be `the`." };
    await desk.say(fakeGitHub(), null, { issue });
    const light = await desk.newest();
    await desk.clear();
    await desk.say(fakeGitHub(), "/agent use frontier", { issue });

    expect(light?.plan?.route.tier).toBe("light");
    expect((await desk.newest())?.plan?.route.tier).toBe("frontier");
  });

  it("no-pull-request: what was changed becomes a pull request, by code and not by the model", async () => {
    const github = fakeGitHub();
    await desk.say(github, null);
    await desk.work({ ...CHANGED, ending: { ...CHANGED.ending, finalMessage: null } });
    await desk.settle(github);

    expect(await desk.newest()).toMatchObject({ state: "solved", pullRequest: { number: 2 } });
    expect([count(github, "createCommit"), count(github, "createBranch"), count(github, "openPullRequest")]).toEqual([1, 1, 1]);
  });

  it("branch-each-comment: a further comment makes no second branch beside an open pull request", async () => {
    const github = fakeGitHub();
    await desk.say(github, null);
    await desk.work(CHANGED);
    await desk.settle(github);
    await desk.say(github, "/agent");
    await desk.say(github, "/agent use frontier");

    expect(count(github, "createBranch")).toBe(1);
    expect(await comment()).toContain("pull request #2 is open for this");
  });

  it("forks: an issue is all it takes, whoever wrote it, and a stranger's text runs no CI with secrets unseen", async () => {
    const author = { id: ActorId(77), login: "from-a-fork" };
    const github = fakeGitHub({
      readRole: (_place, login) =>
        Promise.resolve(ok(login === "maintainer" ? { permission: "write", name: "write", userId: 30 } : undefined)),
    });
    await desk.say(github, null, { author });
    await desk.work(CHANGED);
    await desk.settle(github);

    expect(await desk.newest()).toMatchObject({ state: "solved", plan: { ci: "approved" } });
  });

  it("zombies: a job that falls silent is cancelled, ends, and holds nothing", async () => {
    const github = fakeGitHub();
    await desk.say(github, null);
    const lease = (await desk.leases())[0]!;
    await desk.store.claimLease(lease.id, lease.run!, "check", "hash");
    await desk.passTime(LEASE.silentMs + MINUTE_MS);
    await desk.settle(github);
    const cancelled = count(github, "cancelRun");
    await desk.passTime(LEASE.termMs + LEASE.graceMs);
    await desk.settle(github);

    expect(cancelled).toBe(1);
    expect(await desk.newest()).toMatchObject({ state: "unsolved" });
    expect(await desk.db.selectFrom("holds").selectAll().execute()).toEqual([]);
  });

  it("runaway: attempts are counted before they start, and a person is asked when they are used up", async () => {
    const github = underPolicy(pool(["one"], "task: { attempts: 1 }\nrouting: { worth: $30, start: { s: light } }\n"));
    await desk.say(github, null);
    for (let round = 0; round < 6; round += 1) {
      if ((await desk.newest())?.state !== "awaiting") break;
      await desk.work(ran());
      await desk.settle(github);
    }

    expect((await desk.leases()).map(({ attempt }) => attempt.number)).toEqual([1]);
    expect(await desk.newest()).toMatchObject({ state: "unsolved", failure: { reason: "attempts-ended", stop: "attempts" } });
  });

  it("lost-labels: of labels set, taken off and set again in a burst the last one counts", async () => {
    const github = fakeGitHub();
    const brief = makeBrief(1);
    await desk.store.recordDelivery(deliveryOf({ kind: "request", brief }));
    await desk.store.recordDelivery(deliveryOf({ kind: "unlabeled", brief }));
    await desk.store.recordDelivery(deliveryOf({ kind: "request", brief }));
    for (let round = 0; round < 6; round += 1) {
      await desk.settle(github);
      await desk.passTime();
    }
    await desk.settle(github);

    const tasks = await desk.db.selectFrom("tasks").select("state").orderBy("created_at").execute();
    expect(tasks.map(({ state }) => state)).toEqual(["cancelled", "awaiting"]);
  });

  it("spam: however often people ask, an issue has one comment of ours", async () => {
    const github = fakeGitHub();
    for (const said of [null, "/agent", "/agent use nonsense", "/agent help", "/agent status", "/agent size m"]) {
      await desk.say(github, said);
      await desk.passTime();
    }
    await desk.work(CHANGED);
    await desk.settle(github);

    expect(count(github, "createComment")).toBe(1);
    expect(count(github, "updateComment")).toBeGreaterThan(0);
  });

  it("opaque: what GitHub refuses is said with its reason and what to do, and is no success", async () => {
    const github = fakeGitHub({
      createBranch: () => Promise.resolve(refused(403, "Resource not accessible by integration", "POST /x")),
    });
    await desk.say(github, null);
    await desk.work(CHANGED);
    await desk.settle(github);

    expect(await desk.newest()).toMatchObject({ state: "stuck" });
    expect(await comment()).toMatch(
      /stuck, a person is needed[^]*Resource not accessible by integration[^]*Check the App's permissions/,
    );
  });

  it("guesswork: a change is refused by a rule that names the path, not by a model's guess", async () => {
    const github = fakeGitHub();
    await desk.say(github, null);
    await desk.work(ran({ changes: [{ status: "deleted", path: ".github/workflows/ci.yml" }] }));
    await desk.settle(github);

    expect(await desk.newest()).toMatchObject({ state: "unsolved", pullRequest: null });
    expect(await comment()).toContain(".github/workflows/ci.yml");
  });

  it("ownership: a pull request is the App's, says who asked, and on which credential it ran", () => {
    const body = pullRequestBody({
      ...FINISHED,
      runs: [{ ...RUN, credential: "ada-max", drawn: { listed: MicroUsd(120_000), ofFiveHours: 0.01 } }],
    });

    expect(body).toMatch(/Asked for by maintainer/);
    expect(body).toContain("`ada-max`");
  });
});

const FINISHED: Finished = {
  brief: makeBrief(12),
  plan: makePlanRow({ commands: { setup: [], verify: ["npm test"] } }),
  runs: [],
  finalMessage: "Done.",
  checks: { source: "settings", commands: ["npm test"] },
  verification: [checked("npm test")],
  changes: [],
  isDraftless: false,
};

const RUN: Run = {
  attempt: 1,
  route: makePlanRow().route,
  credential: "platform-api",
  usage: null,
  ms: 60_000,
  cost: { model: MicroUsd(120_000), runner: MicroUsd(6_000) },
  drawn: null,
};
