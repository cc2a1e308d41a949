import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Connection } from "#adapters/store/connect.ts";
import { withinBudget } from "#app/content.ts";
import type { Deps } from "#app/deps.ts";
import { workOnce } from "#app/worker.ts";
import { EFFECTS } from "#core/task/effects.ts";
import { DeliveryId, OwnerId, RunId, TaskId } from "#core/wire/ids.ts";
import { ok } from "#core/wire/result.ts";
import { MicroUsd, MINUTE_MS, SECOND_MS } from "#core/wire/units.ts";
import type { GitHub } from "#ports/github.ts";
import type { LeaseRow, Store } from "#ports/store.ts";
import { makeBrief, SETTLED } from "../kit/briefs.ts";
import { fakeGitHub, refused, unavailable } from "../kit/fake-github.ts";
import { makeRuntime } from "../kit/runtime.ts";
import { beat, blocked, ran } from "../kit/outcomes.ts";
import { openFresh } from "../kit/stores.ts";

const CHANGED = ran({ changes: [{ status: "deleted", path: "a.txt" }] });
const REPLY = "<!-- agent-pool:reply:";

describe("the one comment", () => {
  let connection: Connection;
  let store: Store;
  beforeAll(async () => {
    ({ connection, store } = await openFresh("PGlite"));
  });
  beforeEach(async () => {
    await sql`truncate deliveries, owners, tasks, comments, attempts, leases, holds, ledger, spend, credentials, seen, decisions,
      allowances, uses, teams, cooldowns, classified, content_calls, content_waits, content_budgets cascade`.execute(
      connection.db,
    );
  });
  afterAll(() => store.close());

  /** What was written where, each time. */
  function listening(answers: Partial<GitHub> = {}): GitHub & { readonly said: string[]; readonly asked: readonly string[] } {
    const said: string[] = [];
    const hear = (body: string) => said.push(body);
    const github = fakeGitHub({
      createComment: (_place, _issue, body) => Promise.resolve(ok(hear(body) && 70)),
      updateComment: (_place, _comment, body) => Promise.resolve(ok(void hear(body))),
      createReply: (_place, _issue, body) => Promise.resolve(ok(hear(body) && 71)),
      readRun: (_installation, _runner, run) =>
        Promise.resolve(ok({ id: run, url: "https://x/run", status: "completed", conclusion: "failure" })),
      requestReview: (_place, pull, { people }) =>
        Promise.resolve(ok(void hear(`review of ${String(pull)} by ${people.join()}`))),
      ...answers,
    });
    return { ...github, said };
  }
  const calls = ({ said }: { readonly said: readonly string[] }) =>
    said.filter((text) => text.startsWith(REPLY) || text.startsWith("review"));

  async function settle(github: GitHub): Promise<void> {
    const deps: Deps = {
      store,
      github,
      runtime: makeRuntime(),
    };
    for (let rounds = 0; rounds < 100; rounds += 1) if (!(await workOnce(deps))) return;
    throw new Error("the worker never comes to rest");
  }
  async function ask(github: GitHub, issue = 1): Promise<void> {
    const event = { kind: "request" as const, brief: makeBrief(issue) };
    await store.recordDelivery({ id: DeliveryId(randomUUID()), owner: OwnerId(10), event });
    await settle(github);
  }
  /** The newest task's run takes its lease. */
  async function start(github: GitHub): Promise<LeaseRow> {
    const { id } = await connection.db.selectFrom("tasks").select("id").orderBy("created_at", "desc").executeTakeFirstOrThrow();
    const lease = (await store.readLeases(TaskId(id))).at(-1);
    if (lease === undefined) throw new Error("nothing was dispatched");
    await store.claimLease(lease.id, lease.run ?? RunId(1), "check", "hash");
    await settle(github);
    return lease;
  }
  /** So much later. */
  async function passTime(ms: number): Promise<void> {
    await sql`update leases set deadline_at = deadline_at - ${ms}, heard_at = heard_at - ${ms}`.execute(connection.db);
    await sql`update comments set said_at = said_at - ${ms}`.execute(connection.db);
    await sql`update content_calls set at = at - ${ms}`.execute(connection.db);
    await sql`update content_waits set due_at = due_at - ${ms}, asked_at = asked_at - ${ms}`.execute(connection.db);
    for (const table of ["tasks", "comments", "owners", "deliveries"] as const)
      await sql`update ${sql.table(table)} set due_at = due_at - ${ms} where due_at is not null`.execute(connection.db);
  }
  const headlines = ({ said }: { readonly said: readonly string[] }) =>
    said.filter((text) => !text.startsWith(REPLY)).map((text) => /^\*\*agent-pool\*\* · (.*)$/m.exec(text)?.[1] ?? text);

  it("tells a start, the work, and the end, each at once, and asks the requester for a review", async () => {
    const github = listening();
    await ask(github);
    const lease = await start(github);

    await store.settle(lease.id, CHANGED, "h", SETTLED);
    await settle(github);

    expect(headlines(github)).toEqual([
      "started, waiting for a runner",
      "at work",
      "draft pull request #2 is ready for review; no check has passed on it yet",
      "review of 2 by maintainer",
    ]);
  });

  it("calls the requester once by a reply where they can't be asked for a review", async () => {
    const github = listening({ requestReview: () => Promise.resolve(refused(422, "not a collaborator", EFFECTS.requestReview)) });
    await ask(github);
    await store.settle((await start(github)).id, CHANGED, "h", SETTLED);
    await settle(github);
    await passTime(MINUTE_MS);
    await settle(github);

    expect(calls(github)).toEqual([expect.stringMatching(/@maintainer pull request #2 is ready.*issues\/1#issuecomment-70/s)]);
  });

  it("calls the requester once where the work ended without a pull request", async () => {
    const github = listening();
    await ask(github);
    await store.settle((await start(github)).id, blocked(), "h", SETTLED);
    await settle(github);
    await passTime(MINUTE_MS);
    await settle(github);

    expect(headlines(github).at(-1)).toMatch("ended without a pull request");
    expect(calls(github)).toEqual([expect.stringContaining("@maintainer this ended without a pull request")]);
  });

  it("calls nobody who is called by the comment itself, as it is new when it says the end", async () => {
    const github = listening({ readRunner: () => Promise.resolve(ok(undefined)), readSetUp: noPolicy });
    await ask(github);

    expect(headlines(github)).toEqual(["not started"]);
    expect(calls(github)).toEqual([]);
  });

  it("calls who asks again, and is refused in a comment that was there", async () => {
    const github = listening();
    await ask(github);
    await store.settle((await start(github)).id, blocked(), "h", SETTLED);
    await settle(github);

    await ask(listeningTo(github, { readSetUp: noPolicy }));

    expect(calls(github)).toHaveLength(2);
    expect(calls(github)[1]).toContain("@maintainer this was not done");
  });

  it("looks for a reply whose answer was lost, instead of writing a second", async () => {
    const github = listening({ createReply: () => Promise.resolve(unavailable()) });
    await ask(github);
    await store.settle((await start(github)).id, blocked(), "h", SETTLED);
    await settle(github);
    await passTime(MINUTE_MS);

    const later = listening({ findReply: () => Promise.resolve(ok(71)) });
    await settle(later);

    expect(calls(later)).toEqual([]);
    expect(await connection.db.selectFrom("comments").select(["telling", "due_at"]).execute()).toEqual([
      { telling: null, due_at: null },
    ]);
  });

  it("tells how far a run has come, at most every twenty seconds", async () => {
    const github = listening();
    await ask(github);
    const lease = await start(github);
    const heard = async (modelCalls: number, used: number): Promise<void> => {
      await store.recordHeartbeat(lease.id, beat({ modelCalls }), MicroUsd(used));
      await settle(github);
    };

    await heard(1, 10_000);
    const tooSoon = github.said.length;
    await passTime(20 * SECOND_MS);
    await settle(github);
    await heard(2, 20_000);
    await passTime(20 * SECOND_MS);
    await heard(3, 30_000);

    expect(tooSoon).toBe(2);
    expect(github.said.slice(2).map((text) => /^Writing: .*$/m.exec(text)?.[0])).toEqual([
      "Writing: 1 step of the model, $0.01 so far, within its first minute.",
      "Writing: 3 steps of the model, $0.03 so far, within its first minute.",
    ]);
  });

  it("tells of a long run the more seldom the longer it lasts", async () => {
    const github = listening();
    await ask(github);
    const lease = await start(github);
    for (let beats = 1; beats <= 150; beats += 1) {
      await passTime(20 * SECOND_MS);
      await store.recordHeartbeat(lease.id, beat({ modelCalls: beats }), MicroUsd(beats));
      await settle(github);
    }

    // Fifty minutes of heartbeats.
    const edits = github.said.length - 2;
    expect(edits).toBeGreaterThan(15);
    expect(edits).toBeLessThan(26);
  });

  it("makes no call that has no room, counts no try for it, and goes on when there is", async () => {
    const github = listening();
    const budgeted = withinBudget(github, store);
    for (let call = 0; call < 80; call += 1) await store.takeTurn(makeBrief().installation, `other ${String(call)}`, "work");

    await ask(budgeted);
    expect(github.asked.filter((what) => what === "dispatchRun")).toEqual([]);
    expect(github.said).toEqual([]);
    const rows = async () => [
      ...(await connection.db.selectFrom("tasks").select(["state", "tries"]).execute()),
      ...(await connection.db.selectFrom("comments").select(["begun", "tries"]).execute()),
    ];
    expect(await rows()).toEqual([
      { state: "dispatching", tries: 0 },
      { begun: false, tries: 0 },
    ]);

    await passTime(65 * SECOND_MS);
    await settle(budgeted);

    expect(github.asked.filter((what) => what === "dispatchRun")).toHaveLength(1);
    expect(headlines(github)).toEqual(["started, waiting for a runner"]);
    // What was never asked for needn't be looked for.
    expect(github.asked).not.toContain("findComment");
    expect(github.asked).not.toContain("findRun");
  });

  it("lets the whole installation wait where GitHub says that it is limited", async () => {
    const github = listening({ createComment: () => Promise.resolve(unavailable(90_000)) });
    const budgeted = withinBudget(github, store);
    await ask(budgeted);

    expect(await store.takeTurn(makeBrief().installation, "another", "work")).toBeGreaterThan(80_000);
  });

  function listeningTo(github: ReturnType<typeof listening>, answers: Partial<GitHub>): GitHub {
    return { ...github, ...answers };
  }
});

const noPolicy: GitHub["readSetUp"] = () =>
  Promise.resolve(
    ok({ base: { branch: "main", commit: "a".repeat(40), tree: "b".repeat(40) }, settings: "missing" as const, policy: null }),
  );
