import { NO_USAGE, type Heartbeat, type Outcome, type Verification } from "#core/wire/contract.ts";
import type { Observation } from "#core/wire/observation.ts";
import { DAY_MS } from "#core/wire/units.ts";

/** What jobs tell, as they may have told it; a test says what it is about. */

export type Ran = Extract<Outcome, { kind: "ran" }>;
export type Blocked = Extract<Outcome, { kind: "blocked" }>;

/** A check that passes, as it did before the work. */
export function checked(command: string, overrides: Partial<Verification> = {}): Verification {
  return { command, exitCode: 0, output: "", ms: 1, before: "passed", flaky: false, ...overrides };
}

/** A run that ended well, and changed nothing. */
export function ran(overrides: Partial<Ran> = {}): Ran {
  return {
    kind: "ran",
    contract: 1,
    ending: { kind: "completed", detail: null, turns: 1, finalMessage: "done" },
    usage: NO_USAGE,
    modelCalls: 1,
    estimated: false,
    observation: null,
    harnessVersion: "1",
    sandbox: "srt",
    checks: { source: "ci", commands: [] },
    verification: [],
    changes: [],
    ms: 1,
    ...overrides,
  };
}

/** A job that never got as far as its model. */
export function blocked(overrides: Partial<Blocked> = {}): Blocked {
  return {
    kind: "blocked",
    contract: 1,
    reason: "internal",
    detail: "",
    usage: NO_USAGE,
    observation: null,
    ms: 1,
    ...overrides,
  };
}

export function beat(overrides: Partial<Heartbeat> = {}): Heartbeat {
  return { contract: 1, phase: "harness", modelCalls: 1, usage: NO_USAGE, observation: null, ...overrides };
}

/** That so much of the account's week is used. */
export function seenWeek(share: number, overrides: Partial<Observation> = {}): Observation {
  const reading = { window: "week", model: null, share, limit: null, resetsInMs: DAY_MS, rejected: share >= 1 } as const;
  return { readings: [reading], signal: null, upstream: null, ageMs: 0, ...overrides };
}
