import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { charge, clockOf, HALF_LIFE_MS, passAt, type TeamState } from "#core/pool/fairness.ts";
import type { PoolSnapshot, QueuedTask } from "#core/pool/decision.ts";
import { pick } from "#core/pool/pick.ts";
import { DAY_MS, EpochMs } from "#core/wire/units.ts";
import { after, credential, estimate, grant, NOW, snapshot, task, team, type Grant } from "./pool-kit.ts";

/** Credentials that bear anything: who is served depends on nothing but the order. */
function open(overrides: Partial<PoolSnapshot> = {}): PoolSnapshot {
  return snapshot({ credentials: [credential("a", { maxLive: 1e9 })], upstreams: [], queue: [], teams: [], ...overrides });
}

function next(state: PoolSnapshot): Grant {
  const decision = pick(state);
  if (decision.kind === "wait") throw new Error("nothing is granted");
  return decision;
}

let names = 0;
const jobs = (of: string, count: number, cost = 10, queuedAt = NOW - 1): QueuedTask[] =>
  Array.from({ length: count }, () =>
    task(`${of}-${String((names += 1)).padStart(6, "0")}`, { team: of, estimate: estimate(cost), queuedAt: EpochMs(queuedAt) }),
  );

/** How many grants of `count` each team gets, while none of them runs out of work. */
function served(start: PoolSnapshot, count: number): Record<string, number> {
  const of: Record<string, number> = {};
  let state = start;
  for (let round = 0; round < count; round += 1) {
    const each = next(state);
    of[each.team.name] = (of[each.team.name] ?? 0) + 1;
    state = grant(state, each);
  }
  return of;
}

describe("fair shares", () => {
  it("P11: a team of weight is served within a bound that knows nothing of what the hog queues, or has used", () => {
    const some = fc.record({
      past: fc.integer({ min: 0, max: 300 }),
      pause: fc.nat(3 * DAY_MS),
      hog: fc.record({ count: fc.integer({ min: 1, max: 40 }), cost: fc.integer({ min: 1, max: 1_000 }) }),
      more: fc.array(fc.record({ count: fc.nat(20), cost: fc.integer({ min: 1, max: 1_000 }) }), { maxLength: 3 }),
      weights: fc.record({ hog: fc.constantFrom(0.5, 1, 100), web: fc.constantFrom(0.5, 1, 3) }),
    });
    fc.assert(
      fc.property(some, ({ past, pause, hog, more, weights }) => {
        const teams = [team("hog", { weight: weights.hog }), team("web", { weight: weights.web })];
        // The hog has had the pool for itself.
        let state = open({ teams, queue: jobs("hog", past + hog.count, hog.cost, NOW - 1_000) });
        for (let round = 0; round < past; round += 1) state = grant(state, next(state));
        state = { ...state, now: after(pause), queue: [...state.queue, ...jobs("web", 1), ...jobs("hog", 5)] };

        let waited = 0;
        for (;;) {
          const each = next(state);
          state = grant(state, each);
          if (each.team.name === "web") break;
          waited += 1;
          const added = more[waited - 1];
          if (added !== undefined) state = { ...state, queue: [...state.queue, ...jobs("hog", added.count, added.cost, 0)] };
        }

        // It begins where the hog stood when it was served last: the hog is ahead by that, or not yet served at all.
        expect(waited).toBeLessThanOrEqual(1);
      }),
      { numRuns: 200 },
    );
  });

  it("P11: one that was just served waits no more than its own charge over the others'", () => {
    const some = fc.record({
      mine: fc.integer({ min: 1, max: 500 }),
      others: fc.array(fc.record({ cost: fc.integer({ min: 1, max: 500 }), weight: fc.constantFrom(0.5, 1, 2) }), {
        minLength: 1,
        maxLength: 4,
      }),
      weight: fc.constantFrom(0.5, 1, 2),
    });
    fc.assert(
      fc.property(some, ({ mine, others, weight }) => {
        const teams = [team("web", { weight }), ...others.map((each, at) => team(`hog${String(at)}`, { weight: each.weight }))];
        const bound = others.reduce((sum, each) => sum + Math.ceil(charge(mine, weight) / charge(each.cost, each.weight)) + 1, 0);
        const queue = [...jobs("web", 1, mine, 0), ...jobs("web", 1, mine)];
        let state = open({
          teams,
          queue: [...queue, ...others.flatMap((each, at) => jobs(`hog${String(at)}`, bound + 1, each.cost))],
        });

        const waits: number[] = [];
        for (let waited = 0; waits.length < 2;) {
          const each = next(state);
          state = grant(state, each);
          if (each.team.name !== "web") waited += 1;
          else waits.push(waited);
        }

        expect(waits[1]! - waits[0]!).toBeLessThanOrEqual(bound);
      }),
      { numRuns: 200 },
    );
  });

  it("P11: a team that comes back is given nothing for the time it was away, and the one that stayed isn't starved", () => {
    let state = open({ teams: [team("stays"), team("comes")], queue: jobs("stays", 400, 10, NOW - 1_000) });
    for (let round = 0; round < 200; round += 1) state = grant(state, next(state));
    state = { ...state, queue: [...state.queue, ...jobs("comes", 200)] };

    const of = served(state, 20);

    expect(of["stays"]).toBeGreaterThanOrEqual(9);
    expect(of["comes"]).toBeGreaterThanOrEqual(9);
  });

  it("shares what is granted by weight, of jobs that cost the same", () => {
    const teams = [team("one", { weight: 1 }), team("three", { weight: 3 })];

    const of = served(open({ teams, queue: [...jobs("one", 400), ...jobs("three", 400)] }), 400);

    expect(of["three"]! / of["one"]!).toBeCloseTo(3, 0);
  });

  it("shares cost, not jobs", () => {
    const queue = [...jobs("dear", 400, 40), ...jobs("cheap", 400, 10)];

    const of = served(open({ teams: [team("dear"), team("cheap")], queue }), 300);

    expect(of["cheap"]! / of["dear"]!).toBeCloseTo(4, 0);
  });

  it("charges at the grant: a burst is not let in before its first job has cost anything", () => {
    const queue = [...jobs("burst", 100, 10, 0), ...jobs("web", 10)];

    const of = served(open({ teams: [team("burst"), team("web")], queue }), 20);

    expect(of).toEqual({ burst: 10, web: 10 });
  });

  it("makes up for an estimate that was wrong, so that what counts is what it cost", () => {
    const granted = next(open({ teams: [team("web")], queue: jobs("web", 1, 10) }));
    // What the store does at the settlement (store/settled.ts `correctTeam`).
    const corrected = (cost: number): TeamState => ({ ...granted.team, pass: granted.team.pass + charge(cost - 10, 1) });
    const order = (web: TeamState) =>
      next(open({ teams: [web, { ...team("other"), pass: 20 }], queue: [...jobs("web", 1), ...jobs("other", 1)] })).team.name;

    expect(granted.team.pass).toBe(10);
    expect(order(corrected(10))).toBe("web");
    expect(order(corrected(0))).toBe("web");
    expect(order(corrected(30))).toBe("other");
  });

  it("forgets half of what a team is ahead in each half-life, and none of it sooner", () => {
    const ahead = (ms: number) => passAt({ pass: 300, at: NOW }, 100, after(ms)) - 100;

    expect([0, HALF_LIFE_MS, 2 * HALF_LIFE_MS].map(ahead)).toEqual([200, 100, 50]);
    expect(ahead(-5)).toBe(200);
    expect(passAt({ pass: 50, at: NOW }, 100, after(DAY_MS))).toBe(100);
  });

  it("charges nothing to a team of no weight, and moves no clock for it", () => {
    const { team: after } = next(open({ teams: [team("none", { weight: 0 })], queue: jobs("none", 1) }));

    expect(after).toMatchObject({ pass: 0, clock: 0 });
  });

  it("has a clock that never goes back", () => {
    const some = fc.array(fc.record({ of: fc.constantFrom("a", "b", "c"), cost: fc.integer({ min: 1, max: 100 }) }), {
      minLength: 1,
      maxLength: 40,
    });
    fc.assert(
      fc.property(some, (work) => {
        let state = open({ teams: ["a", "b", "c"].map((name) => team(name)) });
        for (const { of, cost } of work) {
          const before = clockOf(state.teams);
          state = { ...state, queue: [...state.queue, ...jobs(of, 2, cost)] };
          state = grant(state, next(state));
          expect(clockOf(state.teams)).toBeGreaterThanOrEqual(before);
        }
      }),
      { numRuns: 200 },
    );
  });
});
