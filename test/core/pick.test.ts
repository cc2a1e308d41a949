import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pick, type CredentialState, type Decision, type PoolSnapshot, type QueuedTask } from "#core/pool/pick.ts";
import { fits, monthOf, share, windowId, type Window, type WindowSubject } from "#core/pool/windows.ts";
import { CredentialName, TaskId } from "#core/wire/ids.ts";
import type { Provider } from "#core/wire/contract.ts";
import { EpochMs, MicroUsd } from "#core/wire/units.ts";

const NOW = EpochMs(Date.UTC(2026, 10, 24, 12));

const A: WindowSubject = { kind: "credential", name: CredentialName("a") };
const OWNER: WindowSubject = { kind: "owner" };

function window(capacity: number, used = 0, held = 0, subject: WindowSubject = A): Window {
  return {
    name: "usd-month",
    subject,
    capacity: MicroUsd(capacity),
    used: MicroUsd(used),
    held: MicroUsd(held),
    resetsAt: monthOf(NOW).end,
  };
}

function credential(name: string, overrides: Partial<CredentialState> = {}): CredentialState {
  const of: WindowSubject = { kind: "credential", name: CredentialName(name) };
  const state = {
    name: of.name,
    provider: "anthropic" as const,
    windows: [window(100)],
    live: 0,
    lastGrantAt: null,
    ...overrides,
  };
  return { ...state, windows: state.windows.map((each) => ({ ...each, subject: of })) };
}

function task(name: string, estimate = 10, queuedAt = 0, runner = 0): QueuedTask {
  return {
    task: TaskId(name),
    provider: "anthropic",
    estimate: MicroUsd(estimate),
    runner: MicroUsd(runner),
    queuedAt: EpochMs(queuedAt),
  };
}

function snapshot(overrides: Partial<PoolSnapshot> = {}): PoolSnapshot {
  return {
    now: NOW,
    seed: 1,
    queue: [task("t1")],
    credentials: [credential("a"), credential("b")],
    ownerWindows: [window(1_000, 0, 0, OWNER)],
    unclaimed: 0,
    ...overrides,
  };
}

/** What the store does with a grant: the holds are taken, the lease lives, the task leaves the queue. */
function apply(state: PoolSnapshot, decision: Extract<Decision, { kind: "grant" }>): PoolSnapshot {
  const hold = (id: string) => decision.holds.find((each) => each.window === id)?.amount ?? 0;
  const take = (each: Window): Window => ({ ...each, held: MicroUsd(each.held + hold(windowId(each))) });
  return {
    ...state,
    queue: state.queue.filter((each) => each.task !== decision.task),
    credentials: state.credentials.map((each) =>
      each.name === decision.credential
        ? { ...each, windows: each.windows.map(take), live: each.live + 1, lastGrantAt: state.now }
        : each,
    ),
    ownerWindows: state.ownerWindows.map(take),
  };
}

function grantAll(start: PoolSnapshot): { state: PoolSnapshot; grants: Extract<Decision, { kind: "grant" }>[] } {
  const grants: Extract<Decision, { kind: "grant" }>[] = [];
  let state = start;
  for (;;) {
    const decision = pick(state);
    if (decision.kind === "wait") return { state, grants };
    grants.push(decision);
    state = apply(state, decision);
  }
}

const CHOICES: readonly [string, Partial<PoolSnapshot>, [string, string] | "wait"][] = [
  ["waits for a task", { queue: [] }, "wait"],
  ["waits for a credential", { credentials: [] }, "wait"],
  [
    "takes the least promised credential",
    { credentials: [credential("a", { windows: [window(100, 50)] }), credential("b", { windows: [window(100, 40)] })] },
    ["t1", "b"],
  ],
  [
    "counts what is held like what is used",
    { credentials: [credential("a", { windows: [window(100, 0, 50)] }), credential("b", { windows: [window(100, 40)] })] },
    ["t1", "b"],
  ],
  [
    "measures by shares, not by amounts",
    { credentials: [credential("a", { windows: [window(1_000, 400)] }), credential("b", { windows: [window(100, 50)] })] },
    ["t1", "a"],
  ],
  [
    "measures by the tightest of several windows",
    {
      credentials: [
        credential("a", { windows: [window(100, 10), window(100, 60)] }),
        credential("b", { windows: [window(100, 50)] }),
      ],
    },
    ["t1", "b"],
  ],
  [
    "takes the credential with fewer leases where shares are equal",
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
    { queue: [task("t1", 10, 5), task("t2", 10, 4)], credentials: [credential("a")] },
    ["t2", "a"],
  ],
  ["takes tasks of one instant by their names", { queue: [task("t2"), task("t1")], credentials: [credential("a")] }, ["t1", "a"]],
  [
    "lets a small task pass a large one that fits nowhere",
    { queue: [task("large", 101, 1), task("small", 100, 2)], credentials: [credential("a")] },
    ["small", "a"],
  ],
  [
    "passes over a full credential",
    { credentials: [credential("a", { windows: [window(100, 91)] }), credential("b", { windows: [window(1_000, 950)] })] },
    ["t1", "b"],
  ],
  ["gives the last unit", { credentials: [credential("a", { windows: [window(100, 60, 30)] })] }, ["t1", "a"]],
  ["gives not one unit more", { credentials: [credential("a", { windows: [window(100, 60, 31)] })] }, "wait"],
  ["gives the owner's last unit", { credentials: [credential("a")], ownerWindows: [window(100, 90, 0, OWNER)] }, ["t1", "a"]],
  ["keeps to what may wait for a runner", { unclaimed: 15 }, "wait"],
  ["dispatches up to what may wait for a runner", { unclaimed: 14 }, ["t1", "a"]],
  ["keeps to the owner's window", { ownerWindows: [window(100, 91, 0, OWNER)] }, "wait"],
  ["takes nothing from an empty window", { credentials: [credential("a", { windows: [window(0)] })] }, "wait"],
];

describe("pick", () => {
  it.each(CHOICES)("%s", (_name, overrides, expected) => {
    const decision = pick(snapshot(overrides));

    expect(decision.kind === "wait" ? "wait" : [decision.task, decision.credential]).toEqual(expected);
  });

  it("holds the whole estimate in every window of the credential, and in the owner's what the runner may cost as well", () => {
    const decision = pick(snapshot({ queue: [task("t1", 10, 0, 3)], credentials: [credential("a")] }));

    expect(decision).toMatchObject({
      kind: "grant",
      holds: [
        { window: "credential:a/usd-month", amount: 10 },
        { window: "owner/usd-month", amount: 13 },
      ],
    });
  });

  it("records every candidate with its score or why it can't serve", () => {
    const queue = [task("large", 60, 1), task("small", 10, 2)];
    const credentials = [credential("a", { windows: [window(100, 50)] }), credential("b", { windows: [window(100, 95)] })];

    const decision = pick(snapshot({ queue: [...queue, task("later", 10, 3)], credentials }));

    expect(decision.record).toEqual({
      snapshot: snapshot({ queue, credentials }),
      candidates: [
        { task: "large", credential: "a", score: null, whyNot: "credential-budget" },
        { task: "large", credential: "b", score: null, whyNot: "credential-budget" },
        { task: "small", credential: "a", score: 0.5, whyNot: null },
        { task: "small", credential: "b", score: null, whyNot: "credential-budget" },
      ],
    });
  });

  it("says it is the owner's budget where it is", () => {
    const decision = pick(
      snapshot({ credentials: [credential("a", { windows: [window(1)] })], ownerWindows: [window(1, 0, 0, OWNER)] }),
    );

    expect(decision).toMatchObject({ kind: "wait", record: { candidates: [{ whyNot: "owner-budget" }] } });
  });

  it("never gives a credential of another provider", () => {
    // Only one provider is served so far; the rule must stand when the second comes.
    const decision = pick(snapshot({ credentials: [credential("a", { provider: "openai" as Provider })] }));

    expect(decision).toMatchObject({ kind: "wait", record: { candidates: [{ whyNot: "other-provider" }] } });
  });

  it("breaks the last tie by the seed, and not always the same way", () => {
    const names = ["a", "b", "c", "d"];

    const chosen = Array.from({ length: 100 }, (_, seed) => {
      const decision = pick(snapshot({ seed, credentials: names.map((name) => credential(name)) }));
      return decision.kind === "grant" ? decision.credential : "none";
    });

    expect(new Set(chosen)).toEqual(new Set(names));
  });
});

const someCredential = (name: string) =>
  fc
    .record({
      capacity: fc.nat(200),
      used: fc.nat(200),
      held: fc.nat(50),
      live: fc.nat(3),
      last: fc.option(fc.nat(100)),
      provider: fc.constantFrom("anthropic", "other"),
    })
    .map((each) =>
      credential(name, {
        provider: each.provider as Provider,
        windows: [
          window(
            each.capacity,
            Math.min(each.used, each.capacity),
            Math.min(each.held, each.capacity - Math.min(each.used, each.capacity)),
          ),
        ],
        live: each.live,
        lastGrantAt: each.last === null ? null : EpochMs(each.last),
      }),
    );
const someSnapshot = fc
  .record({
    credentials: fc.tuple(...["a", "b", "c", "d"].map(someCredential)),
    tasks: fc.array(fc.record({ estimate: fc.nat(80), queuedAt: fc.nat(5) }), { maxLength: 8 }),
    owner: fc.nat(600),
    seed: fc.nat(),
  })
  .map(({ credentials, tasks, owner, seed }) =>
    snapshot({
      seed,
      credentials,
      queue: tasks.map((each, index) => task(`t${String(index)}`, each.estimate, each.queuedAt)),
      ownerWindows: [window(owner, 0, 0, OWNER)],
    }),
  );

describe("pick, in any pool", () => {
  it("grants only what the provider and every window allow", () => {
    fc.assert(
      fc.property(someSnapshot, (state) => {
        const decision = pick(state);

        if (decision.kind === "wait") return;
        const wanted = state.queue.find((each) => each.task === decision.task)!;
        const chosen = state.credentials.find((each) => each.name === decision.credential)!;
        expect(chosen.provider).toBe(wanted.provider);
        expect([...chosen.windows, ...state.ownerWindows].every((each) => fits(each, wanted.estimate))).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  it("waits only where no task fits any credential", () => {
    fc.assert(
      fc.property(someSnapshot, (state) => {
        const decision = pick(state);

        const possible = state.queue.some((wanted) =>
          state.credentials.some(
            (each) =>
              each.provider === wanted.provider &&
              [...each.windows, ...state.ownerWindows].every((one) => fits(one, wanted.estimate)),
          ),
        );
        expect(decision.kind).toBe(possible ? "grant" : "wait");
      }),
      { numRuns: 1_000 },
    );
  });

  it("replays to the same decision from its own record", () => {
    fc.assert(
      fc.property(someSnapshot, (state) => {
        const decision = pick(state);

        expect(pick(decision.record.snapshot)).toEqual(decision);
      }),
      { numRuns: 1_000 },
    );
  });

  it("decides the same from the same snapshot, in whatever order its rows were read", () => {
    const shuffled = someSnapshot.chain((state) =>
      fc.tuple(
        fc.constant(state),
        fc.shuffledSubarray([...state.credentials], { minLength: state.credentials.length }),
        fc.shuffledSubarray([...state.queue], { minLength: state.queue.length }),
      ),
    );
    fc.assert(
      fc.property(shuffled, ([state, credentials, queue]) => {
        const decision = pick(state);

        expect(pick(state)).toEqual(decision);
        expect(pick({ ...state, credentials, queue })).toEqual(decision);
      }),
      { numRuns: 1_000 },
    );
  });

  it("promises no window more than it holds, over any sequence of grants", () => {
    fc.assert(
      fc.property(someSnapshot, (start) => {
        const { state } = grantAll(start);

        const windows = [...state.credentials.flatMap((each) => each.windows), ...state.ownerWindows];
        expect(windows.every((each) => each.used + each.held <= each.capacity)).toBe(true);
      }),
    );
  });

  it("spreads a burst over equal credentials to within one grant", () => {
    const sizes = fc.record({
      credentials: fc.integer({ min: 1, max: 8 }),
      tasks: fc.integer({ min: 0, max: 40 }),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(sizes, ({ credentials, tasks, seed }) => {
        const start = snapshot({
          seed,
          credentials: Array.from({ length: credentials }, (_, index) =>
            credential(`c${String(index)}`, { windows: [window(1_000)] }),
          ),
          queue: Array.from({ length: tasks }, (_, index) => task(`t${String(index).padStart(2, "0")}`, 7, index)),
        });

        const { state, grants } = grantAll(start);

        const counts = state.credentials.map((each) => each.live);
        expect(grants).toHaveLength(tasks);
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it("can be used to the last unit", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 20 }), (count, estimate) => {
        const queue = Array.from({ length: count + 5 }, (_, index) => task(`t${String(index)}`, estimate, index));
        const start = snapshot({ queue, credentials: [credential("a", { windows: [window(count * estimate)] })] });

        const { state, grants } = grantAll(start);

        expect(grants).toHaveLength(count);
        expect(share(state.credentials[0]!.windows[0]!)).toBe(1);
      }),
    );
  });
});

describe("windows", () => {
  it.each([
    ["2026-11-24T12:00:00Z", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"],
    ["2026-12-31T23:59:59.999Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"],
    ["2028-02-29T00:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"],
    ["2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"],
  ])("a month of %s begins %s and ends %s", (now, start, end) => {
    const month = monthOf(EpochMs(Date.parse(now)));

    expect(month).toEqual({ start: Date.parse(start), end: Date.parse(end) });
  });

  it("takes a window without capacity for full", () => {
    const full = share(window(0));

    expect(full).toBe(1);
  });
});
