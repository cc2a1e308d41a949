import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CONSTANTS } from "#core/pool/constants.ts";
import { hopeless } from "#core/pool/hope.ts";
import type { PoolSnapshot } from "#core/pool/decision.ts";
import { orderOf, pick } from "#core/pool/pick.ts";
import { index } from "#core/pool/why-not.ts";
import { ActorId, CredentialName, RepositoryId } from "#core/wire/ids.ts";
import { DAY_MS, EpochMs, HOUR_MS, MicroUsd, MINUTE_MS } from "#core/wire/units.ts";
import {
  after,
  budget,
  credential,
  estimate,
  grantAll,
  granted,
  NOW,
  snapshot,
  somePool,
  task,
  team,
  window,
} from "./pool-kit.ts";

const week = (id: string, ...windows: ReturnType<typeof window>[]) => ({ id, windows });
const at = (share: number, overrides: Parameters<typeof window>[0] = {}) =>
  window({ observed: { share, at: NOW }, ...overrides });
/** One credential `a`, whose upstream has this one window. */
const only = (each: ReturnType<typeof window>, overrides: Partial<PoolSnapshot> = {}): Partial<PoolSnapshot> => ({
  credentials: [credential("a")],
  upstreams: [week("a", each)],
  ...overrides,
});

const CHOICES: readonly [string, Partial<PoolSnapshot>, readonly [string, string] | "wait"][] = [
  ["waits for a task", { queue: [] }, "wait"],
  ["waits for a credential", { credentials: [] }, "wait"],
  ["takes the least used credential", { upstreams: [week("a", at(0.5)), week("b", at(0.4))] }, ["t1", "b"]],
  ["counts what is held like what is used", { upstreams: [week("a", window({ held: 500 })), week("b", at(0.4))] }, ["t1", "b"]],
  ["counts what we used since it was seen", { upstreams: [week("a", at(0.3, { since: 200 })), week("b", at(0.4))] }, ["t1", "b"]],
  [
    "prefers, paced, the one that is further behind where it should be by now",
    { upstreams: [week("a", at(0.5, { resetsAt: after(DAY_MS) })), week("b", at(0.4, { resetsAt: after(6 * DAY_MS) }))] },
    ["t1", "a"],
  ],
  [
    "prefers, least used, the one with the smaller share whatever the day",
    {
      strategy: "least-used",
      upstreams: [week("a", at(0.5, { resetsAt: after(DAY_MS) })), week("b", at(0.4, { resetsAt: after(6 * DAY_MS) }))],
    },
    ["t1", "b"],
  ],
  [
    "prefers, drain soonest, the one whose week ends first",
    { strategy: "drain-soonest", upstreams: [week("a", at(0)), week("b", at(0.9, { resetsAt: after(DAY_MS) }))] },
    ["t1", "b"],
  ],
  [
    "doesn't mind a week of another model",
    { upstreams: [week("a", window(), at(0.99, { name: "week-model", model: "n" })), week("b", at(0.3))] },
    ["t1", "a"],
  ],
  [
    "takes the credential with fewer leases where all else is equal",
    { credentials: [credential("a", { live: 2 }), credential("b", { live: 1 })] },
    ["t1", "b"],
  ],
  [
    "takes the one that waited longest where leases are equal too",
    { credentials: [credential("a", { lastGrantAt: EpochMs(9) }), credential("b", { lastGrantAt: EpochMs(8) })] },
    ["t1", "b"],
  ],
  [
    "takes one never used before one used long ago",
    { credentials: [credential("a", { lastGrantAt: EpochMs(1) }), credential("b")] },
    ["t1", "b"],
  ],
  [
    "takes the task that has waited longest",
    { queue: [task("t1", { queuedAt: EpochMs(5) }), task("t2", { queuedAt: EpochMs(4) })], credentials: [credential("a")] },
    ["t2", "a"],
  ],
  [
    "counts an operator's word as age",
    {
      queue: [task("t1", { queuedAt: EpochMs(5), priorityMs: 2 }), task("t2", { queuedAt: EpochMs(4) })],
      credentials: [credential("a")],
    },
    ["t1", "a"],
  ],
  ["takes tasks of one instant by their names", { queue: [task("t2"), task("t1")], credentials: [credential("a")] }, ["t1", "a"]],
  [
    "lets a small task pass a large one that fits nowhere",
    only(window({}, 1_000), { queue: [task("large", { estimate: estimate(990), queuedAt: EpochMs(1) }), task("small")] }),
    ["small", "a"],
  ],
  ["passes over a full credential", { upstreams: [week("a", at(0.98)), week("b", at(0.9))] }, ["t1", "b"]],
  ["gives a window's last unit", only(at(0.9), { queue: [task("t1", { estimate: estimate(80) })] }), ["t1", "a"]],
  ["gives not one unit more", only(at(0.9), { queue: [task("t1", { estimate: estimate(81) })] }), "wait"],
  [
    "counts with nine chances of ten, not with the mean",
    only(at(0.9), { queue: [task("t1", { estimate: estimate(20, 81) })] }),
    "wait",
  ],
  [
    "gives a budget's last unit",
    { credentials: [credential("a")], budgets: [budget(100, { used: MicroUsd(60), held: MicroUsd(40) })] },
    ["t1", "a"],
  ],
  [
    "gives not one micro-dollar more",
    { queue: [task("t1", { runner: MicroUsd(1) })], budgets: [budget(100, { used: MicroUsd(60), held: MicroUsd(40) })] },
    "wait",
  ],
  [
    "spends no money of a budget on a subscription",
    { credentials: [credential("a")], budgets: [budget(0)], queue: [task("t1", { cap: MicroUsd(1_000_000) })] },
    ["t1", "a"],
  ],
  [
    "keeps to the budget of a credential that is billed, by the whole cap",
    {
      credentials: [credential("a", { budgets: ["credential:a"] })],
      budgets: [budget(19, { subject: { kind: "credential", name: CredentialName("a") } })],
    },
    "wait",
  ],
  ["keeps to what may wait for a runner", { unclaimed: 15 }, "wait"],
  ["dispatches up to what may wait for a runner", { credentials: [credential("a")], unclaimed: 14 }, ["t1", "a"]],
  ["keeps to as many jobs at once as a credential bears", { credentials: [credential("a", { live: 5 })] }, "wait"],
  ["gives no credential of another provider", { credentials: [credential("a", { provider: "other" as never })] }, "wait"],
  [
    "gives none whose key was refused",
    { credentials: [credential("a", { quarantined: true }), credential("b", { live: 4 })] },
    ["t1", "b"],
  ],
  ["gives none that rests", { credentials: [credential("a", { cooldowns: [{ model: null, until: after(1) }] })] }, "wait"],
  ["gives one that has rested", { credentials: [credential("a", { cooldowns: [{ model: null, until: NOW }] })] }, ["t1", "a"]],
  [
    "gives one that rests from another model",
    { credentials: [credential("a", { cooldowns: [{ model: "n", until: after(1) }] })] },
    ["t1", "a"],
  ],
  [
    "keeps to the repositories, teams, tiers, models and harnesses of a credential",
    {
      credentials: [
        { repositories: [RepositoryId(21)] },
        { teams: ["other"] },
        { tiers: ["frontier" as const] },
        { models: ["n"] },
        { harnesses: [] },
      ].map((but, index) => {
        const { only: all } = credential("x");
        return credential(`c${String(index)}`, { only: { ...all, ...but } });
      }),
    },
    "wait",
  ],
];

describe("pick", () => {
  it.each(CHOICES)("%s", (_name, overrides, expected) => {
    const decision = pick(snapshot(overrides));

    expect(granted(decision)).toEqual(expected);
  });

  it("holds the whole cap of a billed job in every budget, the runner beside it but for the credential's, and nine chances of ten of each window", () => {
    const decision = pick(
      snapshot({
        queue: [
          task("t1", { estimate: estimate(10, 15.2), cap: MicroUsd(20), runner: MicroUsd(3), budgets: ["owner", "team:web"] }),
        ],
        credentials: [credential("a", { budgets: ["credential:a"] })],
        upstreams: [week("a", window({ name: "five-hour" }), window(), window({ name: "week-model", model: "n" }))],
      }),
    );

    expect(decision).toMatchObject({
      holds: [
        { window: "usd:credential:a", amount: 20 },
        { window: "usd:owner", amount: 23 },
        { window: "usd:team:web", amount: 23 },
        { window: "window:five-hour", amount: 16 },
        { window: "window:week", amount: 16 },
      ],
    });
  });

  it("records what it knew, every candidate with its score or why it can't serve, and who was passed over and why", () => {
    const state = snapshot({
      queue: [task("large", { estimate: estimate(990), queuedAt: EpochMs(1) }), task("small"), task("later", { queuedAt: NOW })],
      credentials: [credential("a"), credential("b", { quarantined: true })],
    });

    const decision = pick(state);

    expect(decision.record).toEqual({
      snapshot: state,
      constants: CONSTANTS,
      candidates: [
        { credential: "a", score: expect.any(Number), whyNot: null },
        { credential: "b", score: null, whyNot: { why: "quarantined", until: null } },
      ],
      passedOver: [{ task: "large", whyNot: { window: 1, quarantined: 1 } }],
    });
  });

  it("P4: of several budgets that are full, names the one that lacks most, and waits for the last to begin anew", () => {
    const credentials = [credential("a", { budgets: ["credential:a"] })];
    const day = budget(100, { period: "day", used: MicroUsd(99), resetsAt: after(HOUR_MS) });
    const month = budget(100, { period: "month", used: MicroUsd(95), resetsAt: after(20 * DAY_MS) });

    const decision = pick(snapshot({ credentials, budgets: [day, month], upstreams: [] }));

    expect(decision).toMatchObject({
      waiting: [{ whyNot: { budget: 1 }, of: { budget: "owner/day" }, until: after(20 * DAY_MS) }],
    });
  });

  it.each([
    [
      "a budget, and when its period ends",
      { budgets: [budget(0)], queue: [task("t1", { runner: MicroUsd(1) })] },
      budget(0).resetsAt,
    ],
    ["a window, and when it resets", only(at(1)), after(3.5 * DAY_MS)],
    ["a window whose reset has passed, and no end", only(window({ resetsAt: EpochMs(NOW - 1), held: 1_000 })), null],
    ["a rest, and its end", { credentials: [credential("a", { cooldowns: [{ model: null, until: after(7) }] })] }, after(7)],
    ["the soonest of several", { upstreams: [week("a", at(1)), week("b", at(1, { resetsAt: after(9) }))] }, after(9)],
    ["a job, and no end that is known", { credentials: [credential("a", { live: 5 })] }, null],
  ] as const)("says that a task waits for %s", (_name, overrides, until) => {
    const decision = pick(snapshot(overrides));

    expect(decision).toMatchObject({ kind: "wait", waiting: [{ task: "t1", until }] });
  });

  it("gives an interrupted task's next turn to another credential, before everyone else's", () => {
    const moved = task("moved", { movedFrom: [CredentialName("a")], queuedAt: NOW });

    const decision = pick(snapshot({ queue: [task("t1"), moved], upstreams: [week("a", at(0)), week("b", at(0.9))] }));

    expect(granted(decision)).toEqual(["moved", "b"]);
  });

  it("gives an interrupted task the credential it came from where no other has room", () => {
    const moved = task("moved", { movedFrom: [CredentialName("a")] });

    const decision = pick(snapshot({ queue: [moved], credentials: [credential("a"), credential("b", { live: 5 })] }));

    expect(granted(decision)).toEqual(["moved", "a"]);
  });

  it("drains the week that ends first, not one that has just begun anew", () => {
    const upstreams = [
      week("fresh", at(0, { resetsAt: after(-MINUTE_MS) })),
      week("ending", at(0, { resetsAt: after(HOUR_MS) })),
    ];
    const credentials = [credential("fresh"), credential("ending")];

    expect(granted(pick(snapshot({ strategy: "drain-soonest", credentials, upstreams })))).toEqual(["t1", "ending"]);
  });

  it("has a task wait for a key that was refused: a person replaces it, and nothing is lost", () => {
    const state = snapshot({ credentials: [credential("a", { quarantined: true })] });

    expect(pick(state)).toMatchObject({ kind: "wait", waiting: [{ whyNot: { quarantined: 1 } }] });
    expect(hopeless(state.queue[0]!, index(state, CONSTANTS))).toBeUndefined();
  });

  it("lets a seat whose owner hasn't agreed serve nobody, and its owner alone where only they have", () => {
    const seats = [credential("a", { serves: "not-lent" }), credential("b", { serves: "owner", owner: ActorId(31) })];
    const queue = [task("t1"), task("own", { person: ActorId(31), queuedAt: NOW })];

    const { grants, state } = grantAll(snapshot({ queue, credentials: seats }));

    expect(grants.map(granted)).toEqual([["own", "b"]]);
    expect(pick(state)).toMatchObject({
      record: { passedOver: [{ task: "t1", whyNot: { "no-consent": 1, "others-seat": 1 } }] },
    });
  });

  it("breaks the last tie by the seed, each way about as often, whatever the names", () => {
    for (const names of [
      ["a", "b"],
      ["seat-1", "seat-2", "seat-3", "seat-4", "seat-5", "seat-6", "seat-7", "seat-8"],
    ]) {
      const chosen = new Map<string, number>();
      const ROUNDS = 4_000;
      for (let round = 0; round < ROUNDS; round += 1) {
        // Seeds as the store draws them: over the whole range.
        const seed = (round * 2_654_435_761) % 2 ** 31;
        const decision = pick(snapshot({ seed, credentials: names.map((name) => credential(name)) }));
        const name = decision.kind === "grant" ? decision.credential : "none";
        chosen.set(name, (chosen.get(name) ?? 0) + 1);
      }

      expect([...chosen.keys()].toSorted()).toEqual(names);
      for (const count of chosen.values()) expect(count).toBeGreaterThan((ROUNDS / names.length) * 0.7);
    }
  });

  it("decides the same in whatever order its rows were read", () => {
    const shuffled = somePool.chain((state) =>
      fc.tuple(
        fc.constant(state),
        fc.shuffledSubarray([...state.credentials], { minLength: state.credentials.length }),
        fc.shuffledSubarray([...state.queue], { minLength: state.queue.length }),
        fc.shuffledSubarray([...state.teams], { minLength: state.teams.length }),
      ),
    );
    fc.assert(
      fc.property(shuffled, ([state, credentials, queue, teams]) => {
        const decision = pick({ ...state, credentials, queue, teams });

        expect(granted(decision)).toEqual(granted(pick(state)));
      }),
      { numRuns: 500 },
    );
  });
});

describe("a task that was passed over for long", () => {
  const LONG_AGO = EpochMs(NOW - 31 * MINUTE_MS);
  const large = task("large", { estimate: estimate(900), passedOverAt: LONG_AGO });
  const busy = [credential("a", { live: 1 })];

  it("has the first credential that will soon have room kept free for it", () => {
    const state = snapshot({ queue: [large, task("small")], credentials: busy, upstreams: [week("a", window({ held: 200 }))] });

    expect(granted(pick(state))).toBe("wait");
    expect(pick(state).record.passedOver).toContainEqual({ task: "small", whyNot: { "kept-free": 1 } });
  });

  it("gets it once it is free", () => {
    const state = snapshot({ queue: [large, task("small")], credentials: [credential("a")] });

    expect(granted(pick(state))).toEqual(["large", "a"]);
  });

  it("has none kept free before half an hour has passed", () => {
    const waiting = { ...large, passedOverAt: EpochMs(NOW - 29 * MINUTE_MS) };

    const decision = pick(
      snapshot({ queue: [waiting, task("small")], credentials: busy, upstreams: [week("a", window({ held: 200 }))] }),
    );

    expect(granted(decision)).toEqual(["small", "a"]);
  });

  it.each([
    ["that has room only after a reset days away", { upstreams: [week("a", at(0.2))] }],
    [
      "that rests for hours",
      {
        credentials: [credential("a", { cooldowns: [{ model: "m", until: after(2 * HOUR_MS) }] })],
        queue: [large, task("small", { model: "n" })],
      },
    ],
    ["while its budget is used up", { budgets: [budget(10)], queue: [{ ...large, runner: MicroUsd(11) }, task("small")] }],
    ["that is too small for it for ever", { upstreams: [week("a", window({}, 500))] }],
    [
      "that may not serve it",
      {
        credentials: [credential("a", { serves: "owner", owner: ActorId(31) })],
        queue: [large, task("small", { person: ActorId(31) })],
      },
    ],
  ] as const)("has none kept free %s", (_name, overrides) => {
    const decision = pick(snapshot({ queue: [large, task("small")], credentials: [credential("a")], ...overrides }));

    expect(granted(decision)).toEqual(["small", "a"]);
  });

  it("keeps one credential in ten free at most, however many tasks have waited long", () => {
    const names = Array.from({ length: 30 }, (_, n) => `c${String(n).padStart(2, "0")}`);
    const credentials = names.map((name) => credential(name, { maxLive: 1 }));
    const upstreams = names.map((name) => week(name, at(0.5, { resetsAt: after(15 * MINUTE_MS) })));
    const long = Array.from({ length: 10 }, (_, n) =>
      task(`large-${String(n)}`, { estimate: estimate(900), queuedAt: EpochMs(n), passedOverAt: after(-40 * MINUTE_MS) }),
    );
    const queue = [...long, ...names.map((name) => task(name))];

    const { grants } = grantAll(snapshot({ credentials, upstreams, queue, unclaimed: -100 }));

    expect(grants.length).toBe(27);
  });

  it("takes one credential out of use, not more", () => {
    const state = snapshot({
      queue: [large, task("small")],
      credentials: [credential("a", { live: 1 }), credential("b", { live: 1 })],
      upstreams: [week("a", window({ held: 200 })), week("b", window({ held: 200 }))],
    });

    expect(granted(pick(state))).toEqual(["small", "b"]);
  });
});

describe("the order of the queue", () => {
  it("serves the team that is furthest behind for its weight, and each team by age", () => {
    const queue = [
      task("hog-1", { team: "hog", queuedAt: EpochMs(1) }),
      task("hog-2", { team: "hog", queuedAt: EpochMs(2) }),
      task("web-1", { team: "web", queuedAt: EpochMs(4) }),
      task("web-2", { team: "web", queuedAt: EpochMs(3) }),
    ];

    const order = orderOf({ now: NOW, queue, teams: [team("hog", { pass: 9 }), team("web", { pass: 8 })] });

    expect(order.map((each) => each.task)).toEqual(["web-2", "web-1", "hog-1", "hog-2"]);
  });

  it("serves a team of no weight when nobody else waits", () => {
    const queue = [task("t1", { team: "none", queuedAt: EpochMs(1) }), task("t2", { team: "web" })];
    const teams = [team("none", { weight: 0 }), team("web", { pass: 1_000 })];

    expect(granted(pick(snapshot({ queue, teams, credentials: [credential("a")] })))).toEqual(["t2", "a"]);
    expect(granted(pick(snapshot({ queue: queue.slice(0, 1), teams, credentials: [credential("a")] })))).toEqual(["t1", "a"]);
  });
});

describe("hope", () => {
  it.each([
    ["there is hope while everything is merely busy", {}, undefined],
    [
      "nobody serves a provider that the pool doesn't have",
      { credentials: [credential("a", { provider: "other" as never })] },
      "nobody-serves",
    ],
    ["a job larger than a whole window fits never", only(window({}, 9)), "too-large"],
    [
      "a window whose size is unsure may be larger",
      only(window({ capacity: { value: 9, error: 0.3, hiddenPerMs: 0 } })),
      undefined,
    ],
    ["a window of unknown size is no reason", only(window({ capacity: null, observed: { share: 1, at: NOW } })), undefined],
    [
      "a cap above a whole budget fits never",
      { queue: [task("t1", { runner: MicroUsd(11) })], budgets: [budget(10)] },
      "too-large",
    ],
    [
      "a budget that is merely used up is no reason",
      { queue: [task("t1", { runner: MicroUsd(10) })], budgets: [budget(10, { used: MicroUsd(10) })] },
      undefined,
    ],
  ] as const)("%s", (_name, overrides, expected) => {
    const state = snapshot(overrides);

    expect(hopeless(state.queue[0]!, index(state, CONSTANTS))).toBe(expected);
  });
});
