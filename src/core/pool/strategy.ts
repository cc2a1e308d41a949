import { unreachable } from "../wire/result.ts";
import { DAY_MS, type EpochMs } from "../wire/units.ts";
import type { Strategy } from "../config/terms.ts";
import { PACED, type PacedConstants } from "./constants.ts";
import {
  counts,
  isCurrent,
  leftOfTime,
  LENGTH_MS,
  usedOf,
  type Allowance,
  type AllowanceName,
  type Budget,
  leftOf,
} from "./windows.ts";

/** What not knowing an account's figures costs beside one that is known. */
const UNKNOWN = 0.05;

type Account = { readonly windows: readonly Allowance[]; readonly budgets: readonly Budget[] };

/** How much a credential is to be spared for a job of this model and expected cost; the lowest is drawn on. */
export function scoreOf(
  strategy: Strategy,
  { windows, budgets }: Account,
  model: string,
  mean: number,
  now: EpochMs,
  paced: PacedConstants = PACED,
): number {
  // Without lists in between: of a large pool this is asked hundreds of times a grant.
  const most = (start: number, of: (window: Allowance) => number | null): number =>
    windows.reduce((found, window) => {
      if (!counts(window, model) || window.name === "tokens-minute") return found;
      const value = of(window);
      return value === null ? found : Math.max(found, value);
    }, start);
  const ofBudgets = (start: number, of: (budget: Budget) => number): number =>
    budgets.reduce((found, budget) => Math.max(found, of(budget)), start);
  switch (strategy) {
    case "paced": {
      const long = most(-Infinity, (window) =>
        isLong(window.name) ? usedShare(window, mean, now) - elapsedShare(window, now) : null,
      );
      const short = most(-Infinity, (window) => (isLong(window.name) ? null : usedShare(window, mean, now)));
      const known = (value: number) => (value === -Infinity ? 0 : value);
      return ofBudgets(
        paced.long * known(long) + paced.short * known(short),
        (budget) => budgetShare(budget, mean) - elapsedOf(budget, now),
      );
    }
    case "least-used":
      return ofBudgets(
        most(0, (window) => usedShare(window, mean, now)),
        (budget) => budgetShare(budget, mean),
      );
    case "drain-soonest": {
      const soonest = most(-Infinity, ({ name, resetsAt }) => (isLong(name) ? -leftOfTime(name, resetsAt, now) : null));
      return Math.min(Number.MAX_SAFE_INTEGER, -ofBudgets(soonest, ({ resetsAt }) => now - resetsAt));
    }
    default:
      return unreachable(strategy);
  }
}

function isLong(name: AllowanceName): boolean {
  return name !== "five-hour";
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

function budgetShare(budget: Budget, mean: number): number {
  return budget.capacity === 0 ? 1 : (budget.capacity - leftOf(budget) + mean) / budget.capacity;
}

const PERIOD_MS = { day: DAY_MS, week: 7 * DAY_MS, month: 30.44 * DAY_MS } as const;

function elapsedOf({ period, resetsAt }: Budget, now: EpochMs): number {
  return Math.min(1, Math.max(0, 1 - (resetsAt - now) / PERIOD_MS[period]));
}
