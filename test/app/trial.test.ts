import { createHash, randomUUID } from "node:crypto";
import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DeliveryId, OwnerId, RunId, TaskId, TrialId } from "#core/wire/ids.ts";
import type { Outcome } from "#core/wire/contract.ts";
import { err, ok } from "#core/wire/result.ts";
import { DAY_MS, EpochMs, MicroUsd } from "#core/wire/units.ts";
import { findModel } from "#core/config/catalog.ts";
import { LEASE } from "#core/pool/lease.ts";
import { orderOf } from "#core/pool/pick.ts";
import { toSnapshot } from "#core/pool/snapshot.ts";
import type { Files } from "#core/trial/choice.ts";
import type { Connection } from "#adapters/store/connect.ts";
import type { Deps } from "#app/deps.ts";
import { reportTrial, type TrialReport } from "#app/trial-report.ts";
import { planTrial } from "#app/plan-trial.ts";
import { workOnTrial } from "#app/trial.ts";
import { workOnce } from "#app/worker.ts";
import { ask } from "#cli/local.ts";
import type { GitHub, MergedPage } from "#ports/github.ts";
import type { NewTrial } from "#ports/trial.ts";
import type { Store } from "#ports/store.ts";
import { blocked, checked, ran } from "../kit/outcomes.ts";
import { makeBrief, makePlanRow, makePolicy, settlementOf } from "../kit/briefs.ts";
import { fakeGitHub, placesOf, refused } from "../kit/fake-github.ts";
import { makeRuntime } from "../kit/runtime.ts";
import { checkBooks } from "../kit/invariants.ts";
import { ENGINES, openFresh } from "../kit/stores.ts";

function pull(number: number, overrides: Partial<MergedPage["pulls"][number]> = {}): MergedPage["pulls"][number] {
  return {
    number,
    mergedAt: number,
    merge: { commit: "e".repeat(40), tree: `after-${String(number)}` },
    parent: { commit: "d".repeat(40), tree: `before-${String(number)}` },
    paths: ["src/a.ts", "test/a.test.ts"],
    issues: [{ number: number * 10, title: `Issue of ${String(number)}`, body: "It <!-- hidden --> breaks.", labels: [], isHere: true }],
    ...overrides,
  };
} // prettier-ignore

const treeOf = (side: string): Files =>
  new Map(
    ["src/a.ts", "test/a.test.ts"].map((path) => [
      path,
      { mode: "100644", blob: createHash("sha1").update(`${side} ${path}`).digest("hex"), size: 5 },
    ]),
  );

/** Two merges that can be tried, on pages of one. */
function withHistory(answers: Partial<GitHub> = {}): ReturnType<typeof fakeGitHub> {
  const { installation, owner, repository } = makeBrief(1);
  const pages: MergedPage[] = [
    { pulls: [pull(3), pull(4, { issues: [] })], next: "2" },
    { pulls: [pull(1)], next: null },
  ];
  return fakeGitHub({
    readPlaces: placesOf({ installation, owner, repository }),
    readMerged: (_place, after) => Promise.resolve(ok(pages[after === null ? 0 : 1]!)),
    readFiles: (_place, tree) => Promise.resolve(ok(treeOf(tree))),
    readBlob: () => Promise.resolve(ok("dGVzdA==")),
    ...answers,
  });
}

/** The lanes of the worker that begin at these queues. */
const [TASKS, TRIALS] = [2, 4];

/** The test's policy: $5 for a model, and at most $0.45 a job for its runner, which may be moved three times. */
const RUN_AT_MOST = 5_000_000 + 4 * 450_000;

describe.each(ENGINES)("a trial, with the store on %s", (engine) => {
  let connection: Connection;
  let store: Store;
  beforeAll(async () => {
    ({ connection, store } = await openFresh(engine));
  });
  beforeEach(async () => {
    for (const table of ["decisions", "credentials", "teams", "seen", "spend", "ledger", "holds", "leases", "attempts", "comments", "tasks", "trial_pulls", "trials", "owners", "deliveries"])
      await sql`delete from ${sql.table(table)}`.execute(connection.db);
  }); // prettier-ignore
  afterEach(() => checkBooks(connection.db));
  afterAll(() => store.close());

  function depsOf(github: GitHub): Deps {
    const runtime = makeRuntime();
    return { store, github, runtime };
  }
  /** Works until nothing is due. */
  async function settle(github: GitHub): Promise<void> {
    for (let rounds = 0; rounds < 100; rounds += 1) if (!(await workOnce(depsOf(github)))) return;
    throw new Error("the worker never comes to rest");
  }
  async function begin(github: GitHub, overrides: Partial<NewTrial> = {}): Promise<TrialId> {
    const id = TrialId(`trial-${randomUUID()}`);
    await store.askTrial({ id, repository: "Acme/web", last: 20, routes: ["light", "frontier"], budget: null, ...overrides });
    await settle(github);
    return id;
  }
  async function read(id: TrialId): Promise<TrialReport> {
    const report = await reportTrial(store, id);
    if (!report.ok) throw new Error(report.error);
    return report.value;
  }
  const marksOf = async (id: TrialId) =>
    (await read(id)).runs.map(({ pull: of, route, mark }) => `${String(of)} ${route} ${mark}`);
  /** Each job that is under way reports this. */
  async function report(github: GitHub, outcome: Outcome): Promise<number> {
    const awaiting = await connection.db.selectFrom("tasks").select("id").where("state", "=", "awaiting").execute();
    for (const { id } of awaiting) {
      const lease = (await store.readLeases(TaskId(id))).at(-1)!;
      await store.claimLease(lease.id, lease.run ?? RunId(1), "check", "hash");
      await store.settle(lease.id, outcome, "hash", settlementOf(200_000, 6_000));
    }
    await settle(github);
    return awaiting.length;
  }
  const solved = ran({
    changes: [{ status: "deleted", path: "a.txt" }],
    checks: { source: "detected", commands: ["npm test"] },
    verification: [checked("npm test")],
    control: [checked("npm test", { exitCode: 1 })],
    ms: 90_000,
  });
  const failing = { ...solved, verification: [checked("npm test", { exitCode: 1 })] };

  it("is offered first, with what it would do, and does nothing before it is begun", async () => {
    const github = withHistory();
    const id = await begin(github);

    const { state, offer, runs } = await read(id);
    expect({ state, runs }).toEqual({ state: "offered", runs: [] });
    expect(offer).toMatchObject({
      pulls: [
        { pull: 3, issue: 30, title: "Issue of 3" },
        { pull: 1, issue: 10, title: "Issue of 1" },
      ],
      leftOut: [{ pull: 4, why: "no-issue" }],
      atMost: { model: 5_000_000, moves: 3, run: RUN_AT_MOST },
    });
    const [light = 0, frontier = 0] = offer?.routes.map(({ expected }) => expected) ?? [];
    expect(frontier).toBeGreaterThan(light);
    expect(offer?.budget).toBe(Math.max(2 * (light + frontier), RUN_AT_MOST));
    expect(await store.readTrialPull(id, 3)).toMatchObject({
      brief: { issue: { number: 30, body: "It  breaks." }, comment: null },
      base: { branch: "main", commit: "d".repeat(40), tree: "before-3" },
      overlay: [{ status: "modified", path: "test/a.test.ts", content: "dGVzdA==" }],
    });
    expect(github.asked).not.toContain("dispatchRun");
  });

  it("stands for a week, and then the tests that were kept for it go", async () => {
    const github = withHistory();
    const [lapsed, begun] = [await begin(github, { last: 1 }), await begin(github, { last: 1, routes: ["light"] })];
    const pass = async (ms: number) => {
      await sql`update trials set due_at = due_at - ${ms}::bigint where state = 'offered'`.execute(connection.db);
      await settle(github);
    };

    await pass(6 * DAY_MS);
    expect((await read(lapsed)).state).toBe("offered");
    expect((await store.readTrialPull(lapsed, 3))?.overlay).toHaveLength(1);
    expect(await store.startTrial(begun)).toBe(true);
    await pass(DAY_MS);

    const { state, over, failure } = await read(lapsed);
    expect({ state, over }).toEqual({ state: "failed", over: true });
    expect(failure).toMatch(/^it was offered, and not begun within 7 days/);
    expect((await store.readTrialPull(lapsed, 3))?.overlay).toEqual([]);
    expect(await ask(store, "trial-start", lapsed)).toEqual(err(`${lapsed} is not one that waits to be begun`));
    expect((await read(begun)).state).toBe("running");
    expect((await store.readTrialPull(begun, 3))?.overlay).toHaveLength(1);
  });

  it("is begun where that is asked for as its offer runs out", async () => {
    const id = await begin(withHistory(), { last: 1, routes: ["light"] });
    await sql`update trials set due_at = 0`.execute(connection.db);
    const held = await store.claimTrial();

    expect(await store.startTrial(id)).toBe(true);
    expect(await workOnTrial(depsOf(withHistory()), held!)).toEqual({ restMs: null });
    await store.rest(held!, null);
    await settle(withHistory());

    expect((await read(id)).runs.map(({ mark }) => mark)).toEqual(["goesOn"]);
  });

  it("does every pull request by every route, judges it, and leaves nothing on GitHub", async () => {
    const github = withHistory();
    const id = await begin(github, { budget: MicroUsd(100_000_000) });
    expect(await ask(store, "trial-start", id)).toEqual(ok(id));
    await settle(github);

    expect(await report(github, solved)).toBe(4);

    const { state, over, runs, table } = await read(id);
    expect({ state, over }).toEqual({ state: "ended", over: true });
    expect(runs.map(({ mark, model, runner, ms }) => ({ mark, model, runner, ms }))).toEqual(
      Array.from({ length: 4 }, () => ({ mark: "resolved", model: 200_000, runner: 6_000, ms: 90_000 })),
    );
    expect(table.map(({ route, resolved, judged }) => [route, resolved, judged])).toEqual([
      ["light", 2, 2],
      ["frontier", 2, 2],
    ]);
    const effects = github.asked.filter((what) => /^(create|update|open|cancel)/.test(what));
    expect(effects).toEqual([]);
    expect((await store.readTrialPull(id, 3))?.overlay).toEqual([]);
    expect(await ask(store, "trial-start", id)).toEqual(err(`${id} is not one that waits to be begun`));
  });

  it("has no more under way than its budget holds, and gives up what will never fit", async () => {
    const github = withHistory();
    // One at the most it may cost, after two that cost as little as these do.
    const id = await begin(github, { budget: MicroUsd(RUN_AT_MOST + 2 * 206_000) });
    await store.startTrial(id);
    await settle(github);

    const underWay = [await report(github, failing), await report(github, solved), await report(github, solved), await report(github, solved)];

    expect(underWay).toEqual([1, 1, 1, 0]);
    expect(await marksOf(id)).toEqual(["3 frontier failed", "3 light resolved", "1 frontier resolved", "1 light notRun"]);
    expect(await read(id)).toMatchObject({ state: "ended", over: true });
    const [left] = (await read(id)).runs.filter(({ mark }) => mark === "notRun");
    expect((await store.readTask(left!.task))?.failure).toEqual({ reason: "trial-over", why: "budget" });
  }); // prettier-ignore

  it("spends no more on a pull request whose tests pass without its change", async () => {
    const github = withHistory();
    const id = await begin(github, { budget: MicroUsd(RUN_AT_MOST + 500_000) });
    await store.startTrial(id);
    await settle(github);

    await report(github, blocked({ reason: "nothingToProve" }));

    expect(await marksOf(id)).toEqual(["3 frontier provesNothing", "3 light notRun", "1 frontier goesOn", "1 light waits"]);
  });

  it("starts nothing once it is stopped, and judges what runs", async () => {
    const github = withHistory();
    const id = await begin(github, { budget: MicroUsd(RUN_AT_MOST) });
    await store.startTrial(id);
    await settle(github);

    expect(await ask(store, "trial-stop", id)).toEqual(ok(id));
    await settle(github);
    expect(await read(id)).toMatchObject({ state: "stopped", over: false });
    expect((await store.readTrialPull(id, 3))?.overlay).toHaveLength(1);
    await report(github, solved);

    expect(await marksOf(id)).toEqual(["3 frontier resolved", "3 light notRun", "1 frontier notRun", "1 light notRun"]);
    expect(await read(id)).toMatchObject({ state: "stopped", over: true });
    expect((await store.readTrialPull(id, 3))?.overlay).toEqual([]);
    expect(await ask(store, "trial-stop", id)).toEqual(err(`${id} has ended, or never was`));
  });

  it("starts nothing that is being planned as it is stopped", async () => {
    const github = withHistory();
    const id = await begin(github, { budget: MicroUsd(100_000_000) });
    await store.startTrial(id);
    await workOnce(depsOf(github), TRIALS);
    const planned = await store.claimTask();

    expect(await store.stopTrial(id)).toBe(true);

    const next = await planTrial(depsOf(github), planned!, planned!.trial!);
    expect(next).toEqual({ go: "refuse", patch: { failure: { reason: "trial-over", why: "stopped" } } });
    expect(await store.advance(planned!, "plan", { plan: makePlanRow() })).toBe(false);
    await settle(github);
    expect(await marksOf(id)).toEqual(["3 frontier notRun", "3 light notRun", "1 frontier notRun", "1 light notRun"]);
    expect(await read(id)).toMatchObject({ state: "stopped", over: true });
    expect(github.asked).not.toContain("dispatchRun");
  });

  it.each(["before", "after"])(
    "offers no runner anew what none has claimed, where the offer ran out %s it was stopped",
    async (when) => {
      const github = withHistory();
      const id = await begin(github, { routes: ["light"], last: 1 });
      await store.startTrial(id);
      await settle(github);
      const runOut = async () => {
        await sql`update leases set created_at = created_at - ${LEASE.offerMs + 1}`.execute(connection.db);
        await sql`update tasks set due_at = 0 where state = 'awaiting'`.execute(connection.db);
        await workOnce(depsOf(github), TASKS);
      };

      if (when === "before") await runOut();
      expect(await store.stopTrial(id)).toBe(true);
      if (when === "after") await runOut();
      await settle(github);

      const [run] = (await read(id)).runs;
      expect(run?.mark).toBe("notRun");
      expect((await store.readTask(run!.task))?.failure).toEqual({ reason: "trial-over", why: "stopped" });
      expect((await store.readLeases(run!.task)).map(({ state, attempt }) => `${state} ${String(attempt.verdict)}`)).toEqual(
        Array.from({ length: when === "before" ? 1 : 2 }, () => "lost refused"),
      );
      expect(github.asked.filter((what) => what === "dispatchRun")).toHaveLength(1);
      expect((await store.readTrialPull(id, 3))?.overlay).toEqual([]);
    },
  );

  it("lets what a runner has claimed go on with another credential, once it is stopped", async () => {
    const github = withHistory();
    const id = await begin(github, { routes: ["light"], last: 1 });
    await store.startTrial(id);
    await settle(github);
    expect(await store.stopTrial(id)).toBe(true);

    await report(github, ran({ ending: { kind: "rateLimited", detail: null, turns: null, finalMessage: null } }));
    await sql`update cooldowns set until = 0`.execute(connection.db);
    await sql`update owners set due_at = 0`.execute(connection.db);
    await settle(github);
    await report(github, solved);

    expect(await marksOf(id)).toEqual(["3 light resolved"]);
    expect(github.asked.filter((what) => what === "dispatchRun")).toHaveLength(2);
  });

  it("takes nobody's place: its issues are asked for, commented on and found as if it weren't there", async () => {
    const github = withHistory();
    const id = await begin(github, { budget: MicroUsd(100_000_000) });
    await store.startTrial(id);
    await settle(github);
    await store.recordDelivery({
      id: DeliveryId(randomUUID()),
      owner: OwnerId(10),
      event: { kind: "request", brief: makeBrief(30) },
    });
    await settle(github);

    const found = await store.findTask("acme/web#30");

    expect(found).toMatchObject({ trial: null, state: "awaiting" });
    expect(github.asked.filter((what) => what === "createComment")).toHaveLength(1);
    expect(await connection.db.selectFrom("comments").select("issue_number").execute()).toEqual([{ issue_number: 30 }]);
  });

  it("lets all others of its team go first, for a day", async () => {
    await store.recordPolicy(OwnerId(10), { text: "", commit: "c".repeat(40), readAt: EpochMs(1) });
    const { asker } = makePlanRow();
    for (const [at, of] of [{ ...asker, patient: true as const }, asker].entries()) {
      await store.openTask(TaskId(`t${String(at)}`), makeBrief(at + 1), DeliveryId(randomUUID()));
      await store.advance((await store.claimTask())!, "plan", { plan: makePlanRow({ asker: of }) });
    }
    const { stored } = await store.readPool(OwnerId(10));
    const { policy, commit } = makePolicy();
    const order = (after: number) =>
      orderOf(
        toSnapshot(
          policy,
          commit,
          {
            ...stored,
            queue: stored.queue.map((row) => (row.task === "t1" ? { ...row, queuedAt: EpochMs(row.queuedAt + after) } : row)),
          },
          0,
        ),
      ).map(({ task }) => task);

    expect(order(DAY_MS / 2)).toEqual(["t1", "t0"]);
    expect(order(2 * DAY_MS)).toEqual(["t0", "t1"]);
  });

  it("is planned anew under a policy that has changed, and stays what it is", async () => {
    const github = withHistory();
    const id = await begin(github, { routes: ["light"], last: 1 });
    await store.startTrial(id);
    // Funded, then planned: as far as the queue.
    for (let rounds = 0; rounds < 2; rounds += 1) await workOnce(depsOf(github), 2);
    expect((await store.readTask((await read(id)).runs[0]!.task))?.state).toBe("queued");
    await store.replanQueued(OwnerId(10), "another");
    await settle(github);

    const [run] = (await read(id)).runs;
    expect(run?.mark).toBe("goesOn");
    expect((await store.readTask(run!.task))?.plan).toMatchObject({
      base: { commit: "d".repeat(40) },
      repairs: 0,
      commands: { verify: "detect" },
      asker: { team: "everyone", login: "agent-pool[bot]", urgent: false, patient: true },
      ladder: { attempts: 1 },
    });
  });

  const policyOf = (more: string): Partial<GitHub> => ({
    readSetUp: () =>
      Promise.resolve(
        ok({
          base: { branch: "main", commit: "a".repeat(40), tree: "b".repeat(40) },
          settings: "missing" as const,
          policy: {
            commit: "f".repeat(40),
            file: {
              text: `version: 1\npool: [{ name: platform-api, provider: anthropic }]\nrunner: acme/agent-runner\nbudget: $200/month\n${more}`,
            },
          },
        }),
      ),
  });

  it("does what was offered, whatever the policy makes of the same word since", async () => {
    const id = await begin(withHistory(), { routes: ["light"], last: 1 });
    const offered = (await read(id)).offer?.routes[0]?.route;
    await store.startTrial(id);
    const tiers =
      "tiers: { light: [{ harness: claude-code, model: claude-sonnet-5-5 }], standard: [{ harness: claude-code, model: claude-haiku-5-5, effort: high }] }";
    await settle(withHistory(policyOf(`${tiers}\ntask: { moves: 5 }\n`)));

    const { plan } = (await store.readTask((await read(id)).runs[0]!.task))!;

    expect(offered).toMatchObject({ tier: "light", model: "claude-haiku-5-5", effort: null });
    expect(plan).toMatchObject({ route: offered, moves: 3, price: findModel("claude-haiku-5-5")?.price });
  });

  it("is refused, saying so, what was offered and the pool doesn't serve any more", async () => {
    const id = await begin(withHistory(), { routes: ["light"], last: 1 });
    await store.startTrial(id);
    const none = withHistory(policyOf("tiers: { light: [{ harness: claude-code, model: claude-sonnet-5-5 }] }\n"));
    await settle(none);

    const [run] = (await read(id)).runs;

    expect(run?.mark).toBe("notRun");
    expect((await store.readTask(run!.task))?.failure).toMatchObject({
      reason: "route-not-served",
      asked: "claude-code:claude-haiku-5-5",
      served: expect.arrayContaining(["claude-code:claude-sonnet-5-5"]) as unknown,
    });
    expect(none.asked).not.toContain("dispatchRun");
  });

  it.each<[string, Partial<GitHub>, Partial<NewTrial>, RegExp]>([
    ["the App isn't installed there", { readPlaces: placesOf() }, {}, /^the App is not installed on Acme\/web$/],
    ["GitHub refuses its owner", { readPlaces: () => Promise.resolve(ok({ places: [], refused: [{ owner: { id: OwnerId(10), login: "Acme" }, failure: refused(403, "an IP allow list").error }] })) }, {}, /^GitHub refused X \/x with 403: an IP allow list$/],
    ["a route is none of the policy's", {}, { routes: ["light", "codex"] }, /^Nothing in the pool serves `codex`/],
    ["no merge can be tried", { readMerged: () => Promise.resolve(ok({ pulls: [pull(4, { issues: [] })], next: null })) }, {}, /closed an issue, changed the code and added or changed tests/],
    ["its budget can't hold one run", {}, { budget: MicroUsd(1_000_000) }, /^one run may cost up to \$6\.80, and the budget is \$1\.00/],
    ["GitHub refuses", { readMerged: () => Promise.resolve(refused(403, "Resource not accessible", "POST /graphql")) }, {}, /^GitHub refused POST \/graphql with 403: Resource not accessible$/],
    ["there is no policy", { readSetUp: () => Promise.resolve(ok({ base: { branch: "main", commit: "a".repeat(40), tree: "b".repeat(40) }, settings: "missing" as const, policy: null })) }, {}, /^There is no `.github\/agent-pool.yml`/],
  ])("fails, saying so, where %s", async (_where, answers, overrides, said) => {
    const id = await begin(withHistory(answers), overrides);

    const { state, over, failure } = await read(id);

    expect({ state, over }).toEqual({ state: "failed", over: true });
    expect(failure).toMatch(said);
    expect(await store.startTrial(id)).toBe(false);
  }); // prettier-ignore
});
