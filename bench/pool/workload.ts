import { SIZES, type Size } from "#core/wire/contract.ts";
import { DAY_MS, HOUR_MS } from "#core/wire/units.ts";
import { randomOf, type Random } from "./random.ts";
import type { Scenario } from "./scenario.ts";

/** All that chance decides about a run of a scenario, the same for every policy: made from the seed before anything runs. */
export type Workload = {
  readonly seats: readonly SeatPlan[];
  readonly jobs: readonly Job[];
  readonly sessions: readonly Session[];
  readonly earlyResets: readonly { readonly seat: number; readonly at: number }[];
  readonly endsAt: number;
};

/** Amounts are micro-dollars at list price; times are milliseconds from a Monday at 00:00. */
export type SeatPlan = {
  readonly name: string;
  readonly plan: string;
  readonly fiveHour: number;
  readonly week: number;
  /** Of the scoped model's own weekly window; null: there is none. */
  readonly scoped: number | null;
  readonly firstWeeklyReset: number;
  /** Of the week that runs at the beginning, the share used by then: as if the same load had been there before. */
  readonly usedBefore: number;
};

export type Job = {
  readonly id: number;
  readonly team: string;
  /** Whose seat it would run on if nothing were pooled. */
  readonly person: number;
  readonly repository: number;
  readonly hint: Size;
  readonly model: "standard" | "scoped";
  readonly cost: number;
  readonly perMs: number;
  readonly arrivesAt: number;
  /** Its end isn't heard. One draw for each of its runs. */
  readonly lost: readonly boolean[];
};

/** A stretch of an owner's own use. */
export type Session = { readonly seat: number; readonly at: number; readonly ms: number; readonly perMs: number };

export const WEEK_MS = 7 * DAY_MS;
/** Sessions of an owner in a week. */
const SESSIONS = 10;
const RUNS = 20;

export function makeWorkload(scenario: Scenario, load: number, seed: number): Workload {
  const endsAt = Math.round(scenario.days * DAY_MS);
  const seats = makeSeats(scenario, load, seed);
  const weeks = seats.reduce((sum, { week }) => sum + week, 0) * (1 - scenario.hidden.share);
  const perWeek = (load * weeks) / meanCost(scenario, seats);
  return {
    seats,
    jobs: makeJobs(scenario, seats, perWeek, seed, endsAt),
    sessions: seats.flatMap(({ week }, seat) => makeSessions(scenario, seat, week, seed, endsAt)),
    earlyResets: makeEarlyResets(scenario, seats.length, seed, endsAt),
    endsAt,
  };
}

function makeSeats({ seats, weekInFiveHours, scopedModel, hidden }: Scenario, load: number, seed: number): SeatPlan[] {
  const together = Math.min(1, hidden.share + load * (1 - hidden.share));
  const random = randomOf(seed, "seats");
  return seats
    .flatMap(({ plan, count, fiveHourUsd }) => Array.from({ length: count }, () => ({ plan, fiveHour: fiveHourUsd * 1e6 })))
    .map(({ plan, fiveHour }, at) => {
      const week = fiveHour * weekInFiveHours;
      const firstWeeklyReset = Math.round(random.float() * WEEK_MS);
      return {
        name: `seat-${String(at + 1).padStart(2, "0")}`,
        plan,
        fiveHour,
        week,
        scoped: scopedModel === null ? null : week * scopedModel.ofWeek,
        firstWeeklyReset,
        usedBefore: together * (1 - firstWeeklyReset / WEEK_MS),
      };
    });
}

function drawCost({ jobs }: Scenario, size: Size, largest: number, random: Random): number {
  const median = (jobs.sizes[size]?.medianUsd ?? 1) * 1e6;
  return Math.round(Math.min(largest, median * Math.exp(jobs.sigma * random.normal())));
}

function largestOf({ jobs }: Scenario, seats: readonly SeatPlan[]): number {
  return jobs.largestOfSmallestFiveHour * Math.min(...seats.map(({ fiveHour }) => fiveHour));
}

function sizeOf({ jobs }: Scenario, random: Random): Size {
  return SIZES[random.index(SIZES.map((size) => jobs.sizes[size]?.share ?? 0))] ?? "s";
}

/** By drawing many, always the same, so that a load means the same for every seed. */
function meanCost(scenario: Scenario, seats: readonly SeatPlan[]): number {
  const random = randomOf(0, "mean");
  const largest = largestOf(scenario, seats);
  let sum = 0;
  for (let n = 0; n < 40_000; n++) sum += drawCost(scenario, sizeOf(scenario, random), largest, random);
  return sum / 40_000;
}

function makeJobs(scenario: Scenario, seats: readonly SeatPlan[], perWeek: number, seed: number, endsAt: number): Job[] {
  const { teams, hog, late } = scenario;
  const random = randomOf(seed, "jobs");
  const largest = largestOf(scenario, seats);
  const job = (team: string, arrivesAt: number): Job => {
    const size = sizeOf(scenario, random);
    return {
      id: 0,
      team,
      person: Math.floor(random.float() * seats.length),
      repository: Math.floor(random.float() * scenario.jobs.repositories),
      hint: hintOf(size, scenario.jobs.hintsRight, random),
      model: scenario.scopedModel !== null && random.float() < scenario.scopedModel.jobs ? "scoped" : "standard",
      cost: drawCost(scenario, size, largest, random),
      perMs: ((scenario.jobs.usdPerHour * 1e6) / HOUR_MS) * Math.exp(scenario.jobs.rateSigma * random.normal()),
      arrivesAt,
      lost: Array.from({ length: RUNS }, () => random.float() < scenario.lostEnds.share),
    };
  };
  const shares = teams.map(({ share }) => share);
  const jobs = arrivalsOf(scenario, perWeek, endsAt, randomOf(seed, "arrivals")).flatMap((at) => {
    const made = job(teams[random.index(shares)]?.name ?? "", at);
    return late !== null && made.team === late.team && at < late.fromDay * DAY_MS ? [] : [made];
  });
  if (hog !== null) for (let n = 0; n < hog.jobs; n++) jobs.push(job(hog.team, Math.round(hog.atDay * DAY_MS)));
  return jobs.toSorted((a, b) => a.arrivesAt - b.arrivesAt).map((each, id) => ({ ...each, id }));
}

function hintOf(size: Size, right: number, random: Random): Size {
  if (random.float() < right) return size;
  const at = SIZES.indexOf(size);
  const step = at === 0 ? 1 : at === SIZES.length - 1 ? -1 : random.float() < 0.5 ? -1 : 1;
  return SIZES[at + step] ?? size;
}

/** By thinning: as many draws as the busiest hour would bring, each kept as likely as its hour is busy. */
function arrivalsOf({ arrivals }: Scenario, perWeek: number, endsAt: number, random: Random): number[] {
  const clump = arrivals.profile === "bursts" ? arrivals.size : 1;
  const weightOf = arrivals.profile === "steady" ? () => 1 : busy;
  let weekly = 0;
  for (let hour = 0; hour < 7 * 24; hour++) weekly += weightOf(hour * HOUR_MS);
  const meanGap = (HOUR_MS * weekly * clump) / perWeek;
  const times: number[] = [];
  for (let at = random.exponential(meanGap); at < endsAt; at += random.exponential(meanGap))
    if (random.float() < weightOf(at)) for (let n = 0; n < clump; n++) times.push(Math.round(at));
  return times;
}

function busy(at: number): number {
  const day = Math.floor(at / DAY_MS) % 7;
  const hour = (at % DAY_MS) / HOUR_MS;
  if (day >= 5) return 0.05;
  return hour >= 9 && hour < 18 ? 1 : 0.1;
}

function makeSessions({ hidden }: Scenario, seat: number, week: number, seed: number, endsAt: number): Session[] {
  if (hidden.share === 0) return [];
  const perWeek = hidden.share * week;
  if (hidden.pattern === "steady") return [{ seat, at: 0, ms: endsAt, perMs: perWeek / WEEK_MS }];
  const random = randomOf(seed, `sessions of ${String(seat)}`);
  const sessions: Session[] = [];
  for (let from = 0; from < endsAt; from += WEEK_MS)
    for (let n = 0; n < SESSIONS; n++) {
      const ms = Math.max(10 * 60_000, Math.round(random.exponential(HOUR_MS)));
      // The mean of exp(σz − σ²/2) is 1.
      const cost = (perWeek / SESSIONS) * Math.exp(0.6 * random.normal() - 0.18);
      const at = Math.round(from + Math.floor(random.float() * 5) * DAY_MS + (9 + random.float() * 9) * HOUR_MS);
      if (at < endsAt) sessions.push({ seat, at, ms, perMs: cost / ms });
    }
  return sessions;
}

function makeEarlyResets({ resets }: Scenario, seats: number, seed: number, endsAt: number): Workload["earlyResets"] {
  const random = randomOf(seed, "early resets");
  const found: { seat: number; at: number }[] = [];
  for (let seat = 0; seat < seats; seat++)
    for (let from = 0; from < endsAt; from += WEEK_MS)
      if (random.float() < resets.earlyPerSeatWeek) found.push({ seat, at: Math.round(from + random.float() * WEEK_MS) });
  return found;
}
