import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { gitBlobId } from "#core/change/guards.ts";
import { LEASE } from "#core/pool/lease.ts";
import { CredentialName, DeliveryId, InstallationId, OwnerId, RepositoryId, RunId, TaskId } from "#core/wire/ids.ts";
import { EFFECTS } from "#core/task/effects.ts";
import { branchName } from "#core/task/markers.ts";
import type { Checks, Claim, EndingKind, Outcome } from "#core/wire/contract.ts";
import { ok } from "#core/wire/result.ts";
import { DAY_MS, EpochMs, HOUR_MS, MicroUsd, MINUTE_MS } from "#core/wire/units.ts";
import type { Connection } from "#adapters/store/connect.ts";
import type { Deps } from "#app/deps.ts";
import { claim } from "#app/claim.ts";
import { report } from "#app/outcome.ts";
import { trigger } from "#app/trigger.ts";
import { workOnce } from "#app/worker.ts";
import type { GitHub, SetUp } from "#ports/github.ts";
import type { RunIdentity } from "#ports/runtime.ts";
import type { LeaseRow, Store, TaskRow } from "#ports/store.ts";
import { beat, checked, ran } from "../kit/outcomes.ts";
import { makeBrief, makePlanRow, SETTLED, settlementOf } from "../kit/briefs.ts";
import { fakeGitHub, refused, RUNNER_REPOSITORY, unavailable } from "../kit/fake-github.ts";
import { makeRuntime } from "../kit/runtime.ts";
import { checkBooks } from "../kit/invariants.ts";
import { turnMonth } from "../kit/month.ts";
import { openFresh } from "../kit/stores.ts";

const CHANGED = ran({ changes: [{ status: "deleted", path: "a.txt" }] });

describe("the worker's steps", () => {
  let connection: Connection;
  let store: Store;
  beforeAll(async () => {
    ({ connection, store } = await openFresh("PGlite"));
  });
  beforeEach(async () => {
    for (const table of [
      "draftless",
      "decisions",
      "credentials",
      "consents",
      "cooldowns",
      "allowances",
      "uses",
      "teams",
      "seen",
      "spend",
      "ledger",
      "holds",
      "leases",
      "attempts",
      "comments",
      "tasks",
      "owners",
      "deliveries",
    ])
      await sql`delete from ${sql.table(table)}`.execute(connection.db);
  });
  afterEach(() => checkBooks(connection.db));
  afterAll(() => store.close());

  function depsOf(github: GitHub): Deps {
    return {
      store,
      github,
      runtime: makeRuntime(),
    };
  }
  /** Works until nothing is due. */
  async function settle(github: GitHub): Promise<void> {
    for (let rounds = 0; rounds < 100; rounds += 1) if (!(await workOnce(depsOf(github)))) return;
    throw new Error("the worker never comes to rest");
  }
  /** Everything that waits for a time becomes due. */
  async function passTime(ms = 0): Promise<void> {
    await sql`
      update leases set created_at = created_at - ${ms}, deadline_at = deadline_at - ${ms}, heard_at = heard_at - ${ms}`.execute(
      connection.db,
    );
    await sql`update cooldowns set since = since - ${ms}, until = until - ${ms}`.execute(connection.db);
    for (const table of ["tasks", "comments", "owners", "deliveries"])
      await sql`update ${sql.table(table)} set due_at = 0 where due_at is not null`.execute(connection.db);
  }
  async function ask(github: GitHub, comment: string | null = null): Promise<void> {
    const event = { kind: "request" as const, brief: { ...makeBrief(1), comment } };
    await store.recordDelivery({ id: DeliveryId(randomUUID()), owner: OwnerId(10), event });
    await settle(github);
  }
  async function now(): Promise<{ task: TaskRow; leases: readonly LeaseRow[] }> {
    const { id } = await connection.db.selectFrom("tasks").select("id").orderBy("created_at", "desc").executeTakeFirstOrThrow();
    return { task: (await store.readTask(TaskId(id)))!, leases: await store.readLeases(TaskId(id)) };
  }
  async function claimed(github: GitHub): Promise<LeaseRow> {
    await ask(github);
    const { leases } = await now();
    const lease = leases[0]!;
    await store.claimLease(lease.id, lease.run ?? RunId(1), "check", "hash");
    return lease;
  }
  /** The latest lease, taken by its run. */
  async function start(): Promise<LeaseRow> {
    const lease = (await now()).leases.at(-1)!;
    await store.claimLease(lease.id, lease.run!, "check", "hash");
    return (await store.readLease(lease.id))!;
  }
  const tellAlive = (lease: LeaseRow) => store.recordHeartbeat(lease.id, beat(), MicroUsd(0));
  const holds = () => connection.db.selectFrom("holds").select("window_id").execute();

  it("lead from a request to a pull request, each effect once", async () => {
    const github = fakeGitHub();
    const lease = await claimed(github);

    await store.settle(lease.id, CHANGED, "h", SETTLED);
    await settle(github);

    expect((await now()).task).toMatchObject({ state: "solved", pullRequest: { number: 2, draft: true } });
    expect(github.asked.toSorted()).toEqual(
      [
        "createBranch",
        "createComment",
        "createCommit",
        "dispatchRun",
        "openPullRequest",
        "requestReview",
        "updateComment",
      ].toSorted(),
    );
  });

  it.each([
    ["the base is where it was", "a".repeat(40), 403, "github-refused"],
    ["GitHub refuses for another reason", "f".repeat(40), 422, "github-refused"],
    ["the base has moved", "f".repeat(40), 403, "base-moved"],
  ])("end with the reason where no branch may be made: %s", async (_name, commit, status, reason) => {
    const github = fakeGitHub();
    const lease = await claimed(github);
    await store.settle(lease.id, CHANGED, "h", SETTLED);
    const { value: setUp } = (await github.readSetUp(makeBrief(1))) as { value: SetUp };
    const base = { ...setUp.base!, commit };
    await settle(
      fakeGitHub({
        createBranch: () => Promise.resolve(refused(status)),
        readSetUp: () => Promise.resolve(ok({ ...setUp, base })),
      }),
    );

    expect((await now()).task).toMatchObject({ state: "stuck", failure: { reason } });
    expect(await holds()).toEqual([]);
  });

  describe("told that CI has ended on a commit", () => {
    const PASSED = { name: "test", status: "completed", conclusion: "success" };
    async function hear(github: GitHub, { owner = 10, repository = 20, commit = "d".repeat(40) } = {}): Promise<string | null> {
      const at = { installation: InstallationId(6), repository: RepositoryId(repository), commit };
      const id = DeliveryId(randomUUID());
      await store.recordDelivery({ id, owner: OwnerId(owner), event: { kind: "ci-ended", ...at } });
      await settle(github);
      return (await connection.db.selectFrom("deliveries").select("note").where("id", "=", id).executeTakeFirstOrThrow()).note;
    }

    it("keep it and say it with the pull request, though that isn't open yet", async () => {
      const read: unknown[] = [];
      const bodies: string[] = [];
      const github = fakeGitHub({
        readCheckRuns: ({ installation, repository }, commit) => {
          read.push([installation, repository.name, commit]);
          return Promise.resolve(ok([PASSED]));
        },
        updateComment: (_place, _id, body) => {
          bodies.push(body);
          return Promise.resolve(ok(undefined));
        },
      });
      const lease = await claimed(github);
      await store.settle(lease.id, CHANGED, "h", SETTLED);
      await settle({ ...github, openPullRequest: () => Promise.resolve(unavailable()) });
      const before = (await now()).task.state;

      const note = await hear(github);
      await passTime();
      await settle(github);

      expect([before, note]).toEqual(["opening", "how its CI ended was kept"]);
      expect(read).toEqual([[6, "web", "d".repeat(40)]]);
      expect((await now()).task).toMatchObject({ state: "solved", ciChecks: { passed: 1, skipped: 0, failed: [] } });
      expect(bodies.at(-1)).toContain("CI on #2 passed (1 check).");
    });

    it("keep nothing while one runs, and what was kept before stays", async () => {
      const github = fakeGitHub();
      const lease = await claimed(github);
      await store.settle(lease.id, CHANGED, "h", SETTLED);
      await settle(github);
      await hear(fakeGitHub({ readCheckRuns: () => Promise.resolve(ok([PASSED])) }));

      const running = { name: "lint", status: "in_progress", conclusion: null };
      const note = await hear(fakeGitHub({ readCheckRuns: () => Promise.resolve(ok([PASSED, running])) }));

      expect(note).toBe("nothing is known of its CI yet");
      expect((await now()).task.ciChecks).toEqual({ passed: 1, skipped: 0, failed: [] });
    });

    it.each([
      ["another owner's repository", { owner: 11 }],
      ["another repository", { repository: 21 }],
      ["a commit that somebody pushed to our branch", { commit: "e".repeat(40) }],
    ])("ask GitHub nothing where it is of %s", async (_name, other) => {
      const github = fakeGitHub();
      const lease = await claimed(github);
      await store.settle(lease.id, CHANGED, "h", SETTLED);
      await settle(github);

      const note = await hear(github, other);

      expect(note).toBe("not a commit of ours");
      expect(github.asked).not.toContain("readCheckRuns");
    });

    it("ask GitHub nothing where the job's checks have judged the work", async () => {
      const github = fakeGitHub();
      const lease = await claimed(github);
      const checks: Checks = { source: "detected", commands: ["npm test"] };
      await store.settle(lease.id, { ...CHANGED, checks, verification: [checked("npm test")] }, "h", SETTLED);
      await settle(github);

      const note = await hear(github);

      expect([(await now()).task.state, note]).toEqual(["solved", "its checks ran in the job"]);
      expect(github.asked).not.toContain("readCheckRuns");
    });

    it("look again where GitHub can't be reached", async () => {
      const github = fakeGitHub({ readCheckRuns: () => Promise.resolve(ok([PASSED])) });
      const lease = await claimed(github);
      await store.settle(lease.id, CHANGED, "h", SETTLED);
      await settle(github);

      const note = await hear(fakeGitHub({ readCheckRuns: () => Promise.resolve(unavailable()) }));
      await passTime();
      await settle(github);

      expect(note).toBeNull();
      expect((await now()).task.ciChecks).toMatchObject({ passed: 1 });
    });
  });

  describe("told of their pull request", () => {
    const merged = { what: "merged", at: EpochMs(Date.UTC(2026, 10, 30, 11)), commit: "c".repeat(40) } as const;
    /** Told by GitHub; the note it was finished with, null while it waits. */
    async function tell(github: GitHub, number = 2): Promise<() => Promise<string | null>> {
      const { task } = await now();
      const id = DeliveryId(randomUUID());
      const branch = branchName(task.brief.issue.number, task.id);
      const openedAt = EpochMs(Date.UTC(2026, 10, 30, 10));
      const event = { kind: "pull-news", repository: RepositoryId(20), number, branch, openedAt, news: merged } as const;
      await store.recordDelivery({ id, owner: OwnerId(10), event });
      await settle(github);
      return async () =>
        (await connection.db.selectFrom("deliveries").select("note").where("id", "=", id).executeTakeFirstOrThrow()).note;
    }
    const fate = () => connection.db.selectFrom("tasks").select("fate").executeTakeFirst();

    it("keep what came of it, once", async () => {
      const github = fakeGitHub();
      const lease = await claimed(github);
      await store.settle(lease.id, CHANGED, "h", SETTLED);
      await settle(github);

      const notes = [await (await tell(github))(), await (await tell(github))()];

      expect(new Set(notes)).toEqual(new Set(["what came of its pull request was kept"]));
      expect(await fate()).toMatchObject({ fate: { merged: { at: merged.at, commit: merged.commit } } });
    });

    it("wait for their own answer to its opening where GitHub's event is faster", async () => {
      const github = fakeGitHub();
      const lease = await claimed(github);
      await store.settle(lease.id, CHANGED, "h", SETTLED);
      await settle({ ...github, openPullRequest: () => Promise.resolve(unavailable()) });

      const note = await tell({ ...github, openPullRequest: () => Promise.resolve(unavailable()) });
      const early = await note();
      await passTime();
      await settle(github);
      await passTime();
      await settle(github);

      expect([early, await note()]).toEqual([null, "what came of its pull request was kept"]);
      expect((await now()).task.state).toBe("solved");
    });

    it("keep nothing of another one", async () => {
      const github = fakeGitHub();
      const lease = await claimed(github);
      await store.settle(lease.id, CHANGED, "h", SETTLED);
      await settle(github);

      expect(await (await tell(github, 3))()).toBe("not a pull request of ours");
      expect(await fate()).toEqual({ fate: null });
    });
  });

  it("offer an attempt three times where no runner takes it, then ask a person, and keep no lease", async () => {
    const github = fakeGitHub();
    await ask(github);
    for (let offers = 0; offers < 3; offers += 1) {
      await passTime(LEASE.offerMs + 1);
      await settle(github);
    }

    const { task, leases } = await now();
    expect(task).toMatchObject({ state: "stuck", failure: { reason: "tries-used-up", step: "waiting for a runner" } });
    expect(leases.map(({ fence, state, attempt }) => [fence, state, attempt.number, attempt.verdict])).toEqual([
      [1, "lost", 1, "lost"],
      [2, "lost", 1, "lost"],
      [3, "lost", 1, "lost"],
    ]);
    expect(github.asked.filter((what) => what === "cancelRun")).toHaveLength(3);
  });

  it("take an offer that ran out back before its run is cancelled, so that none is cancelled that has claimed", async () => {
    const late: unknown[] = [];
    const github = fakeGitHub({
      cancelRun: async () => {
        const { leases } = await now();
        late.push(await store.claimLease(leases[0]!.id, leases[0]!.run!, "check", "late"));
        return ok(undefined);
      },
    });
    await ask(github);
    await passTime(LEASE.offerMs + 1);
    await settle(github);

    expect(late).toEqual([undefined]);
    expect((await now()).leases.map(({ state }) => state)).toEqual(["lost", "offered"]);
  });

  it("leave a run alone that claims while its offer runs out", async () => {
    const github = fakeGitHub({
      readRun: async (_installation, _runner, run) => {
        const { leases } = await now();
        if (leases[0]!.state === "offered") await store.claimLease(leases[0]!.id, run, "check", "just in time");
        return ok({ id: run, url: "x", status: "queued", conclusion: null });
      },
    });
    await ask(github);
    await passTime(LEASE.offerMs + 1);
    await settle(github);

    const { task, leases } = await now();
    expect([task.state, leases[0]!.state]).toEqual(["running", "held"]);
    expect(github.asked).not.toContain("cancelRun");
  });

  it("cancel the run of a job that is silent past its deadline, and charge what it held", async () => {
    const github = fakeGitHub();
    await claimed(github);

    await passTime(LEASE.termMs + LEASE.graceMs + 1);
    await settle(github);

    const { task, leases } = await now();
    expect(task.state).toBe("unsolved");
    expect(leases[0]).toMatchObject({
      state: "lost",
      costs: { model: 2_500_000 },
      attempt: { verdict: "lost", why: { why: "deadline" } },
    });
    expect(github.asked).toContain("cancelRun");
  });

  describe.each<[string, Partial<GitHub>, number]>([
    ["refuses to tell of the run", { readRun: () => Promise.resolve(refused(404)) }, 1],
    ["can't be reached", { readRun: () => Promise.resolve(unavailable()) }, 1],
    ["has lost the runner repository", { readRunner: () => Promise.resolve(ok(undefined)) }, 0],
  ])("while GitHub %s", (_name, answers, cancelled) => {
    it("leave a job alone whose run is said to have ended, and take what it reports", async () => {
      const github = fakeGitHub();
      const lease = await claimed(github);

      await store.hearRunEnded(lease.id);
      await settle({ ...github, ...answers });
      const before = (await now()).task.state;
      await store.settle(lease.id, CHANGED, "h", SETTLED);
      await settle(github);

      expect(before).toBe("running");
      expect((await now()).task.state).toBe("solved");
    });

    it("leave a job that is heard of alone until its deadline, and take it for lost then", async () => {
      const github = fakeGitHub();
      const lease = await claimed(github);
      const blind = { ...github, ...answers };

      await store.hearRunEnded(lease.id);
      await passTime(LEASE.termMs + LEASE.graceMs - MINUTE_MS);
      await tellAlive(lease);
      await settle(blind);
      const before = await now();
      await passTime(MINUTE_MS);
      await settle(blind);
      const late = await store.settle(lease.id, CHANGED, "h", SETTLED);

      expect(before).toMatchObject({ task: { state: "running" }, leases: [{ state: "held", attempt: { verdict: null } }] });
      expect(await now()).toMatchObject({
        task: { state: "unsolved" },
        leases: [{ state: "lost", costs: { model: 2_500_000 }, attempt: { verdict: "lost", why: { why: "deadline" } } }],
      });
      expect(late).toBe(false);
      expect(github.asked.filter((what) => what === "cancelRun")).toHaveLength(cancelled);
    });
  });

  it("leave a job that is heard of alone, without asking GitHub", async () => {
    let asked = 0;
    const github = fakeGitHub({
      readRun: () => {
        asked += 1;
        return Promise.resolve(unavailable());
      },
    });
    const lease = await claimed(github);
    for (let beats = 0; beats < 3; beats += 1) {
      await passTime(LEASE.silentMs - MINUTE_MS);
      await tellAlive(lease);
      await settle(github);
    }

    expect((await now()).task.state).toBe("running");
    expect(asked).toBe(0);
    expect(github.asked).not.toContain("cancelRun");
  });

  it("cancel the run of a silent job, and keep what it holds until GitHub says that it has ended", async () => {
    const github = fakeGitHub();
    await claimed(github);
    const reserved = await holds();

    await passTime(LEASE.silentMs);
    await settle(github);
    const stopped = await now();
    await passTime();
    await settle(github);
    const waiting = [(await now()).task.state, await holds()];
    await passTime();
    await settle({
      ...github,
      readRun: (_installation, _runner, id) =>
        Promise.resolve(ok({ id, url: "x", status: "completed", conclusion: "cancelled" })),
    });

    expect(github.asked).toContain("cancelRun");
    expect(stopped).toMatchObject({ task: { state: "running" }, leases: [{ state: "held", attempt: { verdict: null } }] });
    expect(waiting).toEqual(["running", reserved]);
    expect(await now()).toMatchObject({
      task: { state: "unsolved" },
      leases: [{ state: "lost", costs: { model: 2_500_000 }, attempt: { verdict: "lost", why: { why: "silent" } } }],
    });
    expect(await holds()).toEqual([]);
  });

  it("take what a job reports that was silent for a while, and was not stopped in time", async () => {
    const github = fakeGitHub();
    const lease = await claimed(github);
    await passTime(LEASE.silentMs);
    await settle(github);
    await tellAlive(lease);

    await store.settle(lease.id, CHANGED, "h", SETTLED);
    await settle(github);

    expect(await now()).toMatchObject({ task: { state: "solved" }, leases: [{ attempt: { verdict: "solved", why: null } }] });
  });

  it("take a silent run that ended and reported nothing for lost, with its conclusion", async () => {
    const github = fakeGitHub({
      readRun: (_installation, _runner, id) =>
        Promise.resolve(ok({ id, url: "x", status: "completed", conclusion: "startup_failure" })),
    });
    await claimed(github);

    await passTime(LEASE.silentMs);
    await settle(github);

    expect((await now()).leases[0]?.attempt).toMatchObject({
      verdict: "lost",
      why: { why: "run-ended", conclusion: "startup_failure" },
    });
  });

  it("wake for the end of the run that holds the lease, and for no other", async () => {
    const github = fakeGitHub();
    const lease = await claimed(github);
    const end = (run: RunId) =>
      store.recordDelivery({
        id: DeliveryId(randomUUID()),
        owner: OwnerId(10),
        event: { kind: "run-ended", installation: makeBrief().installation, lease: lease.id, run, conclusion: "failure" },
      });
    const ended = fakeGitHub({
      readRun: (_installation, _runner, id) => Promise.resolve(ok({ id, url: "x", status: "completed", conclusion: "failure" })),
    });

    await end(RunId(12_345));
    await settle(ended);
    const afterAnother = (await now()).task.state;
    await end(lease.run!);
    await settle(ended);

    expect(afterAnother).toBe("running");
    expect((await now()).task.state).toBe("unsolved");
  });

  it.each<[string, Partial<GitHub>, object]>([
    [
      "the requester has lost write",
      { readRole: once({ permission: "write" }, { permission: "read" }, 2) },
      { reason: "actor-may-not-start" },
    ],
    [
      "the App isn't on the runner repository",
      { readRunner: () => Promise.resolve(ok(undefined)) },
      { reason: "runner-not-installed" },
    ],
    [
      "the runner repository is another owner's by id, whatever its name",
      { readRunner: () => Promise.resolve(ok({ ...RUNNER_REPOSITORY, owner: { id: OwnerId(11), login: "acme" } })) },
      { reason: "runner-of-another-owner" },
    ],
    [
      "the runner repository is public",
      { readRunner: () => Promise.resolve(ok({ ...RUNNER_REPOSITORY, private: false })) },
      { reason: "runner-is-public" },
    ],
    [
      "the environment is open",
      { readDeploymentBranches: () => Promise.resolve(ok(undefined)) },
      { reason: "environment-not-locked" },
    ],
    [
      "GitHub refuses the workflow",
      { dispatchRun: () => Promise.resolve(refused(422, "no such input")) },
      { reason: "workflow-refused" },
    ],
  ])("start nothing, give the lease back for nothing and say why when %s", async (_name, answers, failure) => {
    const github = fakeGitHub(answers);

    await ask(github);

    const { task, leases } = await now();
    expect(task).toMatchObject({ state: "refused", failure });
    expect(leases[0]).toMatchObject({
      state: "lost",
      costs: { model: null, runner: null },
      attempt: { verdict: "refused" },
    });
    expect(github.asked).not.toContain("dispatchRun");
    expect(github.asked).toContain("createComment");
  });

  it("publish nothing for a requester who has lost write while the job ran", async () => {
    const github = fakeGitHub();
    const lease = await claimed(github);
    await store.settle(lease.id, CHANGED, "h", SETTLED);

    await settle(fakeGitHub({ readRole: () => Promise.resolve(ok({ permission: "read", name: "read", userId: 30 })) }));

    expect((await now()).task).toMatchObject({ state: "unsolved", failure: { reason: "actor-may-not-start" } });
    expect((await now()).leases[0]?.attempt.verdict).toBe("refused");
  });

  it("open a plain pull request, marked as a draft, where GitHub has no drafts", async () => {
    const opened: { title: string; draft: boolean }[] = [];
    const github = fakeGitHub({
      openPullRequest: (_place, { title, draft }) => {
        opened.push({ title, draft });
        return Promise.resolve(
          draft ? refused(422, "Draft pull requests are not supported in this repository.") : ok({ number: 2, draft }),
        );
      },
    });
    const lease = await claimed(github);
    await store.settle(lease.id, CHANGED, "h", SETTLED);

    await settle(github);

    expect((await now()).task).toMatchObject({ state: "solved", pullRequest: { number: 2, draft: false } });
    expect(opened).toEqual([
      { title: "The last page is missing", draft: true },
      { title: "[draft] The last page is missing", draft: false },
    ]);
  });

  it("ask for no draft any more in a repository that has refused one, for a month", async () => {
    const drafts: boolean[] = [];
    const github = fakeGitHub({
      openPullRequest: (_place, { draft, body }) => {
        drafts.push(draft);
        expect(body.includes("Take this for a draft")).toBe(!draft);
        const refusal = refused(422, "Draft pull requests are not supported in this repository.");
        return Promise.resolve(draft ? refusal : ok({ number: 2 + drafts.length, draft }));
      },
    });
    const publish = async () => {
      await ask(github, "/agent retry fresh");
      const lease = (await now()).leases[0]!;
      await store.claimLease(lease.id, lease.run ?? RunId(1), "check", "hash");
      await store.settle(lease.id, CHANGED, "h", SETTLED);
      await settle(github);
      return drafts.splice(0);
    };

    const [first, second] = [await publish(), await publish()];
    await connection.db
      .updateTable("draftless")
      .set({ at: sql`at - ${31 * DAY_MS}` })
      .execute();
    const later = await publish();

    expect({ first, second, later }).toEqual({ first: [true, false], second: [false], later: [true, false] });
  });

  it("open as a draft, with the paths named, what a person is to be asked about", async () => {
    const opened: { body: string; draft: boolean }[] = [];
    const read = policy(pooled(["one"]));
    const settings = 'version: 1\nverify: [npm test]\ndraft: false\nguards: { protected: ["a.*"], on-protected: ask }\n';
    const github = fakeGitHub({
      readSetUp: async (place) => {
        const setUp = await read(place);
        return setUp.ok ? ok({ ...setUp.value, settings: { text: settings } }) : setUp;
      },
      openPullRequest: (_place, pull) => {
        opened.push(pull);
        return Promise.resolve(ok({ number: 2, draft: pull.draft }));
      },
    });
    await ask(github);

    await report(depsOf(github), await start(), { ...CHANGED, verification: [checked("npm test")] });
    await settle(github);

    expect(opened).toMatchObject([{ draft: true }]);
    expect(opened[0]?.body).toContain("### A person decides first");
    expect(opened[0]?.body).toContain(", by `a.*`");
  });

  describe("once the pull request is open", () => {
    type Asked = { readonly people: readonly string[]; readonly teams: readonly string[] };
    const CODE_OWNERS = "* @ada @acme/web @rival/web\n*.md @bo\n";
    /** A repository with these settings and, as its plan found it, that CODEOWNERS. */
    function repository(settings: string, answers: Partial<GitHub> = {}, files: readonly string[] = ["CODEOWNERS"]) {
      const asked: Asked[] = [];
      const read = policy(pooled(["one"]));
      const github = fakeGitHub({
        readSetUp: async (place) => {
          const setUp = await read(place);
          return setUp.ok ? ok({ ...setUp.value, settings: { text: `version: 1\n${settings}` } }) : setUp;
        },
        readTree: () => Promise.resolve(ok({ files: files.map((path) => ({ path, size: 1 })), isCut: false })),
        readAround: () =>
          Promise.resolve(ok({ codeOwners: CODE_OWNERS, links: { subIssues: 0, pullsOpen: 0, pullsClosed: 0 }, edit: null })),
        ...answers,
        requestReview: (place, pull, reviewers) => {
          // Who asked for the work is called once it is done, by itself (one-comment.test.ts).
          if (reviewers.people.join() !== "maintainer") asked.push(reviewers);
          return answers.requestReview?.(place, pull, reviewers) ?? Promise.resolve(ok(undefined));
        },
      });
      return { github, asked };
    }
    async function publish(github: GitHub): Promise<void> {
      await ask(github);
      await report(depsOf(github), await start(), { ...CHANGED, verification: [checked("npm test")] });
      await settle(github);
    }
    const isOf = ({ people, teams }: Asked, ...names: string[]) => [...people, ...teams].some((name) => names.includes(name));

    it.each<[string, string, Asked | undefined, string[]]>([
      ["who owns the changed files, where it is a draft", "", { people: ["ada"], teams: ["web"] }, ["ada", "acme/web"]],
      // GitHub asks its owners by itself.
      ["nobody on one that is no draft", "draft: false\nverify: [npm test]\n", undefined, []],
      [
        "whom the settings name in the owners' place, and not who asked for the work",
        "reviewers: { teams: [docs], people: [Bo, maintainer] }\n",
        { people: ["bo"], teams: ["docs"] },
        ["bo", "acme/docs"],
      ],
      ["nobody where the settings say so", "reviewers: {}\n", undefined, []],
    ])("ask for a review %s", async (_name, settings, reviewers, names) => {
      const { github, asked } = repository(settings);

      await publish(github);

      expect(asked).toEqual(reviewers === undefined ? [] : [reviewers]);
      expect((await now()).task).toMatchObject({ state: "solved", invited: { asked: names, leftOut: [] } });
    });

    it("look for no owners in a repository that has no such file", async () => {
      const { github, asked } = repository("", {}, ["src/CODEOWNERS"]);
      let looks = 0;

      await ask(github);
      await report(depsOf(github), await start(), CHANGED);
      await settle({ ...github, readAround: () => Promise.resolve(((looks += 1), unavailable())) });

      expect([looks, asked.length, (await now()).task.state]).toEqual([0, 0, "solved"]);
    });

    it("ask each alone where one of them spoils it for all, and say who was left out", async () => {
      const bodies: string[] = [];
      const { github, asked } = repository("reviewers: { teams: [docs, web], people: [ada, bo] }\n", {
        requestReview: (_place, _pull, reviewers) =>
          Promise.resolve(isOf(reviewers, "bo", "docs") ? refused(422, "not a collaborator") : ok(undefined)),
        updateComment: (_place, _id, body) => Promise.resolve((bodies.push(body), ok(undefined))),
      });

      await publish(github);

      expect(asked).toHaveLength(5);
      expect((await now()).task.invited).toEqual({ asked: ["ada", "acme/web"], leftOut: ["bo", "acme/docs"] });
      expect(bodies.at(-1)).toContain("Asked to review it: `ada`, `acme/web`.");
      expect(bodies.at(-1)).toMatch(/Not asked, since .*: `bo`, `acme\/docs`\./);
    });

    it("try again while GitHub doesn't answer, but keep nobody from the pull request for it", async () => {
      const { github, asked } = repository("reviewers: { people: [ada] }\n", {
        requestReview: () => Promise.resolve(unavailable()),
      });
      await publish(github);
      const first = (await now()).task.state;

      for (let tries = 0; tries < 4; tries += 1) {
        await passTime();
        await settle(github);
      }

      expect([first, asked.length]).toEqual(["inviting", 5]);
      expect((await now()).task).toMatchObject({ state: "solved", invited: { asked: [], leftOut: ["ada"] } });
    });

    it("go on without the owners that GitHub refuses to tell, and wait for an answer that is only late", async () => {
      const { github } = repository("");
      await ask(github);
      await report(depsOf(github), await start(), CHANGED);
      await settle({ ...github, readAround: () => Promise.resolve(unavailable()) });
      const waiting = (await now()).task.state;

      await passTime();
      await settle({ ...github, readAround: () => Promise.resolve(refused(404)) });

      expect(waiting).toBe("inviting");
      expect((await now()).task).toMatchObject({ state: "solved", invited: { asked: [], leftOut: [] } });
    });
  });

  it.each([
    ["that the job's checks have passed as the settings say", [checked("npm test")], false],
    [
      "that no check in the job has passed as a draft, whatever they say",
      [checked("npm test", { exitCode: 1, before: "failed" })],
      true,
    ],
  ])("open work %s", async (_name, verification, draft) => {
    const read = policy(pooled(["one"]));
    const github = fakeGitHub({
      readSetUp: async (place) => {
        const setUp = await read(place);
        return setUp.ok ? ok({ ...setUp.value, settings: { text: "version: 1\nverify: [npm test]\ndraft: false\n" } }) : setUp;
      },
    });
    await ask(github);

    await report(depsOf(github), await start(), { ...CHANGED, verification });
    await settle(github);

    expect((await now()).task).toMatchObject({ state: "solved", pullRequest: { draft } });
  });

  it("wait as long as GitHub asks, and no task waits for a comment", async () => {
    const github = fakeGitHub({ createComment: () => Promise.resolve(unavailable(120_000)) });

    await ask(github);

    const { due } = await connection.db
      .selectFrom("comments")
      .select(sql<number>`due_at - (extract(epoch from now()) * 1000)::bigint`.as("due"))
      .executeTakeFirstOrThrow();
    expect(due).toBeGreaterThan(110_000);
    expect(due).toBeLessThanOrEqual(120_000);
    expect((await now()).task.state).toBe("awaiting");
    expect(github.asked).toContain("dispatchRun");
  });

  it("make a comment anew that somebody deleted", async () => {
    const github = fakeGitHub();
    const lease = await claimed(github);
    await store.settle(lease.id, CHANGED, "h", SETTLED);
    const deleted = fakeGitHub({ updateComment: () => Promise.resolve(refused(404, "gone", EFFECTS.updateComment)) });
    await settle(deleted);

    expect(deleted.asked.filter((what) => what === "findComment")).toHaveLength(1);
    expect(deleted.asked.filter((what) => what === "createComment")).toHaveLength(1);
  });

  it("go on without a comment on a locked issue", async () => {
    let asked = 0;
    const createComment: GitHub["createComment"] = () => {
      asked += 1;
      return Promise.resolve(refused(403, "locked", EFFECTS.createComment));
    };
    const locked = fakeGitHub({ createComment });
    await ask(locked);
    await passTime();
    await settle(locked);

    expect(asked).toBe(1);
    expect((await now()).task.state).toBe("awaiting");
    expect(await connection.db.selectFrom("comments").select("refused").execute()).toEqual([{ refused: true }]);
  });

  it("don't take a comment for refused where the App isn't installed any more", async () => {
    const github = fakeGitHub({ createComment: () => Promise.resolve(refused(404, "not installed", "POST /mint")) });
    await ask(github);

    expect(await connection.db.selectFrom("comments").select(["refused", "due_at"]).execute()).toEqual([
      { refused: false, due_at: null },
    ]);
  });

  it("open one task a delivery, and scold nobody, where they were killed before its end was written down", async () => {
    const github = fakeGitHub();
    const brief = { ...makeBrief(1), comment: "/agent" };
    await store.recordDelivery({ id: DeliveryId("d"), owner: OwnerId(10), event: { kind: "request", brief } });
    const delivery = (await store.claimDelivery())!;
    await trigger(depsOf(github), delivery);
    await sql`update deliveries set event = ${JSON.stringify(delivery.event)}, note = null, due_at = 0`.execute(connection.db);
    await trigger(depsOf(github), (await store.claimDelivery())!);

    expect(await connection.db.selectFrom("deliveries").select("note").execute()).toEqual([{ note: "a task was opened" }]);
    expect(await connection.db.selectFrom("tasks").select("id").execute()).toHaveLength(1);
    expect(await connection.db.selectFrom("comments").select("notice").execute()).toEqual([{ notice: null }]);
  });

  it("let a waiting task whose repository is gone hold up no other", async () => {
    const github = fakeGitHub();
    const waiting = async (issue: number) => {
      const task = TaskId(randomUUID());
      await store.openTask(task, makeBrief(issue), DeliveryId(randomUUID()));
      await store.advance((await store.claimTask())!, "plan", { plan: makePlanRow() });
      return task;
    };
    await store.recordPolicy(OwnerId(10), { text: "old", commit: "1", readAt: EpochMs(1) });
    const gone = await waiting(1);
    const healthy = await waiting(2);
    let reads = 0;
    const readSetUp: GitHub["readSetUp"] = (place) =>
      (reads += 1) === 1 ? Promise.resolve(refused(404)) : github.readSetUp(place);
    await settle(fakeGitHub({ readSetUp }));

    expect(await store.readTask(gone)).toMatchObject({ state: "refused", failure: { reason: "github-refused" } });
    expect(await store.readTask(healthy)).toMatchObject({ state: "awaiting" });
  });

  it("refuse a waiting task that no month can hold any more", async () => {
    const poor =
      "version: 1\npool:\n  - { name: platform-api, provider: anthropic }\nrunner: acme/agent-runner\nbudget: $1/month\n";
    const task = TaskId(randomUUID());
    await store.recordPolicy(OwnerId(10), { text: poor, commit: "1", readAt: await store.now() });
    await store.openTask(task, makeBrief(1), DeliveryId(randomUUID()));
    await store.advance((await store.claimTask())!, "plan", { plan: makePlanRow() });
    await settle(fakeGitHub({ readSetUp: policy(poor, "1") }));

    expect(await store.readTask(task)).toMatchObject({ state: "refused", failure: { reason: "budget-too-small" } });
  });

  it("end an offer whose run failed by itself with what is known of it, however late", async () => {
    const github = fakeGitHub();
    await ask(github);
    const { leases } = await now();
    await store.noteLease(leases[0]!.id, { why: "branch-not-protected", branch: "main" });
    await passTime(LEASE.offerMs);
    const run = { id: RunId(1), url: "https://github.test/run", status: "completed", conclusion: "failure" } as const;
    await settle(fakeGitHub({ readRun: () => Promise.resolve(ok(run)), findRun: () => Promise.resolve(ok(run)) }));

    const { task, leases: ended } = await now();
    expect(task.state).toBe("unsolved");
    expect(ended).toHaveLength(1);
    expect(ended[0]!.attempt.why).toMatchObject({ why: "branch-not-protected" });
  });

  describe("of a run that ended and has claimed nothing", () => {
    const ending = (conclusion: string, answers: Partial<GitHub> = {}) =>
      fakeGitHub({
        readRun: (_installation, _runner, id) => Promise.resolve(ok({ id, url: "x", status: "completed", conclusion })),
        ...answers,
      });
    async function end(github: GitHub): Promise<Awaited<ReturnType<typeof now>>> {
      await ask(fakeGitHub());
      const { leases } = await now();
      await store.hearRunEnded(leases[0]!.id);
      await settle(github);
      await passTime();
      await settle(github);
      return now();
    }

    it.each<[string, GitHub, object, object]>([
      [
        "that had a job: what is known is its conclusion",
        ending("failure"),
        { state: "unsolved", failure: null },
        { verdict: "lost", why: { why: "run-ended", conclusion: "failure" } },
      ],
      [
        "that had none: GitHub refused it whole",
        ending("action_required", { countJobs: () => Promise.resolve(ok(0)) }),
        { state: "unsolved", failure: null },
        { verdict: "refused", why: { why: "never-ran", conclusion: "action_required" } },
      ],
      [
        "whose jobs GitHub doesn't tell of",
        ending("failure", { countJobs: () => Promise.resolve(refused(403)) }),
        { state: "unsolved" },
        { verdict: "lost", why: { why: "run-ended", conclusion: "failure" } },
      ],
      [
        "that somebody cancelled",
        ending("cancelled"),
        { state: "cancelled", failure: { reason: "cancelled", why: "run", login: null } },
        { verdict: "refused", why: { why: "cancelled" } },
      ],
      [
        "that was deleted",
        fakeGitHub({ readRun: () => Promise.resolve(refused(404)) }),
        { state: "unsolved" },
        { verdict: "lost", why: { why: "run-ended", conclusion: "deleted" } },
      ],
    ])("end for nothing, and start no other: %s", async (_name, github, task, attempt) => {
      const ended = await end(github);

      expect(ended).toMatchObject({ task, leases: [{ state: "lost", costs: { model: null, runner: null }, attempt }] });
      expect(ended.leases).toHaveLength(1);
      expect(await holds()).toEqual([]);
    });

    it("believe that it had no job, or is gone, only when it is seen so twice", async () => {
      await ask(fakeGitHub());
      const { leases } = await now();
      await store.hearRunEnded(leases[0]!.id);
      await settle(fakeGitHub({ readRun: () => Promise.resolve(refused(404)) }));
      const first = (await now()).task.state;
      await passTime();
      await settle(fakeGitHub());

      expect([first, (await now()).task.state]).toEqual(["awaiting", "awaiting"]);
    });
  });

  describe("of a job that was stopped in the middle", () => {
    const STOPPED = { ...cutShort("crashed"), stopped: true } as const;
    const telling = (status: string, conclusion: string | null): GitHub =>
      fakeGitHub({ readRun: (_installation, _runner, id) => Promise.resolve(ok({ id, url: "x", status, conclusion })) });

    it("wait until GitHub says how its run ended, and cancel the task where a person has cancelled that", async () => {
      const lease = await claimed(fakeGitHub());
      await report(depsOf(fakeGitHub()), (await store.readLease(lease.id))!, STOPPED);
      await settle(telling("in_progress", null));
      const waiting = (await now()).task.state;
      const event = {
        kind: "run-ended" as const,
        installation: makeBrief().installation,
        lease: lease.id,
        run: lease.run!,
        conclusion: "cancelled",
      };
      await store.recordDelivery({ id: DeliveryId(randomUUID()), owner: OwnerId(10), event });
      await settle(telling("completed", "cancelled"));

      expect(waiting).toBe("judging");
      expect(await now()).toMatchObject({
        task: { state: "cancelled", failure: { reason: "cancelled", why: "run", login: null } },
        leases: [{ state: "settled", attempt: { verdict: "refused", why: { why: "cancelled" } } }],
      });
      expect(await holds()).toEqual([]);
    });

    it.each<[string, Outcome, GitHub]>([
      ["its runner went away", STOPPED, telling("completed", "failure")],
      ["GitHub tells nothing of the run", STOPPED, fakeGitHub({ readRun: () => Promise.resolve(refused(404)) })],
      ["the app isn't on the runner repository", STOPPED, fakeGitHub({ readRunner: () => Promise.resolve(ok(undefined)) })],
      ["its harness crashed by itself", cutShort("crashed"), telling("completed", "success")],
    ])("judge what it reported where %s", async (_name, outcome, github) => {
      const lease = await claimed(fakeGitHub());
      await report(depsOf(fakeGitHub()), (await store.readLease(lease.id))!, outcome);
      await settle(github);

      expect(await now()).toMatchObject({
        task: { state: "unsolved" },
        leases: [{ attempt: { verdict: "failed", why: { why: "ending", ending: "crashed" } } }],
      });
    });

    it("judge what it reported where GitHub says for ten minutes that it goes on", async () => {
      const lease = await claimed(fakeGitHub());
      await report(depsOf(fakeGitHub()), (await store.readLease(lease.id))!, STOPPED);
      await settle(telling("in_progress", null));
      const waiting = (await now()).task.state;
      await passTime(10 * MINUTE_MS);
      await settle(telling("in_progress", null));

      expect([waiting, (await now()).task.state]).toEqual(["judging", "unsolved"]);
    });

    it("publish what is solved and was not stopped, whatever became of its run, without asking", async () => {
      const lease = await claimed(fakeGitHub());
      await report(depsOf(fakeGitHub()), (await store.readLease(lease.id))!, CHANGED);
      await settle(telling("completed", "cancelled"));

      expect((await now()).task.state).toBe("solved");
    });

    it("blame nobody for a run that we had cancelled ourselves for its silence, though it was heard once more", async () => {
      const lease = await claimed(fakeGitHub());
      await passTime(LEASE.silentMs);
      await settle(fakeGitHub());
      await tellAlive(lease);
      await store.hearRunEnded(lease.id);
      await passTime();
      await settle(telling("completed", "cancelled"));
      await passTime();
      await settle(telling("completed", "cancelled"));

      expect(await now()).toMatchObject({
        task: { state: "unsolved" },
        leases: [{ stopAsked: true, attempt: { verdict: "lost", why: { why: "run-ended", conclusion: "cancelled" } } }],
      });
    });

    it("cancel the task where it could report nothing, and charge what it held", async () => {
      const lease = await claimed(fakeGitHub());
      await store.hearRunEnded(lease.id);
      await settle(telling("completed", "cancelled"));

      expect(await now()).toMatchObject({
        task: { state: "cancelled", failure: { why: "run" } },
        leases: [{ state: "lost", costs: { model: 2_500_000 } }],
      });
    });
  });

  it("make a branch anew that was deleted before its pull request was open, and open that", async () => {
    let branch: string | undefined;
    const github = fakeGitHub({
      findBranch: () => Promise.resolve(ok(branch)),
      openPullRequest: () =>
        Promise.resolve(branch === undefined ? refused(422, "head invalid") : ok({ number: 2, draft: true })),
    });
    const making: GitHub = {
      ...github,
      createBranch: (place, name, sha) => {
        branch = sha;
        return github.createBranch(place, name, sha);
      },
    };
    const lease = await claimed(making);
    await store.settle(lease.id, CHANGED, "h", SETTLED);
    // As it was deleted right after it was made.
    await settle({ ...making, createBranch: (place, name, sha) => github.createBranch(place, name, sha) });
    await passTime();
    await settle(making);
    await passTime();
    await settle(making);

    expect((await now()).task).toMatchObject({ state: "solved", pullRequest: { number: 2 } });
  });

  it("be done with a pull request that was closed before the answer to its opening came", async () => {
    const github = fakeGitHub({
      openPullRequest: () => Promise.resolve(unavailable()),
      findPullRequest: () => Promise.resolve(ok({ number: 2, draft: true })),
    });
    const lease = await claimed(github);
    await store.settle(lease.id, CHANGED, "h", SETTLED);
    await settle(github);
    await passTime();
    await settle(github);

    expect((await now()).task).toMatchObject({ state: "solved", pullRequest: { number: 2 } });
  });

  it("look for a comment whose answer was lost while the task waited, instead of writing a second", async () => {
    let lost = true;
    const github = fakeGitHub({
      createComment: () => {
        if (!lost) return Promise.resolve(ok(71));
        lost = false;
        return Promise.resolve(unavailable());
      },
      findComment: () => Promise.resolve(ok(70)),
    });

    await ask(github);
    await passTime();
    await settle(github);

    const [comment] = await connection.db.selectFrom("comments").select(["comment_id", "begun"]).execute();
    expect(comment).toEqual({ comment_id: 70, begun: false });
  });

  it("read a policy anew that is older than five minutes, grant under it, and refuse all that waits when it is broken", async () => {
    const poor =
      "version: 1\npool:\n  - { name: platform-api, provider: anthropic }\nrunner: acme/agent-runner\nbudget: $6/month\nrouting: { escalate: false }\n";
    const read = (text: string) => fakeGitHub({ readSetUp: policy(text) });
    const first = read(poor);
    await ask(first);
    // Six dollars hold one task of five and its runner; the next one waits.
    const second = { ...makeBrief(2), comment: null };
    await store.recordDelivery({ id: DeliveryId(randomUUID()), owner: OwnerId(10), event: { kind: "request", brief: second } });
    await settle(first);
    const waiting = (await now()).task.state;
    await sql`update owners set policy_read_at = policy_read_at - 400000`.execute(connection.db);
    await passTime();

    await settle(read(poor.replace("$6", "$60")));
    const granted = (await now()).task.state;
    const third = { ...makeBrief(3), comment: null };
    await store.recordDelivery({ id: DeliveryId(randomUUID()), owner: OwnerId(10), event: { kind: "request", brief: third } });
    await settle(read(poor));
    await sql`update owners set policy_read_at = policy_read_at - 400000`.execute(connection.db);
    await passTime();
    await settle(read("version: 2\n"));

    expect([waiting, granted]).toEqual(["queued", "awaiting"]);
    expect((await now()).task).toMatchObject({ state: "refused", failure: { reason: "config-invalid" } });
  });

  it("grant what waits for a used-up budget once the month has turned, though nothing wakes it", async () => {
    const poor = fakeGitHub({
      readSetUp: policy(
        "version: 1\npool:\n  - { name: platform-api, provider: anthropic }\nrunner: acme/agent-runner\nbudget: $6/month\nrouting: { escalate: false }\n",
      ),
    });
    const lease = await claimed(poor);
    await store.settle(lease.id, CHANGED, "h", settlementOf(2_000_000, 6_000));
    const second = { ...makeBrief(2), comment: null };
    await store.recordDelivery({ id: DeliveryId(randomUUID()), owner: OwnerId(10), event: { kind: "request", brief: second } });
    await settle(poor);
    await passTime();
    await settle(poor);
    const waiting = (await now()).task.state;

    await turnMonth(connection.db);
    await settle(poor);

    expect([waiting, (await now()).task.state]).toEqual(["queued", "awaiting"]);
  });

  it("go on with another credential where a limit has interrupted a job: one attempt, one pull request", async () => {
    const github = fakeGitHub({ readSetUp: policy(pooled(["one", "two"])) });
    await ask(github);
    await sql`update tasks set queued_at = 5`.execute(connection.db);
    const first = await start();
    const quota = { kind: "quota", window: "five-hour", scope: null, resetsInMs: 2 * HOUR_MS } as const;
    await report(depsOf(github), first, cutShort("quotaExhausted", quota));
    await settle(github);

    const moved = await now();
    const second = moved.leases[1]!;
    const cooling = await sql<{ upstream: string; model: string; ms: number }>`
      select upstream, model, (until - since)::int as ms from cooldowns`.execute(connection.db);
    await start();
    await report(depsOf(github), (await store.readLease(second.id))!, CHANGED);
    await settle(github);

    expect(moved.task.state).toBe("awaiting");
    expect(moved.leases).toMatchObject([
      { state: "settled", fence: 1, attempt: { number: 1, verdict: null } },
      { state: "offered", fence: 2, attempt: { number: 1, verdict: null } },
    ]);
    expect(second.attempt.id).toBe(first.attempt.id);
    expect(new Set(moved.leases.map(({ credential }) => credential))).toEqual(new Set(["one", "two"]));
    expect(cooling.rows).toEqual([{ upstream: `credential:${first.credential}`, model: "", ms: 2 * HOUR_MS + 30_000 }]);
    expect(await now()).toMatchObject({ task: { state: "solved" }, leases: [{}, { attempt: { verdict: "solved" } }] });
    expect(await connection.db.selectFrom("tasks").select("queued_at").execute()).toEqual([{ queued_at: 5 }]);
    expect(github.asked.filter((what) => what === "dispatchRun")).toHaveLength(2);
    expect(github.asked.filter((what) => what === "openPullRequest")).toHaveLength(1);
  });

  it("wait for the one credential's rest to end where no other may go on", async () => {
    const github = fakeGitHub();
    await ask(github);
    const { id } = await start();
    await report(
      depsOf(github),
      (await store.readLease(id))!,
      cutShort("rateLimited", { kind: "throttle", retryAfterMs: HOUR_MS }),
    );
    await settle(github);
    const resting = await now();

    await passTime(HOUR_MS);
    await settle(github);

    expect([resting.task.state, resting.leases.length]).toEqual(["queued", 1]);
    expect(await now()).toMatchObject({ task: { state: "awaiting" }, leases: [{ state: "settled" }, { state: "offered" }] });
  });

  it("move no further than the plan allows, and say then what has ended it", async () => {
    const github = fakeGitHub({ readSetUp: policy(pooled(["one", "two", "three"], "task: { moves: 1 }\n")) });
    await ask(github);
    for (let runs = 0; runs < 2; runs += 1) {
      await report(depsOf(github), await start(), cutShort("quotaExhausted"));
      await settle(github);
    }

    expect(await now()).toMatchObject({
      task: { state: "unsolved" },
      leases: [
        { state: "settled", attempt: { number: 1 } },
        { state: "settled", attempt: { number: 1, verdict: "failed", why: { why: "ending", ending: "quotaExhausted" } } },
      ],
    });
  });

  it("judge work that passes its checks in spite of the limit that ended it, and move it nowhere", async () => {
    const verify = { text: "version: 1\nverify: [npm test]\n" };
    const read = policy(pooled(["one", "two"]));
    const github = fakeGitHub({
      readSetUp: async (place) => {
        const setUp = await read(place);
        return setUp.ok ? ok({ ...setUp.value, settings: verify }) : setUp;
      },
    });
    await ask(github);
    const verification = [checked("npm test")];
    await report(depsOf(github), await start(), { ...cutShort("quotaExhausted"), changes: CHANGED.changes, verification });
    await settle(github);

    expect(await now()).toMatchObject({ task: { state: "solved" }, leases: [{ attempt: { verdict: "solved" } }] });
    expect(await connection.db.selectFrom("cooldowns").select("model").execute()).toEqual([{ model: "" }]);
  });

  it("offer what has moved three times anew where no runner takes it", async () => {
    const github = fakeGitHub({ readSetUp: policy(pooled(["one", "two", "three"])) });
    await ask(github);
    await report(depsOf(github), await start(), cutShort("quotaExhausted"));
    await settle(github);
    await report(depsOf(github), await start(), cutShort("quotaExhausted"));
    await settle(github);
    const states = [];
    for (let offers = 0; offers < 3; offers += 1) {
      await passTime(LEASE.offerMs + 1);
      await settle(github);
      states.push((await now()).task.state);
    }

    expect(states).toEqual(["awaiting", "awaiting", "stuck"]);
    expect((await now()).task.failure).toMatchObject({ reason: "tries-used-up", step: "waiting for a runner", tries: 3 });
  });

  it("use a key no more that was refused twice, and have what nothing else may serve wait for a new one", async () => {
    const github = fakeGitHub();
    await ask(github);
    for (let runs = 0; runs < 2; runs += 1) {
      await report(depsOf(github), await start(), cutShort("authFailed", { kind: "auth" }));
      await settle(github);
    }

    expect(await now()).toMatchObject({
      task: { state: "queued", failure: null, waiting: { whyNot: { quarantined: 1 } } },
      leases: [{ state: "settled" }, { state: "settled", attempt: { number: 1, verdict: null } }],
    });

    await store.clearCredential(OwnerId(10), CredentialName("platform-api"), undefined);
    await settle(github);
    expect((await now()).task.state).toBe("awaiting");
  });

  it("plan a waiting task anew where the policy has changed since, and keep its age", async () => {
    const plannedAt = async () =>
      connection.db.selectFrom("tasks").select(["queued_at", "plan"]).where("issue_number", "=", 1).executeTakeFirstOrThrow();
    const task = TaskId(randomUUID());
    const text = pooled(["one"], "task: { budget: $2 }\n");
    await store.openTask(task, makeBrief(1), DeliveryId(randomUUID()));
    await store.advance((await store.claimTask())!, "plan", { plan: makePlanRow() });
    await sql`update tasks set queued_at = 5`.execute(connection.db);
    await store.recordPolicy(OwnerId(10), { text, commit: "d".repeat(40), readAt: await store.now() });
    await sql`update owners set due_at = 0`.execute(connection.db);
    const before = await plannedAt();
    await settle(fakeGitHub({ readSetUp: policy(text, "d".repeat(40)) }));

    expect(before).toMatchObject({ queued_at: 5, plan: { budget: 5_000_000, policyCommit: "c".repeat(40) } });
    expect(await plannedAt()).toMatchObject({ queued_at: 5, plan: { budget: 1_000_000, policyCommit: "d".repeat(40) } });
    expect(await now()).toMatchObject({
      task: { state: "awaiting" },
      leases: [{ credential: "one", attempt: { budget: 1_000_000 } }],
    });
  });

  it("let a task that has begun go on under the plan that it began with, whatever the policy says since", async () => {
    const github = fakeGitHub({ readSetUp: policy(pooled(["one", "two"])) });
    await ask(github);
    await report(depsOf(github), await start(), cutShort("quotaExhausted"));
    await store.recordPolicy(OwnerId(10), {
      text: pooled(["one", "two"], "task: { budget: $2 }\n"),
      commit: "d".repeat(40),
      readAt: await store.now(),
    });
    await settle(github);

    expect(await now()).toMatchObject({
      task: { state: "awaiting", plan: { policyCommit: "c".repeat(40) } },
      leases: [{}, { state: "offered", attempt: { number: 1, budget: 2_500_000 } }],
    });
  });

  it("keep a task that has begun while the policy is broken, and refuse those that have not", async () => {
    const github = fakeGitHub({ readSetUp: policy(pooled(["one", "two"])) });
    await ask(github);
    const kept = async (text: string, commit: string) =>
      store.recordPolicy(OwnerId(10), { text, commit: commit.repeat(40), readAt: await store.now() });
    await report(depsOf(github), await start(), cutShort("quotaExhausted"));
    await kept("version: 2\n", "d");

    await settle(github);
    expect(await now()).toMatchObject({ task: { state: "queued" }, leases: [{ state: "settled" }] });

    await kept(pooled(["one", "two"]), "e");
    await sql`update owners set due_at = 0`.execute(connection.db);
    await settle(github);
    expect(await now()).toMatchObject({ task: { state: "awaiting" }, leases: [{}, { state: "offered" }] });
  });

  it.each([
    [
      "that no credential may serve",
      pooled(["one"]).replace("anthropic }", "anthropic, only: { tiers: [frontier] } }"),
      "nobody-serves",
    ],
    ["that is more than its asker may ever spend", pooled(["one"], "people: { budget: $1/day }\n"), "too-large"],
  ])("refuse a waiting task %s, and grant the one behind it", async (_name, text, why) => {
    const queue = async (issue: number, plan: Parameters<typeof makePlanRow>[0]) => {
      const task = TaskId(randomUUID());
      await store.openTask(task, makeBrief(issue), DeliveryId(randomUUID()));
      await store.advance((await store.claimTask())!, "plan", { plan: makePlanRow(plan) });
      return task;
    };
    await store.recordPolicy(OwnerId(10), { text, commit: "c".repeat(40), readAt: await store.now() });
    const hopeless = await queue(1, {});
    const route = { ...makePlanRow().route, tier: "frontier" as const };
    const other = await queue(2, { route, budget: MicroUsd(100_000) });
    await settle(fakeGitHub({ readSetUp: policy(text) }));

    expect(await store.readTask(hopeless)).toMatchObject({ state: "refused", failure: { reason: "never-fits", why } });
    expect(await store.readTask(other)).toMatchObject({ state: "awaiting" });
    expect(await connection.db.selectFrom("comments").select("said").where("issue_number", "=", 1).execute()).toEqual([
      { said: "refused" },
    ]);
  });

  describe("after an attempt that ends unverified", () => {
    const NO_CHANGE = ran();
    const unsolved = (attempts: number) => ({ state: "unsolved", failure: { reason: "attempts-ended", attempts } });
    const routes = async () =>
      (await now()).leases.map(({ attempt: { number, route, verdict } }) => [number, route.tier, verdict]);
    /** The latest lease's run reports this. */
    async function end(github: GitHub, outcome: Outcome): Promise<void> {
      await report(depsOf(github), await start(), outcome);
      await settle(github);
    }

    it("go on with the next route: one pull request, two attempts, a ledger entry of the model for each", async () => {
      const github = fakeGitHub();
      await ask(github);
      await sql`update tasks set queued_at = 5`.execute(connection.db);
      await end(github, { ...NO_CHANGE, usage: { ...NO_CHANGE.usage, outputTokens: 8_000 } });
      const between = await now();
      await end(github, CHANGED);

      expect(between).toMatchObject({ task: { state: "awaiting", failure: null }, leases: [{ fence: 1 }, { fence: 1 }] });
      expect(between.leases[0]?.attempt).toMatchObject({ number: 1, verdict: "noChange", why: { why: "no-change" } });
      expect(between.leases[1]?.attempt.budget).toBe((5_000_000 - 20_000) / 2);
      expect(await routes()).toEqual([
        [1, "light", "noChange"],
        [2, "standard", "solved"],
      ]);
      expect((await now()).task).toMatchObject({ state: "solved", pullRequest: { number: 2 } });
      expect(github.asked.filter((what) => what === "openPullRequest")).toHaveLength(1);
      expect(await connection.db.selectFrom("ledger").select("amount").where("kind", "=", "model").execute()).toHaveLength(2);
      expect(await connection.db.selectFrom("tasks").select("queued_at").execute()).toEqual([{ queued_at: 5 }]);
    });

    it("keep with each attempt how likely its checks were to pass", async () => {
      const github = fakeGitHub();
      await ask(github);
      const planned = (await now()).task.plan;
      await end(github, NO_CHANGE);

      const kept = await connection.db.selectFrom("attempts").select("expected").orderBy("number").execute();
      expect(kept).toEqual([{ expected: planned?.expected }, { expected: (await now()).task.plan?.expected }]);
      expect(kept[1]?.expected).toBeLessThan(1);
    });

    it("ask a person once no other route is left, and say what was spent", async () => {
      const github = fakeGitHub({ readSetUp: policy(pooled(["one"], "routing: { worth: $2 }\n")) });
      await ask(github);
      for (let attempts = 0; attempts < 3; attempts += 1) await end(github, NO_CHANGE);

      const { task } = await now();
      expect(task).toMatchObject({
        state: "unsolved",
        failure: { reason: "attempts-ended", stop: "top", attempts: 3, next: { model: "claude-opus-5-5" } },
      });
      expect((await routes()).map(([, tier]) => tier)).toEqual(["light", "standard", "frontier"]);
      expect(github.asked).not.toContain("openPullRequest");
    });

    it.each([
      ["attempts", "task: { attempts: 2 }\n", 2, "frontier"],
      ["attempts", "routing: { escalate: false }\n", 1, "standard"],
      ["hopeless", "routing: { worth: $0.30 }\n", 1, "standard"],
    ])(
      "stop at the cap “%s” (%s) before anything is started, with what going on would be",
      async (stop, rest, attempts, tier) => {
        const github = fakeGitHub({ readSetUp: policy(pooled(["one"], rest)) });
        await ask(github);
        for (let ended = 0; ended < attempts; ended += 1) await end(github, NO_CHANGE);

        const { task, leases } = await now();
        expect(task).toMatchObject({ ...unsolved(attempts), failure: { stop } });
        const next = task.failure?.reason === "attempts-ended" ? task.failure.next : null;
        expect(task.plan?.ladder?.options.find(({ route }) => route.model === next?.model)?.route.tier).toBe(tier);
        expect(leases).toHaveLength(attempts);
      },
    );

    it("hold the dollars of all attempts together: what is spent is missing from the next one's, and none is begun beyond", async () => {
      const github = fakeGitHub({
        readSetUp: policy(pooled(["one"], "task: { budget: $1 }\nrouting: { worth: $3, start: { s: light } }\n")),
      });
      const spends = { ...NO_CHANGE.usage, outputTokens: 190_000 };
      await ask(github);
      await end(github, { ...NO_CHANGE, usage: spends });
      await end(github, { ...NO_CHANGE, usage: { ...spends, outputTokens: 20_000 } });

      const { task, leases } = await now();
      const spent = leases.reduce((sum, { costs }) => sum + (costs.listed ?? 0), 0);
      expect(leases.map(({ attempt }) => attempt.budget)).toEqual([500_000, 262_500]);
      expect(task).toMatchObject({ ...unsolved(2), failure: { stop: "budget" } });
      expect(spent).toBeLessThanOrEqual(1_000_000);
    });

    it("leave a fault of the set-up, and what the guards refuse, to a person at once", async () => {
      const github = fakeGitHub();
      await ask(github);
      await end(github, { ...CHANGED, changes: [{ status: "deleted", path: ".github/workflows/ci.yml" }] });

      expect(await now()).toMatchObject({
        task: { state: "unsolved", failure: null },
        leases: [{ attempt: { verdict: "refused" } }],
      });
    });

    it("take a result that touches what a floor keeps for a higher tier no further than to that tier", async () => {
      const floors = "routing:\n  floors: [{ paths: [a.txt], tier: frontier }]\n";
      const github = fakeGitHub({ readSetUp: policy(pooled(["one"], floors)) });
      await ask(github);
      await end(github, CHANGED);
      const second = await routes();
      await end(github, CHANGED);

      expect(second).toEqual([
        [1, "light", "refused"],
        [2, "frontier", null],
      ]);
      expect((await now()).task).toMatchObject({ state: "solved", pullRequest: { number: 2 } });
      expect(github.asked.filter((what) => what === "openPullRequest")).toHaveLength(1);
    });

    it("ask a person where no route of a floor's tier is open to who asked", async () => {
      const text = pooled(
        ["one"],
        "routing:\n  floors: [{ paths: [a.txt], tier: frontier }]\nroles:\n  requester: { people: [maintainer], tiers: [light, standard] }\n",
      );
      const github = fakeGitHub({ readSetUp: policy(text) });
      await ask(github);
      await end(github, CHANGED);

      expect(await now()).toMatchObject({
        task: { ...unsolved(1), failure: { stop: "top" } },
        leases: [{ attempt: { verdict: "refused", why: { why: "below-floor" } } }],
      });
      expect(github.asked).not.toContain("openPullRequest");
    });

    it("move the second attempt when a limit interrupts it, as often as the plan allows each, and count none for it", async () => {
      const github = fakeGitHub({ readSetUp: policy(pooled(["one", "two", "three"], "task: { moves: 1 }\n")) });
      await ask(github);
      await end(github, cutShort("quotaExhausted"));
      await end(github, NO_CHANGE);
      await end(github, cutShort("quotaExhausted"));
      await end(github, CHANGED);

      expect(await routes()).toEqual([
        [1, "light", "noChange"],
        [1, "light", "noChange"],
        [2, "standard", "solved"],
        [2, "standard", "solved"],
      ]);
      expect((await now()).task.state).toBe("solved");
    });

    it("leave one next attempt where the app dies before that is written, and where it dies after", async () => {
      const github = fakeGitHub();
      const deps = depsOf(github);
      const dying = (when: "before" | "after"): Deps => ({
        ...deps,
        store: {
          ...store,
          advance: async (...step) => {
            if (step[1] !== "escalate") return store.advance(...step);
            if (when === "after") await store.advance(...step);
            throw new Error("the app dies");
          },
        },
      });
      await ask(github);
      await report(deps, await start(), NO_CHANGE);
      while (await workOnce(dying("before")));
      const before = (await now()).task.state;
      await passTime();
      while (await workOnce(dying("after")));
      await passTime();
      await settle(github);

      expect(before).toBe("judging");
      expect(await routes()).toEqual([
        [1, "light", "noChange"],
        [2, "standard", null],
      ]);
      expect((await now()).task.state).toBe("awaiting");
    });

    it("let what waits for its next attempt go on under its own plan, whatever the policy says since", async () => {
      const first = fakeGitHub();
      await ask(first);
      await report(depsOf(first), await start(), NO_CHANGE);
      const kept = async (text: string, commit: string) =>
        store.recordPolicy(OwnerId(10), { text, commit: commit.repeat(40), readAt: await store.now() });
      await kept("version: 2\n", "d");
      await settle(first);
      const broken = await now();
      await kept(pooled(["platform-api"], "task: { budget: $2 }\n"), "e");
      await sql`update owners set due_at = 0`.execute(connection.db);
      await settle(first);

      expect(broken).toMatchObject({ task: { state: "queued" }, leases: [{ attempt: { verdict: "noChange" } }] });
      expect(await now()).toMatchObject({
        task: { state: "awaiting", plan: { policyCommit: "c".repeat(40) } },
        leases: [{}, { attempt: { number: 2 } }],
      });
    });

    it("follow what the release before has planned with nothing", async () => {
      const github = fakeGitHub();
      await ask(github);
      await sql`update tasks set plan = plan - 'ladder' - 'floors' - 'expected' - 'chance'`.execute(connection.db);
      await end(github, NO_CHANGE);

      expect(await now()).toMatchObject({
        task: { state: "unsolved", failure: null },
        leases: [{ attempt: { verdict: "noChange" } }],
      });
    });

    it("hand the next one what was changed, what failed, and no conversation", async () => {
      const content = Buffer.from("x\n");
      const written = {
        status: "added",
        path: "src/a.ts",
        mode: "100644",
        blob: gitBlobId(content),
        content: content.toString("base64"),
      } as const;
      const read = policy(pooled(["one"]));
      const github = fakeGitHub({
        readSetUp: async (place) => {
          const setUp = await read(place);
          return setUp.ok ? ok({ ...setUp.value, settings: { text: "version: 1\nverify: [npm test]\n" } }) : setUp;
        },
      });
      await ask(github);
      const verification = [checked("npm test", { exitCode: 1, output: "not ok 2 - the last page\n" })];
      await end(github, { ...CHANGED, changes: [written], verification });
      const given = await claimOf(github);

      expect(given).toMatchObject({
        resume: [written],
        handOver: expect.stringContaining("not ok 2 - the last page") as string,
        route: { tier: "standard" },
      });
      expect(given?.session).toBeUndefined();
    });

    it("take what the one before left, with nothing added, for no result: two checks that disagree publish nothing", async () => {
      const github = fakeGitHub();
      await ask(github);
      await end(github, { ...cutShort("turnLimit"), changes: CHANGED.kind === "ran" ? CHANGED.changes : [] });
      await end(github, CHANGED);

      expect((await routes()).slice(0, 2)).toEqual([
        [1, "light", "failed"],
        [2, "standard", "noChange"],
      ]);
      expect(github.asked).not.toContain("openPullRequest");
    });

    it("hand the next one no change that the guards would refuse, and say so", async () => {
      const github = fakeGitHub();
      await ask(github);
      await end(github, { ...cutShort("turnLimit"), changes: [{ status: "deleted", path: ".github/workflows/ci.yml" }] });
      const given = await claimOf(github);

      expect(given).toMatchObject({ resume: [], handOver: expect.stringContaining("None of their changes") as string });
    });

    /** What the run of the latest lease is given. */
    async function claimOf(github: GitHub): Promise<Claim | undefined> {
      const lease = (await now()).leases.at(-1)!;
      const identity: RunIdentity = {
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
      const deps = depsOf(github);
      const runtime = { ...deps.runtime, verifyIdentity: () => Promise.resolve(ok(identity)) };
      const answer = await claim({ ...deps, runtime }, lease.id, "token", {
        contract: 2,
        harnesses: [lease.attempt.route.harness],
        knows: [],
      });
      return answer.ok ? answer.value : undefined;
    }
  });

  it("give a request up that GitHub will never answer for, and one that is a defect after ten tries", async () => {
    await ask(fakeGitHub({ readRole: () => Promise.resolve(refused(403)) }));
    const broken = fakeGitHub({ readRole: () => Promise.reject(new Error("a bug")) });
    await ask(broken);
    for (let tries = 0; tries < 12; tries += 1) {
      await passTime();
      await settle(broken);
    }

    const notes = await connection.db.selectFrom("deliveries").select(["note", "due_at"]).execute();
    expect(notes).toEqual([
      { note: "given up", due_at: null },
      { note: "given up", due_at: null },
    ]);
  });
});

function once(first: { permission: string }, then: { permission: string }, after: number): GitHub["readRole"] {
  let asked = 0;
  return () => {
    asked += 1;
    const { permission } = asked <= after ? first : then;
    return Promise.resolve(ok({ permission, name: permission, userId: 30 }));
  };
}

/** A limit or a refused key has ended the run before it changed anything. */
function cutShort(kind: EndingKind, signal: NonNullable<Outcome["observation"]>["signal"] = null): typeof CHANGED {
  return {
    ...CHANGED,
    ending: { kind, detail: null, turns: 1, finalMessage: null },
    observation: signal === null ? null : { readings: [], signal, upstream: null, ageMs: 0 },
    changes: [],
  };
}

/** A policy of these keys, and what else it says. */
function pooled(keys: readonly string[], rest = ""): string {
  const pool = keys.map((name) => `  - { name: ${name}, provider: anthropic }\n`).join("");
  return `version: 1\npool:\n${pool}runner: acme/agent-runner\nbudget: $200/month\n${rest}`;
}

function policy(text: string, commit = "c".repeat(40)): GitHub["readSetUp"] {
  return () =>
    Promise.resolve(
      ok({
        base: { branch: "main", commit: "a".repeat(40), tree: "b".repeat(40) },
        settings: "missing" as const,
        policy: { commit, file: { text } },
      }),
    );
}
