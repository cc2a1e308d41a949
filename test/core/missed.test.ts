import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findUndelivered, readMissedRequest, type Labelling, type Tried } from "#core/request/missed.ts";
import { ActorId, DeliveryId } from "#core/wire/ids.ts";
import { EpochMs, MINUTE_MS } from "#core/wire/units.ts";

const HEARD = ["issues", "push"];

describe("what no try has delivered", () => {
  const tried = fc.record({
    id: fc.nat(),
    guid: fc.constantFrom("a", "b", "c", "d").map(DeliveryId),
    at: fc.nat({ max: 50 }).map(EpochMs),
    event: fc.constantFrom("issues", "push", "workflow_job"),
    succeeded: fc.boolean(),
  });
  const tries = fc.uniqueArray(tried, { selector: ({ id }) => id }).map((all): readonly Tried[] => {
    // A delivery is of one event, whatever the number of its tries.
    const events = new Map(all.map(({ guid, event }) => [guid, event]));
    return all.map((each) => ({ ...each, event: events.get(each.guid) ?? each.event }));
  });

  it("is each once, the oldest first, of an event that is heard, and by its last try", () => {
    fc.assert(
      fc.property(tries, (all) => {
        const found = findUndelivered(all, HEARD);
        const of = (guid: string) => all.filter((each) => each.guid === guid);

        expect(new Set(found.map(({ guid }) => guid)).size).toBe(found.length);
        expect(found.map(({ saidAt }) => saidAt)).toEqual(found.map(({ saidAt }) => saidAt).toSorted((a, b) => a - b));
        for (const { guid, saidAt, failedAt, lastTry } of found) {
          expect(of(guid).every(({ succeeded, event }) => !succeeded && HEARD.includes(event))).toBe(true);
          expect(saidAt).toBe(Math.min(...of(guid).map(({ at }) => at)));
          expect(failedAt).toBe(Math.max(...of(guid).map(({ at }) => at)));
          expect(of(guid).find(({ id }) => id === lastTry)?.at).toBe(failedAt);
        }
        const left = all.filter(({ guid, event }) => HEARD.includes(event) && !of(guid).some(({ succeeded }) => succeeded));
        expect(new Set(found.map(({ guid }) => guid))).toEqual(new Set(left.map(({ guid }) => guid)));
      }),
    );
  });

  it("is the same in whatever order GitHub lists the tries", () => {
    fc.assert(
      fc.property(tries, (all) => {
        expect(findUndelivered(all.toReversed(), HEARD)).toEqual(findUndelivered(all, HEARD));
      }),
    );
  });
});

describe("the request that a label is", () => {
  const ada = { id: ActorId(30), login: "ada" };
  const grace = { id: ActorId(31), login: "grace" };
  const isTrigger = (label: string) => label.toLowerCase() === "agent";
  const within = { from: EpochMs(100 * MINUTE_MS), until: EpochMs(200 * MINUTE_MS) };
  const set = (minute: number, by: typeof ada | null, label = "agent") => ({
    id: `at ${String(minute)}`,
    at: EpochMs(minute * MINUTE_MS),
    label,
    by,
  });
  const edit = (minute: number, by: string | null) => ({ at: EpochMs(minute * MINUTE_MS), by });
  const labelling = (more: Partial<Labelling>): Labelling => ({ labels: ["bug", "agent"], labelled: [], edits: [], ...more });

  it.each<[string, Partial<Labelling>, object | undefined]>([
    ["of who set it", { labelled: [set(150, ada)] }, { id: "at 150", by: ada, edited: null }],
    ["of who set it last", { labelled: [set(160, grace), set(150, ada)] }, { by: grace }],
    ["whatever its case", { labels: ["AGENT"], labelled: [set(150, ada, "Agent")] }, { by: ada }],
    ["none where nobody is known to have set it", {}, undefined],
    ["none of a bot", { labelled: [set(150, null)] }, undefined],
    ["none of a bot that set it after a person", { labelled: [set(150, ada), set(160, null)] }, undefined],
    ["none where it is off", { labels: ["bug"], labelled: [set(150, ada)] }, undefined],
    ["none of another label", { labelled: [set(150, ada, "bug")] }, undefined],
    ["none from before", { labelled: [set(99, ada)] }, undefined],
    ["none that may still be told", { labelled: [set(201, ada)] }, undefined],
    ["with the text as its setter left it", { labelled: [set(150, ada)], edits: [edit(160, "ada")] }, { edited: null }],
    ["with a text of before, whoever's", { labelled: [set(150, ada)], edits: [edit(140, "grace")] }, { edited: null }],
    [
      "not with a text that another has changed since",
      { labelled: [set(150, ada)], edits: [edit(160, "grace")] },
      { edited: { by: "grace" } },
    ],
    [
      "not with one that nobody known has changed",
      { labelled: [set(150, ada)], edits: [edit(160, null)] },
      { edited: { by: null } },
    ],
  ])("is %s", (_name, more, expected) => {
    const found = readMissedRequest(labelling(more), isTrigger, within);

    if (expected === undefined) expect(found).toBeUndefined();
    else expect(found).toMatchObject(expected);
  });

  it("counts as followed by a task that another clock had opened two minutes before", () => {
    const found = readMissedRequest(labelling({ labelled: [set(150, ada)] }), isTrigger, within);

    expect(found?.saidAt).toBe(148 * MINUTE_MS);
  });
});
