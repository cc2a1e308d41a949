import { DAY_MS, MINUTE_MS } from "#core/wire/units.ts";
import type { Scenario } from "./scenario.ts";
import type { Outcome } from "./simulate.ts";

/** How long after a hog's asking the others' waits are looked at: about until it is served. */
const HOG_MS = 2 * DAY_MS;

/** One run in numbers. */
export type Measures = {
  readonly abortsPer100: number;
  /** Of what all jobs cost, the share used by runs that were ended. */
  readonly wastedShare: number;
  /** Until the run that finished began, or runs now; of a job that waits, until the end. Every job that arrived counts. */
  readonly waitP95Min: number;
  readonly doneShare: number;
  readonly overshootMax: number;
  readonly doubleGrants: number;
  readonly leakedLeases: number;
  /** Where one team asks for much at once: the wait of the others who ask within two days of it, and from the hog's asking to the end of its last job. */
  readonly othersP95Min?: number;
  readonly hogMin?: number;
  /** Each team's wait, where their weights differ; and the wait of one that comes late. */
  readonly teamP95Min?: Readonly<Record<string, number>>;
  readonly lateP95Min?: number;
};

export function measure(
  { workload, fates, aborts, wasted, overshoot, doubleGrants, leaked }: Outcome,
  scenario: Scenario,
): Measures {
  const { jobs, endsAt } = workload;
  const waitOf = (id: number) => ((fates[id]?.begunAt ?? endsAt) - (jobs[id]?.arrivesAt ?? 0)) / MINUTE_MS;
  const arrived = jobs.filter(({ id }) => fates[id]?.state !== "to-come");
  const done = arrived.filter(({ id }) => fates[id]?.state === "done");
  const demand = sum(arrived.map(({ cost }) => cost));
  const waits = (those: typeof arrived) => those.map(({ id }) => waitOf(id));
  const { hog, late, teams } = scenario;
  const hogAt = hog === null ? 0 : hog.atDay * 86_400_000;
  const isUnequal = new Set(teams.map(({ weight }) => weight)).size > 1;
  return {
    abortsPer100: (100 * aborts) / Math.max(1, arrived.length),
    wastedShare: wasted / Math.max(1, demand),
    waitP95Min: quantile(waits(arrived), 0.95),
    doneShare: done.length / Math.max(1, arrived.length),
    overshootMax: overshoot,
    doubleGrants,
    leakedLeases: leaked,
    ...(hog !== null && {
      othersP95Min: quantile(
        waits(arrived.filter(({ team, arrivesAt }) => team !== hog.team && arrivesAt >= hogAt && arrivesAt < hogAt + HOG_MS)),
        0.95,
      ),
      hogMin:
        Math.max(
          ...arrived
            .filter(({ team, arrivesAt }) => team === hog.team && Math.abs(arrivesAt - hogAt) < 1_000)
            .map(({ id }) => (fates[id]?.endedAt ?? endsAt) - hogAt),
        ) / MINUTE_MS,
    }),
    ...(late !== null && { lateP95Min: quantile(waits(arrived.filter(({ team }) => team === late.team)), 0.95) }),
    ...(isUnequal && {
      teamP95Min: Object.fromEntries(
        teams.map(({ name }) => [name, quantile(waits(arrived.filter(({ team }) => team === name)), 0.95)]),
      ),
    }),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** The smallest value that so many stay at or below. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? 0;
}
