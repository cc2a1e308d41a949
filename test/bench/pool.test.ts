import { describe, expect, it } from "vitest";
import { join } from "node:path";
import type { Decision } from "#core/pool/decision.ts";
import { pick } from "#core/pool/pick.ts";
import { CONSTANTS } from "#core/pool/constants.ts";
import { MINUTE_MS } from "#core/wire/units.ts";
import { roundRobin } from "../../bench/pool/baselines/round-robin.ts";
import { measure } from "../../bench/pool/measure.ts";
import { policiesOf } from "../../bench/pool/policies.ts";
import { product } from "../../bench/pool/product.ts";
import { loadScenarios, type Scenario } from "../../bench/pool/scenario.ts";
import { rowsOf, runTask } from "../../bench/pool/series.ts";
import { simulate } from "../../bench/pool/simulate.ts";
import { intervalOf } from "../../bench/pool/statistics.ts";
import { makeWorkload, type Job, type Workload } from "../../bench/pool/workload.ts";

const SCENARIOS = loadScenarios(join(import.meta.dirname, "../../bench/scenarios"));
const asked = { policies: null, constants: CONSTANTS };

/** A scenario of the benchmark, cut to five days. */
function short(name: string): Scenario {
  const found = SCENARIOS.find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no scenario ${name}`);
  return { ...found, days: 5, revoked: found.revoked && { ...found.revoked, atDay: 2.5 } };
}

describe("simulation of pools", () => {
  it("gives the same rows for the same seed, and others for another", () => {
    const rows = (seed: number) => {
      const task = { scenario: short("headline"), load: 0.85, seed };
      return rowsOf([{ task, results: runTask(task, asked) }]).rows;
    };

    expect(rows(1)).toEqual(rows(1));
    expect(rows(1)).not.toEqual(rows(2));
  });

  it.each(policiesOf(CONSTANTS).map((policy) => [policy.name, policy] as const))("loses no job under %s", (_name, policy) => {
    const scenario = { ...short("lost-ends"), lostEnds: { share: 0.2, deadlineMinutes: 90 } };
    const workload = makeWorkload(scenario, 0.85, 3);

    const { fates, doubleGrants, leaked } = simulate(scenario, workload, policy, 3);

    const of = (state: string) => fates.filter((each) => each.state === state).length;
    expect(of("to-come")).toBe(0);
    expect(of("done") + of("waiting") + of("running")).toBe(workload.jobs.length);
    expect(of("done")).toBeGreaterThan(0);
    expect({ doubleGrants, leaked }).toEqual({ doubleGrants: 0, leaked: 0 });
  });

  it.each(["headline", "revoked", "resets", "scoped-week", "burst", "lost-ends", "no-observation", "hog"])(
    "sees the product never grant twice nor forget a lease: %s",
    (name) => {
      const scenario = { ...short(name), hog: name === "hog" ? { team: "a", jobs: 100, atDay: 1.4 } : null };
      const workload = makeWorkload(scenario, 0.85, 4);

      const outcome = simulate(scenario, workload, product("ours", { strategy: "paced", isFair: true }), 4);

      expect(outcome).toMatchObject({ doubleGrants: 0, leaked: 0 });
      expect(measure(outcome, scenario).doneShare).toBeGreaterThan(0.8);
    },
  );

  it("finds every decision again in its record", () => {
    const decisions: Decision[] = [];
    const scenario = { ...short("hidden-25"), days: 2 };
    const ours = product("ours", { strategy: "paced", isFair: true, onDecision: (decision) => decisions.push(decision) });

    simulate(scenario, makeWorkload(scenario, 1, 5), ours, 5);

    expect(decisions.length).toBeGreaterThan(100);
    for (const decision of decisions) expect(pick(decision.record.snapshot)).toEqual(decision);
  });

  it("ends a run at the instant its window is full, and begins the job again after the reset", () => {
    // One seat, $10 in five hours; two jobs of $6 at $36 an hour, at 0 and at 20 minutes.
    const job = (id: number, arrivesAt: number): Job => ({
      id,
      team: "a",
      person: 0,
      repository: 0,
      hint: "m",
      model: "standard",
      cost: 6e6,
      perMs: 36e6 / 3_600_000,
      arrivesAt,
      lost: [],
    });
    const seat = { name: "s", plan: "p", fiveHour: 10e6, week: 80e6, scoped: null, firstWeeklyReset: 6e8, usedBefore: 0 };
    const workload: Workload = {
      seats: [seat],
      jobs: [job(0, 0), job(1, 20 * MINUTE_MS)],
      sessions: [],
      earlyResets: [],
      endsAt: 8 * 60 * MINUTE_MS,
    };
    const scenario = { ...short("headline"), resets: { jitterSeconds: 0, earlyPerSeatWeek: 0 } };

    const outcome = simulate(scenario, workload, roundRobin, 1);

    // $4 were left: 6 min 40 s. The window ends at 5 h, the rest a minute later.
    expect(outcome).toMatchObject({ aborts: 1, wasted: 4e6, overshoot: 0.2 });
    expect(outcome.fates).toEqual([
      { state: "done", begunAt: 0, endedAt: 10 * MINUTE_MS },
      { state: "done", begunAt: 301 * MINUTE_MS, endedAt: 311 * MINUTE_MS },
    ]);
    expect(measure(outcome, scenario)).toMatchObject({ abortsPer100: 50, wastedShare: 1 / 3, waitP95Min: 281, doneShare: 1 });
  });
});

describe("interval of paired differences", () => {
  it("is Student's", () => {
    const { mean, low, high } = intervalOf([1, 2, 3, 4]);

    // 2.5 ± 3.182 · 1.291 / 2
    expect(mean).toBe(2.5);
    expect(low).toBeCloseTo(0.446, 3);
    expect(high).toBeCloseTo(4.554, 3);
  });
});
