import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ActorId, DeliveryId, InstallationId, OwnerId, RepositoryId, TaskId } from "#core/wire/ids.ts";
import { ok } from "#core/wire/result.ts";
import { EpochMs } from "#core/wire/units.ts";
import type { Checks } from "#core/wire/contract.ts";
import type { CheckRun } from "#core/task/ci-checks.ts";
import type { GitHub } from "#ports/github.ts";
import { makeBrief, makePlanRow } from "../kit/briefs.ts";
import { openDesk, type Desk } from "../kit/desk.ts";
import { fakeGitHub, refused, unavailable } from "../kit/fake-github.ts";
import { ran } from "../kit/outcomes.ts";

const PULL = 13;
const BASE = "a".repeat(40);
const HEAD = "d".repeat(40);
const BRANCH = "agent-pool/issue-1-1f0c2a9b";
const ADA = { id: ActorId(30), login: "ada" };
const WHERE = { owner: OwnerId(10), repository: RepositoryId(20) };
const CHANGE = { status: "modified", path: "src/a.ts", mode: "100644", blob: "9daeafb9864cf43055ae93beb0afd6c7d144bfa4", content: "dGVzdAo=" } as const; // prettier-ignore
const FIX = "version: 1\non-ci: fix\n";

let desk: Desk;
beforeAll(async () => void (desk = await openDesk()));
afterAll(() => desk.close());
beforeEach(() => desk.clear());

const ended = (runs: Readonly<Record<string, string | null>>): CheckRun[] =>
  Object.entries(runs).map(([name, conclusion]) => ({
    name,
    status: conclusion === null ? "in_progress" : "completed",
    conclusion,
  }));

type World = {
  /** By commit how its check runs stand. */
  readonly runs?: Readonly<Record<string, Readonly<Record<string, string | null>>>>;
  readonly settings?: string;
  readonly head?: { readonly commit?: string; readonly isOpen?: boolean; readonly isOwn?: boolean };
  readonly more?: Partial<GitHub>;
};

/** A repository with these settings, whose CI stands so. */
function world({ runs = { [HEAD]: { unit: "failure" } }, settings = FIX, head, more }: World = {}) {
  const of = (commit: string) => ended(runs[commit] ?? {});
  return fakeGitHub({
    readSetUp: async (place) => {
      const usual = await fakeGitHub().readSetUp(place);
      return usual.ok ? ok({ ...usual.value, settings: { text: settings } }) : usual;
    },
    readHead: () => Promise.resolve(ok({ branch: BRANCH, commit: HEAD, isOpen: true, isOwn: true, ...head })),
    readCheckRuns: (_place, commit) => Promise.resolve(ok(of(commit))),
    readFailedChecks: (_place, commit, names) =>
      Promise.resolve(
        ok(
          of(commit).flatMap(({ name, conclusion }) =>
            conclusion === "failure" && (names === null || names.includes(name))
              ? [{ name, conclusion, log: `not ok 1 - ${name}` }]
              : [],
          ),
        ),
      ),
    findBranch: () => Promise.resolve(ok(HEAD)),
    createCommit: () => Promise.resolve(ok("e".repeat(40))),
    ...more,
  });
}

/** A task that has put a commit on a branch; its work is left to CI, or was judged in the job. */
async function publish({ isOpen = true, byJob = false }: { isOpen?: boolean; byJob?: boolean } = {}) {
  const task = TaskId(randomUUID());
  const delivery = DeliveryId(randomUUID());
  await desk.store.openTask(task, makeBrief(1, { requester: ADA }), delivery);
  await desk.settle(world({ settings: "version: 1\n" }));
  const lease = (await desk.store.readLeases(task)).at(-1);
  if (lease?.run == null) throw new Error("there is no run to report");
  await desk.store.claimLease(lease.id, lease.run, "check", "hash");
  const checks: Checks = byJob ? { source: "detected", commands: ["npm test"] } : { source: "ci", commands: [] };
  await desk.store.settle(lease.id, ran({ changes: [CHANGE], checks }), "h", { entries: [], fault: null, isTypical: false });
  await desk.db
    .updateTable("tasks")
    .set({
      state: isOpen ? "solved" : "opening",
      due_at: null,
      plan: JSON.stringify(makePlanRow(byJob ? { commands: { setup: [], verify: "detect" } } : {})),
      commit_sha: HEAD,
      ...(isOpen ? { pull_number: PULL, pull_draft: true } : {}),
    })
    .where("id", "=", task)
    .execute();
  return task;
}

const hear = (github: GitHub, commit = HEAD) =>
  desk.hear(github, { kind: "ci-ended", installation: InstallationId(6), repository: WHERE.repository, commit });
const fix = (github: GitHub) =>
  desk.hear(github, {
    kind: "request",
    brief: makeBrief(PULL, { comment: "/agent fix", requester: ADA, askedAt: EpochMs(1) }),
    comment: 400,
    pull: { askedAt: EpochMs(1) },
  });
const newest = () => desk.store.findNewest({ ...WHERE, issue: PULL });
const notice = async () =>
  (await desk.db.selectFrom("comments").select("notice").where("issue_number", "=", PULL).executeTakeFirst())?.notice ?? null;
const followUps = () => desk.db.selectFrom("tasks").select("id").where("issue_number", "=", PULL).execute();
/** The follow-up ends; `commit`: what it has put on the branch, which is the head from then on. */
async function end(commit?: string): Promise<void> {
  const task = await newest();
  if (task === undefined) throw new Error("there is no follow-up");
  const done =
    commit === undefined ? { state: "unsolved" as const } : { state: "solved" as const, commit_sha: commit, pull_number: PULL };
  await desk.db
    .updateTable("tasks")
    .set({ ...done, due_at: null })
    .where("id", "=", task.id)
    .execute();
}

describe("CI that fails on the head", () => {
  it.each([
    ["is left to it", false],
    ["was judged in the job", true],
  ])(
    "starts a follow-up of work that %s, as if who asked for it had, told of the checks and their logs",
    async (_name, byJob) => {
      const first = await publish({ byJob });
      const github = world();

      const note = await hear(github);

      expect(note).toBe("a follow-up was opened");
      expect(await newest()).toMatchObject({
        brief: { requester: ADA, follows: { task: first, head: HEAD, why: "checks", words: null } },
        plan: {
          base: { branch: BRANCH, commit: HEAD },
          told: {
            words: null,
            reviews: [],
            threads: [],
            checks: [{ name: "unit", conclusion: "failure", log: "not ok 1 - unit" }],
          },
        },
      });
      expect(github.asked).not.toContain("readDiscussion");
      expect((await desk.store.readTask(first))?.ciChecks === null).toBe(byJob);
    },
  );

  it.each<[string, World, string]>([
    ["the settings ask", { settings: "version: 1\n" }, "how its CI ended was kept"],
    ["the settings are broken", { settings: "version: 1\non-ci: perhaps\n" }, "how its CI ended was kept"],
    ["a re-run has passed", { runs: { [HEAD]: { unit: "success" } } }, "how its CI ended was kept"],
    ["some of it runs still", { runs: { [HEAD]: { unit: "failure", lint: null } } }, "nothing is known of its CI yet"],
    [
      "no change mends what failed",
      { runs: { [HEAD]: { unit: "cancelled", cla: "action_required" } } },
      "how its CI ended was kept",
    ],
    [
      "the same fails on the default branch",
      { runs: { [HEAD]: { unit: "failure" }, [BASE]: { unit: "failure" } } },
      "what failed of its CI fails on its base too, or was tried",
    ],
    ["somebody has pushed since", { head: { commit: "9".repeat(40) } }, "its pull request has moved on"],
    ["its pull request is closed", { head: { isOpen: false } }, "its pull request is closed, or another's"],
    [
      "who asked for the work may start none any more",
      { more: { readRole: () => Promise.resolve(ok({ permission: "read", name: "read", userId: 30 })) } },
      "the actor may not start work",
    ],
  ])("starts nothing, and says nothing, where %s", async (_name, given, note) => {
    await publish();

    expect(await hear(world(given))).toBe(note);
    expect({ task: await newest(), notice: await notice() }).toEqual({ task: undefined, notice: null });
  });

  it("starts nothing on a commit that somebody has pushed to the branch", async () => {
    await publish();
    const theirs = "9".repeat(40);
    const github = world({ runs: { [theirs]: { unit: "failure" } }, head: { commit: theirs } });

    expect(await hear(github, theirs)).toBe("not a commit of ours");
    expect(await newest()).toBeUndefined();
  });

  it("starts one where something fails that passes on the default branch", async () => {
    await publish();
    const runs = { [HEAD]: { unit: "failure", lint: "failure" }, [BASE]: { unit: "failure", lint: "success" } };

    expect(await hear(world({ runs }))).toBe("a follow-up was opened");
  });

  it("waits for the pull request to open", async () => {
    const task = await publish({ isOpen: false });
    const early = await hear(world());
    await desk.db
      .updateTable("tasks")
      .set({ state: "solved", due_at: null, pull_number: PULL, pull_draft: true })
      .where("id", "=", task)
      .execute();
    await desk.passTime();
    await desk.settle(world());

    expect(early).toBeNull();
    expect((await newest())?.brief.follows?.why).toBe("checks");
  });

  it("starts none beside one that is under way, nor a second on the same commit, and says neither", async () => {
    await publish();
    await hear(world());
    const busy = await hear(world());
    await end();
    const again = await hear(world());

    expect([busy, again]).toEqual(["follow-up-under-way", "follow-ups-used-up"]);
    expect(await followUps()).toHaveLength(1);
    expect(await notice()).toBeNull();
  });

  it("starts none for what its follow-up has tried, one for what is new, and three on a pull request", async () => {
    await publish();
    const heard: unknown[] = [];
    let head = HEAD;
    for (const [name, next] of [
      ["a", "1"],
      ["a", null],
      ["b", "2"],
      ["c", "3"],
      ["d", "4"],
    ] as const) {
      heard.push(await hear(world({ runs: { [head]: { [name]: "failure" } }, head: { commit: head } }), head));
      if (next === null) continue;
      await end(next.repeat(40));
      head = next.repeat(40);
    }

    expect(heard).toEqual([
      "a follow-up was opened",
      "what failed of its CI fails on its base too, or was tried",
      "a follow-up was opened",
      "a follow-up was opened",
      "follow-ups-used-up",
    ]);
    expect(await notice()).toEqual({ reason: "follow-ups-used-up", bound: "automatic", most: 3 });
    expect(await followUps()).toHaveLength(3);
  });

  it.each<[string, World, object]>([
    ["is mended meanwhile", { runs: { [HEAD]: { unit: "success" } } }, { reason: "nothing-to-follow", login: null }],
    ["is of a commit that was pushed over", { head: { commit: "9".repeat(40) } }, { reason: "branch-moved", branch: BRANCH }],
  ])("begins nothing where it %s", async (_name, later, failure) => {
    await publish();
    const first = world();
    let reads = 0;
    const then = world(later);
    await hear({
      ...first,
      readHead: (place, pull) => ((reads += 1) <= 2 ? first : then).readHead(place, pull),
      readFailedChecks: (...asked) => then.readFailedChecks(...asked),
    });

    expect(await newest()).toMatchObject({ state: "refused", failure });
  });

  it("is told of what it is for alone, however much fails on the base too", async () => {
    await publish();
    const old = Object.fromEntries(["a", "b", "c", "d", "e", "f"].map((name) => [name, "failure"]));
    await hear(world({ runs: { [HEAD]: { ...old, mine: "failure" }, [BASE]: old } }));

    expect((await newest())?.plan?.told?.checks.map(({ name }) => name)).toEqual(["mine"]);
  });

  it("waits until its base's own has ended, which tells whose doing it is", async () => {
    await publish();
    const waits = await hear(world({ runs: { [HEAD]: { unit: "failure" }, [BASE]: { unit: null, other: "success" } } }));
    const none = await followUps();
    await desk.passTime();
    await desk.settle(world({ runs: { [HEAD]: { unit: "failure" }, [BASE]: { unit: "failure" } } }));

    expect(waits).toBeNull();
    expect([none, await followUps()]).toEqual([[], []]);
  });

  describe("that has merged its base in first", () => {
    const MERGE = "9".repeat(40);
    const TIP = "7".repeat(40);
    /** The branch with the merge in it once GitHub has made it, whose answer is lost at first. */
    function merging(settings: string) {
      const now = { head: HEAD, isLost: true, merges: 0 };
      const more: Partial<GitHub> = {
        readHead: () => Promise.resolve(ok({ branch: BRANCH, commit: now.head, isOpen: true, isOwn: true })),
        readBehind: () => Promise.resolve(ok({ branch: "main", commit: TIP, brings: ["src/a.ts"], touches: ["src/a.ts"] })),
        mergeBase: () => {
          now.merges += 1;
          now.head = MERGE;
          return Promise.resolve(now.isLost ? unavailable() : ok({ commit: MERGE, tree: "8".repeat(40) }));
        },
        readCommit: (_place, commit) =>
          Promise.resolve(ok({ tree: "8".repeat(40), parents: commit === MERGE ? [HEAD, TIP] : [BASE], at: EpochMs(0) })),
      };
      return { github: world({ settings, more }), now };
    }
    const MERGED = { state: "awaiting", failure: null, plan: { base: { commit: MERGE }, baseUpdate: { merge: MERGE } } };

    it.each<[string, (github: GitHub) => Promise<unknown>, string]>([
      ["by itself", (github) => hear(github), FIX],
      ["by a command", (github) => fix(github), "version: 1\n"],
    ])("goes on, begun %s, where the answer to that was lost", async (_name, begin, settings) => {
      await publish();
      const { github, now } = merging(settings);
      await begin(github);
      now.isLost = false;
      await desk.passTime();
      await desk.settle(github);

      expect(await newest()).toMatchObject(MERGED);
      expect(now.merges).toBe(1);
    });

    it("goes on where its plan is made anew, and merges once", async () => {
      await publish();
      const { github, now } = merging(FIX);
      now.isLost = false;
      await desk.store.pause(WHERE.owner, "ada");
      await hear(github);
      const queued = await newest();
      await desk.store.replanQueued(WHERE.owner, "f".repeat(40));
      await desk.settle(github);

      expect(queued?.state).toBe("queued");
      expect(await newest()).toMatchObject({ ...MERGED, state: "queued" });
      expect(now.merges).toBe(1);
    });
  });

  it("is looked at again where GitHub can't be reached", async () => {
    await publish();
    const note = await hear(world({ more: { readSetUp: () => Promise.resolve(unavailable()) } }));
    await desk.passTime();
    await desk.settle(world());

    expect(note).toBeNull();
    expect(await followUps()).toHaveLength(1);
  });
});

describe("`/agent fix` where nothing but CI speaks", () => {
  it("goes by the failing checks, of a person's commit and of what fails on the default branch too", async () => {
    await publish();
    const theirs = "9".repeat(40);
    const runs = { [theirs]: { unit: "failure" }, [BASE]: { unit: "failure" } };

    await fix(world({ settings: "version: 1\n", runs, head: { commit: theirs } }));

    expect(await newest()).toMatchObject({
      brief: { follows: { why: "asked" } },
      plan: { base: { commit: theirs }, told: { checks: [{ name: "unit", log: "not ok 1 - unit" }] } },
    });
  });

  it("has nothing to go by where all of it passes", async () => {
    await publish();
    await fix(world({ runs: { [HEAD]: { unit: "success" } } }));

    expect(await newest()).toMatchObject({ state: "refused", failure: { reason: "nothing-to-follow", login: "ada" } });
  });

  it("starts nothing that would leave out what can't be read", async () => {
    await publish();
    await fix(world({ more: { readFailedChecks: () => Promise.resolve(refused(403)) } }));

    expect((await newest())?.plan).toBeNull();
  });
});
