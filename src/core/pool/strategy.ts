import { unreachable } from "../wire/result.ts";
import { DAY_MS, type EpochMs } from "../wire/units.ts";
import { PACED, type PacedConstants } from "./constants.ts";
import { counts, isCurrent, LENGTH_MS, usedOf, type Allowance, type AllowanceName, type Budget, leftOf } from "./windows.ts";

/**
 * `paced`: the one least used for where it should be by now. Least used alone drives all accounts to run out together late
 * in the week; soonest reset alone burns one at a time. Both stay selectable, with the same reservations.
 */
export const STRATEGIES = ["paced", "least-used", "drain-soonest"] as const;
export type Strategy = (typeof STRATEGIES)[number];

/** What not knowing an account's figures costs beside one that is known. */
const UNKNOWN = 0.05;

type Account = { readonly windows: readonly Allowance[]; readonly budgets: readonly Budget[] };

/** How much a credential is to be spared for a job of this model and expected cost; the lowest is drawn on. */
export function scoreOf(
  strategy: Strategy,
  account: Account,
  model: string,
  mean: number,
  now: EpochMs,
  paced: PacedConstants = PACED,
): number {
  const windows = account.windows.filter((window) => counts(window, model) && window.name !== "tokens-minute");
  switch (strategy) {
    case "paced":
      return Math.max(
        paced.long * worst(windows, isLong, (window) => usedShare(window, mean, now) - elapsedShare(window, now)) +
          paced.short * worst(windows, isShort, (window) => usedShare(window, mean, now)),
        ...account.budgets.map((budget) => budgetShare(budget, mean) - elapsedOf(budget, now)),
      );
    case "least-used":
      return Math.max(
        0,
        ...windows.map((window) => usedShare(window, mean, now)),
        ...account.budgets.map((budget) => budgetShare(budget, mean)),
      );
    case "drain-soonest":
      return Math.min(
        Number.MAX_SAFE_INTEGER,
        ...windows.filter(({ name }) => isLong(name)).map(({ name, resetsAt }) => leftOfTime(name, resetsAt, now)),
        ...account.budgets.map(({ resetsAt }) => resetsAt - now),
      );
    default:
      return unreachable(strategy);
  }
}

function isLong(name: AllowanceName): boolean {
  return name !== "five-hour";
}

function isShort(name: AllowanceName): boolean {
  return name === "five-hour";
}

function worst(
  windows: readonly Allowance[],
  which: (name: AllowanceName) => boolean,
  of: (window: Allowance) => number,
): number {
  const found = windows.filter(({ name }) => which(name)).map(of);
  return found.length === 0 ? 0 : Math.max(...found);
}

/** The share of a window that is used, held, or about to be. */
function usedShare(window: Allowance, mean: number, now: EpochMs): number {
  const { capacity, observed } = window;
  // Without a capacity the provider's figure is all there is.
  if (capacity === null) return (observed !== null && isCurrent(window, now) ? observed.share : 0) + UNKNOWN;
  return (usedOf(window, capacity, now) + window.held + mean) / capacity.value + (observed === null ? UNKNOWN : 0);
}

/** How much of a window's time has passed: none where its reset is not known, as if it began now. */
function elapsedShare({ name, resetsAt }: Allowance, now: EpochMs): number {
  return Math.min(1, Math.max(0, 1 - leftOfTime(name, resetsAt, now) / LENGTH_MS[name]));
}

/** Of a window whose reset has passed a whole new length. */
function leftOfTime(name: AllowanceName, resetsAt: EpochMs | null, now: EpochMs): number {
  return resetsAt === null || resetsAt <= now ? LENGTH_MS[name] : resetsAt - now;
}

function budgetShare(budget: Budget, mean: number): number {
  return budget.capacity === 0 ? 1 : (budget.capacity - leftOf(budget) + mean) / budget.capacity;
}

const PERIOD_MS = { day: DAY_MS, week: 7 * DAY_MS, month: 30.44 * DAY_MS } as const;

function elapsedOf({ period, resetsAt }: Budget, now: EpochMs): number {
  return Math.min(1, Math.max(0, 1 - (resetsAt - now) / PERIOD_MS[period]));
}
