import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ActorId, DeliveryId, InstallationId, OwnerId, RepositoryId, TaskId } from "#core/wire/ids.ts";
import { ok } from "#core/wire/result.ts";
import { DAY_MS, EpochMs, HOUR_MS, MINUTE_MS } from "#core/wire/units.ts";
import type { Tried } from "#core/request/missed.ts";
import type { Connection } from "#adapters/store/connect.ts";
import { commentMarker, RECEIPTS_MARKER } from "#core/task/markers.ts";
import type { Deps } from "#app/deps.ts";
import { workOnce } from "#app/worker.ts";
import type { DeliveryEvent } from "#ports/delivery.ts";
import type { GitHub, LabelledIssue, Place } from "#ports/github.ts";
import type { Store } from "#ports/store.ts";
import { makeBrief } from "../kit/briefs.ts";
import { fakeGitHub, placesOf, refused, unavailable } from "../kit/fake-github.ts";
import { makeRuntime } from "../kit/runtime.ts";
import { openFresh } from "../kit/stores.ts";

const PLACE: Place = {
  installation: InstallationId(5),
  owner: { id: OwnerId(10), login: "acme" },
  repository: { id: RepositoryId(20), name: "web", private: true },
};
const ADA = { id: ActorId(30), login: "ada" };

describe("the sweep for what was never told", () => {
  let connection: Connection;
  let store: Store;
  let logged: [object, string][];
  beforeAll(async () => {
    ({ connection, store } = await openFresh("PGlite"));
  });
  beforeEach(async () => {
    logged = [];
    for (const table of [
      "late_deliveries",
      "decisions",
      "holds",
      "leases",
      "attempts",
      "comments",
      "tasks",
      "owners",
      "deliveries",
    ])
      await sql`delete from ${sql.table(table)}`.execute(connection.db);
    await sql`update sweeps set swept_until = null, due_at = null, held_by = null, held_until = null, tries = 0`.execute(
      connection.db,
    );
  });
  afterAll(() => store.close());

  function depsOf(github: GitHub, allowedOwners: readonly string[] = []): Deps {
    const silent = { debug: () => undefined, info: () => undefined, error: () => undefined };
    return {
      store,
      github,
      allowedOwners,
      runtime: makeRuntime({ log: { ...silent, warn: (fields, message) => void logged.push([fields, message]) } }),
    };
  }
  async function settle(github: GitHub, allowedOwners?: readonly string[]): Promise<void> {
    for (let rounds = 0; rounds < 50; rounds += 1) if (!(await workOnce(depsOf(github, allowedOwners)))) return;
    throw new Error("the worker never comes to rest");
  }
  /** As if the last one had found everything, so long ago. */
  async function sweepAfter(github: GitHub, ms: number | null, allowedOwners?: readonly string[]): Promise<void> {
    const until = ms === null ? null : (await store.now()) - ms;
    await sql`update sweeps set swept_until = ${until}::bigint`.execute(connection.db);
    await store.startSweep();
    await settle(github, allowedOwners);
  }
  const again = async (github: GitHub): Promise<void> => {
    await sql`update sweeps set due_at = 0`.execute(connection.db);
    await settle(github);
  };
  const dueInMs = async (): Promise<number> => {
    const row = await connection.db.selectFrom("sweeps").selectAll().executeTakeFirstOrThrow();
    return Number(row.due_at) - (await store.now());
  };
  const tasks = () => connection.db.selectFrom("tasks").select(["state", "brief"]).execute();
  const notes = async () =>
    (await connection.db.selectFrom("deliveries").select("note").orderBy("seq").execute()).map(({ note }) => note);

  let tries = 0;
  async function failed(guid: string, agoMs: number, more: Partial<Tried> = {}): Promise<Tried> {
    const at = EpochMs((await store.now()) - agoMs);
    return { id: (tries += 1), guid: DeliveryId(guid), at, event: "issues", succeeded: false, ...more };
  }
  /** A GitHub that tells of these failures; what it is asked to deliver anew it does not. */
  function failing(all: readonly Tried[], answers: Partial<GitHub> = {}): GitHub & { readonly redelivered: number[] } {
    const redelivered: number[] = [];
    const github = fakeGitHub({
      readFailedDeliveries: () => Promise.resolve(ok(all)),
      redeliver: (id) => {
        redelivered.push(id);
        return Promise.resolve(ok(undefined));
      },
      ...answers,
    });
    return { ...github, redelivered };
  }

  describe("of deliveries", () => {
    it("has each that failed delivered anew, once, in the order in which they were told", async () => {
      const all = [await failed("b", HOUR_MS), await failed("a", 2 * HOUR_MS), await failed("b", 30 * MINUTE_MS)];
      const github = failing(all);

      await sweepAfter(github, HOUR_MS);
      const first = await dueInMs();
      await again(github);

      expect(github.redelivered).toEqual([all[1]!.id, all[2]!.id]);
      expect(first).toBeLessThanOrEqual(MINUTE_MS);
      expect(await dueInMs()).toBeGreaterThan(59 * MINUTE_MS);
    });

    it("leaves alone what was heard all the same, what a later try has delivered, and what is never heard", async () => {
      await store.recordDelivery({
        id: DeliveryId("heard"),
        owner: OwnerId(10),
        event: { kind: "request", brief: makeBrief(1) },
      });
      const github = failing([
        await failed("heard", HOUR_MS),
        await failed("later", HOUR_MS),
        await failed("later", MINUTE_MS, { succeeded: true }),
        await failed("nothing to us", HOUR_MS, { event: "workflow_job" }),
      ]);

      await sweepAfter(github, HOUR_MS);

      expect(github.redelivered).toEqual([]);
    });

    it("asks again an hour later for what has failed again, and no sooner", async () => {
      const once = failing([await failed("a", 2 * HOUR_MS)]);
      await sweepAfter(once, HOUR_MS);
      const more = failing([await failed("a", 2 * HOUR_MS), await failed("a", 0)]);
      await again(more);
      const soon = [...more.redelivered];
      await sql`update late_deliveries set asked_at = asked_at - ${HOUR_MS}`.execute(connection.db);
      await again(once);
      const withoutAnother = [...once.redelivered];
      await again(more);

      expect([soon.length, withoutAnother.length, more.redelivered.length]).toEqual([0, 1, 1]);
    });

    it("asks for a hundred at a time, and goes on a minute later", async () => {
      const all = await Promise.all(Array.from({ length: 130 }, (_, at) => failed(String(at), HOUR_MS)));
      const github = failing(all);

      await sweepAfter(github, HOUR_MS);
      const first = github.redelivered.length;
      await again(github);

      expect([first, github.redelivered.length]).toEqual([100, 130]);
    });

    it("looks no further back than to where the last one ended, nor than GitHub delivers anew", async () => {
      const asked: number[] = [];
      const github = fakeGitHub({
        readFailedDeliveries: (since) => {
          asked.push(since);
          return Promise.resolve(ok([]));
        },
      });
      await sweepAfter(github, 2 * HOUR_MS);
      await sweepAfter(github, 10 * DAY_MS);
      await sweepAfter(github, null);
      const now = await store.now();

      expect(asked.map((since) => Math.round((now - since) / HOUR_MS))).toEqual([3, 72, 72]);
    });

    it("is tried again where GitHub can't be reached, and asks for what was not asked for", async () => {
      const all = [await failed("a", HOUR_MS), await failed("b", HOUR_MS)];
      const blind = failing(all, { redeliver: () => Promise.resolve(unavailable()) });
      await sweepAfter(blind, HOUR_MS);
      const github = failing(all);

      await again(github);

      expect(github.redelivered).toHaveLength(2);
    });

    it("goes on without one that GitHub won't deliver any more", async () => {
      const asked: number[] = [];
      const github = failing([await failed("a", 3 * DAY_MS), await failed("b", HOUR_MS)], {
        redeliver: (id) => {
          asked.push(id);
          return Promise.resolve(refused(422));
        },
      });
      await sweepAfter(github, HOUR_MS);
      await again(github);

      expect(asked).toHaveLength(2);
      expect(await dueInMs()).toBeGreaterThan(59 * MINUTE_MS);
    });
  });

  describe("of labels", () => {
    async function issue(more: Partial<LabelledIssue> = {}, agoMs = HOUR_MS): Promise<LabelledIssue> {
      const at = EpochMs((await store.now()) - agoMs);
      return {
        number: 7,
        title: "Last page",
        body: "It shows\u200b one row too few.",
        author: { id: ActorId(31), login: "grace" },
        isByBot: false,
        labels: ["Agent"],
        labelled: [{ id: `L${String(at)}`, at, label: "Agent", by: ADA }],
        edits: [],
        ...more,
      };
    }
    function showing(issues: readonly LabelledIssue[], answers: Partial<GitHub> = {}): ReturnType<typeof fakeGitHub> {
      return fakeGitHub({
        readPlaces: placesOf(PLACE),
        readLabelled: () => Promise.resolve(ok(issues)),
        ...answers,
      });
    }

    it("opens the task that nobody heard of, for who set the label, with the issue's text, once", async () => {
      const github = showing([await issue()]);

      await sweepAfter(github, 2 * HOUR_MS);
      await again(github);

      expect(await tasks()).toMatchObject([
        {
          brief: {
            requester: ADA,
            author: { login: "grace" },
            comment: null,
            askedAt: expect.any(Number) as number,
            issue: { number: 7, title: "Last page", body: "It shows one row too few.", labels: ["Agent"] },
          },
        },
      ]);
      expect(logged.map(([fields]) => fields)).toContainEqual({ issues: ["acme/web#7"] });
    });

    it("opens a specialist's by that one's label, as the policy names it", async () => {
      const agents = "agents: { docs: { tiers: [light] }, tests: { label: agent:proofs } }";
      const text = `version: 1\npool: [{ name: a, provider: anthropic }]\nrunner: acme/r\nbudget: $9/month\n${agents}\n`;
      await store.recordPolicy(OwnerId(10), { text, commit: "c", readAt: await store.now() });
      const wanted: (readonly string[])[] = [];
      const known = await issue({ labels: ["agent:proofs"] });
      const labelled = known.labelled.map((each) => ({ ...each, label: "agent:proofs" }));
      const github = showing([], {
        readLabelled: (_place, labels) => {
          wanted.push(labels);
          return Promise.resolve(ok([{ ...known, labelled }]));
        },
        readIssue: () => Promise.resolve(ok({ isOpen: true, isLocked: false, labels: ["Agent:Proofs"] })),
      });
      await sweepAfter(github, 2 * HOUR_MS);

      expect(wanted).toEqual([["agent", "agent:whenever", "agent:docs", "agent:proofs"]]);
      expect(await tasks()).toMatchObject([{ brief: { label: "agent:proofs", requester: ADA } }]);
    });

    it.each<[string, Partial<LabelledIssue>, number]>([
      ["was set before the last sweep looked", {}, 4 * HOUR_MS],
      ["was set just now, and may still be told", {}, MINUTE_MS],
      ["is off again", { labels: ["bug"] }, HOUR_MS],
    ])("leaves one alone that %s", async (_name, more, agoMs) => {
      await sweepAfter(showing([await issue(more, agoMs)]), 2 * HOUR_MS);

      expect(await notes()).toEqual([]);
    });

    it("leaves one alone that a bot set, and looks at none before its first sweep is over", async () => {
      const known = await issue();
      const byBot = { ...known, labelled: known.labelled.map((each) => ({ ...each, by: null })) };
      await sweepAfter(showing([byBot]), 2 * HOUR_MS);
      await sweepAfter(showing([known]), null);

      expect(await notes()).toEqual([]);
    });

    it("leaves the app's own issue for receipts alone, whoever set the label, and takes a person's with its text, though they be gone", async () => {
      const receipts = { body: `${RECEIPTS_MARKER}\nHere.`, author: null, isByBot: true };
      await sweepAfter(showing([await issue(receipts)]), 2 * HOUR_MS);
      expect(await tasks()).toEqual([]);

      await sweepAfter(showing([await issue({ body: receipts.body })]), 2 * HOUR_MS);
      await sweepAfter(showing([await issue({ body: receipts.body, number: 8, author: null })]), 2 * HOUR_MS);

      expect(await tasks()).toHaveLength(2);
    });

    it("leaves one alone that a task has followed, however that ended, and takes one that was set again since", async () => {
      await store.openTask(TaskId(randomUUID()), makeBrief(7), DeliveryId("first"));
      await sql`update tasks set state = 'unsolved', created_at = created_at - ${90 * MINUTE_MS}, due_at = null`.execute(
        connection.db,
      );
      await sweepAfter(showing([await issue({}, 91 * MINUTE_MS)]), 2 * HOUR_MS);
      const followed = (await tasks()).length;
      await sweepAfter(showing([await issue({}, HOUR_MS)]), 2 * HOUR_MS);

      expect([followed, (await tasks()).length]).toEqual([1, 2]);
    });

    it.each([
      ["mallory", false, "mallory has changed the issue since"],
      [null, false, "somebody else has changed the issue since"],
      ["mallory", true, "mallory has changed the issue since"],
    ])(
      "starts nothing on a text that %s has changed since, and says so once, another task before it (%s) or none",
      async (by, isSecond, words) => {
        if (isSecond) {
          await store.openTask(TaskId(randomUUID()), makeBrief(7), DeliveryId("older"));
          await sql`update tasks set state = 'unsolved', created_at = created_at - ${90 * MINUTE_MS}, due_at = null`.execute(
            connection.db,
          );
        }
        const bodies: string[] = [];
        const edited = await issue({ edits: [{ at: EpochMs((await store.now()) - MINUTE_MS), by }] });
        const github = showing([edited], {
          createComment: (_place, _issue, body) => {
            bodies.push(body);
            return Promise.resolve(ok(70));
          },
        });

        await sweepAfter(github, 2 * HOUR_MS);
        await again(github);

        expect(await tasks()).toHaveLength(isSecond ? 1 : 0);
        expect(bodies).toHaveLength(1);
        expect(bodies[0]).toContain(words);
      },
    );

    it("takes a text that who set the label has changed, or somebody else before that", async () => {
      const now = await store.now();
      const edits = [
        { at: EpochMs(now - MINUTE_MS), by: "ada" },
        { at: EpochMs(now - 2 * HOUR_MS), by: "mallory" },
      ];
      await sweepAfter(showing([await issue({ edits })]), 2 * HOUR_MS);

      expect(await tasks()).toHaveLength(1);
    });

    it("starts nothing for who may not, and nothing of an owner that isn't served", async () => {
      const stranger = showing([await issue()], { readRole: () => Promise.resolve(ok(undefined)) });
      await sweepAfter(stranger, 2 * HOUR_MS, ["other"]);
      const unserved = await notes();
      await sweepAfter(stranger, 2 * HOUR_MS, ["acme"]);

      expect([unserved, await notes(), await tasks()]).toEqual([[], ["the actor may not start work"], []]);
    });

    it("goes on with the other repositories where one is gone", async () => {
      const other = { ...PLACE, repository: { ...PLACE.repository, id: RepositoryId(19), name: "gone" } };
      const known = await issue();
      const github = showing([], {
        readPlaces: placesOf(other, PLACE),
        readLabelled: (place) => Promise.resolve(place === other ? refused(404) : ok([known])),
      });
      await sweepAfter(github, 2 * HOUR_MS);

      expect(await tasks()).toHaveLength(1);
    });

    it("goes on with the other owners where GitHub refuses one, to the end of the sweep, and says whose it is", async () => {
      const corp = { id: OwnerId(11), login: "corp" };
      const { error: failure } = refused(403, "the `corp` organization has an IP allow list enabled");
      const readPlaces = () => Promise.resolve(ok({ places: [PLACE], refused: [{ owner: corp, failure }] }));
      await sweepAfter(showing([await issue()], { readPlaces }), 2 * HOUR_MS);

      expect(await tasks()).toHaveLength(1);
      expect(await dueInMs()).toBeGreaterThan(59 * MINUTE_MS);
      expect((await connection.db.selectFrom("sweeps").selectAll().executeTakeFirstOrThrow()).swept_until).toBeGreaterThan((await store.now()) - MINUTE_MS); // prettier-ignore
      expect(logged).toContainEqual([{ owner: "corp", failure }, expect.stringContaining("does not tell") as string]);
    });

    it("tells of an outage of more than three days with a list of what was found", async () => {
      await sweepAfter(showing([await issue({}, 4 * DAY_MS)]), 5 * DAY_MS);

      expect(await tasks()).toHaveLength(1);
      expect(logged).toContainEqual([
        { sweptUntil: expect.any(String) as string, issues: ["acme/web#7"] },
        expect.stringContaining("more than three days") as string,
      ]);
    });
  });

  describe("what is told late", () => {
    async function tell(
      event: DeliveryEvent,
      github: GitHub = fakeGitHub(),
      id = DeliveryId(randomUUID()),
    ): Promise<string | null> {
      const saidAt = EpochMs((await store.now()) - HOUR_MS);
      await store.expectLate(id, { saidAt, failedAt: saidAt });
      await store.recordDelivery({ id, owner: OwnerId(10), event });
      await settle(github);
      return (await connection.db.selectFrom("deliveries").select("note").where("id", "=", id).executeTakeFirstOrThrow()).note;
    }
    const asked: DeliveryEvent = { kind: "request", brief: makeBrief(7) };
    const stopped: DeliveryEvent = { kind: "stopped", repositories: [RepositoryId(20)], issue: 7, why: "closed", login: "ada" };
    const shows = (issue: { isOpen: boolean; labels: string[] }) =>
      fakeGitHub({ readIssue: () => Promise.resolve(ok({ isLocked: false, ...issue })) });

    it.each<[string, DeliveryEvent, GitHub, string]>([
      ["a label that is still on", asked, fakeGitHub(), "a task was opened"],
      ["a label that is off by now", asked, shows({ isOpen: true, labels: ["bug"] }), "told late, and its label is off by now"],
      [
        "a request on an issue that is closed by now",
        asked,
        shows({ isOpen: false, labels: ["agent"] }),
        "told late, and its issue is closed by now",
      ],
      [
        "a request on an issue that is gone",
        asked,
        fakeGitHub({ readIssue: () => Promise.resolve(refused(410)) }),
        "told late, and its issue can't be read",
      ],
      [
        "a command, whatever the labels",
        { kind: "request", brief: { ...makeBrief(7), comment: "/agent" }, comment: 3 },
        shows({ isOpen: true, labels: [] }),
        "a task was opened",
      ],
    ])("counts as GitHub has it now: %s", async (_name, event, github, note) => {
      expect(await tell(event, github)).toBe(note);
    });

    it.each<[string, DeliveryEvent]>([
      ["a request", asked],
      ["a label taken off", { kind: "unlabeled", brief: makeBrief(7) }],
      ["a closing", stopped],
    ])("does nothing to a task that was opened since: %s", async (_name, event) => {
      await store.openTask(TaskId(randomUUID()), makeBrief(7), DeliveryId("newer"));
      await settle(fakeGitHub());

      expect(await tell(event)).toBe("told late, and a task was opened since");
      expect((await tasks()).map(({ state }) => state)).toEqual(["awaiting"]);
    });

    it.each<[string, boolean, string]>([
      ["open, and says that its records are lost", true, "lost its records"],
      ["ended, and leaves what it says", false, ""],
    ])(
      "is not done again where the issue's comment shows a task that this store doesn't know as %s",
      async (_name, isOpen, says) => {
        const written: string[] = [];
        const body = `${commentMarker(TaskId(randomUUID()), isOpen)}\n\nwhat an earlier store knew`;
        const github = fakeGitHub({
          readOwnComments: () =>
            Promise.resolve(
              ok([
                { id: 69, issue: 8, body },
                { id: 70, issue: 7, body },
              ]),
            ),
          updateComment: (_place, comment, text) => {
            written.push(`${String(comment)} ${text}`);
            return Promise.resolve(ok(undefined));
          },
        });

        expect(await tell(asked, github)).toBe("told late, and an earlier store has heard it");
        expect(await tasks()).toEqual([]);
        expect(written).toEqual(says === "" ? [] : [expect.stringMatching(new RegExp(`^70 [^]*${says}`)) as string]);
      },
    );

    it("is done where the issue's comment shows a task that this store knows, or none, or GitHub doesn't show it", async () => {
      const known = TaskId(randomUUID());
      await store.openTask(known, makeBrief(7), DeliveryId("older"));
      await sql`update tasks set state = 'unsolved', created_at = created_at - ${2 * HOUR_MS}, due_at = null`.execute(
        connection.db,
      );
      const notes: (string | null)[] = [];
      for (const [number, own] of [
        [7, ok([{ id: 70, issue: 7, body: commentMarker(known) }])],
        [8, ok([{ id: 70, issue: 8, body: commentMarker(null) }])],
        [9, refused(403)],
      ] as const)
        notes.push(
          await tell({ kind: "request", brief: makeBrief(number) }, fakeGitHub({ readOwnComments: () => Promise.resolve(own) })),
        );

      expect(notes).toEqual(["a task was opened", "a task was opened", "a task was opened"]);
    });

    it("finds the task that it has opened itself, worked off a second time", async () => {
      const id = DeliveryId(randomUUID());
      await store.openTask(TaskId(randomUUID()), makeBrief(7), id);
      await settle(fakeGitHub());

      expect(await tell(asked, fakeGitHub(), id)).toBe("a task was opened");
      expect(await tasks()).toHaveLength(1);
    });

    it("ends a task that was there before", async () => {
      await store.openTask(TaskId(randomUUID()), makeBrief(7), DeliveryId("older"));
      await sql`update tasks set created_at = created_at - ${2 * HOUR_MS}`.execute(connection.db);
      await settle(fakeGitHub());

      await tell(stopped);

      expect((await tasks()).map(({ state }) => state)).toEqual(["cancelled"]);
    });
  });
});
