import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { parse as parseYaml } from "yaml";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { CONSTANTS } from "#core/pool/constants.ts";
import { Policy } from "#core/config/policy.ts";
import { NOTICE_HASH } from "#core/pool/consent.ts";
import { pick } from "#core/pool/pick.ts";
import type { Deps } from "#app/deps.ts";
import { trigger } from "#app/trigger.ts";
import { workOnce } from "#app/worker.ts";
import type { Connection } from "#adapters/store/connect.ts";
import { ActorId, DeliveryId, OwnerId, TaskId } from "#core/wire/ids.ts";
import { ok } from "#core/wire/result.ts";
import type { GitHub } from "#ports/github.ts";
import type { CurrentPolicy, Store } from "#ports/store.ts";
import { makeBrief, makePlanRow } from "../kit/briefs.ts";
import { fakeGitHub, unavailable } from "../kit/fake-github.ts";
import { makeRuntime } from "../kit/runtime.ts";
import { openFresh } from "../kit/stores.ts";

const OWNER = OwnerId(10);
const ADA = { id: ActorId(40), login: "Ada" };
const BOB = { id: ActorId(41), login: "bob" };
const IDS: Readonly<Record<string, number>> = { ada: ADA.id, bob: BOB.id };

const policyText = (owner = "ada", serves = "everyone") =>
  `version: 1\npool:\n  - { name: ada-max, provider: anthropic, kind: seat, owner: ${owner}, serves: ${serves} }\n  - { name: key, provider: anthropic }\nrunner: acme/agent-runner\nbudget: $200/month\n`;
const SEAT_ALONE: CurrentPolicy = {
  policy: Policy.parse({
    version: 1,
    pool: [{ name: "ada-max", provider: "anthropic", kind: "seat", owner: "ada", serves: "everyone" }],
    runner: "acme/agent-runner",
    budget: "$200/month",
  }),
  commit: "c".repeat(40),
};

/** A GitHub with this policy, where each login has the id it has here. */
function gitHub(text = policyText(), answers: Partial<GitHub> = {}) {
  return fakeGitHub({
    readRole: (_place, login) => Promise.resolve(ok(role(IDS[login.toLowerCase()]))),
    readSetUp: () => Promise.resolve(ok({ base: null, settings: "missing", policy: { commit: "c".repeat(40), file: { text } } })),
    ...answers,
  });
}

function role(userId: number | undefined, permission = "write") {
  return userId === undefined ? undefined : { permission, name: permission, userId };
}

describe("a seat's owner", () => {
  let connection: Connection;
  let store: Store;
  beforeAll(async () => {
    ({ connection, store } = await openFresh("PGlite"));
  });
  beforeEach(async () => {
    for (const table of ["decisions", "credentials", "holds", "leases", "attempts", "comments", "tasks", "owners", "teams", "deliveries", "consents"])
      await sql`delete from ${sql.table(table)}`.execute(connection.db);
  }); // prettier-ignore
  afterAll(() => store.close());

  function depsOf(github: GitHub): Deps {
    const runtime = makeRuntime({ verifyIdentity: () => Promise.reject(new Error("not asked")) });
    return { store, github, runtime };
  }

  /** A comment arrives and is worked off. */
  async function say(comment: string, requester: typeof ADA, github: GitHub = gitHub(), issue = 1) {
    const brief = makeBrief(issue, { comment, requester });
    await store.recordDelivery({ id: DeliveryId(randomUUID()), owner: OWNER, event: { kind: "request", brief } });
    const delivery = (await store.claimDelivery())!;
    const worked = await trigger(depsOf(github), delivery);
    if (worked !== "done") await store.postpone(delivery, 0);
    return worked;
  }

  /** What the issue's comment says of it. */
  async function notice() {
    const row = await connection.db.selectFrom("comments").select("notice").executeTakeFirst();
    return row?.notice ?? null;
  }

  async function serves(text = policyText()) {
    let served: unknown;
    const policy = { policy: Policy.parse(parseYaml(text)), commit: "c".repeat(40) };
    await store.admit(OWNER, policy, (snapshot) => {
      served = snapshot.credentials.find(({ name }) => name === "ada-max")?.serves;
      return { kind: "wait", waiting: [], record: { snapshot, constants: CONSTANTS, candidates: [], passedOver: [] } };
    });
    return served;
  }

  const consents = () => connection.db.selectFrom("consents").selectAll().orderBy("id").execute();
  const dueAt = async () => (await connection.db.selectFrom("owners").select("due_at").executeTakeFirst())?.due_at ?? null;

  async function queue(requester: typeof ADA): Promise<TaskId> {
    const id = TaskId(randomUUID());
    await store.openTask(id, makeBrief(Math.floor(Math.random() * 1e9), { requester }), DeliveryId(randomUUID()));
    const task = (await store.claimTask())!;
    const { asker } = makePlanRow();
    const plan = makePlanRow({ asker: { ...asker, person: requester.id, login: requester.login } });
    await store.advance(task, "plan", { plan });
    return id;
  }

  it("lends it by a comment, which starts no task, is kept with who, when and what, and wakes those who wait", async () => {
    expect(await say("/agent lend ada-max", ADA)).toBe("done");

    expect(await serves()).toBe("everyone");
    expect(await notice()).toEqual({ answer: "seat-lent", seat: "ada-max", login: "Ada", inPolicy: true });
    expect(await consents()).toMatchObject([
      { owner_id: OWNER, credential: "ada-max", actor_id: ADA.id, login: "Ada", notice_hash: NOTICE_HASH, revoked_at: null },
    ]);
    expect(await connection.db.selectFrom("tasks").selectAll().execute()).toEqual([]);
    expect(await dueAt()).not.toBeNull();
  });

  it("is told where the policy doesn't say yet that it serves everyone", async () => {
    await say("/agent lend ada-max", ADA, gitHub(policyText("ada", "owner")));

    expect(await notice()).toMatchObject({ answer: "seat-lent", inPolicy: false });
    expect(await serves(policyText("ada", "owner"))).toBe("owner");
    expect(await serves()).toBe("everyone");
  });

  it("needs no right to start work for it", async () => {
    await say("/agent lend ada-max", ADA, gitHub(undefined, { readRole: () => Promise.resolve(ok(role(ADA.id, "read"))) }));

    expect(await notice()).toMatchObject({ answer: "seat-lent" });
  });

  it.each<[string, typeof ADA, string, Partial<GitHub>, string, object]>([
    ["is another person", BOB, "ada-max", {}, policyText(), { reason: "seat-not-yours", seat: "ada-max", login: "bob" }],
    ["names a seat that isn't in the policy", ADA, "ada-pro", {}, policyText(), { reason: "seat-not-yours", seat: "ada-pro" }],
    ["names a key", ADA, "key", {}, policyText(), { reason: "seat-not-yours", seat: "key" }],
    ["has another login by now", ADA, "ada-max", {}, policyText("ada-new"), { reason: "seat-not-yours" }],
    [
      "has a login that has changed hands",
      ADA,
      "ada-max",
      { readRole: () => Promise.resolve(ok(role(99))) },
      policyText(),
      { reason: "lender-unverified", login: "Ada" },
    ],
    [
      "is nobody GitHub knows there",
      ADA,
      "ada-max",
      { readRole: () => Promise.resolve(ok(undefined)) },
      policyText(),
      { reason: "lender-unverified" },
    ],
    [
      "has no role there",
      ADA,
      "ada-max",
      { readRole: () => Promise.resolve(ok(role(ADA.id, "none"))) },
      policyText(),
      { reason: "lender-unverified" },
    ],
    ["finds the policy broken", ADA, "ada-max", {}, "version: 2", { reason: "config-invalid" }],
  ])("who %s lends nothing, and is told why", async (_name, requester, seat, answers, text, failure) => {
    await say(`/agent lend ${seat}`, requester, gitHub(text, answers));

    expect(await notice()).toMatchObject(failure);
    expect(await consents()).toEqual([]);
    expect(await serves()).toBe("not-lent");
  });

  it("who may not start work and has no seat takes the place of nothing that was said", async () => {
    const outsider = gitHub(undefined, { readRole: () => Promise.resolve(ok(role(BOB.id, "read"))) });
    await store.openTask(TaskId(randomUUID()), makeBrief(1), DeliveryId(randomUUID()));

    await say("/agent lend ada-max", BOB, outsider);
    await say("/agent unlend ada-max", BOB, outsider);

    expect(await notice()).toBeNull();
  });

  it("takes it back at once, by the id alone, whatever has become of login, role and policy", async () => {
    await say("/agent lend ada-max", ADA);
    const gone = gitHub("version: 2", { readRole: () => Promise.resolve(unavailable()) });
    await sql`update owners set due_at = null`.execute(connection.db);

    expect(await say("/agent unlend ada-max", { ...ADA, login: "ada-new" }, gone)).toBe("done");

    expect(await serves()).toBe("not-lent");
    expect(await notice()).toEqual({ answer: "seat-taken-back", seat: "ada-max", login: "ada-new" });
    expect(await dueAt()).not.toBeNull();
    expect(await consents()).toMatchObject([{ revoked_at: expect.any(Number) as number }]);
  });

  it("alone takes it back", async () => {
    await say("/agent lend ada-max", ADA);

    await say("/agent unlend ada-max", BOB);

    expect(await serves()).toBe("everyone");
    expect(await notice()).toEqual({ reason: "nothing-lent", seat: "ada-max", login: "bob" });
  });

  it("leaves nothing behind where it was never lent, whoever says so of whatever name, however often", async () => {
    const outsider = gitHub(undefined, { readRole: () => Promise.resolve(ok(undefined)) });
    const busy = gitHub(undefined, { readRole: () => Promise.resolve(unavailable()) });

    for (const name of ["anything", "ada-max", "x"]) await say(`/agent unlend ${name}`, BOB, outsider);
    await say("/agent unlend ada-max", ADA);
    await say("/agent lend ada-max", BOB, busy);
    expect(await store.claimDelivery()).toMatchObject({ event: { brief: { comment: "/agent lend ada-max" } } });
    await say("/agent unlend ada-max", ADA, outsider, 2);
    await say("/agent unlend x", BOB, outsider, 3);
    expect(await consents()).toEqual([]);

    // While the one command waits, the other is kept, once.
    for (const issue of [4, 5]) await say("/agent unlend ada-max", BOB, outsider, issue);
    expect(await consents()).toMatchObject([{ credential: "ada-max", actor_id: BOB.id, notice_hash: null }]);
  });

  it("has taken it back, though a comment from before comes to its end only now", async () => {
    const down = gitHub(undefined, { readRole: () => Promise.resolve(unavailable()) });
    expect(await say("/agent lend ada-max", ADA, down)).toMatchObject({ failed: { reason: "github-unavailable" } });
    const before = (await store.claimDelivery())!;
    await new Promise((resolve) => setTimeout(resolve, 5));
    // On another issue: on one and the same they are followed one after the other.
    await say("/agent unlend ada-max", ADA, gitHub(), 2);

    expect(await trigger(depsOf(gitHub()), before)).toBe("done");

    expect(await serves()).toBe("not-lent");
    expect(await notice()).toMatchObject({ reason: "nothing-lent" });
    await new Promise((resolve) => setTimeout(resolve, 5));
    await say("/agent lend ada-max", ADA);
    expect(await serves()).toBe("everyone");
  });

  it("says it twice and has said it once", async () => {
    await say("/agent lend ada-max", ADA);
    await say("/agent lend ada-max", ADA);

    expect(await consents()).toHaveLength(1);
  });

  it("is asked again when the notice changes, or the policy names another login", async () => {
    await say("/agent lend ada-max", ADA);
    await sql`update consents set notice_hash = 'of an older text'`.execute(connection.db);
    expect(await serves()).toBe("not-lent");

    await say("/agent lend ada-max", ADA);

    expect(await serves()).toBe("everyone");
    expect(await serves(policyText("ada-new"))).toBe("not-lent");
    expect((await consents()).map((row) => row.notice_hash)).toEqual(["of an older text", NOTICE_HASH]);
  });

  it("has others' tasks granted on a lent seat, one at a time, as a seat's; none any more once it is taken back", async () => {
    await say("/agent lend ada-max", ADA);
    const [first, second] = [await queue(BOB), await queue(BOB)];

    const granted = await store.admit(OWNER, SEAT_ALONE, pick);
    const busy = await store.admit(OWNER, SEAT_ALONE, pick);
    await say("/agent unlend ada-max", ADA);
    const refused = await store.admit(OWNER, SEAT_ALONE, pick);

    expect(granted).toMatchObject({ kind: "grant", task: first, credential: "ada-max" });
    expect(busy).toMatchObject({ kind: "wait", record: { passedOver: [{ task: second, whyNot: { busy: 1 } }] } });
    expect(refused).toMatchObject({ kind: "wait", record: { passedOver: [{ task: second, whyNot: { "no-consent": 1 } }] } });
    expect(await store.readLeases(first)).toMatchObject([{ state: "offered", kind: "seat", billed: false }]);
  });

  it("has others' tasks refused, saying so, while it isn't lent", async () => {
    const text = policyText().replace(/ {2}- \{ name: key.*\n/, "");
    await store.recordPolicy(OWNER, { text, commit: "c".repeat(40), readAt: await store.now() });
    const task = await queue(BOB);

    while (await workOnce(depsOf(gitHub(text))));

    const row = await store.readTask(task);
    expect(row).toMatchObject({ state: "refused", failure: { reason: "never-fits", why: "nobody-serves" } });
  });
});
