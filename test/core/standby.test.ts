import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CredentialState, PoolSnapshot, QueuedTask, StandbyRun } from "#core/pool/decision.ts";
import { hopeless } from "#core/pool/hope.ts";
import { orderOf, pick } from "#core/pool/pick.ts";
import { packRecord, unpackRecord } from "#core/pool/record.ts";
import { index, never } from "#core/pool/why-not.ts";
import { counts, ownOf, usedOf } from "#core/pool/windows.ts";
import { ActorId, CredentialName, LeaseId } from "#core/wire/ids.ts";
import { DAY_MS, EpochMs, HOUR_MS, MicroUsd, MINUTE_MS } from "#core/wire/units.ts";
import { after, budget, credential, estimate, grant, granted, NOW, snapshot, somePool, task, team, window } from "./pool-kit.ts";

const IDLE = { weekPerMs: 0, fiveHoursPerMs: 0 };
/** So much a day of other work. */
const perDay = (amount: number) => ({ weekPerMs: amount / DAY_MS, fiveHoursPerMs: amount / DAY_MS });
const onStandby = (name: string, overrides: Partial<QueuedTask> = {}) => task(name, { standby: true, ...overrides });

/** A seat whose week, of 1,000, ends in a day, and a task on standby that takes 10 of it. */
function seat(
  of: Partial<Parameters<typeof window>[0]> & { readonly value?: number } = {},
  overrides: Partial<PoolSnapshot> = {},
  drawn = IDLE,
): PoolSnapshot {
  const { value = 1_000, ...week } = of;
  return snapshot({
    credentials: [credential("a", { maxLive: 1 })],
    upstreams: [{ id: "a", windows: [window({ resetsAt: after(DAY_MS), ...week }, value)], drawn }],
    queue: [onStandby("t1")],
    ...overrides,
  });
}

const at = (share: number) => ({ observed: { share, at: NOW } });
const known = (overrides: object) => ({ capacity: { value: 1_000, error: 0, hiddenPerMs: 0, ...overrides } });

const SPARE: readonly [string, PoolSnapshot, string][] = [
  ["what nobody is expected to use", seat(at(0.5)), "granted"],
  ["the last of it", seat(at(0.97)), "granted"],
  ["not what isn't there", seat(at(0.975)), "window"],
  ["what is left when others go on as in the last week, half as much again", seat(at(0.5), {}, perDay(310)), "granted"],
  ["not what others use, going on like that", seat(at(0.5), {}, perDay(315)), "nothing-expires"],
  ["not what others use beside the pool", seat({ ...at(0.5), ...known({ hiddenPerMs: 315 / DAY_MS }) }), "nothing-expires"],
  ["not what is held", seat({ ...at(0.5), held: 475 }), "window"],
  ["nothing of a window whose size isn't known", seat({ capacity: null }), "nothing-expires"],
  ["nothing of one whose size is known badly", seat({ ...at(0), ...known({ error: 0.4 }) }), "nothing-expires"],
  ["nothing that outlasts the window", seat({ ...at(0.5), resetsAt: after(5 * MINUTE_MS) }), "nothing-expires"],
  ["not the owner's part", seat({ ...at(0.5), own: 500 }, { credentials: [credential("a", { keepForOwner: 0.475 })] }), "window"],
  [
    "not the owner's part, though they ask themselves",
    seat({ ...at(0.5), own: 500 }, { credentials: [credential("a", { keepForOwner: 0.475, owner: ActorId(30) })] }),
    "window",
  ],
  [
    "what the owner's part is expected to leave, counted once",
    seat({ ...at(0.5), ...known({ hiddenPerMs: 200 / DAY_MS }) }, { credentials: [credential("a", { keepForOwner: 0.3 })] }),
    "granted",
  ],
  ["no money", seat(at(0), { credentials: [credential("a", { budgets: ["credential:a"] })] }), "paid-by-use"],
  [
    "nothing that another task could be served by, though that waits for something else",
    seat(at(0.1), { queue: [onStandby("t1"), task("large", { estimate: estimate(2_000) })] }),
    "others-first",
  ],
  [
    "what no other that waits may use",
    seat(at(0.1), { queue: [onStandby("t1"), task("other", { provider: "other" as QueuedTask["provider"] })] }),
    "granted",
  ],
];

const LEASE = LeaseId("l1");
function run(overrides: Partial<StandbyRun> = {}): StandbyRun {
  return {
    lease: LEASE,
    upstream: "a",
    offered: false,
    stopping: false,
    holds: [{ window: "window:week", amount: 10 }],
    ...overrides,
  };
}
/** One job at a time, and that one is on standby. */
const TAKEN = { credentials: [credential("a", { maxLive: 1, live: 1 })], onStandby: [run()], queue: [task("t1")] };

const GIVING_WAY: readonly [string, PoolSnapshot, readonly string[]][] = [
  ["the one that is in the way of another task", seat(at(0.5), TAKEN), ["l1"]],
  ["none that is stopped already", seat(at(0.5), { ...TAKEN, onStandby: [run({ stopping: true })] }), []],
  ["none for another on standby", seat(at(0.5), { ...TAKEN, queue: [onStandby("t1")] }), []],
  ["none where that wouldn't help", seat(at(0.98), TAKEN), []],
  ["none of another account's", seat(at(0.5), { ...TAKEN, onStandby: [run({ upstream: "b" })] }), []],
  [
    "the youngest, where one is enough",
    seat(at(0.5), {
      ...TAKEN,
      credentials: [credential("a", { maxLive: 2, live: 2 })],
      onStandby: [run(), run({ lease: LeaseId("l2") })],
    }),
    ["l2"],
  ],
  [
    "the one that holds what is wanted of a window",
    seat(
      { ...at(0.5), held: 475 },
      {
        ...TAKEN,
        credentials: [credential("a", { live: 2 })],
        onStandby: [
          run({ holds: [{ window: "window:week", amount: 470 }] }),
          run({ lease: LeaseId("l2"), holds: [{ window: "window:week", amount: 2 }] }),
        ],
      },
    ),
    ["l1"],
  ],
  [
    "the one that holds the money for a runner",
    seat(at(0.5), {
      ...TAKEN,
      credentials: [credential("a", { live: 1 })],
      queue: [task("t1", { runner: MicroUsd(5) })],
      budgets: [budget(10, { held: MicroUsd(8) })],
      onStandby: [run({ holds: [{ window: "usd:owner", amount: 8 }] })],
    }),
    ["l1"],
  ],
  [
    "one that waits for a runner, where enough do",
    seat(at(0.5), { ...TAKEN, credentials: [credential("a", { live: 1 })], unclaimed: 15, onStandby: [run({ offered: true })] }),
    ["l1"],
  ],
];

/** Any pool, of whose tasks some are on standby. */
const mixed = fc
  .tuple(
    somePool,
    fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
    fc.array(fc.constantFrom(IDLE, IDLE, perDay(50), perDay(1_000)), { minLength: 3, maxLength: 3 }),
    fc.boolean(),
  )
  .map(([state, flags, drawn, isEmpty]): PoolSnapshot => {
    const queue = state.queue.map((each, index): QueuedTask => ({ ...each, standby: flags[index]! || isEmpty }));
    return { ...state, queue, upstreams: state.upstreams.map((each, index) => ({ ...each, drawn: drawn[index]! })) };
  });

const RUNS = { numRuns: 2_000 };

describe("standby", () => {
  it.each(SPARE)("draws on %s", (_name, state, expected) => {
    const decision = pick(state);

    const why = decision.kind === "wait" ? decision.waiting.find((each) => each.task === "t1")?.whyNot : { granted: 1 };
    expect(why).toEqual({ [expected]: 1 });
  });

  it("counts for five hours what was drawn in the last five, where that is more than the week's mean", () => {
    const hours = window({ name: "five-hour", resetsAt: after(4 * HOUR_MS), ...at(0.2) });
    const state = (drawn: typeof IDLE) =>
      seat(at(0.1), { upstreams: [{ id: "a", windows: [window({ resetsAt: after(DAY_MS) }), hours], drawn }] });

    expect(granted(pick(state({ weekPerMs: 0, fiveHoursPerMs: 100 / HOUR_MS })))).toEqual(["t1", "a"]);
    expect(granted(pick(state({ weekPerMs: 0, fiveHoursPerMs: 140 / HOUR_MS })))).toBe("wait");
  });

  it("is last of all, also when it was interrupted, and by age among its own", () => {
    const queue = [
      onStandby("moved", { movedFrom: [CredentialName("a")], queuedAt: EpochMs(3) }),
      onStandby("young", { queuedAt: EpochMs(2), team: "ahead" }),
      onStandby("old", { queuedAt: EpochMs(1), team: "ahead" }),
      onStandby("other", { queuedAt: EpochMs(4), team: "behind" }),
      task("late", { queuedAt: EpochMs(9), team: "ahead" }),
    ];
    const teams = [team("ahead", { pass: 100, clock: 0 }), team("behind")];

    expect(orderOf({ now: NOW, queue, teams }).map((each) => each.task)).toEqual(["late", "moved", "old", "young", "other"]);
  });

  it("has nothing kept free for it, however long it waits", () => {
    const long = onStandby("t1", { passedOverAt: EpochMs(NOW - DAY_MS), estimate: estimate(900) });
    const state = seat({ ...at(0.5), resetsAt: after(30 * MINUTE_MS) }, { queue: [long, onStandby("t2")] });

    expect(granted(pick(state))).toEqual(["t2", "a"]);
  });

  it("is in vain where no seat may serve it", () => {
    const state = seat({}, { credentials: [credential("a", { budgets: ["credential:a"] })] });

    expect(hopeless(state.queue[0]!, index(state, pick(state).record.constants))).toBe("no-seat");
  });

  it.each(GIVING_WAY)("gives way: %s", (_name, state, expected) => {
    const decision = pick(state);

    expect(decision.kind === "wait" ? (decision.giveWay ?? []) : "grant").toEqual(expected);
  });

  it("is never ahead of anyone: with it and without it, all other tasks are granted alike", () => {
    let grants = 0;
    fc.assert(
      fc.property(mixed, (state) => {
        const others = state.queue.filter(({ standby }) => standby !== true);

        const decision = pick(state);

        const without = pick({ ...state, queue: others });
        const isOther = decision.kind === "grant" && others.some((each) => each.task === decision.task);
        expect(isOther ? granted(decision) : "wait").toEqual(granted(without));
        if (decision.kind === "wait" || isOther) return;
        grants += 1;
        const chosen = credentialOf(state, decision.credential);
        expect(others.filter((each) => never(each, chosen) === null)).toEqual([]);
      }),
      RUNS,
    );
    // The property speaks of something.
    expect(grants).toBeGreaterThan(20);
  });

  it("is never paid for with money, but for its runner", () => {
    fc.assert(
      fc.property(mixed, (state) => {
        const decision = pick(state);

        if (decision.kind === "wait" || !isOnStandby(state, decision.task)) return;
        expect(credentialOf(state, decision.credential).budgets).toEqual([]);
        const { runner } = state.queue.find((each) => each.task === decision.task)!;
        for (const { window: of, amount } of decision.holds) if (of.startsWith("usd:")) expect(amount).toBe(runner);
      }),
      RUNS,
    );
  });

  it("never touches a reserve, nor what others are expected to use: both fit beside it to the reset", () => {
    let looked = 0;
    fc.assert(
      fc.property(mixed, (start) => {
        let state: PoolSnapshot = { ...start, unclaimed: 0, queue: start.queue.map((each) => ({ ...each, standby: true })) };
        for (let decision = pick(state); decision.kind === "grant"; decision = pick(state)) {
          const { credential: name } = decision;
          const wanted = state.queue.find((each) => each.task === decision.task)!;
          state = grant(state, decision);
          const seat = credentialOf(state, name);
          const { windows, drawn = IDLE } = state.upstreams.find(({ id }) => id === seat.upstream)!;
          for (const of of windows) {
            if (!counts(of, wanted.model)) continue;
            const { capacity } = of;
            expect(capacity).not.toBeNull();
            if (capacity === null) continue;
            const own = ownOf(of, NOW);
            const used = of.observed === null ? own : usedOf(of, capacity, NOW);
            const left =
              of.resetsAt !== null && of.resetsAt > NOW ? of.resetsAt - NOW : of.name === "five-hour" ? 5 * HOUR_MS : 7 * DAY_MS;
            const reserve = Math.max(0, seat.keepForOwner * capacity.value - (usedOf(of, capacity, NOW) - own));
            const hidden = capacity.hiddenPerMs * left;
            const others = drawn.weekPerMs * left;
            expect(used + of.held + Math.max(reserve, hidden) + others).toBeLessThanOrEqual(capacity.value + 1);
            looked += 1;
          }
        }
      }),
      RUNS,
    );
    expect(looked).toBeGreaterThan(20);
  });

  it("is charged to no team", () => {
    fc.assert(
      fc.property(mixed, (state) => {
        const decision = pick(state);

        if (decision.kind === "wait" || !isOnStandby(state, decision.task)) return;
        const before = state.teams.find(({ name }) => name === decision.team.name)!;
        expect(decision.team).toEqual({ ...before, weight: 0 });
      }),
      RUNS,
    );
  });

  it("gives way only so that a task that isn't on standby is granted, and then it is", () => {
    let stops = 0;
    const taken = fc
      .tuple(mixed, fc.array(fc.constantFrom("x", "y", "z"), { minLength: 1, maxLength: 4 }))
      .map(([state, on]): PoolSnapshot => {
        const runs = on.map((upstream, index) =>
          run({ lease: LeaseId(`l${String(index)}`), upstream, holds: [{ window: "window:week", amount: 40 }] }),
        );
        const of = (upstream: string) => runs.filter((each) => each.upstream === upstream).length;
        return {
          ...state,
          onStandby: runs,
          credentials: state.credentials.map((each) => ({
            ...each,
            live: each.budgets.length > 0 ? each.live : of(each.upstream),
          })),
          upstreams: state.upstreams.map((each) => ({
            ...each,
            windows: each.windows.map((one) => (one.name === "week" ? { ...one, held: one.held + 40 * of(each.id) } : one)),
          })),
        };
      });
    fc.assert(
      fc.property(taken, (state) => {
        const decision = pick(state);

        if (decision.kind === "grant" || decision.giveWay === undefined) return;
        stops += 1;
        const stopped = state.onStandby!.filter(({ lease }) => decision.giveWay?.includes(lease));
        const of = (upstream: string) => stopped.filter((each) => each.upstream === upstream).length;
        const then = pick({
          ...state,
          onStandby: state.onStandby!.filter((each) => !stopped.includes(each)),
          credentials: state.credentials.map((each) => ({
            ...each,
            live: each.live - (each.budgets.length > 0 ? 0 : of(each.upstream)),
          })),
          upstreams: state.upstreams.map((each) => ({
            ...each,
            windows: each.windows.map((one) => (one.name === "week" ? { ...one, held: one.held - 40 * of(each.id) } : one)),
          })),
        });
        expect(then.kind).toBe("grant");
        expect(then.kind === "grant" && isOnStandby(state, then.task)).toBe(false);
      }),
      RUNS,
    );
    expect(stops).toBeGreaterThan(10);
  });

  it("is decided again from what was recorded, and a record from before it is read as it was", () => {
    fc.assert(
      fc.property(mixed, (state) => {
        const decision = pick(state);
        const { snapshot: kept, constants } = unpackRecord(packRecord(decision.record));

        expect(granted(pick(kept, constants))).toEqual(granted(decision));
      }),
    );
    fc.assert(
      fc.property(somePool, (state) => {
        const { standby: _now, ...constants } = pick(state).record.constants;

        expect(granted(pick(state, constants))).toEqual(granted(pick(state)));
      }),
    );
  });
});

function credentialOf({ credentials }: PoolSnapshot, name: string): CredentialState {
  return credentials.find((each) => each.name === name)!;
}

function isOnStandby({ queue }: PoolSnapshot, name: string): boolean {
  return queue.find((each) => each.task === name)?.standby === true;
}
