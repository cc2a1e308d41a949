import type { Period } from "../config/terms.ts";
import { readingKey, WINDOWS } from "../wire/observation.ts";
import type { ActorId, CredentialName, RepositoryId } from "../wire/ids.ts";
import { DAY_MS, EpochMs, HOUR_MS, MicroUsd, MINUTE_MS } from "../wire/units.ts";

/**
 * An allowance over time is one of two kinds. A **budget** is the owner's own: exact, in money spent. An **allowance** is the
 * provider's: of an account (the upstream), seen now and then as a share, its size learned. Both hold what live leases reserve.
 */

/** Whose spending a budget limits. */
export type Subject =
  | { readonly kind: "owner" }
  | { readonly kind: "team"; readonly name: string }
  | { readonly kind: "repository"; readonly id: RepositoryId }
  | { readonly kind: "person"; readonly id: ActorId }
  | { readonly kind: "credential"; readonly name: CredentialName };

/** Calendar periods, UTC. */
export type Budget = {
  readonly subject: Subject;
  readonly period: Period;
  readonly capacity: MicroUsd;
  readonly used: MicroUsd;
  readonly held: MicroUsd;
  readonly resetsAt: EpochMs;
};

/** How a refusal names a budget: `owner/month`, `credential:platform-api/day`. */
export function budgetId({ subject, period }: Pick<Budget, "subject" | "period">): string {
  return `${subjectId(subject)}/${period}`;
}

/** How money spent and money held name whose it is: `owner`, `team:web`, `credential:platform-api`. */
export function subjectId(subject: Subject): string {
  if (subject.kind === "owner") return "owner";
  return `${subject.kind}:${"name" in subject ? subject.name : String(subject.id)}`;
}

/** The first instant of the period around `now` and of the next. Weeks begin on Monday. */
export function periodOf(period: Period, now: EpochMs): { readonly start: EpochMs; readonly end: EpochMs } {
  const date = new Date(now);
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
  const from = (first: number, next: number) => ({ start: EpochMs(first), end: EpochMs(next) });
  if (period === "month") return from(Date.UTC(year, month), Date.UTC(year, month + 1));
  const first = period === "day" ? day : day - ((date.getUTCDay() + 6) % 7);
  return from(Date.UTC(year, month, first), Date.UTC(year, month, first + (period === "day" ? 1 : 7)));
}

/** What is left of a budget for a new hold, to the last unit. Below zero after an estimate fell short. */
export function leftOf({ capacity, used, held }: Budget): MicroUsd {
  return MicroUsd(capacity - used - held);
}

/** What jobs tell of is what the pool counts. */
export const ALLOWANCES = WINDOWS;
export type AllowanceName = (typeof WINDOWS)[number];

/** How long a window lasts. The provider's own reset counts where it is known. */
export const LENGTH_MS: Record<AllowanceName, number> = {
  "five-hour": 5 * HOUR_MS,
  week: 7 * DAY_MS,
  "week-model": 7 * DAY_MS,
  "tokens-minute": MINUTE_MS,
};

/**
 * One of an upstream account's windows. Amounts are micro-dollars at list price, whatever the account pays, so that use
 * by any model adds up; of `tokens-minute` they are tokens a minute.
 */
export type Allowance = {
  readonly name: AllowanceName;
  /** The one model a `week-model` window counts; null: all. */
  readonly model: string | null;
  /** What the whole window is worth, as learned (capacity.ts); null while nothing is known. Never 0 for unknown. */
  readonly capacity: Learned | null;
  /** The provider's own figure: a fraction, which may exceed 1. null: unknown, which is neither 0 nor 1. */
  readonly observed: { readonly share: number; readonly at: EpochMs } | null;
  /** When it begins anew; null: unknown, or not begun. */
  readonly resetsAt: EpochMs | null;
  /** Our own use since the window began. */
  readonly own: number;
  /** Of it, what was settled after the observation was made. */
  readonly since: number;
  /** What live leases reserve of it and have not yet settled. */
  readonly held: number;
};

/** `error`: the standard error of `value` as a share of it. `hiddenPerMs`: what others use beside us. */
export type Learned = { readonly value: number; readonly error: number; readonly hiddenPerMs: number };

/** `five-hour`, `week-model:claude-fable-5-1`: unique within its upstream. */
export function allowanceKey({ name, model }: Pick<Allowance, "name" | "model">): string {
  return readingKey({ window: name, model });
}

/** True where a window counts what this model uses. */
export function counts(window: Pick<Allowance, "model">, model: string): boolean {
  return window.model === null || window.model === model;
}

/** When a window that was known begins anew: at its reset, or a whole length after it was seen at the latest. null: not known. */
function endOf({ name, observed, resetsAt }: Allowance): number | null {
  return resetsAt ?? (observed === null ? null : observed.at + LENGTH_MS[name]);
}

/** How long a window still lasts: of one whose reset has passed or isn't known, a whole new length. */
export function leftOfTime(name: AllowanceName, resetsAt: number | null, now: number): number {
  return resetsAt === null || resetsAt <= now ? LENGTH_MS[name] : resetsAt - now;
}

/** Our own use of the running window: of one that has ended since it was written, none. */
export function ownOf(window: Allowance, now: EpochMs): number {
  const end = endOf(window);
  return end !== null && end <= now ? 0 : window.own;
}

/** The observation still speaks of the running window. */
export function isCurrent(window: Allowance, now: EpochMs): boolean {
  const end = endOf(window);
  return window.observed !== null && end !== null && now < end;
}

/**
 * What is used of a window now, without holds: the last observation, our own use since, and what others are expected to
 * have used since. After its end neither the figure nor our own use says anything of the next one: that is others' alone.
 */
export function usedOf(window: Allowance, capacity: Learned, now: EpochMs): number {
  const { observed, own, since, name } = window;
  const others = (ms: number) => capacity.hiddenPerMs * Math.min(LENGTH_MS[name], Math.max(0, ms));
  const end = endOf(window);
  if (end !== null && end <= now) return others(now - end);
  if (observed !== null) return Math.max(own, observed.share * capacity.value + since + others(now - observed.at));
  return own + others(end === null ? LENGTH_MS[name] : now - (end - LENGTH_MS[name]));
}
