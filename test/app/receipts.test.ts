import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { Deps } from "#app/deps.ts";
import { readDelivery } from "#app/intake.ts";
import { trigger } from "#app/trigger.ts";
import { workOnce } from "#app/worker.ts";
import { RECEIPTS_ISSUE } from "#core/pool/receipt-words.ts";
import { receiptMarker, RECEIPTS_MARKER } from "#core/task/markers.ts";
import { ActorId, CredentialName, DeliveryId, InstallationId, OwnerId, RepositoryId, TaskId } from "#core/wire/ids.ts";
import { ok } from "#core/wire/result.ts";
import { DAY_MS, EpochMs, HOUR_MS } from "#core/wire/units.ts";
import { bindStore } from "#adapters/store/store.ts";
import type { GitHub, Place } from "#ports/github.ts";
import type { Store } from "#ports/store.ts";
import { makeBrief, makePlanRow } from "../kit/briefs.ts";
import { fakeGitHub, placesOf, refused, unavailable } from "../kit/fake-github.ts";
import { makeRuntime } from "../kit/runtime.ts";
import { startVirtualClock, type VirtualClock } from "../kit/virtual-clock.ts";

const OWNER = OwnerId(10);
const ADA = { id: ActorId(40), login: "ada" };
const BOB = { id: ActorId(41), login: "bob" };
const PLACE: Place = {
  installation: InstallationId(5),
  owner: { id: OWNER, login: "acme" },
  repository: { id: RepositoryId(22), name: ".github", private: true },
};
const POLICY = `version: 1
pool:
  - { name: ada-max, provider: anthropic, kind: seat, owner: ada, serves: everyone, keep-for-owner: 40% }
  - { name: bob-max, provider: anthropic, kind: seat, owner: bob, serves: everyone }
runner: acme/agent-runner
budget: $200/month
`;
/** A Monday. */
const MONDAY = Date.UTC(2027, 0, 4);

/** A GitHub that keeps one repository's issues, and counts what is written. */
function gitHub(policy = POLICY) {
  const board = {
    policy,
    isPublic: false,
    issues: new Map<number, { body: string; isOpen: boolean; isLocked: boolean }>(),
    comments: new Map<number, { issue: number; body: string }>(),
    written: [] as string[],
    next: 1,
  };
  const find = <T extends { body: string }>(all: ReadonlyMap<number, T>, begins: string) =>
    [...all].find(([, { body }]) => body.startsWith(begins))?.[0];
  const answers: Partial<GitHub> = {
    readPlaces: (isWanted) => placesOf({ ...PLACE, repository: { ...PLACE.repository, private: !board.isPublic } })(isWanted),
    readSetUp: () =>
      Promise.resolve(ok({ base: null, settings: "missing", policy: { commit: "c".repeat(40), file: { text: board.policy } } })),
    readIssue: (_place, number) => {
      const issue = board.issues.get(number);
      return Promise.resolve(issue === undefined ? refused(410) : ok({ ...issue, labels: [] }));
    },
    findReceipts: () => Promise.resolve(ok(find(board.issues, RECEIPTS_MARKER))),
    openIssue: (_place, { body }) => {
      const number = (board.next += 1);
      board.issues.set(number, { body, isOpen: true, isLocked: false });
      board.written.push(`issue ${String(number)}`);
      return Promise.resolve(ok(number));
    },
    findReceipt: (_place, issue, lender) => {
      const here = new Map([...board.comments].filter(([, comment]) => comment.issue === issue));
      return Promise.resolve(ok(find(here, receiptMarker(lender))));
    },
    createComment: (_place, issue, body) => {
      const id = (board.next += 1);
      board.comments.set(id, { issue, body });
      board.written.push(`comment ${String(id)}`);
      return Promise.resolve(ok(id));
    },
    updateComment: (_place, id, body) => {
      const comment = board.comments.get(id);
      if (comment === undefined) return Promise.resolve(refused(404));
      comment.body = body;
      board.written.push(`edit ${String(id)}`);
      return Promise.resolve(ok(undefined));
    },
  };
  return Object.assign(board, {
    answers,
    /** What a person's receipt says; all of their comments' texts, should there be several. */
    of: ({ id }: typeof ADA) =>
      [...board.comments.values()].filter(({ body }) => body.startsWith(receiptMarker(id))).map(({ body }) => body).join("\n====\n"), // prettier-ignore
    /** What was written since this was asked last. */
    news: () => board.written.splice(0),
  });
}
type Board = ReturnType<typeof gitHub>;

describe("receipts for who lends a seat", () => {
  let clock: VirtualClock;
  let store: Store;
  let day = 0;
  beforeAll(async () => {
    clock = await startVirtualClock();
    store = bindStore(clock.connection);
    day = Math.ceil((clock.now() - MONDAY) / (7 * DAY_MS)) * 7;
  });
  beforeEach(async () => {
    for (const table of ["receipt_comments", "receipts", "ledger", "spend", "decisions", "credentials", "allowances", "holds", "leases", "attempts", "comments", "tasks", "owners", "deliveries", "consents"])
      await sql`delete from ${sql.table(table)}`.execute(clock.connection.db);
    // Each test begins on a Monday of its own, at nine.
    day += 21;
    await clock.moveTo(MONDAY + day * DAY_MS + 9 * HOUR_MS);
  }); // prettier-ignore
  afterAll(async () => {
    await store.close();
    vi.useRealTimers();
  });

  const depsOf = (board: Board, answers: Partial<GitHub> = {}): Deps => ({
    store,
    github: fakeGitHub({ ...board.answers, ...answers }),
    runtime: makeRuntime(),
  });
  async function settle(board: Board, answers: Partial<GitHub> = {}): Promise<void> {
    for (let rounds = 0; rounds < 50; rounds += 1) if (!(await workOnce(depsOf(board, answers)))) return;
    throw new Error("the worker never comes to rest");
  }
  /** So long from now, in days, and whatever is due by then. */
  async function goOn(board: Board, days = 1): Promise<void> {
    for (let passed = 0; passed < days; passed += 1) {
      await clock.moveTo(clock.now() + DAY_MS);
      await settle(board);
    }
  }
  const lend = (seat: string, who: typeof ADA) => store.giveConsent(OWNER, CredentialName(seat), who, DeliveryId(randomUUID()));
  const unlend = (seat: string, who: typeof ADA) => store.revokeConsent(OWNER, CredentialName(seat), who);
  /** A task that was worked on with a seat, and cost so many dollars at list price. */
  async function serve(seat: string, who: typeof ADA, usd: number, more: { standby?: boolean; share?: number; live?: boolean } = {}) {
    const { db } = clock.connection;
    const task = TaskId(randomUUID());
    await store.openTask(task, makeBrief(Math.floor(Math.random() * 1e9), { requester: who }), DeliveryId(task));
    const [attempt, lease, now] = [randomUUID(), randomUUID(), clock.now()];
    const reading = { window: "week", model: null, share: more.share, limit: null, resetsInMs: DAY_MS, rejected: false };
    const report = more.share === undefined ? null : JSON.stringify({ observation: { readings: [reading], ageMs: 0 } });
    await sql`update tasks set state = 'solved', due_at = null where id = ${task}`.execute(db);
    await sql`insert into attempts (id, owner_id, task_id, number, state, route, budget, price)
      values (${attempt}, 10, ${task}, 1, 'solved', ${JSON.stringify(makePlanRow().route)}, 1, '{}')`.execute(db);
    await sql`insert into leases (id, owner_id, task_id, attempt_id, fence, state, credential, kind, billed, minute, charged, weight, standby, report, created_at)
      values (${lease}, 10, ${task}, ${attempt}, 1, ${more.live === true ? "held" : "settled"}, ${seat}, 'seat', false, 0, 0, 1, ${more.standby === true}, ${report}, ${now})`.execute(db);
    if (more.live === true) return lease;
    await sql`insert into ledger (lease_id, kind, owner_id, credential, amount, listed, detail, standby, at)
      values (${lease}, 'model', 10, ${seat}, 0, ${usd * 1e6}, '{}', ${more.standby === true}, ${now})`.execute(db);
    return lease;
  } // prettier-ignore

  it("opens one issue, with a comment for each lender, who sees nothing of another's seats", async () => {
    const board = gitHub();
    await lend("ada-max", ADA);
    await lend("bob-max", BOB);

    await settle(board);

    expect([...board.issues.values()]).toMatchObject([{ body: `${RECEIPTS_MARKER}\n${RECEIPTS_ISSUE.body}` }]);
    expect(board.news()).toHaveLength(3);
    expect(board.of(ADA)).toContain("### `ada-max` · lent");
    expect(board.of(ADA)).not.toContain("bob");
    expect(board.of(BOB)).toContain("### `bob-max` · lent");
    expect(board.of(BOB)).not.toContain("ada");
  });

  it("edits it once a day at most, and only where it says something else", async () => {
    const board = gitHub();
    await lend("ada-max", ADA);
    await settle(board);
    board.news();

    await serve("ada-max", BOB, 2, { share: 0.1 });
    await clock.moveTo(clock.now() + HOUR_MS);
    await settle(board);
    expect(board.news()).toEqual([]);
    await goOn(board);
    expect(board.news()).toHaveLength(1);
    expect(board.of(ADA)).toMatch(/tasks served \| none \| 1, in 1 repository \|/);
    expect(board.of(ADA)).toContain("| nobody | `bob` 1 |");
    expect(board.of(ADA)).toContain("in all 10% seen");
    await goOn(board, 3);

    expect(board.news()).toEqual([]);
  });

  it("moves on with the week: what was under way is the last full one, and then gone", async () => {
    const board = gitHub();
    await lend("ada-max", ADA);
    await serve("ada-max", BOB, 2, { standby: true });
    await settle(board);

    await goOn(board, 7);
    expect(board.of(ADA)).toMatch(/tasks served \| 1, in 1 repository \| none \|/);
    expect(board.of(ADA)).toContain("100% of $2.00 drawn at list price");
    expect(board.issues.size).toBe(1);
    expect(board.comments.size).toBe(1);
    await goOn(board, 7);

    expect(board.of(ADA)).toMatch(/tasks served \| none \| none \|/);
    // Once when it was lent, and once a week.
    expect(board.news()).toEqual(["issue 2", "comment 3", "edit 3", "edit 3"]);
  });

  it("says once more that a seat was taken back, at once, and then nothing", async () => {
    const board = gitHub();
    await lend("ada-max", ADA);
    await serve("ada-max", BOB, 2);
    await settle(board);
    board.news();

    await unlend("ada-max", ADA);
    await settle(board);

    expect(board.news()).toHaveLength(1);
    expect(board.of(ADA)).toContain("### `ada-max` · taken back: it serves nobody else");
    expect(board.of(ADA)).toContain("this is the last receipt until you lend again");
    await serve("ada-max", ADA, 9);
    await goOn(board, 15);
    expect(board.news()).toEqual([]);
    await lend("ada-max", ADA);
    await settle(board);
    expect(board.news()).toHaveLength(1);
    expect(board.of(ADA)).toContain("### `ada-max` · lent");
  });

  it("waits with the last word for what still runs on a seat that was taken back", async () => {
    const board = gitHub();
    await lend("ada-max", ADA);
    const lease = await serve("ada-max", BOB, 0, { live: true });
    await settle(board);
    await clock.moveTo(clock.now() + HOUR_MS);
    await unlend("ada-max", ADA);
    await settle(board);
    board.news();

    await sql`update leases set state = 'settled' where id = ${lease}`.execute(clock.connection.db);
    await sql`insert into ledger (lease_id, kind, owner_id, credential, amount, listed, detail, at)
      values (${lease}, 'model', 10, 'ada-max', 0, 3000000, '{}', ${clock.now()})`.execute(clock.connection.db);
    await goOn(board);

    expect(board.news()).toHaveLength(1);
    expect(board.of(ADA)).toContain("nothing of $3.00 drawn at list price");
    await goOn(board, 8);
    expect(board.news()).toEqual([]);
  });

  it("counts what was drawn while a seat was lent, and by whom it was lent then", async () => {
    await serve("ada-max", ADA, 9);
    await clock.moveTo(clock.now() + HOUR_MS);
    await lend("ada-max", ADA);
    await serve("ada-max", BOB, 2);
    await clock.moveTo(clock.now() + HOUR_MS);
    await unlend("ada-max", ADA);
    await serve("ada-max", ADA, 9);
    await clock.moveTo(clock.now() + HOUR_MS);
    await lend("ada-max", BOB);
    await serve("ada-max", ADA, 4);

    const lendings = await store.readLendings(OWNER, EpochMs((await store.now()) - DAY_MS));

    const drawn = lendings.map(({ lender, draws }) => [lender.login, draws.map(({ listed }) => listed)]);
    expect(drawn).toEqual([["ada", [2e6]], ["bob", [4e6]]]); // prettier-ignore
  });

  it("makes the issue again that was deleted, with everybody's receipt", async () => {
    const board = gitHub();
    await lend("ada-max", ADA);
    await lend("bob-max", BOB);
    await settle(board);
    board.issues.clear();
    board.comments.clear();
    board.news();

    await serve("ada-max", BOB, 1);
    await goOn(board);

    expect(board.news()).toHaveLength(3);
    expect(board.of(BOB)).toContain("### `bob-max` · lent");
  });

  it("makes a comment again that was deleted", async () => {
    const board = gitHub();
    await lend("ada-max", ADA);
    await settle(board);
    board.comments.clear();

    await serve("ada-max", BOB, 1);
    await goOn(board);

    expect(board.of(ADA)).toContain("`bob` 1");
  });

  it.each(["closed", "locked"] as const)("writes nothing while a person has the issue %s, and goes on after", async (how) => {
    const board = gitHub();
    await lend("ada-max", ADA);
    await settle(board);
    board.news();
    const [issue] = board.issues.values();
    Object.assign(issue!, how === "closed" ? { isOpen: false } : { isLocked: true });

    await serve("ada-max", BOB, 1);
    await goOn(board, 8);
    expect(board.news()).toEqual([]);
    Object.assign(issue!, { isOpen: true, isLocked: false });
    await goOn(board);

    expect(board.news()).toHaveLength(1);
  });

  it("opens no second issue where a person has closed the one and the store is new", async () => {
    const board = gitHub();
    board.issues.set(1, { body: `${RECEIPTS_MARKER}\n`, isOpen: false, isLocked: false });
    await lend("ada-max", ADA);

    await goOn(board, 2);

    expect(board.news()).toEqual([]);
  });

  it.each<[string, Partial<GitHub>]>([
    ["the policy says `receipts: false`", { readSetUp: () => Promise.resolve(ok({ base: null, settings: "missing", policy: { commit: "c".repeat(40), file: { text: `${POLICY}receipts: false\n` } } })) }],
    ["the policy is broken", { readSetUp: () => Promise.resolve(ok({ base: null, settings: "missing", policy: { commit: "c".repeat(40), file: { text: "version: 2" } } })) }],
    ["the App isn't installed on the policy repository", { readPlaces: placesOf() }],
    ["its issues are switched off", { openIssue: () => Promise.resolve(refused(410)) }],
  ])("writes nothing where %s, and is asked again tomorrow", async (_why, answers) => {
    const board = gitHub();
    await lend("ada-max", ADA);

    await settle(board, answers);
    expect(board.news()).toEqual([]);
    await goOn(board, 2);

    expect(board.of(ADA)).toContain("### `ada-max` · lent");
  }); // prettier-ignore

  it("asks GitHub for the repositories of its own owner alone", async () => {
    const board = gitHub();
    const asked: string[] = [];
    const owners = [PLACE.owner, { id: OwnerId(11), login: "corp" }];
    await lend("ada-max", ADA);

    await settle(board, {
      readPlaces: (isWanted) => {
        asked.push(...owners.filter(isWanted).map(({ login }) => login));
        return placesOf(PLACE)(isWanted);
      },
    });

    expect(asked).toEqual(["acme"]);
    expect(board.of(ADA)).toContain("### `ada-max` · lent");
  });

  it("writes nothing at all for an owner outside ALLOWED_OWNERS", async () => {
    const board = gitHub();
    await lend("ada-max", ADA);

    while (await workOnce({ ...depsOf(board), allowedOwners: ["other"] }));

    expect(board.news()).toEqual([]);
  });

  it("finds by its marker what a try whose answer was lost has written", async () => {
    const board = gitHub();
    await lend("ada-max", ADA);
    const lost: Partial<GitHub> = {
      openIssue: async (place, issue) => {
        await board.answers.openIssue?.(place, issue);
        return unavailable(1_000);
      },
      createComment: async (place, issue, body) => {
        await board.answers.createComment?.(place, issue, body);
        return unavailable(1_000);
      },
    };

    await settle(board, lost);
    await clock.moveTo(clock.now() + 10_000);
    await settle(board, lost);
    await clock.moveTo(clock.now() + 60_000);
    await settle(board);

    expect(board.issues.size).toBe(1);
    expect(board.comments.size).toBe(1);
    expect(board.news()).toEqual(["issue 2", "comment 3", "edit 3"]);
  });

  it("says that the policy doesn't let a lent seat serve, from the next day on", async () => {
    const board = gitHub();
    await lend("ada-max", ADA);
    await settle(board);
    board.policy = POLICY.replace("owner: ada, serves: everyone", "owner: ada");

    await goOn(board);

    expect(board.of(ADA)).toContain("### `ada-max` · lent by you; the policy does not say that it serves everyone");
  });

  it("names nobody any more once the policy repository is public, as soon as GitHub tells of it, in last receipts neither", async () => {
    const board = gitHub();
    await lend("ada-max", ADA);
    await lend("bob-max", BOB);
    await serve("ada-max", BOB, 2);
    await serve("bob-max", ADA, 2);
    await settle(board);
    await clock.moveTo(clock.now() + HOUR_MS);
    await unlend("bob-max", BOB);
    await settle(board);
    const before = [board.of(ADA), board.of(BOB)];
    board.news();

    board.isPublic = true;
    await clock.moveTo(clock.now() + HOUR_MS);
    await store.lookAtReceipts(OWNER);
    await settle(board);
    const after = [board.of(ADA), board.of(BOB)];

    expect(before).toEqual([expect.stringContaining("`bob` 1"), expect.stringContaining("`ada` 1")]);
    expect(after).toEqual([expect.stringContaining("1 other 1"), expect.stringContaining("1 other 1")]);
    expect(after.join("\n")).not.toMatch(/`(ada|bob)` 1/);
    expect(board.news()).toHaveLength(2);
    await goOn(board, 2);
    expect(board.news()).toEqual([]);
  });

  it("looks once, and no more, where the policy repository is public and nobody lends", async () => {
    const board = gitHub();
    await lend("ada-max", ADA);
    await settle(board);
    await unlend("ada-max", ADA);
    await settle(board);

    let looks = 0;
    await store.lookAtReceipts(OWNER);
    const lookAt = placesOf();
    await settle(board, { readPlaces: (isWanted) => ((looks += 1), lookAt(isWanted)) });
    await clock.moveTo(clock.now() + DAY_MS);
    await settle(board, { readPlaces: (isWanted) => ((looks += 1), lookAt(isWanted)) });

    expect(looks).toBe(1);
  });

  it("tells who lent before there were receipts", async () => {
    const board = gitHub();
    await lend("ada-max", ADA);
    await sql`delete from receipts`.execute(clock.connection.db);
    await sql`insert into receipts (owner_id, due_at) select distinct owner_id, 0 from consents where revoked_at is null`.execute(clock.connection.db); // prettier-ignore

    await settle(board);

    expect(board.of(ADA)).not.toBe("");
  });

  it("has the lender's own command followed on that issue", async () => {
    const brief = makeBrief(2, { requester: ADA, comment: "/agent unlend ada-max" });
    await lend("ada-max", ADA);
    await store.recordDelivery({ id: DeliveryId(randomUUID()), owner: OWNER, event: { kind: "request", brief } });

    expect(await trigger(depsOf(gitHub()), (await store.claimDelivery())!)).toBe("done");

    expect((await store.readLendings(OWNER, await store.now()))[0]?.seats).toEqual([{ name: "ada-max", state: "taken-back" }]);
  });
});

describe("the issue for receipts, in a webhook", () => {
  const issue = (type: string | null, body = `${RECEIPTS_MARKER}\nHere.`) => ({
    number: 2,
    title: RECEIPTS_ISSUE.title,
    user: type === null ? null : { id: 1, login: "agent-pool[bot]", type },
    body,
    state: "open",
    labels: [{ name: "agent" }],
    updated_at: "2027-01-04T09:00:00Z",
  });
  const about = {
    repository: { id: 22, name: ".github", private: true, owner: { id: 10, login: "acme" } },
    installation: { id: 5 },
    sender: { id: 40, login: "ada", type: "User" },
  };
  const labelled = (type: string | null, body?: string) =>
    readDelivery("issues", { ...about, action: "labeled", label: { name: "agent" }, issue: issue(type, body) });
  const commented = (said: string, type = "Bot") =>
    readDelivery("issue_comment", {
      ...about,
      action: "created",
      issue: issue(type),
      comment: { id: 7, body: said, user: { id: 40 }, updated_at: "2027-01-04T09:00:00Z" },
    });

  it("is no request, whoever labels it; another issue with its text is, a deleted person's too", () => {
    expect(labelled("Bot")).toBeUndefined();
    expect(labelled("Bot", "Please.")).toMatchObject({ kind: "request" });
    expect(labelled("User")).toMatchObject({ kind: "request" });
    expect(labelled(null)).toMatchObject({ kind: "request" });
  });

  it.each(["/agent", "/agent run", "/agent use light", "/agent retry", "/agent approve", "/agent plan", "/agent nonsense"])(
    "starts nothing at `%s`",
    (said) => {
      expect(commented(said)).toBeUndefined();
      expect(commented(said, "User")).toMatchObject({ kind: "request" });
    },
  );

  it.each(["/agent lend ada-max", "/agent unlend ada-max", "/agent pause", "/agent resume"])("follows `%s`", (said) => {
    expect(commented(said)).toMatchObject({ kind: "request" });
  });
});
