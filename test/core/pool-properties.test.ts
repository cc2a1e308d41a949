import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { priorOf } from "#core/pool/priors.ts";
import { faultOf } from "#core/pool/cooldown.ts";
import { Policy } from "#core/config/policy.ts";
import type { CredentialState, PoolSnapshot, QueuedTask } from "#core/pool/decision.ts";
import { pick } from "#core/pool/pick.ts";
import { packRecord, unpackRecord, type Packed } from "#core/pool/record.ts";
import { CONSTANTS, ROOM } from "#core/pool/constants.ts";
import { hopeless } from "#core/pool/hope.ts";
import { isRoomFor } from "#core/pool/room.ts";
import { toSnapshot, type Stored } from "#core/pool/snapshot.ts";
import { scoreOf } from "#core/pool/strategy.ts";
import { index } from "#core/pool/why-not.ts";
import { counts, LENGTH_MS, ownOf, subjectId, usedOf, type Allowance } from "#core/pool/windows.ts";
import { ActorId, CredentialName, RepositoryId, TaskId } from "#core/wire/ids.ts";
import { EpochMs, HOUR_MS, MicroUsd, MINUTE_MS } from "#core/wire/units.ts";
import { makePlanRow } from "../kit/briefs.ts";
import {
  after,
  budget,
  credential,
  estimate,
  grant,
  grantAll,
  granted,
  NOW,
  snapshot,
  somePool,
  task,
  window,
} from "./pool-kit.ts";

/** The rule of room of one window, written out: with nine chances of ten a job stays within what is left of it. */
function hasRoom(wanted: QueuedTask, of: Allowance, kept: number, now: EpochMs): boolean {
  const { p90, ms, tokensPerMinute } = wanted.estimate;
  const { capacity, observed, held } = of;
  if (of.name === "tokens-minute") return capacity === null || held + Math.min(tokensPerMinute, capacity.value) <= capacity.value;
  const ends = of.resetsAt ?? (observed === null ? Infinity : observed.at + LENGTH_MS[of.name]);
  const share = observed !== null && now < ends && (of.resetsAt !== null || observed !== null) ? observed.share : null;
  if (capacity === null) return held === 0 && (share ?? 0) <= Math.min(0.5, 0.98 - kept);
  const { value, error, hiddenPerMs } = capacity;
  const own = ends <= now ? 0 : of.own;
  const others = Math.max(0, usedOf(of, capacity, now) - own);
  const isUntouched = (share ?? 0) < 0.01 && held === 0 && own === 0;
  if (isUntouched && error > 0.3) return kept < 0.98;
  const sure = value * (1 - Math.min(0.5, 2 * error));
  const used =
    share === null || observed === null
      ? own / sure + Math.min(0.5, others / sure)
      : Math.max(share + (of.since + hiddenPerMs * Math.max(0, now - observed.at)) / sure, own / value);
  const left = 0.98 - Math.max(0, kept - others / value) - used - held / sure;
  return (p90 + hiddenPerMs * ms) / (isUntouched ? value : sure) <= left + 1e-12;
}

/** The rules of a grant, written anew: what a task needs of a credential, all at once. */
function mayServe(state: PoolSnapshot, wanted: QueuedTask, each: CredentialState): boolean {
  const money = each.budgets.length > 0 ? wanted.cap : 0;
  const fits = (subject: string, amount: number) =>
    state.budgets.every((one) => subjectId(one.subject) !== subject || one.used + one.held + amount <= one.capacity);
  const { only } = each;
  return (
    state.unclaimed < 15 &&
    each.provider === wanted.provider &&
    !each.quarantined &&
    (each.serves === "everyone" || each.owner === wanted.person) &&
    (only.models === null || only.models.includes(wanted.model)) &&
    (only.teams === null || only.teams.includes(wanted.team)) &&
    each.live < each.maxLive &&
    each.cooldowns.every(({ model, until }) => until <= state.now || (model !== null && model !== wanted.model)) &&
    wanted.budgets.every((subject) => fits(subject, money + wanted.runner)) &&
    each.budgets.every((subject) => fits(subject, money)) &&
    state.upstreams
      .filter(({ id }) => id === each.upstream)
      .flatMap(({ windows }) => windows)
      .every((one) => !counts(one, wanted.model) || hasRoom(wanted, one, keptFrom(wanted, each), state.now))
  );
}

/** Its owner's own tasks may use all of a seat. */
function keptFrom(wanted: QueuedTask, each: CredentialState): number {
  return wanted.person === each.owner ? 0 : each.keepForOwner;
}

/** Nobody has been passed over for so long that something is kept free. */
const patient = somePool.map((state) => ({ ...state, queue: state.queue.map((each) => ({ ...each, passedOverAt: null })) }));

const RUNS = { numRuns: 1_000 };

describe("the pool's properties", () => {
  it("P1: a grant gives only what every rule and every window and budget allows, in full", () => {
    fc.assert(
      fc.property(somePool, (state) => {
        const decision = pick(state);

        if (decision.kind === "wait") return;
        const wanted = state.queue.find((each) => each.task === decision.task)!;
        const chosen = state.credentials.find((each) => each.name === decision.credential)!;
        expect(mayServe(state, wanted, chosen)).toBe(true);
      }),
      RUNS,
    );
  });

  it("P1: no sequence of grants promises more of a budget than there is", () => {
    fc.assert(
      fc.property(somePool, (start) => {
        const { state } = grantAll({ ...start, unclaimed: 0 });

        for (const [at, { capacity, used, held }] of state.budgets.entries())
          expect(used + held <= capacity || held === start.budgets[at]!.held).toBe(true);
      }),
    );
  });

  it("P1: no sequence of grants promises more of a window than it is thought to hold", () => {
    fc.assert(
      fc.property(somePool, (start) => {
        const { state } = grantAll({ ...start, unclaimed: 0 });

        for (const { id, windows } of state.upstreams)
          for (const [at, each] of windows.entries()) {
            const before = start.upstreams.find((one) => one.id === id)!.windows[at]!;
            if (each.capacity === null || each.capacity.error > 0.3 || each.held === before.held) continue;
            // What others use of one that wasn't seen is a guess, and no promise.
            const used = each.observed === null ? ownOf(each, NOW) : usedOf(each, each.capacity, NOW);
            expect(used + each.held).toBeLessThanOrEqual(0.98 * each.capacity.value + 1);
          }
      }),
      RUNS,
    );
  });

  it("P2: a grant changes what the next decision sees, without the clock's advance", () => {
    fc.assert(
      fc.property(somePool, (state) => {
        const decision = pick(state);

        if (decision.kind === "wait") return;
        const [before, then] = [state, grant(state, decision)].map((each) => ({
          credential: each.credentials.find(({ name }) => name === decision.credential)!,
          team: each.teams.find(({ name }) => name === decision.team.name),
        }));
        expect(then!.credential.live).toBe(before!.credential.live + 1);
        expect(then!.team).toEqual(decision.team);
        for (const { window: held, amount } of decision.holds) {
          const total = (each: PoolSnapshot) => heldOf(each, decision.credential, held);
          expect(total(grant(state, decision)) - total(state)).toBeCloseTo(amount * countOf(state, decision.credential, held));
        }
      }),
      RUNS,
    );
  });

  it("P2: a burst of equal jobs over equal idle credentials differs by at most one", () => {
    const sizes = fc.record({
      strategy: fc.constantFrom("paced" as const, "least-used" as const, "drain-soonest" as const),
      credentials: fc.integer({ min: 1, max: 12 }),
      jobs: fc.integer({ min: 0, max: 60 }),
      isKnown: fc.boolean(),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(sizes, ({ strategy, credentials, jobs, isKnown, seed }) => {
        const all = Array.from({ length: credentials }, (_, at) => credential(`c${String(at)}`, { maxLive: 100 }));
        const start = snapshot({
          seed,
          strategy,
          credentials: all,
          upstreams: all.map(({ upstream: id }) => ({ id, windows: isKnown ? [window({}, 10_000)] : [] })),
          queue: Array.from({ length: jobs }, (_, at) => task(`t${String(at)}`, { estimate: estimate(7) })),
        });

        const { state, grants } = grantAll(start);

        const live = state.credentials.map((each) => each.live);
        expect(grants).toHaveLength(jobs);
        expect(Math.max(...live) - Math.min(...live)).toBeLessThanOrEqual(1);
      }),
      { numRuns: 200 },
    );
  });

  it("P4: a job holds what it may cost in full and is never admitted on less, and a wait names its reason", () => {
    fc.assert(
      fc.property(somePool, (state) => {
        const decision = pick(state);

        if (decision.kind === "wait") {
          // Where there is a credential at all, something stands in the way of each.
          for (const { whyNot } of decision.record.passedOver)
            expect(Object.values(whyNot).reduce((sum, count) => sum + count, 0)).toBe(state.credentials.length);
          return;
        }
        const wanted = state.queue.find((each) => each.task === decision.task)!;
        const money = decision.holds.filter((each) => each.window.startsWith("usd:"));
        const billed = state.credentials.find((each) => each.name === decision.credential)!.budgets.length > 0;
        for (const { window: held, amount } of money)
          expect(amount).toBe((billed ? wanted.cap : 0) + (held.startsWith("usd:credential:") ? 0 : wanted.runner));
        for (const { window: held, amount } of decision.holds)
          if (held.startsWith("window:")) expect(amount).toBeGreaterThanOrEqual(wanted.estimate.p90);
      }),
      RUNS,
    );
  });

  it("P6: a rest is respected to its end, whoever else is full", () => {
    fc.assert(
      fc.property(somePool, fc.constantFrom("m", "n", null), fc.integer({ min: 1, max: HOUR_MS }), (state, model, ms) => {
        const credentials = state.credentials.map((each) => ({ ...each, cooldowns: [{ model, until: after(ms) }] }));

        const decision = pick({ ...state, credentials });

        if (decision.kind === "wait") return;
        expect(state.queue.find((each) => each.task === decision.task)!.model).not.toBe(model ?? "any");
        expect(model).not.toBeNull();
      }),
    );
  });

  it("P6: of several rests the last to end counts", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -100, max: 100 }), { maxLength: 5 }), (untils) => {
        const state = snapshot({
          credentials: [credential("a", { cooldowns: untils.map((until) => ({ model: null, until: after(until) })) })],
        });

        const last = Math.max(0, ...untils);
        expect(pick(state)).toMatchObject(
          last === 0 ? { kind: "grant" } : { kind: "wait", waiting: [{ task: "t1", until: after(last) }] },
        );
      }),
    );
  });

  it("P7: a limit of one model takes nothing from the others", () => {
    fc.assert(
      fc.property(patient, (state) => {
        const before = pick({ ...state, queue: state.queue.filter(({ model }) => model === "n") });
        const limited = state.credentials.map((each) => ({
          ...each,
          cooldowns: [...each.cooldowns, { model: "m", until: after(HOUR_MS) }],
        }));

        const then = pick({ ...state, credentials: limited, queue: state.queue.filter(({ model }) => model === "n") });

        expect(granted(then)).toEqual(granted(before));
      }),
    );
  });

  it("P7: an ending is a rest, a doubt or nothing, and what says nothing of the credential is nothing", () => {
    const told = { kind: "quota", window: "week-model", scope: "m", resetsInMs: HOUR_MS } as const;

    expect(faultOf({ ending: { kind: "quotaExhausted" }, observation: { signal: told } })).toMatchObject({
      kind: "rest",
      model: "m",
    });
    expect(faultOf({ ending: { kind: "quotaExhausted" }, observation: null })).toMatchObject({ kind: "rest", model: null });
    expect(faultOf({ ending: { kind: "authFailed" }, observation: null })).toEqual({ kind: "refused" });
    expect(faultOf({ ending: { kind: "overloaded" }, observation: { signal: { kind: "overload" } } })).toBeNull();
    expect(faultOf({ ending: { kind: "completed" }, observation: { signal: { kind: "auth" } } })).toBeNull();
  });

  it("P7: unknown is neither nothing nor all: one job at a time is tried, and one that is known is preferred", () => {
    const unknown = window({ capacity: null, observed: null, resetsAt: null });
    const job = estimate(1e9);

    expect(isRoomFor(job, unknown, 0, NOW)).toBe(true);
    expect(isRoomFor(job, { ...unknown, held: 1 }, 0, NOW)).toBe(false);
    expect(isRoomFor(job, { ...unknown, observed: { share: ROOM.unknownUpTo + 0.01, at: NOW } }, 0, NOW)).toBe(false);
    for (const strategy of ["least-used", "paced"] as const) {
      const [unheard, unused, full] = [[unknown], [window()], [window({ observed: { share: 0.95, at: NOW } })]].map((windows) =>
        scoreOf(strategy, { windows, budgets: [] }, "m", 1, NOW),
      );
      expect(unheard).toBeGreaterThan(unused!);
      expect(unheard).toBeLessThan(full!);
    }
  });

  it("P7: what was seen of a window says nothing once it has begun anew, known to or not", () => {
    const capacity = { value: 1_000, error: 0, hiddenPerMs: 0 };
    const full = { own: 1_000, since: 0, observed: { share: 1, at: NOW } };
    const reset = window({ ...full, resetsAt: after(1) });
    const untold = window({ ...full, name: "five-hour", resetsAt: null });

    expect(usedOf(reset, capacity, NOW)).toBe(1_000);
    expect(usedOf(reset, capacity, after(1))).toBe(0);
    expect(isRoomFor(estimate(980), reset, 0, after(1))).toBe(true);
    // Of the owner's part, 100, they are expected to have used 50 by then, and 60 while the job runs: our old use isn't theirs.
    const hidden = { ...reset, capacity: { ...capacity, hiddenPerMs: 1e-4 } };
    expect(isRoomFor(estimate(819), hidden, 0.1, after(1 + 500_000))).toBe(true);
    expect(isRoomFor(estimate(821), hidden, 0.1, after(1 + 500_000))).toBe(false);
    expect(usedOf(untold, capacity, after(5 * HOUR_MS - 1))).toBe(1_000);
    expect(usedOf(untold, capacity, after(5 * HOUR_MS))).toBe(0);
  });

  it("P8: where any waiting task has any credential with room, something is granted", () => {
    fc.assert(
      fc.property(patient, (state) => {
        const possible = state.queue.some((wanted) => state.credentials.some((each) => mayServe(state, wanted, each)));

        expect(pick(state).kind).toBe(possible ? "grant" : "wait");
      }),
      RUNS,
    );
  });

  it("P8: what is kept free for a task that waits long takes out of use no more than one credential each, and only where it is soon of use", () => {
    fc.assert(
      fc.property(somePool, (state) => {
        const decision = pick(state);

        if (decision.kind === "grant") return;
        const long = state.queue.filter(({ passedOverAt }) => passedOverAt !== null && NOW - passedOverAt >= 30 * MINUTE_MS);
        const idle = state.credentials.filter((each) => state.queue.some((wanted) => mayServe(state, wanted, each)));
        expect(idle.length).toBeLessThanOrEqual(long.length);
        for (const each of idle) {
          const windows = state.upstreams
            .filter(({ id }) => id === each.upstream)
            .flatMap((one) => one.windows.map((of) => ({ ...of, held: 0 })));
          const isSoon = (wanted: QueuedTask, of: Allowance) => {
            const kept = keptFrom(wanted, each);
            if (!counts(of, wanted.model) || hasRoom(wanted, of, kept, NOW)) return true;
            const left = (of.resetsAt ?? Infinity) - NOW;
            const anew = { ...of, observed: null, resetsAt: NOW, own: 0, since: 0 };
            return left > 0 && left <= HOUR_MS && hasRoom(wanted, anew, kept, NOW);
          };
          expect(long.some((wanted) => windows.every((of) => isSoon(wanted, of)))).toBe(true);
        }
      }),
      RUNS,
    );
  });

  it("P8: a large job that fits nowhere doesn't block a small one behind it", () => {
    fc.assert(
      fc.property(fc.integer({ min: 981, max: 5_000 }), fc.integer({ min: 1, max: 980 }), (large, small) => {
        const queue = [
          task("large", { estimate: estimate(large), queuedAt: EpochMs(1) }),
          task("small", { estimate: estimate(small) }),
        ];

        expect(granted(pick(snapshot({ queue })))[0]).toBe("small");
      }),
    );
  });

  it("P14: a budget is usable to the last unit, whatever its jobs cost", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 1_000_000 }), fc.nat(1_000), (count, cap, used) => {
        const queue = Array.from({ length: count + 3 }, (_, at) => task(`t${String(at)}`, { cap: MicroUsd(cap) }));
        const credentials = [credential("a", { maxLive: 100, budgets: ["credential:a"] })];
        const subject = { kind: "credential", name: CredentialName("a") } as const;
        const budgets = [budget(used + count * cap, { subject, used: MicroUsd(used) }), budget(used + count * cap + cap - 1)];

        const { state, grants } = grantAll(snapshot({ queue, credentials, budgets, upstreams: [] }));

        expect(grants).toHaveLength(count);
        expect(state.budgets[0]!.used + state.budgets[0]!.held).toBe(state.budgets[0]!.capacity);
      }),
      { numRuns: 200 },
    );
  });

  it("P14: a window is usable to the last unit that is promised of it", () => {
    const some = fc.record({
      value: fc.integer({ min: 100, max: 100_000_000 }),
      error: fc.constantFrom(0, 0.1, 0.3),
      share: fc.double({ min: 0, max: 0.5, noNaN: true }),
      held: fc.nat(10),
    });
    fc.assert(
      fc.property(some, ({ value, error, share, held }) => {
        const each = window({ capacity: { value, error, hiddenPerMs: 0 }, observed: { share, at: NOW }, held });
        // Of one that nobody has touched the whole as it is thought to be.
        const size = share < 0.01 && held === 0 ? value : value * (1 - Math.min(0.5, error * ROOM.errors));
        const left = size * (1 - ROOM.margin - share) - held;

        expect(isRoomFor(estimate(left - 0.01), each, 0, NOW)).toBe(left >= 0);
        expect(isRoomFor(estimate(left + 0.01), each, 0, NOW)).toBe(false);
      }),
    );
  });

  it("P8: what is kept free for a task is of use to it after the reset, else it is not kept", () => {
    // Thought to be 1000, sure of 600: a job of 700 fits it untouched alone, and never once others use a tenth of it.
    const five = (overrides: object) =>
      window({
        name: "five-hour",
        capacity: { value: 1_000, error: 0.2, hiddenPerMs: 0 },
        observed: null,
        own: 600,
        ...overrides,
      });
    const large = task("large", {
      estimate: estimate(700),
      passedOverAt: EpochMs(NOW - 40 * MINUTE_MS),
      queuedAt: EpochMs(1),
    });
    const of = (windows: readonly Allowance[]) =>
      snapshot({ credentials: [credential("a")], upstreams: [{ id: "a", windows }], queue: [large, task("small")] });

    const soon = pick(of([five({ resetsAt: after(15 * MINUTE_MS) })]));
    const over = pick(of([five({ resetsAt: after(-HOUR_MS) })]));
    const tooSmall = pick(
      of([five({ resetsAt: after(15 * MINUTE_MS), capacity: { value: 650, error: 0.2, hiddenPerMs: 0 }, own: 100 })]),
    );

    expect(soon).toMatchObject({ kind: "wait", waiting: [{ task: "large" }, { task: "small", whyNot: { "kept-free": 1 } }] });
    expect(granted(over)).toEqual(["large", "a"]);
    expect(granted(tooSmall)).toEqual(["small", "a"]);
  });

  it("P8: no size that one observation or two have told keeps a job waiting for ever, or calls it too large", () => {
    const doubtful = window({
      capacity: { value: 7_000, error: 0.5, hiddenPerMs: 0 },
      observed: null,
      resetsAt: after(-HOUR_MS),
    });
    const large = task("large", { estimate: estimate(3_000_000) });
    const state = snapshot({ credentials: [credential("a")], upstreams: [{ id: "a", windows: [doubtful] }], queue: [large] });

    expect(hopeless(large, index(state, CONSTANTS))).toBeUndefined();
    expect(granted(pick(state))).toEqual(["large", "a"]);
  });

  it("P14: a job that uses more tokens a minute than there are has a minute to itself, and isn't kept waiting", () => {
    const minute = window({ name: "tokens-minute", capacity: { value: 30_000, error: 0, hiddenPerMs: 0 } });
    const hungry = task("hungry", { estimate: { ...estimate(20_000), tokensPerMinute: 31_000 } });
    const state = snapshot({
      credentials: [credential("a")],
      upstreams: [{ id: "a", windows: [minute] }],
      queue: [hungry, task("t2")],
    });

    const decision = pick(state);

    expect(granted(decision)).toEqual(["hungry", "a"]);
    expect(decision).toMatchObject({
      holds: expect.arrayContaining([{ window: "window:tokens-minute", amount: 30_000 }]) as unknown,
    });
  });

  it("P14: tokens a minute are usable to the last one", () => {
    const each = window({ name: "tokens-minute", capacity: { value: 100, error: 0, hiddenPerMs: 0 }, held: 60 });

    expect(isRoomFor({ ...estimate(1), tokensPerMinute: 40 }, each, 0, NOW)).toBe(true);
    expect(isRoomFor({ ...estimate(1), tokensPerMinute: 41 }, each, 0, NOW)).toBe(false);
  });

  it("P16: the same snapshot gives the same decision, and so does the record, from JSON too", () => {
    fc.assert(
      fc.property(somePool, (state) => {
        const decision = pick(state);

        expect(pick(state)).toEqual(decision);
        expect(pick(decision.record.snapshot)).toEqual(decision);
        const kept = JSON.parse(JSON.stringify(decision.record)) as typeof decision.record;
        expect(JSON.stringify(pick(kept.snapshot))).toBe(JSON.stringify(decision));
      }),
      RUNS,
    );
  });

  it("P16: a record comes back from how it is kept exactly as it was, and gives the decision again", () => {
    fc.assert(
      fc.property(somePool, (state) => {
        const decision = pick(state);

        const kept = unpackRecord(JSON.parse(JSON.stringify(packRecord(decision.record))) as Packed);

        expect(kept).toEqual(decision.record);
        expect(JSON.stringify(kept)).toBe(JSON.stringify(decision.record));
        expect(pick(kept.snapshot)).toEqual(decision);
      }),
      RUNS,
    );
  });

  it("P16: a decision leaves its snapshot as it was", () => {
    fc.assert(
      fc.property(somePool, (state) => {
        const before = structuredClone(state);

        pick(state);

        expect(state).toEqual(before);
      }),
    );
  });

  it("P17: two credentials of one upstream share its windows", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 980 }), fc.nat(), (count, cost, seed) => {
        const credentials = Array.from({ length: count }, (_, at) =>
          credential(`c${String(at)}`, { upstream: "one", maxLive: 1_000 }),
        );
        const queue = Array.from({ length: 40 }, (_, at) => task(`t${String(at)}`, { estimate: estimate(cost) }));

        const { grants } = grantAll(snapshot({ seed, credentials, queue, upstreams: [{ id: "one", windows: [window()] }] }));

        expect(grants).toHaveLength(Math.min(40, Math.floor(980 / cost)));
      }),
      { numRuns: 200 },
    );
  });

  it("keep-for-owner is honoured in each of a seat's windows, and what its owner uses counts against it", () => {
    const some = fc.record({
      kept: fc.double({ min: 0, max: 1, noNaN: true }),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      own: fc.nat(1_000),
      tight: fc.constantFrom("five-hour" as const, "week" as const),
    });
    fc.assert(
      fc.property(some, ({ kept, share, own, tight }) => {
        const ours = Math.min(own, share * 1_000);
        const names = ["five-hour", "week"] as const;
        const windows = names.map((name) =>
          window({ name, ...(name === tight ? { observed: { share, at: NOW }, own: ours } : {}) }),
        );
        // What is left of the tight window, less what its owner hasn't used yet of their part.
        const left = 1_000 * (1 - ROOM.margin) - share * 1_000 - Math.max(0, kept * 1_000 - (share * 1_000 - ours));
        // The other window is the same but for its use.
        const least = Math.min(left, 1_000 * (1 - ROOM.margin) - kept * 1_000);
        const may = (cost: number) =>
          granted(
            pick(
              snapshot({
                credentials: [credential("a", { keepForOwner: kept })],
                upstreams: [{ id: "a", windows }],
                queue: [task("t1", { estimate: estimate(cost) })],
              }),
            ),
          ) !== "wait";

        if (least > 0.01) expect(may(least - 0.01)).toBe(true);
        expect(may(Math.max(0, least) + 0.01)).toBe(false);
      }),
    );
  });
});

const EMPTY: Stored = {
  now: NOW,
  queue: [],
  spent: [],
  held: [],
  live: [],
  credentials: [],
  cooldowns: [],
  windows: new Map(),
  teams: [],
  seen: new Map(),
  consents: [],
  onStandby: [],
  drawn: null,
};

function queued(name: string, person: number, team = "everyone"): Stored["queue"][number] {
  const login = `u${String(person)}`;
  const asker = { team, person: ActorId(person), login, urgent: false, repository: { id: RepositoryId(20), name: "web" } };
  return {
    task: TaskId(name),
    plan: makePlanRow({ asker, budget: MicroUsd(5_000_000) }),
    queuedAt: NOW,
    passedOverAt: null,
    movedFrom: [],
    spent: MicroUsd(0),
  };
}

function policy(overrides: object = {}): Policy {
  return Policy.parse({
    version: 1,
    pool: [{ name: "key", provider: "anthropic" }],
    runner: "acme/agent-runner",
    budget: "$1000/month",
    ...overrides,
  });
}

describe("the snapshot", () => {
  it("P5: whoever has never been heard of falls under what the policy gives each person, from the first use on", () => {
    const rules = policy({ people: { budget: "$11/day" } });
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 12 }), (people) => {
        const queue = people.map((person, at) => queued(`t${String(at)}`, person));

        const { grants } = grantAll({ ...toSnapshot(rules, "c", { ...EMPTY, queue }, 1), credentials: [roomy()] });

        for (const person of new Set(people)) {
          const own = grants.filter(({ task: of }) => queue.find((each) => each.task === of)!.plan.asker.person === person);
          // $5 for the model and 45 cents for the runner: two fit into $11, to the last cent or not.
          expect(own.length).toBe(Math.min(2, people.filter((each) => each === person).length));
        }
      }),
    );
  });

  it("P5: an unknown team is one like the others, of weight 1, within the owner's budget", () => {
    const state = toSnapshot(policy({ budget: "$5.44/month" }), "c", { ...EMPTY, queue: [queued("t1", 1, "new")] }, 1);

    expect(state.teams).toContainEqual({ name: "new", weight: 1, pass: 0, at: NOW, clock: 0 });
    expect(pick(state)).toMatchObject({ kind: "wait", record: { passedOver: [{ whyNot: { budget: 1 } }] } });
  });

  it("P5: a budget by the policy's default counts what was spent in its own period, and holds", () => {
    const spent = [{ subject: "person:1", day: 1, week: 2, month: 3 }];
    const held = [{ window: "usd:person:1", credential: "key", amount: 7 }];

    const state = toSnapshot(
      policy({ people: { budget: "$1/week" } }),
      "c",
      { ...EMPTY, queue: [queued("t1", 1)], spent, held },
      1,
    );

    expect(state.budgets).toContainEqual(expect.objectContaining({ subject: { kind: "person", id: 1 }, used: 2, held: 7 }));
  });

  it("P17: credentials that the policy calls one account share what each holds", () => {
    const rules = policy({
      pool: ["one", "two"].map((name) => ({ name, provider: "anthropic", account: "acme" })),
    });
    const held = ["one", "two"].map((name) => ({ window: "window:week", credential: name, amount: 5 }));

    const state = toSnapshot(rules, "c", { ...EMPTY, held, windows: new Map([["account:acme", [window()]]]) }, 1);

    expect(state.upstreams).toEqual([{ id: "account:acme", windows: [{ ...window(), held: 10 }] }]);
    expect(state.credentials.map((each) => each.upstream)).toEqual(["account:acme", "account:acme"]);
  });

  it("P1: what a job holds of an account stays held when the policy renames its credential, or drops it", () => {
    const rules = policy({ pool: [{ name: "two", provider: "anthropic", kind: "seat", owner: "u1", account: "acme" }] });
    const state = toSnapshot(
      rules,
      "c",
      {
        ...EMPTY,
        held: [{ window: "window:week", credential: "one", amount: 900 }],
        live: [{ credential: "one", offered: 0, live: 1 }],
        credentials: [{ name: "one", lastGrantAt: NOW, upstream: "account:acme", refusals: 0 }],
        windows: new Map([["account:acme", [window()]]]),
      },
      1,
    );

    expect(state.upstreams[0]!.windows.find(({ name }) => name === "week")!.held).toBe(900);
    // A subscription does one job at a time, whatever it is called.
    expect(state.credentials[0]!.live).toBe(1);
  });

  it("a seat's owner has all of it for their own tasks, others what is not kept", () => {
    const half = window({ observed: { share: 0.5, at: NOW }, own: 500 });
    const seat = credential("seat", { owner: ActorId(30), keepForOwner: 0.6 });
    const of = (person: number) =>
      snapshot({
        credentials: [seat],
        upstreams: [{ id: "seat", windows: [half] }],
        queue: [task("t", { person: ActorId(person), estimate: estimate(200) })],
      });

    expect(granted(pick(of(30)))).toEqual(["t", "seat"]);
    expect(pick(of(31))).toMatchObject({ kind: "wait", waiting: [{ whyNot: { window: 1 }, of: { window: "week" } }] });
  });

  it("P17: an account that the policy no longer names is the credential's own again, unless the provider has told another", () => {
    const row = { lastGrantAt: null, refusals: 0 };
    const upstreams = ["account:acme", "provider:org", null].map((upstream) => {
      const state = toSnapshot(policy(), "c", { ...EMPTY, credentials: [{ ...row, name: "key", upstream }] }, 1);
      return state.credentials[0]!.upstream;
    });

    expect(upstreams).toEqual(["credential:key", "provider:org", "credential:key"]);
  });

  it("a seat serves its owner alone, whom the policy names by login, without their word for more", () => {
    const rules = policy({ pool: [{ name: "seat", provider: "anthropic", kind: "seat", owner: "U1", serves: "everyone" }] });

    const state = toSnapshot(rules, "c", { ...EMPTY, queue: [queued("mine", 1), queued("theirs", 2)] }, 1);
    const nobody = toSnapshot(rules, "c", { ...EMPTY, queue: [queued("theirs", 2)] }, 1);

    expect(granted(pick(state))).toEqual(["mine", "seat"]);
    expect(nobody.credentials[0]).toMatchObject({ serves: "not-lent", owner: null });
    expect(granted(pick(nobody))).toBe("wait");
  });

  it("P5: a seat's account has its two windows before anything is heard of them: one job at a time, which holds of them", () => {
    const seats = ["one", "two"].map((name) => ({ name, provider: "anthropic", kind: "seat", owner: "u1", account: "u1s" }));
    const stored = { ...EMPTY, queue: [queued("a", 1), queued("b", 1)] };

    const first = pick(toSnapshot(policy({ pool: seats }), "c", stored, 1));
    const holds = first.kind === "grant" ? first.holds : [];
    const held = holds.map((hold) => ({ ...hold, credential: "one" }));
    const second = pick(toSnapshot(policy({ pool: seats }), "c", { ...stored, queue: [queued("b", 1)], held }, 1));

    expect(holds.map((hold) => hold.window)).toEqual(expect.arrayContaining(["window:five-hour", "window:week"]));
    expect(second).toMatchObject({ kind: "wait", waiting: [{ whyNot: { window: 2 } }] });
  });

  it("no estimate is larger than what its gateway lets a job use", () => {
    const state = toSnapshot(
      policy(),
      "c",
      { ...EMPTY, queue: [{ ...queued("t1", 1), plan: makePlanRow({ budget: MicroUsd(7) }) }] },
      1,
    );

    expect(state.queue[0]!.estimate).toMatchObject({ mean: 7, p90: 7 });
    expect(priorOf("s", makePlanRow().price).median).toBeGreaterThan(7);
  });
});

function roomy(): CredentialState {
  return credential("key", { maxLive: 1_000, budgets: ["credential:key"], upstream: "credential:key" });
}

/** What is held of `window` in the books that a credential's grant is written to. */
function heldOf(state: PoolSnapshot, name: string, held: string): number {
  return booksOf(state, name, held).reduce((sum, each) => sum + each.held, 0);
}

function countOf(state: PoolSnapshot, name: string, held: string): number {
  return booksOf(state, name, held).length;
}

function booksOf(state: PoolSnapshot, name: string, held: string): readonly { readonly held: number }[] {
  const upstream = state.credentials.find((each) => each.name === name)!.upstream;
  return held.startsWith("usd:")
    ? state.budgets.filter(({ subject }) => `usd:${subjectId(subject)}` === held)
    : state.upstreams
        .filter(({ id }) => id === upstream)
        .flatMap(({ windows }) => windows)
        .filter(({ name: of, model }) => `window:${model === null ? of : `${of}:${model}`}` === held);
}
