import type { ActorId, CredentialName, RepositoryId, TaskId } from "../wire/ids.ts";
import { readingKey, type WindowReading } from "../wire/observation.ts";
import { DAY_MS, EpochMs, MicroUsd } from "../wire/units.ts";
import { NO_FIT } from "./capacity.ts";
import { afterReading, afterUse, type Kept } from "./observe.ts";
import { isSure } from "./room.ts";
import { ALLOWANCES, allowanceKey, counts, LENGTH_MS, periodOf, type Allowance, type AllowanceName } from "./windows.ts";

/**
 * What the owner of a seat is told of what they lend: the last full week and the one under way, Monday to Monday UTC. It is made
 * of the ledger and of what each run's report says of the account's windows: nothing in it is measured for its own sake.
 */

/** `lapsed`: the notice has another text since. `not-serving`: lent, but the policy doesn't say, or says no more, that it serves everyone. */
export type LendingState = "lent" | "lapsed" | "not-serving" | "taken-back";

export type LentSeat = {
  readonly name: CredentialName;
  readonly state: LendingState;
  /** By the policy as it stands; null: it has no such seat any more. */
  readonly keepForOwner: number | null;
  /** The account whose windows it draws on (`accountOf`). */
  readonly account: string;
  /** Of that account, as known now: their sizes count here. */
  readonly windows: readonly Pick<Allowance, "name" | "model" | "capacity">[];
};

/** What a lease that was granted while its seat was lent has cost, as the ledger has it, and what its report has seen. */
export type Draw = {
  readonly credential: CredentialName;
  readonly task: TaskId;
  /** null: a trial's, which is nobody's request. */
  readonly by: { readonly id: ActorId; readonly login: string } | null;
  readonly repository: RepositoryId;
  readonly model: string;
  /** When it was settled. */
  readonly at: EpochMs;
  /** At list price: of a subscription, all there is. */
  readonly listed: MicroUsd;
  /** Of what was forecast to expire unused. */
  readonly standby: boolean;
  /** How old the report's sight of the windows was; null: it saw none. */
  readonly seen: { readonly ageMs: number; readonly readings: readonly WindowReading[] } | null;
};

export type ReceiptFacts = {
  readonly now: EpochMs;
  /** Whose seats they are: by id, and by the login of their last word. */
  readonly lender: { readonly id: ActorId; readonly login: string };
  readonly seats: readonly LentSeat[];
  /** Of those seats, back to `sinceOfReceipt`. */
  readonly draws: readonly Draw[];
};

export type Receipt = { readonly login: string; readonly seats: readonly SeatReceipt[] };

export type SeatReceipt = Pick<LentSeat, "name" | "state" | "keepForOwner"> & {
  /** The last full week and the one under way. */
  readonly weeks: readonly [WeekReceipt, WeekReceipt];
};

export type WeekReceipt = {
  readonly start: EpochMs;
  readonly end: EpochMs;
  readonly tasks: number;
  readonly repositories: number;
  /** Who most was done for first. */
  readonly people: readonly { readonly login: string | null; readonly isLender: boolean; readonly tasks: number }[];
  readonly listed: MicroUsd;
  readonly standby: MicroUsd;
  /** Of one week's window, what was drawn of what would have expired; null: its size isn't known. */
  readonly standbyOfWeek: number | null;
  readonly windows: readonly WindowReceipt[];
};

/** Shares of one such window, the highest of the week; null: not known, which is neither 0 nor 1. */
export type WindowReceipt = {
  readonly window: string;
  /** By the pool, the lender's own tasks among it. */
  readonly pool: number | null;
  /** By everybody, as the provider told runs on it. */
  readonly whole: number | null;
  readonly reserve: Reserve;
};

/** What others left of the part that is kept for the owner. */
export type Reserve = "untouched" | "touched" | "unknown" | "none-kept";

const WEEK_MS = 7 * DAY_MS;

/** The week under way and the one before it. */
function weeksOf(now: EpochMs) {
  const current = periodOf("week", now);
  return [{ start: EpochMs(current.start - WEEK_MS), end: current.start }, current] as const;
}

/** From when on a receipt looks at what was drawn: a window may have begun its longest length before the first of its weeks. */
export function sinceOfReceipt(now: EpochMs): EpochMs {
  return EpochMs(weeksOf(now)[0].start - WEEK_MS);
}

/** Pure. */
export function receiptOf({ now, lender, seats, draws }: ReceiptFacts): Receipt {
  const [last, current] = weeksOf(now);
  const accounts = new Map(seats.map(({ name, account }) => [name, account]));
  const told = seats
    .toSorted((one, other) => (one.name < other.name ? -1 : 1))
    .map((seat): SeatReceipt => {
      const { name, state, keepForOwner, account } = seat;
      // Two seats of one account share its windows.
      const ofAccount = draws.filter(({ credential }) => accounts.get(credential) === account);
      const followed = windowsOf(seat, ofAccount).map((window) => follow(window, ofAccount, lender.id));
      const week = (span: Span) => weekOf(seat, span, { draws, followed, ofAccount, lender: lender.id });
      return { name, state, keepForOwner, weeks: [week(last), week(current)] };
    });
  const isLending = seats.some(({ state }) => state === "lent" || state === "not-serving");
  return { login: lender.login, seats: told.filter((seat) => !isLending || isNews(seat)) };
}

/** Not what was given back before the weeks that are told of, beside what is lent still. */
function isNews({ state, weeks }: SeatReceipt): boolean {
  return state !== "taken-back" || weeks.some(({ tasks }) => tasks > 0);
}

type Span = { readonly start: EpochMs; readonly end: EpochMs };
type Sized = LentSeat["windows"][number];
/** A window after a draw on its account: what the pool and what others than the lender have used of it by then. */
type Followed = {
  readonly window: Sized;
  readonly steps: readonly {
    readonly at: EpochMs;
    readonly own: number;
    readonly others: number;
    readonly share: number | null;
    readonly byOthers: boolean;
    readonly isSeen: boolean;
  }[];
};

function weekOf(
  seat: LentSeat,
  { start, end }: Span,
  known: {
    readonly draws: readonly Draw[];
    readonly ofAccount: readonly Draw[];
    readonly followed: readonly Followed[];
    readonly lender: ActorId;
  },
): WeekReceipt {
  const within = ({ at }: { readonly at: EpochMs }) => at >= start && at < end;
  const drawn = known.draws.filter((draw) => draw.credential === seat.name && within(draw));
  const sum = (of: readonly Draw[]) => MicroUsd(of.reduce((total, { listed }) => total + listed, 0));
  const standby = sum(drawn.filter((draw) => draw.standby));
  const size = seat.windows.find(({ name, model }) => name === "week" && model === null)?.capacity;
  return {
    start,
    end,
    tasks: countOf(drawn.map(({ task }) => task)),
    repositories: countOf(drawn.map(({ repository }) => repository)),
    people: peopleOf(drawn, known.lender),
    listed: sum(drawn),
    standby,
    standbyOfWeek: standby === 0 ? 0 : size == null ? null : standby / size.value,
    windows: known.followed.map(({ window, steps }) => {
      const inWeek = steps.filter(within);
      return windowOf({ window, steps: inWeek }, seat.keepForOwner);
    }),
  };
}

const countOf = (each: readonly unknown[]) => new Set(each).size;

function peopleOf(drawn: readonly Draw[], lender: ActorId): WeekReceipt["people"] {
  return [...Map.groupBy(drawn, ({ by }) => by?.id ?? null)]
    .map(([id, of]) => ({
      // Of one who was renamed, as they were called last.
      login: of.at(-1)?.by?.login ?? null,
      isLender: id === lender,
      tasks: countOf(of.map(({ task }) => task)),
    }))
    .toSorted((one, other) => other.tasks - one.tasks || ((one.login ?? "") < (other.login ?? "") ? -1 : 1));
}

/** What every subscription has, and whatever else was heard of its account. A limit by the minute says nothing of a week. */
function windowsOf({ windows }: LentSeat, draws: readonly Draw[]): readonly Sized[] {
  const found = new Map<string, Sized>();
  const add = (window: Sized) => {
    if (window.name !== "tokens-minute" && !found.has(allowanceKey(window))) found.set(allowanceKey(window), window);
  };
  for (const window of windows) add(window);
  for (const name of ["five-hour", "week"] as const) add({ name, model: null, capacity: null });
  for (const { seen } of draws) for (const { window: name, model } of seen?.readings ?? []) add({ name, model, capacity: null });
  const order = (name: AllowanceName) => ALLOWANCES.indexOf(name);
  return [...found.values()].toSorted((one, other) => order(one.name) - order(other.name));
}

const NEW: Kept = { share: null, observedAt: null, resetsAt: null, own: 0, since: 0, fit: NO_FIT };

/** As the pool itself follows a window, from the reports of runs that have ended. */
function follow(window: Sized, draws: readonly Draw[], lender: ActorId): Followed {
  const length = LENGTH_MS[window.name];
  let [all, others] = [NEW, NEW];
  const steps = draws
    .filter(({ model }) => counts(window, model))
    .toSorted((one, other) => one.at - other.at)
    .map((draw) => {
      // What is kept is kept from the lender's own work on standby, too (why-not.ts `keptFrom`).
      const byOthers = draw.by?.id !== lender || draw.standby;
      const reading = readingOf(draw, window);
      const heard = (kept: Kept, amount: number) => {
        const used = afterUse(kept, amount, draw.at, length);
        return reading === null ? used : afterReading(used, reading, reading.at, amount, length);
      };
      all = heard(all, draw.listed);
      others = heard(others, byOthers ? draw.listed : 0);
      return { at: draw.at, own: all.own, others: others.own, share: all.share, byOthers, isSeen: reading !== null };
    });
  return { window, steps };
}

function readingOf({ seen, at }: Draw, window: Sized) {
  const found = seen?.readings.find((reading) => readingKey(reading) === allowanceKey(window));
  if (seen === null || found === undefined || found.share === null) return null;
  const seenAt = EpochMs(at - seen.ageMs);
  return {
    at: seenAt,
    share: found.share,
    resetsAt: found.resetsInMs === null ? null : EpochMs(seenAt + found.resetsInMs),
  };
}

/** Of the steps of one week. */
function windowOf({ window: { name, model, capacity }, steps }: Followed, keepForOwner: number | null): WindowReceipt {
  const most = (of: readonly number[]) => (of.length === 0 ? null : Math.max(...of));
  const own = most(steps.map((step) => step.own)) ?? 0;
  const whole = most(steps.flatMap(({ share }) => share ?? []));
  const pool = own === 0 ? 0 : capacity === null ? null : own / capacity.value;
  return { window: allowanceKey({ name, model }), pool, whole, reserve: reserveOf({ capacity, steps, whole }, keepForOwner) };
}

/**
 * Others may use all but what is kept. While the whole window never came that far, they haven't; else their own use against its
 * size says, where that is known well enough. Only that is looked at: what the owner uses is theirs, and no touch.
 */
function reserveOf(
  { capacity, steps, whole }: { readonly capacity: Sized["capacity"]; readonly whole: number | null } & Pick<Followed, "steps">,
  keepForOwner: number | null,
): Reserve {
  const byOthers = steps.filter((step) => step.byOthers);
  if (keepForOwner === 0) return "none-kept";
  if (byOthers.length === 0) return "untouched";
  if (keepForOwner === null) return "unknown";
  const free = 1 - keepForOwner + 1e-9;
  if (byOthers.every(({ isSeen }) => isSeen) && whole !== null && whole <= free) return "untouched";
  if (capacity === null || !isSure(capacity)) return "unknown";
  return Math.max(...byOthers.map(({ others }) => others)) <= free * capacity.value ? "untouched" : "touched";
}
