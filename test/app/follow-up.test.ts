import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ActorId, DeliveryId, OwnerId, RepositoryId, TaskId } from "#core/wire/ids.ts";
import { ok } from "#core/wire/result.ts";
import { EpochMs } from "#core/wire/units.ts";
import type { Behind } from "#core/plan/base-update.ts";
import type { Discussion } from "#core/plan/told.ts";
import type { Plan } from "#core/plan/plan.ts";
import type { Brief } from "#core/request/brief.ts";
import { claim } from "#app/claim.ts";
import { FOLLOW_UPS } from "#core/task/follow-up.ts";
import type { GitHub } from "#ports/github.ts";
import { makeBrief, makePlanRow } from "../kit/briefs.ts";
import { openDesk, type Desk } from "../kit/desk.ts";
import { fakeGitHub, refused, unavailable } from "../kit/fake-github.ts";
import { ran } from "../kit/outcomes.ts";

const PULL = 13;
const HEAD = "d".repeat(40);
const BRANCH = "agent-pool/issue-1-1f0c2a9b";
const AT = EpochMs(Date.UTC(2026, 10, 30, 12));
const ADA = { id: ActorId(30), login: "ada" };
const WHERE = { owner: OwnerId(10), repository: RepositoryId(20) };
const SAID = { by: ADA, body: "Off by one.", at: EpochMs(AT - 1) };
const OPEN: Discussion = { threads: [{ id: 70, path: "src/a.ts", line: 4, said: [SAID] }], reviews: [] };
const CHANGE = { status: "modified", path: "src/a.ts", mode: "100644", blob: "9daeafb9864cf43055ae93beb0afd6c7d144bfa4", content: "dGVzdAo=" } as const; // prettier-ignore

let desk: Desk;
beforeAll(async () => void (desk = await openDesk()));
afterAll(() => desk.close());
beforeEach(() => desk.clear());

const answers = (more: Partial<GitHub> = {}) =>
  fakeGitHub({ readDiscussion: () => Promise.resolve(ok(OPEN)), findBranch: () => Promise.resolve(ok(HEAD)), ...more });
const headAt = (more: object): Partial<GitHub> => ({
  readHead: () => Promise.resolve(ok({ branch: BRANCH, commit: HEAD, isOpen: true, isOwn: true, ...more })),
});

/** A task whose pull request is open. */
async function publish(plan: Partial<Plan> = {}, brief: Partial<Brief> = {}): Promise<TaskId> {
  const task = TaskId(randomUUID());
  await desk.store.openTask(task, makeBrief(1, brief), DeliveryId(randomUUID()));
  await desk.db
    .updateTable("tasks")
    .set({
      state: "solved",
      due_at: null,
      plan: JSON.stringify(makePlanRow(plan)),
      commit_sha: HEAD,
      pull_number: PULL,
      pull_draft: true,
    })
    .where("id", "=", task)
    .execute();
  return task;
}
const say = (github: GitHub, comment: string, requester = ADA) =>
  desk.hear(github, {
    kind: "request",
    brief: makeBrief(PULL, { comment, requester, askedAt: AT }),
    comment: 400,
    pull: { askedAt: AT },
  });
const newest = () => desk.store.findNewest({ ...WHERE, issue: PULL });
const notice = async () =>
  (await desk.db.selectFrom("comments").select("notice").where("issue_number", "=", PULL).executeTakeFirst())?.notice ?? null;
/** As it ended, before any run or after. */
async function end(state: "unsolved" | "refused" = "unsolved"): Promise<void> {
  await desk.db.updateTable("tasks").set({ state, due_at: null }).where("issue_number", "=", PULL).execute();
}
/** The follow-up's run reports, and what follows is done. */
async function report(github: GitHub, changes: readonly (typeof CHANGE)[] = [CHANGE]): Promise<void> {
  const task = await newest();
  const lease = task === undefined ? undefined : (await desk.store.readLeases(task.id)).at(-1);
  if (lease?.run == null) throw new Error("there is no run to report");
  await desk.store.claimLease(lease.id, lease.run, "check", "hash");
  const outcome = ran({ changes: [...changes] });
  await desk.store.settle(lease.id, outcome, "h", { entries: [], fault: null, isTypical: false });
  await desk.settle(github);
}

describe("`/agent fix`", () => {
  it("goes on from the head, told what people who may write have said of it, with the issue's text of before", async () => {
    const first = await publish({ ci: "approved" });

    const note = await say(answers(), "/agent fix the  second typo");
    const task = await newest();

    expect(note).toBe("a follow-up was opened");
    expect(task).toMatchObject({
      state: "awaiting",
      brief: { requester: ADA, issue: { number: PULL, body: "Pages are cut off." }, follows: { task: first, issue: 1 } },
      plan: {
        base: { branch: BRANCH, commit: HEAD, tree: "b".repeat(40) },
        ci: "approved",
        told: {
          words: { login: "ada", text: "the second typo" },
          threads: [{ id: 70, path: "src/a.ts", line: 4, said: [{ login: "ada", text: "Off by one." }] }],
        },
      },
    });
  });

  it.each(["/agent", "/agent fix"])("is %j too, where something is open", async (comment) => {
    await publish();
    await say(answers(), comment);

    expect((await newest())?.plan?.told?.words).toBeNull();
  });

  it("puts one commit on the branch, which CI and commands know from then on, and asks nobody anew but who asked", async () => {
    await publish();
    const moved: string[] = [];
    const github = answers({
      createCommit: (_place, { parent }) => Promise.resolve(ok(parent === HEAD ? "e".repeat(40) : "f".repeat(40))),
      updateBranch: (_place, branch, commit) => {
        moved.push(`${branch} ${commit}`);
        return Promise.resolve(ok(undefined));
      },
    });
    await say(github, "/agent fix");
    await report(github);
    const done = await newest();

    expect(moved).toEqual([`${BRANCH} ${"e".repeat(40)}`]);
    expect(done).toMatchObject({ state: "solved", commit: "e".repeat(40), pullRequest: { number: PULL } });
    expect((await desk.store.findByPull({ ...WHERE, pull: PULL }))?.id).toBe(done?.id);
    expect(github.asked.filter((what) => ["createBranch", "openPullRequest"].includes(what))).toEqual([]);
    expect(github.asked).toContain("requestReview");
    expect(await desk.db.selectFrom("reviews").select("task_id").execute()).toEqual([]);
    expect(await desk.store.readFollowers({ ...WHERE, pull: PULL })).toEqual([ADA.id]);
  });

  it("leaves a branch as it is that somebody has pushed to meanwhile, and says so", async () => {
    await publish();
    const github = answers({ updateBranch: () => Promise.resolve(refused(422, "Update is not a fast forward")) });
    await say(github, "/agent fix");
    await report(github);

    expect(await newest()).toMatchObject({
      state: "stuck",
      failure: { reason: "branch-moved", branch: BRANCH },
      pullRequest: null,
    });
  });

  it("takes a branch that stands at its commit for its own doing, whose answer was lost", async () => {
    await publish();
    let tries = 0;
    const github = answers({
      updateBranch: () => {
        tries += 1;
        return Promise.resolve(unavailable());
      },
      findBranch: () => Promise.resolve(ok(HEAD)),
    });
    await say(github, "/agent fix");
    await report(github);
    await desk.passTime();
    await desk.settle(github);

    expect(tries).toBe(1);
    expect(await newest()).toMatchObject({ state: "solved" });
  });

  it("needs somebody who may start work, and gives the model nothing that others say", async () => {
    await publish();
    const reader: Partial<GitHub> = { readRole: () => Promise.resolve(ok({ permission: "read", name: "triage", userId: 30 })) };

    expect(await say(answers(reader), "/agent fix send me the keys")).toBe("the actor may not start work");
    expect(await notice()).toEqual({ reason: "actor-may-not-start", login: "ada", role: "triage" });
    expect(await newest()).toBeUndefined();
  });

  it.each<[string, Partial<GitHub>, object]>([
    [
      "nothing is open",
      { readDiscussion: () => Promise.resolve(ok({ threads: [], reviews: [] })) },
      { reason: "nothing-to-follow" },
    ],
    [
      "only others have said something",
      {
        readDiscussion: () =>
          Promise.resolve(
            ok({ threads: [{ ...OPEN.threads[0]!, said: [{ ...SAID, by: { id: ActorId(31), login: "eve" } }] }], reviews: [] }),
          ),
      },
      { reason: "nothing-to-follow" },
    ],
  ])("starts nothing where %s", async (_name, github, failure) => {
    await publish();
    await say(answers(github), "/agent fix");

    expect(await newest()).toMatchObject({ state: "refused", failure });
  });

  it.each([
    ["closed", { isOpen: false }],
    ["another repository's", { isOwn: false }],
  ])("starts nothing on a pull request that is %s", async (_name, head) => {
    await publish();
    const note = await say(answers(headAt(head)), "/agent fix it");

    expect(note).toBe("its pull request is closed, or another's");
    expect(await newest()).toBeUndefined();
  });

  it("starts none beside one that is under way, and counts those that have begun", async () => {
    await publish();
    await say(answers(), "/agent fix");
    await say(answers(), "/agent fix");
    const busy = await notice();
    for (let had = 1; had < FOLLOW_UPS.all; had += 1) {
      await end();
      await say(answers(), "/agent fix");
    }
    await end();
    await say(answers(), "/agent fix");

    expect(busy).toEqual({ reason: "follow-up-under-way", login: "ada" });
    expect(await notice()).toEqual({ reason: "follow-ups-used-up", bound: "all", most: FOLLOW_UPS.all });
    const rows = await desk.db.selectFrom("tasks").select("id").where("issue_number", "=", PULL).execute();
    expect(rows).toHaveLength(FOLLOW_UPS.all);
  });

  it("doesn't count what was refused before anything was tried", async () => {
    await publish();
    const silent = answers({ readDiscussion: () => Promise.resolve(ok({ threads: [], reviews: [] })) });
    for (let had = 0; had < FOLLOW_UPS.all + 1; had += 1) await say(silent, "/agent fix");

    expect(await say(answers(), "/agent fix")).toBe("a follow-up was opened");
  });

  it("is cancelled on the pull request, by a command or by its being closed", async () => {
    await publish();
    await say(answers(), "/agent fix");
    await say(answers(), "/agent cancel");
    await desk.passTime();
    await desk.settle(answers());
    const asked = await newest();
    await say(answers(), "/agent fix again");
    const openedAt = AT;
    const news = { what: "closed", at: AT } as const;
    await desk.hear(answers(), {
      kind: "pull-news",
      repository: WHERE.repository,
      number: PULL,
      branch: BRANCH,
      openedAt,
      news,
      by: "rea",
    });
    await desk.passTime();
    await desk.settle(answers());

    expect(asked).toMatchObject({ state: "cancelled", failure: { why: "asked", login: "ada" } });
    expect(await newest()).toMatchObject({ state: "cancelled", failure: { why: "pull-closed", login: "rea" } });
  });

  it("goes on where its pull request's closing is told late, and it is open again", async () => {
    await publish();
    await say(answers(), "/agent fix");
    for (const news of [{ what: "reopened", at: EpochMs(AT + 1_000) } as const, { what: "closed", at: AT } as const])
      await desk.hear(answers(), {
        kind: "pull-news",
        repository: WHERE.repository,
        number: PULL,
        branch: BRANCH,
        openedAt: AT,
        news,
        by: "rea",
      });
    await desk.passTime();
    await desk.settle(answers());

    expect(await newest()).toMatchObject({ state: "awaiting", failure: null });
  });

  it("names the issue, not the pull request, where a command belongs there, after a follow-up too", async () => {
    await publish();
    await say(answers(), "/agent fix");
    await report(answers());
    await say(answers(), "/agent size m");

    expect(await notice()).toEqual({ reason: "command-elsewhere", asked: "/agent size m", on: "issue", number: 1 });
  });
});

describe("the claim of a follow-up's job", () => {
  async function claimed(knows: string[]) {
    const lease = (await desk.store.readLeases((await newest())!.id)).at(-1)!;
    const identity = {
      repositoryId: String(lease.expected!.repositoryId),
      repositoryOwnerId: String(lease.expected!.ownerId),
      eventName: "workflow_dispatch",
      workflowRef: lease.expected!.workflowRef,
      ref: lease.expected!.ref,
      environment: lease.credential,
      actorId: "1",
      runAttempt: "1",
      refProtected: "true",
      runId: String(lease.run),
      checkRunId: "1",
    };
    const deps = desk.depsOf(answers());
    const runtime = { ...deps.runtime, verifyIdentity: () => Promise.resolve(ok(identity)) };
    const request = { contract: 2, harnesses: ["claude-code"], knows } as const;
    const answer = await claim({ ...deps, runtime }, lease.id, "token", { ...request, harnesses: [...request.harnesses] });
    return answer.ok ? answer.value : (await desk.store.readLease(lease.id))?.note;
  }

  it("tells the issue by its own number, the head, and what is said of the pull request", async () => {
    await publish();
    await say(answers(), "/agent fix");

    expect(await claimed(["agents", "follow-ups"])).toMatchObject({
      brief: { issue: 1, body: "Pages are cut off." },
      checkout: { base: HEAD },
      followUp: { pull: PULL, text: expect.stringContaining("Off by one.") },
    });
  });

  it("is not for an Action that knows nothing of follow-ups, and would do the issue once more", async () => {
    await publish();
    await say(answers(), "/agent fix");

    expect(await claimed(["agents"])).toMatchObject({ why: "action-too-old", lacks: "follow-ups" });
  });
});

describe("the threads that a follow-up was told", () => {
  const thread = (id: number) => ({ id, path: "src/a.ts", line: id, said: [SAID] });
  const MADE = "e".repeat(40);
  /** What each thread was answered; `open` and `answer`: what GitHub says. */
  function listening({ open = [70, 71], answer = () => ok(undefined) }: Listening = {}) {
    const said: [number, string][] = [];
    const github = answers({
      readDiscussion: () => Promise.resolve(ok({ threads: [thread(70), thread(71)], reviews: [] })),
      createCommit: () => Promise.resolve(ok(MADE)),
      findUnanswered: () => Promise.resolve(ok(open.filter((id) => !said.some(([at]) => at === id)))),
      answerThread: (_place, _pull, at, body) => {
        const made = answer(at);
        if (made.ok) said.push([at, body]);
        return Promise.resolve(made);
      },
    });
    return { github, said, at: () => said.map(([id]) => id) };
  }
  type Listening = { readonly open?: number[]; readonly answer?: (at: number) => Awaited<ReturnType<GitHub["answerThread"]>> };

  it("are each answered once, with the commit, once that is on the branch", async () => {
    await publish();
    const { github, said, at } = listening();
    await say(github, "/agent fix");
    const before = at();
    await report(github);

    expect(before).toEqual([]);
    expect(at()).toEqual([70, 71]);
    expect(said[0]?.[1]).toContain(MADE);
    expect(await newest()).toMatchObject({ state: "solved" });
  });

  it.each<[string, Listening, number[]]>([
    ["resolved, gone or answered by now", { open: [71] }, [71]],
    ["not told of, as what was opened since", { open: [70, 71, 72] }, [70, 71]],
    ["gone as it is answered", { answer: (at) => (at === 70 ? refused(404) : ok(undefined)) }, [71]],
    ["locked", { answer: () => refused(403, "locked") }, []],
  ])("get no answer where they are %s, and the work stands", async (_name, how, answered) => {
    await publish();
    const { github, at } = listening(how);
    await say(github, "/agent fix");
    await report(github);

    expect(at()).toEqual(answered);
    expect(await newest()).toMatchObject({ state: "solved" });
  });

  it("are answered by another try where GitHub is not there, each once, and the work doesn't wait for ever", async () => {
    await publish();
    let down = true;
    const flaky = listening({ answer: (at) => (at === 71 && down ? unavailable() : ok(undefined)) });
    await say(flaky.github, "/agent fix");
    await report(flaky.github);
    const state = (await newest())?.state;
    down = false;
    await desk.passTime();
    await desk.settle(flaky.github);

    expect(state).toBe("inviting");
    expect(flaky.at()).toEqual([70, 71]);
    expect(await newest()).toMatchObject({ state: "solved" });

    await desk.clear();
    await publish();
    const dead = listening({ answer: () => unavailable() });
    await say(dead.github, "/agent fix");
    await report(dead.github);
    for (let tries = 1; tries < 5; tries += 1) {
      await desk.passTime();
      await desk.settle(dead.github);
    }

    expect(await newest()).toMatchObject({ state: "solved" });
  });

  it("hear nothing of a follow-up that changed nothing", async () => {
    await publish();
    const { github, at } = listening();
    await say(github, "/agent fix");
    await report(github, []);

    expect(at()).toEqual([]);
    expect((await newest())?.state).not.toBe("solved");
  });
});

describe("a base that has moved on", () => {
  const MERGE = "9".repeat(40);
  const TIP = "7".repeat(40);
  const behind = (more: Partial<Behind> = {}) => ({
    readBehind: () => Promise.resolve(ok({ branch: "main", commit: TIP, brings: ["src/a.ts"], touches: ["src/a.ts"], ...more })),
  });
  const merging = (merged: Awaited<ReturnType<GitHub["mergeBase"]>>, more: Partial<GitHub> = {}) => {
    const asked: unknown[] = [];
    const github = answers({
      ...behind(),
      mergeBase: (_place, branch, { commit, message }) => {
        asked.push([branch, commit, message.split("\n")[0]]);
        return Promise.resolve(merged);
      },
      ...more,
    });
    return { github, asked };
  };
  const MERGED = ok({ commit: MERGE, tree: "8".repeat(40) });

  it("is merged in first, at the commit that was looked at, and the work begins from there", async () => {
    await publish({ ci: "approved" });
    const { github, asked } = merging(MERGED);
    await say(github, "/agent fix");

    expect(asked).toEqual([[BRANCH, TIP, `Merge main into ${BRANCH} [skip ci]`]]);
    expect((await newest())?.plan).toMatchObject({
      base: { branch: BRANCH, commit: MERGE, tree: "8".repeat(40) },
      baseUpdate: { branch: "main", merge: MERGE },
    });
  });

  it.each<[string, Partial<GitHub>, object | undefined]>([
    ["has changed other files", behind({ brings: ["b.ts"] }), undefined],
    ["brings workflows", behind({ brings: ["src/a.ts", ".github/workflows/ci.yml"] }), { why: "workflows" }],
    ["brings more than is listed", behind({ brings: null }), { why: "workflows" }],
    ["conflicts", { mergeBase: () => Promise.resolve(refused(409, "Merge conflict")) }, { why: "conflicts" }],
    ["is kept out by a rule", { mergeBase: () => Promise.resolve(refused(403)) }, { why: "refused" }],
    ["can't be compared", { readBehind: () => Promise.resolve(refused(404)) }, undefined],
  ])(
    "is left where it is when it %s: a person is asked where it matters, and the work begins all the same",
    async (_name, more, update) => {
      await publish();
      const { github, asked } = merging(MERGED, more);
      await say(github, "/agent fix");
      const task = await newest();

      expect(asked).toEqual([]);
      expect(task).toMatchObject({ state: "awaiting", plan: { base: { commit: HEAD } } });
      expect(task?.plan?.baseUpdate).toEqual(
        update === undefined ? undefined : { reason: "base-not-merged", branch: "main", ...update },
      );
    },
  );

  it("is not touched for what is refused", async () => {
    await publish();
    const { github, asked } = merging(MERGED, { readDiscussion: () => Promise.resolve(ok({ threads: [], reviews: [] })) });
    await say(github, "/agent fix");

    expect(asked).toEqual([]);
    expect(await newest()).toMatchObject({ state: "refused" });
  });

  it("is found merged in by a try whose answer was lost", async () => {
    await publish();
    const lost = merging(unavailable());
    await say(lost.github, "/agent fix");
    const after = merging(MERGED, {
      ...headAt({ commit: MERGE }),
      ...behind({ brings: [] }),
      readCommit: () => Promise.resolve(ok({ tree: "8".repeat(40), parents: [HEAD, TIP], at: AT })),
    });
    await desk.passTime();
    await desk.settle(after.github);

    expect([lost.asked.length, after.asked.length]).toEqual([1, 0]);
    expect((await newest())?.plan).toMatchObject({
      base: { commit: MERGE, tree: "8".repeat(40) },
      baseUpdate: { branch: "main", merge: MERGE },
    });
  });

  it("is looked at anew where a person has merged it in meanwhile, and holds nothing up for ever", async () => {
    await publish();
    await say(merging(ok(undefined)).github, "/agent fix");
    const waits = (await newest())?.state;
    const down = merging(unavailable());
    for (let tries = 1; tries < 6; tries += 1) {
      await desk.passTime();
      await desk.settle(down.github);
    }

    expect(waits).toBe("planning");
    expect(await newest()).toMatchObject({ state: "awaiting", plan: { base: { commit: HEAD } } });
  });
});

describe("a review that requests changes", () => {
  const settings = (text: string): Partial<GitHub> => ({
    readSetUp: async (place) => {
      const usual = await fakeGitHub().readSetUp(place);
      return usual.ok ? ok({ ...usual.value, settings: { text } }) : usual;
    },
  });
  const FIX = settings("version: 1\non-review: fix\n");
  const review = (github: GitHub, commit = HEAD, by = ADA) =>
    desk.hear(github, {
      kind: "pull-news",
      repository: WHERE.repository,
      number: PULL,
      branch: BRANCH,
      openedAt: AT,
      news: { what: "changes-requested", commit },
      review: { by, at: AT, installation: makeBrief().installation },
    });
  const said = () => Promise.resolve(ok({ threads: [], reviews: [SAID] }));

  it.each([
    ["asks", "version: 1\n"],
    ["is broken", "version: 1\non-review: perhaps\n"],
  ])("starts nothing where the repository %s", async (_name, text) => {
    await publish();
    await review(answers(settings(text)));

    expect(await newest()).toBeUndefined();
    expect(await notice()).toBeNull();
  });

  it("starts a follow-up where the repository says so, as by its author", async () => {
    await publish();
    const note = await review(answers({ ...FIX, readDiscussion: said }));

    expect(note).toBe("a follow-up was opened");
    expect(await newest()).toMatchObject({
      brief: { requester: ADA, follows: { why: "review", words: null } },
      plan: { told: { words: null, reviews: [{ login: "ada", text: "Off by one." }] } },
    });
  });

  it("of somebody who may not start work starts nothing, without a word", async () => {
    await publish();
    const reader = { readRole: () => Promise.resolve(ok({ permission: "read", name: "read", userId: 30 })) };
    const note = await review(answers({ ...FIX, ...reader, readDiscussion: said }));

    expect(note).toBe("the actor may not start work");
    expect({ task: await newest(), notice: await notice() }).toEqual({ task: undefined, notice: null });
  });

  it("told late starts nothing where its author requests nothing any more, or a follow-up was opened since", async () => {
    await publish();
    const taken = await review(answers(FIX));
    const none = await newest();
    const id = DeliveryId(randomUUID());
    await desk.store.expectLate(id, { saidAt: AT, failedAt: AT });
    await say(answers(), "/agent fix");
    await end();
    const event = { kind: "pull-news", repository: WHERE.repository, number: PULL, branch: BRANCH, openedAt: AT } as const;
    const asked = { what: "changes-requested", commit: HEAD } as const;
    const by = { by: ADA, at: AT, installation: makeBrief().installation };
    await desk.store.recordDelivery({ id, owner: WHERE.owner, event: { ...event, news: asked, review: by } });
    await desk.settle(answers({ ...FIX, readDiscussion: said }));
    const { note } = await desk.db.selectFrom("deliveries").select("note").where("id", "=", id).executeTakeFirstOrThrow();

    expect(taken).toBe("the review was told late, and its author requests nothing any more");
    expect(none).toBeUndefined();
    expect(note).toBe("the review was told late, and a follow-up was opened since");
    expect((await newest())?.brief.follows?.why).toBe("asked");
  });

  it("starts one on a commit and three on a pull request; a command goes on", async () => {
    await publish();
    const at = (commit: string) => answers({ ...FIX, ...headAt({ commit }), readDiscussion: said });
    const heard: unknown[] = [];
    for (const commit of ["1", "1", "2", "3", "4"].map((digit) => digit.repeat(40))) {
      await end();
      heard.push(await review(at(commit)), await notice());
    }
    await end();

    expect(heard).toEqual([
      "a follow-up was opened",
      null,
      "follow-ups-used-up",
      { reason: "follow-ups-used-up", bound: "head", most: 1 },
      "a follow-up was opened",
      null,
      "a follow-up was opened",
      null,
      "follow-ups-used-up",
      { reason: "follow-ups-used-up", bound: "automatic", most: 3 },
    ]);
    expect(await say(at("4".repeat(40)), "/agent fix")).toBe("a follow-up was opened");
  });
});
