import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { NO_FAULT_ENDINGS, SCORE_MS } from "#core/plan/scoreboard.ts";
import { endOf, type PullNews } from "#core/plan/fate.ts";
import { pick } from "#core/pool/pick.ts";
import type { CiChecks } from "#core/task/ci-checks.ts";
import type { JudgedReason } from "#core/task/judge.ts";
import type { AttemptState } from "#core/task/lifecycle.ts";
import { branchName } from "#core/task/markers.ts";
import { EpochMs, DAY_MS } from "#core/wire/units.ts";
import { DeliveryId, OwnerId, RepositoryId, TaskId } from "#core/wire/ids.ts";
import type { Connection } from "#adapters/store/connect.ts";
import type { Store } from "#ports/store.ts";
import { makeBrief, makePlanRow, makePolicy } from "../kit/briefs.ts";
import { checked, ran } from "../kit/outcomes.ts";
import { ENGINES, openFresh } from "../kit/stores.ts";

const OWNER = OwnerId(10);
const WEB = RepositoryId(20);
const OPENED = EpochMs(Date.UTC(2026, 10, 30, 10));
const MERGE = "c".repeat(40);
const merged: PullNews = { what: "merged", at: EpochMs(OPENED + DAY_MS), commit: MERGE };
const PASSED: CiChecks = { passed: 1, skipped: 0, failed: [] };
const FAILED: CiChecks = { passed: 1, skipped: 0, failed: [{ name: "test", conclusion: "failure" }] };

describe.each(ENGINES)("what routes have come to, on %s", (engine) => {
  let connection: Connection;
  let store: Store;
  beforeAll(async () => {
    ({ connection, store } = await openFresh(engine));
  });
  afterEach(async () => {
    for (const table of ["ledger", "leases", "attempts", "comments", "tasks", "reverts"])
      await sql`delete from ${sql.table(table)}`.execute(connection.db);
  });
  afterAll(() => store.close());

  let count = 0;
  type Given = {
    owner?: number;
    repository?: number;
    name?: string;
    state?: AttemptState;
    why?: JudgedReason | null;
    proved?: boolean | null;
    ci?: CiChecks | null;
    model?: string;
    expected?: number | null;
    agoMs?: number;
    costs?: readonly number[];
    pull?: number | null;
    taskState?: string;
  };
  /** A task with one ended attempt, of as many leases as it has costs. Of what isn't said: solved, its checks passed. */
  async function attempt(given: Given = {}): Promise<TaskId> {
    const { db } = connection;
    count += 1;
    const task = TaskId(randomUUID());
    const owner = given.owner ?? OWNER;
    const brief = {
      ...makeBrief(count),
      owner: { id: OwnerId(owner), login: "acme" },
      repository: { id: RepositoryId(given.repository ?? WEB), name: given.name ?? "web", private: true },
    };
    await store.openTask(task, brief, DeliveryId(randomUUID()));
    const { pull = count, ci = null, taskState = "solved" } = given;
    await sql`update tasks set state = ${taskState}, pull_number = ${pull}, commit_sha = ${`${String(count)}d`.padStart(40, "0")},
      ci_checks = ${ci === null ? null : JSON.stringify(ci)}::jsonb, plan = ${JSON.stringify(makePlanRow())}::jsonb,
      created_at = created_at + ${count} where id = ${task}`.execute(db);
    await another(task, 1, given);
    return task;
  }
  async function another(task: TaskId, number: number, given: Given = {}): Promise<void> {
    const { db } = connection;
    const { state = "solved", why = null, proved = state === "solved", model = "claude-haiku-5-5", expected = 0.5 } = given;
    const id = randomUUID();
    const owner = given.owner ?? OWNER;
    const route = JSON.stringify({ ...makePlanRow().route, model });
    await sql`insert into attempts (id, owner_id, task_id, number, state, route, budget, price, why, proved, chance, expected, created_at)
      select ${id}, ${owner}, ${task}, ${number}, ${state}, ${route}::jsonb, 1, '{}'::jsonb,
        ${why === null ? null : JSON.stringify(why)}::jsonb, ${proved}::boolean, 0.7, ${expected}::double precision,
        (extract(epoch from now()) * 1000)::bigint - ${given.agoMs ?? 0}::bigint`.execute(db);
    for (const [fence, cost] of (given.costs ?? []).entries()) {
      const lease = randomUUID();
      await sql`insert into leases (id, owner_id, task_id, attempt_id, fence, state, credential, billed, minute, kind, charged, weight)
        values (${lease}, ${owner}, ${task}, ${id}, ${fence + 1}, 'settled', 'one', true, 0, 'api-key', 0, 1)`.execute(db);
      for (const kind of ["model", "runner"] as const)
        await sql`insert into ledger (lease_id, kind, owner_id, credential, amount, listed, detail)
          values (${lease}, ${kind}, ${owner}, 'one', 0, ${kind === "model" ? cost : 1}, '{}'::jsonb)`.execute(db);
    }
  }
  const failed = (why: JudgedReason) => ({ state: "failed" as const, why });
  const ending = (kind: (typeof NO_FAULT_ENDINGS)[number] | "crashed") => failed({ why: "ending", ending: kind, detail: null });

  describe("an attempt", () => {
    it.each<[string, Given, readonly [tried: number, verified: number]]>([
      ["solved, its checks passed", {}, [1, 1]],
      ["solved without a check that ran", { proved: false }, [0, 0]],
      ["solved by an older release, which didn't keep it", { proved: null }, [0, 0]],
      ["solved without a check, and CI passed", { proved: false, ci: PASSED }, [1, 1]],
      ["solved, and CI failed", { ci: FAILED }, [1, 0]],
      ["solved without a check, and CI failed", { proved: false, ci: FAILED }, [1, 0]],
      ["whose checks failed", failed({ why: "checks-failed", failed: [] }), [1, 0]],
      ["that changed nothing", { state: "noChange", why: { why: "no-change" } }, [1, 0]],
      ["whose harness crashed", ending("crashed"), [1, 0]],
      ["that never began to work", failed({ why: "blocked", reason: "internal", detail: "" }), [0, 0]],
      ["refused by the guards", { state: "refused", why: { why: "guards", violations: [] } }, [0, 0]],
      ["lost", { state: "lost", why: { why: "silent" } }, [0, 0]],
      ["that goes on", { state: "open" }, [0, 0]],
      ["of half a year ago", { agoMs: SCORE_MS + DAY_MS }, [0, 0]],
      ["planned before chances were", { expected: null }, [0, 0]],
      ...NO_FAULT_ENDINGS.map((kind): [string, Given, readonly [number, number]] => [
        `that ended as ${kind}`,
        ending(kind),
        [0, 0],
      ]),
    ])("%s", async (_name, given, [tried, verified]) => {
      await attempt(given);

      const { repository } = await store.readScores(OWNER, WEB);

      expect([repository[0]?.tried ?? 0, repository[0]?.verified ?? 0]).toEqual([tried, verified]);
    });
  });

  it("are summed by harness and model, for the repository and for all of the owner's", async () => {
    await attempt({ expected: 0.5, costs: [1, 2] });
    await attempt({ expected: 0.25, ...failed({ why: "checks-failed", failed: [] }) });
    await attempt({ model: "claude-opus-5-5", expected: 0.75 });
    await attempt({ repository: 21, expected: 0.5 });
    await attempt({ owner: 11, expected: 0.5 });

    const scores = await store.readScores(OWNER, WEB);

    const haiku = { harness: "claude-code", model: "claude-haiku-5-5" };
    const opus = { harness: "claude-code", model: "claude-opus-5-5", tried: 1, verified: 1, expected: 0.75 };
    expect(scores).toEqual({
      repository: [{ ...haiku, tried: 2, verified: 1, expected: 0.75 }, opus],
      owner: [{ ...haiku, tried: 3, verified: 2, expected: 1.25 }, opus],
    });
  });

  it("are none where nothing was tried", async () => {
    expect(await store.readScores(OWNER, WEB)).toEqual({ repository: [], owner: [] });
  });

  it("are told attempt by attempt, with what all leases cost, what came of the pull request and what its follow-ups cost", async () => {
    const task = await attempt({ ...failed({ why: "checks-failed", failed: [] }), costs: [5, 6], name: "old-name", pull: 7 });
    await another(task, 2, { model: "claude-opus-5-5", costs: [100] });
    await attempt({ state: "lost", why: { why: "silent" }, pull: null, name: "web" });
    await store.hearPull(OWNER, news(task, 7, merged));
    const followUp = await attempt({ costs: [40, 50], pull: null });
    await sql`update tasks set follows = ${task}, issue_number = 7 where id = ${followUp}`.execute(connection.db);

    const attempts = await store.readAttempts(OWNER);

    const route = { tier: "light", harness: "claude-code" };
    const of = { task, repository: "web", size: "s", worth: 2_000_000, chance: 0.7 };
    expect(attempts.filter((each) => each.task === task)).toEqual([
      { ...of, route: { ...route, model: "claude-haiku-5-5" }, tried: true, verified: false, cost: 13, pull: null },
      {
        ...of,
        route: { ...route, model: "claude-opus-5-5" },
        tried: true,
        verified: true,
        cost: 101,
        pull: {
          fate: expect.objectContaining({ merged: { at: merged.at, commit: MERGE } }) as unknown,
          reverted: false,
          followUps: 92,
        },
      },
    ]);
    expect(attempts.find((each) => each.task !== task)).toMatchObject({ tried: false, verified: false, cost: 0, pull: null });
  });

  const news = (task: TaskId, number: number, told: PullNews) => ({
    kind: "pull-news" as const,
    repository: WEB,
    number,
    branch: branchName(count, task),
    openedAt: OPENED,
    news: told,
  });

  describe("told of a pull request", () => {
    async function fate(task: TaskId) {
      return (await connection.db.selectFrom("tasks").select("fate").where("id", "=", task).executeTakeFirstOrThrow()).fate;
    }

    it("keep it with its task, whatever the order", async () => {
      const asked: PullNews = { what: "changes-requested", commit: "e".repeat(40) };
      const closed: PullNews = { what: "closed", at: EpochMs(OPENED + 1_000) };
      const orders = [
        [closed, asked, merged],
        [merged, asked, closed, asked],
      ];

      const fates = [];
      for (const order of orders) {
        const task = await attempt();
        const heard = [];
        for (const told of order) heard.push(await store.hearPull(OWNER, news(task, count, told)));
        expect(heard.at(-1)).toBe("merged");
        fates.push(await fate(task));
      }

      expect(fates[0]).toEqual(fates[1]);
      expect(fates[0]).toMatchObject({ openedAt: OPENED, rounds: ["e".repeat(40)] });
      expect(fates[0] === null || fates[0] === undefined ? "" : endOf(fates[0])).toBe("merged");
    });

    it("lose nothing of what many processes hear at once", async () => {
      const task = await attempt();
      const commits = Array.from({ length: 20 }, (_, at) => String(at).padStart(40, "0"));

      await Promise.all(commits.map((commit) => store.hearPull(OWNER, news(task, count, { what: "changes-requested", commit }))));

      expect((await fate(task))?.rounds).toEqual(commits);
    });

    it("wait where its task is about to open it, and know it by its branch alone", async () => {
      const task = await attempt({ taskState: "opening", pull: null });

      expect(await store.hearPull(OWNER, news(task, 900, merged))).toBe("opening");
      const other = { ...news(task, 900, merged), branch: branchName(count, TaskId(randomUUID())) };
      expect(await store.hearPull(OWNER, other)).toBe("unknown");
    });

    it.each([
      ["another number", { number: 900 }],
      ["another repository", { repository: RepositoryId(21) }],
      ["another owner", { owner: OwnerId(11) }],
    ])("keep nothing of %s", async (_name, other) => {
      const task = await attempt();

      const heard = await store.hearPull("owner" in other ? other.owner : OWNER, {
        ...news(task, count, merged),
        ...("owner" in other ? {} : other),
      });

      expect([heard, await fate(task)]).toEqual(["unknown", null]);
    });
  });

  describe("told that something was taken back", () => {
    const reverted = async () => (await store.readAttempts(OWNER))[0]?.pull?.reverted;

    it.each([
      ["the pull request", "#7"],
      ["its merge", MERGE],
      ["the commit it was made of", "published"],
    ])("know it of %s, before the merge was heard of and after", async (_name, what) => {
      const task = await attempt({ pull: 7 });
      const { commit_sha: published } = await connection.db.selectFrom("tasks").select("commit_sha").executeTakeFirstOrThrow();
      const told = [what === "published" ? (published ?? "") : what];

      await store.hearReverts(OWNER, WEB, told);
      await store.hearPull(OWNER, news(task, 7, merged));
      await store.hearReverts(OWNER, WEB, [...told, "#7000"]);

      expect(await reverted()).toBe(true);
    });

    it.each([
      ["another pull request", OWNER, WEB, "#70"],
      ["another repository's of that number", OWNER, RepositoryId(21), "#7"],
      ["another owner's of that number", OwnerId(11), WEB, "#7"],
    ])("know nothing of %s", async (_name, owner, repository, what) => {
      await attempt({ pull: 7 });

      await store.hearReverts(owner, repository, [what]);

      expect(await reverted()).toBe(false);
    });
  });

  it("keep with an attempt what its plan expected of it", async () => {
    const { db } = connection;
    const task = TaskId(randomUUID());
    await store.recordPolicy(OWNER, { text: "policy", commit: "c".repeat(40), readAt: EpochMs(1) });
    await store.openTask(task, makeBrief((count += 1)), DeliveryId(randomUUID()));
    await store.advance(await claim(task), "plan", { plan: makePlanRow({ chance: 0.6, expected: 0.55 }) });

    await store.admit(OWNER, makePolicy(["one"]), pick);

    const kept = await db.selectFrom("attempts").select(["chance", "expected", "proved"]).where("task_id", "=", task).execute();
    expect(kept).toEqual([{ chance: 0.6, expected: 0.55, proved: null }]);
    for (const table of ["holds", "decisions"]) await sql`delete from ${sql.table(table)}`.execute(db);
  });

  it("keep of a solved attempt whether a check of its job has passed", async () => {
    const { db } = connection;
    const task = await attempt({ state: "open", costs: [1, 1], taskState: "judging", pull: null });
    const leases = await db.selectFrom("leases").select("id").orderBy("fence").execute();
    const report = (runs: readonly number[]) =>
      JSON.stringify(ran({ verification: runs.map((exitCode) => checked("npm test", { exitCode, before: "failed" })) }));
    await sql`update leases set report = ${report([0])}::jsonb where id = ${leases[0]?.id}`.execute(db);
    await sql`update leases set report = ${report([1])}::jsonb where id = ${leases[1]?.id}`.execute(db);

    const claimed = await claim(task);
    await store.advance(claimed, "accept", {}, { lease: leases[1]!.id as never, verdict: { verdict: "solved", why: null } });

    expect(await db.selectFrom("attempts").select(["state", "proved"]).executeTakeFirst()).toEqual({
      state: "solved",
      proved: false,
    });
  });
  async function claim(task: TaskId) {
    await sql`update tasks set due_at = 0, held_by = null, held_until = null where id = ${task}`.execute(connection.db);
    for (;;) {
      const claimed = await store.claimTask();
      if (claimed === undefined) throw new Error(`${task} is not due`);
      if (claimed.id === task) return claimed;
      await store.rest(claimed, null);
    }
  }
});
