import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ActorId, DeliveryId, OwnerId, RepositoryId, RunId, TaskId } from "#core/wire/ids.ts";
import { DAY_MS, MINUTE_MS } from "#core/wire/units.ts";
import { ok } from "#core/wire/result.ts";
import type { Brief } from "#core/request/brief.ts";
import type { Notice } from "#core/task/notice.ts";
import type { Connection } from "#adapters/store/connect.ts";
import type { Deps } from "#app/deps.ts";
import { workOnce } from "#app/worker.ts";
import type { GitHub } from "#ports/github.ts";
import type { Store, TaskRow } from "#ports/store.ts";
import { ran } from "../kit/outcomes.ts";
import { makeBrief, SETTLED } from "../kit/briefs.ts";
import { fakeGitHub, refused, unavailable } from "../kit/fake-github.ts";
import { makeRuntime } from "../kit/runtime.ts";
import { openFresh } from "../kit/stores.ts";

const SIX_LINES =
  "version: 1\npool:\n  - name: platform-api\n    provider: anthropic\n    jobs: 100\nrunner: acme/agent-runner\nbudget: $900/month\n";
const TEAMS = "teams: { platform: { weight: 3 }, product: {} }\n";
const ROLES =
  "roles:\n  operator: { teams: [platform] }\n  requester: { teams: [product], people: [pat], tiers: [light, standard], tasks: 2/day }\n";
const CHANGED = ran({ changes: [{ status: "deleted", path: "a.txt" }] });

/** A GitHub where everyone has this role, is in these teams, and the policy has these lines beside the six. */
type At = { role?: string; teams?: readonly string[]; policy?: string } & Partial<GitHub>;

function at({ role = "read", teams = [], policy = TEAMS + ROLES, ...answers }: At = {}): ReturnType<typeof fakeGitHub> & {
  readonly calls: string[];
} {
  const calls: string[] = [];
  const count = <Name extends keyof GitHub>(name: Name, answer: GitHub[Name]): GitHub[Name] =>
    ((...args: never[]) => {
      calls.push(name);
      return (answer as (...given: never[]) => unknown)(...args);
    }) as GitHub[Name];
  const github = fakeGitHub();
  const given: Partial<GitHub> = {
    readRole: () => Promise.resolve(ok({ permission: role, name: role, userId: 30 })),
    readTeams: (_place, _login, named) => Promise.resolve(ok(named.filter((team) => teams.includes(team)))),
    readSetUp: () =>
      Promise.resolve(
        ok({
          base: { branch: "main", commit: "a".repeat(40), tree: "b".repeat(40) },
          settings: "missing" as const,
          policy: { commit: "c".repeat(40), file: { text: `${SIX_LINES}${policy}` } },
        }),
      ),
    ...answers,
  };
  const { readRole, readTeams, readSetUp } = { ...github, ...given };
  return Object.assign(
    fakeGitHub({
      ...given,
      readRole: count("readRole", readRole),
      readTeams: count("readTeams", readTeams),
      readSetUp: count("readSetUp", readSetUp),
    }),
    { calls },
  );
}

describe("roles", () => {
  let connection: Connection;
  let store: Store;
  let issues = 0;
  beforeAll(async () => {
    ({ connection, store } = await openFresh("PGlite"));
  });
  beforeEach(async () => {
    for (const table of [
      "decisions",
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
  afterAll(() => store.close());

  function depsOf(github: GitHub): Deps {
    return {
      store,
      github,
      runtime: makeRuntime(),
    };
  }
  async function settle(github: GitHub): Promise<void> {
    for (let rounds = 0; rounds < 200; rounds += 1) if (!(await workOnce(depsOf(github)))) return;
    throw new Error("the worker never comes to rest");
  }
  async function ask(github: GitHub, changes: Partial<Brief> = {}): Promise<void> {
    const brief = { ...makeBrief((issues += 1)), ...changes };
    await store.recordDelivery({ id: DeliveryId(randomUUID()), owner: brief.owner.id, event: { kind: "request", brief } });
    await settle(github);
  }
  async function tasks(): Promise<readonly TaskRow[]> {
    const rows = await connection.db.selectFrom("tasks").select("id").orderBy("created_at").orderBy("issue_number").execute();
    return Promise.all(rows.map(async ({ id }) => (await store.readTask(TaskId(id)))!));
  }
  async function newest(): Promise<TaskRow> {
    return (await tasks()).at(-1)!;
  }
  async function notices(): Promise<readonly (Notice | null)[]> {
    return (await connection.db.selectFrom("comments").select("notice").execute()).map(({ notice }) => notice);
  }
  async function passTime(): Promise<void> {
    for (const table of ["tasks", "comments", "owners", "deliveries"])
      await sql`update ${sql.table(table)} set due_at = 0 where due_at is not null`.execute(connection.db);
  }

  describe("at the request", () => {
    it.each<[string, At]>([
      ["a requester by team, who only reads", { teams: ["product"] }],
      ["an operator by team, who only reads", { teams: ["platform"] }],
      ["a requester by team with triage", { role: "triage", teams: ["product"] }],
      ["who may write, and has a role", { role: "write", teams: ["product"] }],
      ["who may write, where there are no roles", { role: "write", policy: "" }],
    ])("start the work of %s", async (_name, answers) => {
      await ask(at(answers));

      expect((await tasks()).map(({ state }) => state)).toEqual(["awaiting"]);
      expect(await notices()).toEqual([null]);
    });

    it.each<[string, At, object]>([
      ["reads and has no role", {}, { reason: "actor-in-no-role", login: "maintainer" }],
      ["reads, where there are no roles", { policy: TEAMS }, { reason: "actor-may-not-start", role: "read" }],
      ["reads, where the policy is broken", { policy: "roles: {}\n" }, { reason: "actor-may-not-start", role: "read" }],
      ["has no access at all, whatever the team", { role: "none", teams: ["platform"] }, { reason: "actor-may-not-start" }],
      [
        "bears the login of somebody else by now",
        { readRole: () => Promise.resolve(ok({ permission: "admin", name: "admin", userId: 31 })), teams: ["platform"] },
        { reason: "actor-may-not-start", role: "none" },
      ],
      [
        "can't be judged, because the App was not given the teams",
        { readTeams: () => Promise.resolve(refused(422, "not granted")) },
        { reason: "github-refused", status: 422 },
      ],
    ])("answer once and open no task where one %s", async (_name, answers, notice) => {
      const github = at(answers);
      await ask(github);
      await ask(github, { issue: makeBrief(issues).issue });

      expect(await tasks()).toEqual([]);
      expect(await notices()).toMatchObject([notice]);
      expect(github.asked.filter((what) => what === "createComment")).toHaveLength(1);
    });

    it("answer nobody while GitHub tells nothing of the teams, and start the work once it does", async () => {
      await ask(at({ readTeams: () => Promise.resolve(unavailable()) }));
      const blind = [await tasks(), await notices()];

      await passTime();
      await settle(at({ teams: ["product"] }));

      expect(blind).toEqual([[], []]);
      expect((await newest()).state).toBe("awaiting");
    });
  });

  describe("of an organisation's own making", () => {
    const custom = (permission: string, name: string): At => ({
      policy: "",
      readRole: () => Promise.resolve(ok({ permission, name, userId: 30 })),
    });

    it("count as what GitHub says they are built on", async () => {
      await ask(at(custom("write", "release-manager")));
      await ask(at(custom("admin", "\u202Enimda")));
      const started = (await tasks()).map(({ state }) => state);
      await ask(at(custom("read", "admin")));
      await ask(at(custom("none", "write")));

      expect(started).toEqual(["awaiting", "awaiting"]);
      expect(await tasks()).toHaveLength(2);
      expect((await notices()).filter((notice) => notice !== null)).toEqual([
        { reason: "actor-may-not-start", login: "maintainer", role: "admin" },
        { reason: "actor-may-not-start", login: "maintainer", role: "none" },
      ]);
    });
  });

  describe("at the plan", () => {
    it("refuse who may write and has no role", async () => {
      await ask(at({ role: "admin" }));

      expect(await newest()).toMatchObject({
        state: "refused",
        plan: null,
        failure: { reason: "actor-in-no-role", login: "maintainer" },
      });
    });

    it("start nothing while GitHub tells nothing of the teams", async () => {
      await ask(at({ role: "write", readTeams: () => Promise.resolve(unavailable()) }));
      const blind = (await newest()).state;

      await passTime();
      await settle(at({ role: "write", teams: ["product"] }));

      expect([blind, (await newest()).state]).toEqual(["planning", "awaiting"]);
    });

    it.each<[string, At, string]>([
      ["the first team of the policy that has the asker", { teams: ["product", "platform"] }, "platform"],
      ["the only one", { teams: ["product"] }, "product"],
      ["everyone, where none has", { role: "write", policy: TEAMS }, "everyone"],
      ["a team without roles too", { role: "write", policy: TEAMS, teams: ["product"] }, "product"],
    ])("count the work for %s", async (_name, answers, team) => {
      await ask(at(answers));

      expect((await newest()).plan?.asker).toMatchObject({ team, person: 30, login: "maintainer" });
    });

    it("ask GitHub for no team where the policy names none", async () => {
      const github = at({ role: "write", policy: "" });

      await ask(github);

      expect((await newest()).state).toBe("awaiting");
      expect(github.calls).not.toContain("readTeams");
      expect(github.calls.filter((name) => name === "readSetUp")).toHaveLength(1);
    });

    it("route work of a size beyond the role to the nearest tier it allows, and say so", async () => {
      const policy = `${ROLES}routing: { start: { l: frontier } }\n`;
      await ask(at({ teams: ["product"], policy }), { issue: { ...makeBrief().issue, number: 900, labels: ["size/l"] } });

      expect((await newest()).plan).toMatchObject({
        route: { tier: "standard" },
        routeReasons: [{ fact: "starts-at", tier: "frontier" }, { fact: "nearest-allowed", tier: "standard" }, {}],
      });
    });

    it("have a tier approved that was asked for and the role doesn't allow, and give an operator any", async () => {
      await ask(at({ teams: ["product"] }), { comment: "/agent use frontier" });
      const asked = await newest();
      await ask(at({ teams: ["platform"] }), { comment: "/agent use frontier" });

      expect(asked).toMatchObject({
        state: "asking",
        failure: { reason: "tier-not-allowed", login: "maintainer", tier: "frontier", allowed: ["light", "standard"] },
      });
      expect((await newest()).plan?.route.tier).toBe("frontier");
    });

    it("trust no text of a requester who may not write with the repository's CI", async () => {
      await ask(at({ teams: ["product"] }));
      const reads = (await newest()).plan?.ci;
      await ask(at({ role: "write", teams: ["product"] }));

      expect([reads, (await newest()).plan?.ci]).toEqual(["approved", "auto"]);
    });
  });

  describe("of a number of tasks a day", () => {
    const github = () => at({ teams: ["product"] });

    it("have the next one approved, and say when there is room again", async () => {
      for (let asked = 0; asked < 3; asked += 1) await ask(github());

      const now = await store.now();
      expect((await tasks()).map(({ state }) => state)).toEqual(["awaiting", "awaiting", "asking"]);
      expect((await newest()).failure).toEqual({
        reason: "tasks-used-up",
        login: "maintainer",
        tasks: 2,
        opensAt: now - (now % DAY_MS) + DAY_MS,
      });
    });

    it("count nobody else's, no other owner's, none that was refused and none of yesterday", async () => {
      const other = { requester: { id: ActorId(31), login: "pat" } };
      const pat = at({ readRole: () => Promise.resolve(ok({ permission: "read", name: "read", userId: 31 })) });
      await ask(pat, other);
      await ask(github(), {
        owner: { id: OwnerId(11), login: "acme" },
        repository: { id: RepositoryId(99), name: "web", private: true },
      });
      await ask(github(), { comment: "/agent use frontier" });
      await ask(github());
      await sql`update tasks set queued_at = queued_at - ${DAY_MS}
        where state = 'awaiting' and brief #>> '{requester,id}' = '30'`.execute(connection.db);
      for (let asked = 0; asked < 2; asked += 1) await ask(github());

      expect((await tasks()).slice(-2).map(({ state }) => state)).toEqual(["awaiting", "awaiting"]);
    });

    it("don't hold for operators", async () => {
      for (let asked = 0; asked < 4; asked += 1) await ask(at({ teams: ["platform", "product"] }));

      expect((await tasks()).map(({ state }) => state)).toEqual(["awaiting", "awaiting", "awaiting", "awaiting"]);
    });

    it("give the last place to one of two that are planned at once", async () => {
      await ask(github());
      for (const issue of [7_001, 7_002]) await store.openTask(TaskId(randomUUID()), makeBrief(issue), DeliveryId(randomUUID()));
      await Promise.all(Array.from({ length: 8 }, (_, lane) => workOnce(depsOf(github()), lane)));
      await settle(github());

      expect((await tasks()).map(({ state }) => state).toSorted()).toEqual(["asking", "awaiting", "awaiting"]);
    });

    it("leave a task of yesterday its place that is planned anew on a day that is used up", async () => {
      await ask(github());
      const { id } = await newest();
      await sql`update tasks set queued_at = queued_at - ${DAY_MS}`.execute(connection.db);
      for (let asked = 0; asked < 2; asked += 1) await ask(github());
      for (const table of ["holds", "decisions", "leases", "attempts"])
        await sql`delete from ${sql.table(table)}`.execute(connection.db);
      await sql`update tasks set state = 'planning', due_at = 0, held_by = null where id = ${id}`.execute(connection.db);
      await settle(github());

      expect((await store.readTask(id))?.state).toBe("awaiting");
    });
  });

  describe("asked again", () => {
    /** A requester's task whose job has reported. */
    async function reported(): Promise<void> {
      await ask(at({ teams: ["product"] }));
      const lease = (await store.readLeases((await newest()).id))[0]!;
      await store.claimLease(lease.id, lease.run ?? RunId(1), "check", "hash");
      await store.settle(lease.id, CHANGED, "h", SETTLED);
    }
    const OLD = sql`update owners set policy_read_at = policy_read_at - ${6 * MINUTE_MS}`;

    it("before the dispatch, give the lease back where the person left the team meanwhile", async () => {
      let reads = 0;
      // At the request and at the plan.
      const readTeams: GitHub["readTeams"] = () => Promise.resolve(ok((reads += 1) <= 2 ? ["product"] : []));
      const github = at({ readTeams });
      await ask(github);

      const { id, state, failure } = await newest();
      expect([state, failure?.reason]).toEqual(["refused", "actor-in-no-role"]);
      expect((await store.readLeases(id)).map((lease) => lease.state)).toEqual(["lost"]);
      expect(github.asked).not.toContain("dispatchRun");
    });

    it("before anything is published, publish nothing for who left the team, though the work is done", async () => {
      await reported();

      await settle(at({ teams: [] }));

      expect(await newest()).toMatchObject({ state: "unsolved", failure: { reason: "actor-in-no-role" } });
    });

    it("wait with the work in hand while GitHub tells nothing of the teams", async () => {
      await reported();
      await settle(at({ readTeams: () => Promise.resolve(unavailable()) }));
      const blind = (await newest()).state;

      await passTime();
      await settle(at({ teams: ["product"] }));

      expect([blind, (await newest()).state]).toEqual(["judging", "solved"]);
    });

    it("take a role away that the policy has taken away since", async () => {
      await reported();
      await OLD.execute(connection.db);

      await settle(at({ teams: ["product"], policy: "roles: { operator: { teams: [platform] } }\n" }));

      expect(await newest()).toMatchObject({ state: "unsolved", failure: { reason: "actor-in-no-role" } });
    });

    it("go by the roles as they were where the file was broken since", async () => {
      await reported();
      await OLD.execute(connection.db);

      await settle(at({ teams: ["product"], policy: "roles: {}\n" }));

      expect((await newest()).state).toBe("solved");
    });

    it("read the policy anew once it is minutes old, for it may name roles by now", async () => {
      await ask(at({ role: "write", policy: "" }));
      const lease = (await store.readLeases((await newest()).id))[0]!;
      await store.claimLease(lease.id, lease.run ?? RunId(1), "check", "hash");
      await store.settle(lease.id, CHANGED, "h", SETTLED);
      await OLD.execute(connection.db);
      const later = at({ role: "write", policy: "roles: { operator: { people: [boss] } }\n" });

      await settle(later);

      expect(await newest()).toMatchObject({ state: "unsolved", failure: { reason: "actor-in-no-role" } });
      expect(later.calls).toEqual(["readSetUp", "readRole"]);
    });
  });
});
