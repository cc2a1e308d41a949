import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ATTEMPT_STATES,
  isTerminal,
  LEASE_EVENTS,
  LEASE_STATES,
  LIVE_LEASE_STATES,
  stepAttempt,
  stepLease,
  stepTask,
  TASK_EVENTS,
  TASK_STATES,
  TERMINAL_TASK_STATES,
  VERDICTS,
  type TaskEvent,
  type TaskState,
} from "#core/task/lifecycle.ts";

/** Every arrow of the drawing in lifecycle.ts; whatever isn't here is refused. */
const ARROWS: readonly [TaskState, TaskEvent, TaskState][] = [
  ["planning", "plan", "queued"],
  ["planning", "refuse", "refused"],
  ["planning", "ask", "asking"],
  ["asking", "remind", "asking"],
  ["asking", "replan", "planning"],
  ["asking", "refuse", "refused"],
  ["planning", "cancel", "cancelled"],
  ["asking", "cancel", "cancelled"],
  ["queued", "cancel", "cancelled"],
  ["dispatching", "cancel", "cancelled"],
  ["awaiting", "cancel", "cancelled"],
  ["running", "cancel", "cancelled"],
  ["judging", "cancel", "cancelled"],
  ["committing", "cancel", "cancelled"],
  ["queued", "replan", "planning"],
  ["queued", "admit", "dispatching"],
  ["queued", "refuse", "refused"],
  ["dispatching", "dispatch", "awaiting"],
  ["dispatching", "claim", "running"],
  ["dispatching", "refuse", "refused"],
  ["dispatching", "expire", "queued"],
  ["awaiting", "claim", "running"],
  ["awaiting", "expire", "queued"],
  ["awaiting", "lose", "unsolved"],
  ["running", "claim", "running"],
  ["running", "report", "judging"],
  ["running", "expire", "queued"],
  ["running", "lose", "unsolved"],
  ["judging", "move", "queued"],
  ["judging", "escalate", "queued"],
  ["judging", "accept", "committing"],
  ["judging", "score", "solved"],
  ["judging", "reject", "unsolved"],
  ["committing", "commit", "branching"],
  ["branching", "branch", "opening"],
  ["opening", "open", "inviting"],
  ["inviting", "invite", "solved"],
];
const WORKING = [
  "planning",
  "asking",
  "dispatching",
  "awaiting",
  "running",
  "judging",
  "committing",
  "branching",
  "opening",
  "inviting",
] as const;

const anyState = fc.constantFrom(...TASK_STATES);
const anyEvent = fc.constantFrom(...TASK_EVENTS);

describe("task lifecycle", () => {
  it.each(ARROWS)("%s goes by %s to %s", (from, event, to) => {
    const next = stepTask(from, event);

    expect(next).toEqual({ ok: true, value: to });
  });

  it.each(WORKING)("%s can get stuck", (from) => {
    const next = stepTask(from, "stick");

    expect(next).toEqual({ ok: true, value: "stuck" });
  });

  it("refuses every cell that isn't drawn, naming state and event", () => {
    const drawn = new Set([...ARROWS.map(([from, event]) => `${from} ${event}`), ...WORKING.map((from) => `${from} stick`)]);
    const others = TASK_STATES.flatMap((state) => TASK_EVENTS.map((event) => ({ state, event }))).filter(
      ({ state, event }) => !drawn.has(`${state} ${event}`),
    );

    const answers = others.map(({ state, event }) => stepTask(state, event));

    expect(drawn.size).toBe(ARROWS.length + WORKING.length);
    expect(answers).toEqual(
      others.map(({ state, event }) => ({ ok: false, error: { reason: "illegal-transition", state, event } })),
    );
  });

  it("never leaves the table, whatever happens in whatever order", () => {
    fc.assert(
      fc.property(anyState, fc.array(anyEvent, { maxLength: 30 }), (start, events) => {
        const end = events.reduce<TaskState>((state, event) => {
          const next = stepTask(state, event);
          return next.ok ? next.value : state;
        }, start);

        expect(TASK_STATES).toContain(end);
      }),
    );
  });

  it("keeps a task that has ended where it ended", () => {
    fc.assert(
      fc.property(fc.constantFrom(...TERMINAL_TASK_STATES), anyEvent, (state, event) => {
        expect(stepTask(state, event).ok).toBe(false);
      }),
    );
  });

  it("ends in solved, unsolved, refused, stuck and cancelled, and nowhere else", () => {
    const ends = TASK_STATES.filter(isTerminal);

    expect(ends).toEqual(["solved", "unsolved", "refused", "stuck", "cancelled"]);
  });

  it.each(TASK_STATES.filter((state) => !isTerminal(state)))(
    "leads from %s to an end and, without a fault, to a pull request",
    (start) => {
      const reached = new Set<TaskState>([start]);
      for (const state of reached) {
        for (const event of TASK_EVENTS) {
          const next = event === "stick" ? undefined : stepTask(state, event);
          if (next?.ok === true) reached.add(next.value);
        }
      }

      expect([...reached].filter(isTerminal)).toContain("solved");
    },
  );

  it("is drawn with every one of its states", () => {
    const source = readFileSync(new URL("../../src/core/task/lifecycle.ts", import.meta.url), "utf8");

    const drawing = source.slice(source.indexOf("/**"), source.indexOf("*/"));

    expect(TASK_STATES.filter((state) => !new RegExp(String.raw`\b${state}\b`).test(drawing))).toEqual([]);
    expect(TASK_EVENTS.filter((event) => !new RegExp(String.raw`\b${event}\b`).test(drawing))).toEqual([]);
  });
});

describe("attempt lifecycle", () => {
  it.each(VERDICTS)("an open attempt is judged %s once, and no other way after", (verdict) => {
    const judged = stepAttempt("open", verdict);

    expect(judged).toEqual({ ok: true, value: verdict });
    expect(VERDICTS.filter((again) => stepAttempt(verdict, again).ok)).toEqual([]);
  });

  it("has a state for being open and one for each verdict", () => {
    expect(ATTEMPT_STATES).toEqual(["open", ...VERDICTS]);
  });
});

describe("lease lifecycle", () => {
  it.each([
    ["offered", "claim", "held"],
    ["offered", "withdraw", "withdrawn"],
    ["offered", "lose", "lost"],
    ["withdrawn", "lose", "lost"],
    ["held", "claim", "held"],
    ["held", "report", "settled"],
    ["held", "lose", "lost"],
  ] as const)("a lease %s goes by %s to %s", (from, event, to) => {
    const next = stepLease(from, event);

    expect(next).toEqual({ ok: true, value: to });
  });

  it("a lease goes nowhere else", () => {
    const allowed = LEASE_STATES.flatMap((state) =>
      LEASE_EVENTS.filter((event) => stepLease(state, event).ok).map((event) => `${state} ${event}`),
    );

    expect(allowed).toEqual([
      "offered claim",
      "offered withdraw",
      "offered lose",
      "withdrawn lose",
      "held claim",
      "held report",
      "held lose",
    ]);
  });

  it("a lease is live from its offer to its end", () => {
    expect(LIVE_LEASE_STATES).toEqual(["offered", "withdrawn", "held"]);
  });
});
