import { LENGTH_MS, type AllowanceName } from "#core/pool/windows.ts";
import { WEEK_MS, type SeatPlan } from "./workload.ts";

/** The provider's side, which no policy sees: true meters, filled at constant rates by whoever burns. */
export type Meter = {
  readonly name: AllowanceName;
  readonly model: string | null;
  readonly capacity: number;
  used: number;
  /** null: a five-hour window that nothing has opened. */
  endsAt: number | null;
};

export type Burner = { readonly perMs: number; readonly model: string; readonly kind: "run" | "owner" };

export type Account = {
  readonly meters: readonly Meter[];
  readonly burners: Map<number, Burner>;
  /** Until when the meters are counted up. */
  at: number;
};

/** Below this a window counts as full: a rate's rounding to whole milliseconds. */
const EPSILON = 1;

export function openAccount({ fiveHour, week, scoped, firstWeeklyReset, usedBefore }: SeatPlan): Account {
  const meter = (name: AllowanceName, capacity: number, endsAt: number | null, model: string | null = null): Meter => ({
    name,
    model,
    capacity,
    used: name === "five-hour" ? 0 : capacity * usedBefore,
    endsAt,
  });
  return {
    meters: [
      meter("five-hour", fiveHour, null),
      meter("week", week, firstWeeklyReset),
      ...(scoped === null ? [] : [meter("week-model", scoped, firstWeeklyReset, "scoped")]),
    ],
    burners: new Map(),
    at: 0,
  };
}

function isCounted(meter: Meter, model: string): boolean {
  return meter.model === null || meter.model === model;
}

function rateOf(meter: Meter, account: Account): number {
  let rate = 0;
  for (const { perMs, model } of account.burners.values()) if (isCounted(meter, model)) rate += perMs;
  return rate;
}

/** Counts up to `now`, and begins anew what ended. */
export function advance(account: Account, now: number): void {
  for (const meter of account.meters) {
    const rate = rateOf(meter, account);
    meter.used = Math.min(meter.capacity, meter.used + rate * (now - account.at));
    if (meter.endsAt === null || now < meter.endsAt) continue;
    meter.used = 0;
    if (meter.name === "five-hour") meter.endsAt = rate > 0 ? now + LENGTH_MS["five-hour"] : null;
    else while (meter.endsAt <= now) meter.endsAt += WEEK_MS;
  }
  account.at = now;
}

/** The windows that are full for a model. */
export function fullFor(account: Account, model: string): readonly Meter[] {
  return account.meters.filter((meter) => isCounted(meter, model) && meter.used >= meter.capacity - EPSILON);
}

/** Those who burn on what is full: the provider refuses their next request. */
export function cutOff(account: Account): readonly { readonly id: number; readonly burner: Burner }[] {
  return [...account.burners].flatMap(([id, burner]) => (fullFor(account, burner.model).length > 0 ? [{ id, burner }] : []));
}

/** A first use opens the five-hour window. The account is counted up to now. */
export function burn(account: Account, id: number, burner: Burner): void {
  account.burners.set(id, burner);
  for (const meter of account.meters) if (meter.endsAt === null) meter.endsAt = account.at + LENGTH_MS["five-hour"];
}

/** A week that begins anew before its time. */
export function resetWeek(account: Account, now: number): void {
  for (const meter of account.meters) {
    if (meter.name === "five-hour") continue;
    meter.used = 0;
    meter.endsAt = now + WEEK_MS;
  }
}

/** The next instant at which a window ends or fills up. */
export function nextChange(account: Account): number {
  let next = Infinity;
  for (const meter of account.meters) {
    if (meter.endsAt !== null) next = Math.min(next, meter.endsAt);
    const rate = rateOf(meter, account);
    if (rate > 0) next = Math.min(next, account.at + Math.max(1, Math.ceil((meter.capacity - meter.used) / rate)));
  }
  return next;
}
